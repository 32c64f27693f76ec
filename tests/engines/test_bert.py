"""A BERT of every engine is adopted with its vocabulary and gives the answers of its source on every engine."""
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import foreign_bert
import numpy as np
import pytest
from conftest import CLOSE, ENGINES, EVERYONE, ROOT, installed, python_of

ADOPTERS = [("today", "today"), *(("today", engine) for engine in ENGINES), ("tf2.1.0", "tf2.1.0"),
            ("tf2.6.2", "tf2.6.2")]  # (adopter, writer)


def run(engine: str, *arguments: str) -> None:
    done = subprocess.run([python_of(engine), *arguments], cwd=str(ROOT), capture_output=True, text=True, timeout=300,
                          env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", PYTHONDONTWRITEBYTECODE="1"))
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Dict[Tuple[str, str], Tuple[str, Dict[str, List[float]]]]:
    """(adopter, writer) → the package, and the answers of the source."""
    made, output = {}, tmp_path_factory.mktemp("adopted")
    for adopter, writer in ADOPTERS:
        if not all(engine == "today" or installed(engine) for engine in (adopter, writer)):
            continue
        folder, package = output / writer, output / f"{adopter}_{writer}"
        if not folder.exists():
            folder.mkdir()
            run(writer, foreign_bert.__file__, str(folder))
        run(adopter, "infer.py", "adopt", "--source", str(folder / "bert"), "--vocabulary", str(folder / "vocab.txt"),
            "--tokenizer", "wordpiece", "--max_length", "32", "--output", str(package))
        made[adopter, writer] = str(package / "model"), json.loads((folder / "answers.json").read_text("utf-8"))
    return made


@pytest.fixture(scope="module")
def request_file(packages: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("request") / "texts.json"
    file.write_text(json.dumps(list(foreign_bert.TOKENIZED)), encoding="utf-8")
    return file


@pytest.mark.parametrize("engine", EVERYONE)
def test_an_adopted_bert_answers_as_its_source_on_every_engine_with_every_loader(
        engine: str, packages: Any, request_file: Path, drive: Callable[..., Any]) -> None:
    answers = drive(engine, "answers", str(request_file), *(package for package, _ in packages.values()))
    for (adopter, writer), (package, source) in packages.items():
        expected = np.array([source[text] for text in foreign_bert.TOKENIZED])
        assert np.ptp(expected, axis=0).max() > 0.01
        assert set(answers[package]) == {"service", "session"} | ({"function"} if engine != "tf1.15.5" else set())
        for way, result in answers[package].items():
            assert "error" not in result, (adopter, writer, way, result)
            assert np.abs(np.array(result[1]) - expected).max() <= CLOSE, (adopter, writer, way)
