"""The documents agree with the code."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def blocks(document: str, language: str) -> List[str]:
    """The fenced code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", document, re.M | re.S)


def test_every_command_of_the_readme_runs(small_data: Path, foreign: Path, tmp_path: Path) -> None:
    for name in ("train.py", "infer.py", "customize_service.py"):
        shutil.copy(str(ROOT / name), str(tmp_path))
    for name in ("models", "textjob", "config", "shims"):
        shutil.copytree(str(ROOT / name), str(tmp_path / name), ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(str(small_data), str(tmp_path / "data"))
    shutil.copytree(str(foreign / "tutorial"), str(tmp_path / "their_model"))
    scripts = blocks(README, "bash")
    assert scripts
    # `python` is this interpreter, and trains one epoch instead of many.
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nscript=$1; shift\n[ "$script" = train.py ] && set -- "$@" --epochs 1\n'
                      f'exec "{sys.executable}" "$script" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    environment = dict(os.environ, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    for block in scripts:
        done = subprocess.run(["bash", "-e", "-c", block], cwd=str(tmp_path), env=environment, capture_output=True,
                              text=True, timeout=500)
        assert done.returncode == 0, (block, done.stdout, done.stderr)
    assert len((tmp_path / "out" / "answers.jsonl").read_text(encoding="utf-8").splitlines()) == 60


@pytest.mark.parametrize("document", [README, REFERENCE], ids=["README", "reference"])
def test_every_make_target_in_a_document_exists(document: str) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"\bmake (\w+)\b(?= +#|`)", document)) <= set(targets)


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md", *(
    path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").glob("*.md")))])
def test_every_relative_link_has_a_target(document: str) -> None:
    links = re.findall(r"\]\(([\w./]+)\)", (ROOT / document).read_text(encoding="utf-8"))
    assert [link for link in links if not ((ROOT / document).parent / link).exists()] == []


def test_the_tables_of_accuracy_agree_with_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import tables

    results = (ROOT / "benchmarks" / "results" / "accuracy.jsonl").read_text(encoding="utf-8").splitlines()
    table = tables.accuracy([json.loads(line) for line in results], "test")
    for document in ("README.md", "docs/accuracy.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        assert table in text.split(tables.BEGIN)[1].split(tables.END)[0], document


def test_the_files_in_the_readmes_tree_exist() -> None:
    tree = next(block for block in blocks(README, "text") if "customize_service.py" in block)
    for name in re.findall(r"^([\w./]+\.py|[\w]+/(?:[\w]+/)?)", tree, re.M):
        assert (ROOT / name).exists(), name


def test_the_changelog_names_every_command() -> None:
    from infer import COMMANDS

    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert all(command in changelog for command in COMMANDS)


def test_every_test_that_the_faults_document_names_exists() -> None:
    document = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([LRC]\d+) \|(.*)$", document, re.M))
    assert {f"L{i}" for i in range(1, 15)} | {f"R{i}" for i in range(1, 11)} <= set(rows)
    assert {f"C{i}" for i in (1, 2, 3, 5, 6, 10, 11, 12)} <= set(rows)
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", document)
    assert all("`tests/" in row for row in rows.values()) and len(named) == document.count("::")
    assert [test for file, test in named if not re.search(
        rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.M)] == []
