"""Runs the engines as processes of their own; the run ends with a table of their predictions."""
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import adoption
import foreign_table
import pytest

from textjob.engines.registry import engines

ROOT = Path(__file__).resolve().parents[2]
ENGINES_DIR = Path(os.environ.get("ENGINES_DIR", ".engines")).resolve()
ENGINES = ["tf1.15.5", "tf2.1.0", "tf2.6.2"]
EVERYONE = ["today", *ENGINES]
CHECK_NAMES = {"tf" + engine.tensorflow: engine.name for engine in engines()}  # the names in infer.py check
CLOSE = 1e-5  # the largest accepted difference of probabilities
TABLE: List[List[str]] = []


def installed(engine: str) -> bool:
    return (ENGINES_DIR / engine / "complete").exists()


def python_of(engine: str) -> str:
    """The interpreter of an engine; skips the test if the engine is not installed."""
    if engine == "today":
        return sys.executable
    if not installed(engine):
        pytest.skip(f"{engine} is not installed: make engines, with PYTHON37 set, installs it")
    return str(ENGINES_DIR / engine / "bin" / "python")


@pytest.fixture(scope="session")
def drive() -> Callable[..., Any]:
    """Run tests/engines/drive.py in an engine; only the packages are on its path."""

    def run(engine: str, *arguments: str) -> Any:
        command = [python_of(engine), "-I", str(ROOT / "tests" / "engines" / "drive.py"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=os.path.sep, timeout=580)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])["result"]

    return run


@pytest.fixture(scope="session")
def written(foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """Writer → the folder of its foreign models, for today's TensorFlow and each installed engine."""
    old = {engine: adoption.written(python_of(engine), tmp_path_factory.mktemp(engine))
           for engine in ENGINES if installed(engine)}
    return {"today": foreign, **old}


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A request whose texts exercise every branch of the preprocessing."""
    from textjob.packaging import golden

    known = ["soup and bread for dinner", "the team won the match 比赛", "体育 新闻 stadium", "x" * 1_000_000]
    path = tmp_path_factory.mktemp("request") / "texts.json"
    path.write_text(json.dumps(golden.TEXTS + known), encoding="utf-8")
    return path


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tables: writer of a package, engine, loader, number of models, largest difference."""
    if TABLE:
        terminalreporter.write_line("\n| written by | loaded by | loader | models | largest difference |")
        terminalreporter.write_line("|---|---|---|---|---|")
        for row in TABLE:
            terminalreporter.write_line("| " + " | ".join(row) + " |")
    foreign_table.write(terminalreporter, EVERYONE)


def compare(written_by: str, engine: str, predicted: Dict[str, Any], expected: Dict[str, Any]) -> None:
    """Assert equal labels, and probabilities within CLOSE, for each package and each loader."""
    for way in next(iter(predicted.values())):
        worst = 0.0
        for package, answers in predicted.items():
            assert "error" not in answers[way], (package, way, answers[way])
            labels, probabilities = answers[way]
            expected_labels, rows = expected[package]["session"]
            assert labels == expected_labels, (package, way)
            worst = max(worst, max(abs(a - b) for x, y in zip(probabilities, rows) for a, b in zip(x, y)))
        assert worst <= CLOSE, (engine, way, worst)
        TABLE.append([written_by, engine, way, str(len(predicted)), f"{worst:.1e}"])
