"""The `bash` blocks of README.md and of the pages below run as written, in this order, in one folder.

test_translations.py compares the commands of the Chinese pages with them.
"""
import shutil
from pathlib import Path

import foreign_bert
import pytest
from documents import Document, Reader, copy_project

from textjob.paths import PROJECT

SHORT = {"train.py": "--models cnn --epochs 1"}
"""A flag that is given twice has its last value."""
EXECUTED = {
    "README.md": "here", "data.md": "here", "running-on-modelarts.md": "here", "serving-any-model.md": "here",
    "fourth-model.md": "test_fourth_model.py", "moving-a-tensorflow1-project.md": "test_moving_a_project.py",
    "several-nodes.md": "here", "batch.md": "here", "clients.md": "tests/serving/test_clients.py"}


def test_every_english_page_with_shell_or_python_blocks_is_executed_by_a_test() -> None:
    pages = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")]
    assert {page.name for page in pages if Document(page).of("bash", "python")} == {
        "README.zh-CN.md", *EXECUTED}
    for test in EXECUTED.values():
        assert test == "here" or any(PROJECT.glob(f"**/{test}")), test


def followed(page: str, reader: Reader) -> None:
    blocks = Document(PROJECT / page).of("bash")
    assert blocks
    reader.follow(blocks)


@pytest.mark.trains
def test_every_command_of_the_readme_runs_and_then_those_of_the_pages_it_names(
        small_data: Path, foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = copy_project(tmp_path_factory.mktemp("project"))
    shutil.copytree(str(foreign / "tutorial"), str(folder / "their_model"))
    reader = Reader(folder, small_data, SHORT)
    for page in ("README.md", "docs/data.md", "docs/running-on-modelarts.md", "docs/several-nodes.md",
                 "docs/batch.md"):
        followed(page, reader)
    for output in ("answers", "batch"):
        assert len((folder / "out" / f"{output}.jsonl").read_text(encoding="utf-8").splitlines()) == 60
    (result,) = folder.glob("out/rehearsal/infer-result-*/texts.csv_result.txt")
    assert len(result.read_text(encoding="utf-8").splitlines()) == 60


@pytest.mark.trains
def test_the_command_that_adopts_a_bert_runs(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = copy_project(tmp_path_factory.mktemp("project"))
    weights = foreign_bert.random_weights(len(foreign_bert.TOKENS), positions=512)
    foreign_bert.save(folder / "bert", weights, 4)
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in foreign_bert.TOKENS), encoding="utf-8")
    (folder / "labels.txt").write_text("good\nbad\nneither\n", encoding="utf-8")
    followed("docs/serving-any-model.md", Reader(folder, small_data))
    assert (folder / "adopted" / "model" / "manifest.json").exists()
