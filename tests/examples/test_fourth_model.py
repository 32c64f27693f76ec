"""A fourth model takes the three steps of docs/fourth-model.md, and every test and command includes it without another
change.

The steps are done in a copy of the project; its contract tests then run in a process of their own.
"""
import re
from pathlib import Path

import pytest
import tensorflow as tf
from documents import Document, Reader, copy_project

from models import MODELS
from textjob.paths import PROJECT

NAME = "average"
DOCUMENT = Document(PROJECT / "docs" / "fourth-model.md")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Reader:
    """A reader of the document with a copy of the project, in which the three steps are done."""
    reader = Reader(copy_project(tmp_path_factory.mktemp("project")), small_data)
    reader.follow(DOCUMENT.of("python", "yaml", "diff"))
    printed = reader.run("python -c 'from models import MODELS; print(*MODELS)'")
    assert printed.split() == [*MODELS, NAME]
    return reader


@pytest.mark.trains
def test_every_command_of_the_document_prints_what_the_document_shows(reader: Reader) -> None:
    reader.follow(DOCUMENT.of("bash", "console"))
    assert reader.exists("versions/2/model/saved_model.pb")


@pytest.mark.trains
def test_the_tests_of_models_output_requests_and_commands_include_a_fourth_model(
        reader: Reader, tmp_path: Path) -> None:
    contract = [f"tests/contract/test_{name}.py" for name in ("models", "output", "requests", "infer")]
    printed = reader.run(
        f"python -m pytest -v -p no:cacheprovider --basetemp {tmp_path / 'session'} "
        f"-k '{NAME} or a_job_leaves or the_published_model or test_infer' "
        f"{' '.join(contract)} tests/unit/test_training.py tests/unit/test_settings.py")
    passed = [line.split(" PASSED")[0] for line in printed.splitlines() if " PASSED" in line]
    for file in [*contract[:1], *contract[2:3], "tests/unit/test_training.py", "tests/unit/test_settings.py"]:
        assert any(line.startswith(file) and NAME in line for line in passed), file
    assert (tmp_path / "session" / "run" / NAME / "model" / "saved_model.pb").exists()


@pytest.mark.trains
def test_a_job_trains_it_beside_the_wide_part_with_its_settings_as_flags(
        reader: Reader, tiny_data: Path, tmp_path: Path) -> None:
    printed = reader.run(f"python train.py --data_url {tiny_data} --train_url {tmp_path} --models {NAME} --epochs 1 "
                         f"--min_count 1 --{NAME}_maximum false --{NAME}_hidden_layers=0")
    assert re.search(rf"^{NAME} epoch 1/1 ", printed, re.M)
    assert re.search(r"^time: [\d.]+ s: .*data .*wide part .*training .*package ", printed, re.M)
    variables = str(tmp_path / NAME / "model" / "variables" / "variables")
    assert any(name.endswith("wide/table") for name, _ in tf.train.list_variables(variables))
