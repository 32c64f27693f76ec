"""A fourth model takes the three steps of the README, and every test and command includes it without another change.

The steps are done in a copy of the project; its contract tests then run in a process of their own.
"""
import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Tuple

import pytest
import tensorflow as tf

from models import MODELS
from textjob.paths import PROJECT

NAME = "average"

MODULE = '''"""The average of the embeddings, as a deep averaging network has it (Iyyer et al. 2015)."""
import tensorflow as tf

from models import layers


def weights(rng, vocabulary, classes, settings):
    size = settings["embedding"]
    w = layers.embedding(rng, vocabulary, size)
    for i in range(settings["hidden_layers"]):
        w.update(layers.dense(rng, "hidden%d" % i, size, size))
    w.update(layers.dense(rng, "output", 2 * size if settings["maximum"] else size, classes))
    return w


def logits(w, ids, dropout):
    length, embedded = layers.lengths(ids), tf.gather(w["embedding"], ids)
    inside = layers.mask(length, tf.shape(ids)[1])
    x = tf.reduce_sum(embedded * inside, 1) / tf.cast(length, tf.float32)[:, None]
    for i in range(sum(name.startswith("hidden") and name.endswith("/kernel") for name in w)):
        x = tf.nn.relu(layers.linear(w, "hidden%d" % i, x))
    if int(w["output/kernel"].shape[0]) > int(x.shape[-1]):
        x = tf.concat([x, tf.reduce_max(tf.nn.relu(embedded) * inside, 1)], 1)
    return layers.linear(w, "output", dropout(x))
'''

CONFIG = """embedding: 32     # values per word
hidden_layers: 0  # layers between the average and the output layer
maximum: true     # use the maximum over time beside the average
"""


def table(source: str) -> Tuple[Tuple[str, ...], int]:
    """The names in MODELS, and the line number of the last one."""
    (value,) = [node.value for node in ast.parse(source).body
                if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["MODELS"]]
    assert isinstance(value, ast.Tuple)
    return ast.literal_eval(value), value.elts[-1].end_lineno or 0


def add_model(project: Path) -> None:
    """The three steps of the README."""
    (project / "models" / f"{NAME}.py").write_text(MODULE, encoding="utf-8")
    (project / "config" / f"{NAME}.yaml").write_text(CONFIG, encoding="utf-8")

    file = project / "models" / "__init__.py"
    before = file.read_text(encoding="utf-8")
    names, last = table(before)
    lines = before.splitlines(keepends=True)
    file.write_text("".join([*lines[:last], f'    "{NAME}",\n', *lines[last:]]), encoding="utf-8")
    assert names == MODELS
    assert table(file.read_text(encoding="utf-8"))[0] == (*MODELS, NAME)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a fourth model."""
    copy = tmp_path_factory.mktemp("project")
    for path in PROJECT.iterdir():
        if path.is_file():
            shutil.copy(str(path), str(copy))
        elif not path.name.startswith(".") and path.name != "out":
            shutil.copytree(str(path), str(copy / path.name), ignore=shutil.ignore_patterns("__pycache__"))
    add_model(copy)
    return copy


def run(project: Path, *command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run([sys.executable, *command], cwd=str(project), env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=550)
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


@pytest.mark.trains
def test_the_tests_of_models_output_requests_and_commands_include_a_fourth_model(project: Path, tmp_path: Path) -> None:
    contract = [f"tests/contract/test_{name}.py" for name in ("models", "output", "requests", "infer")]
    printed = run(project, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "session"),
                  "-k", f"{NAME} or a_job_leaves or the_published_model or test_infer",
                  *contract, "tests/unit/test_training.py", "tests/unit/test_settings.py")
    passed = [line.split(" PASSED")[0] for line in printed.splitlines() if " PASSED" in line]
    for file in [*contract[:1], *contract[2:3], "tests/unit/test_training.py", "tests/unit/test_settings.py"]:
        assert any(line.startswith(file) and NAME in line for line in passed), file
    assert (tmp_path / "session" / "run" / NAME / "model" / "saved_model.pb").exists()


@pytest.mark.trains
def test_a_job_trains_it_beside_the_wide_part_with_its_settings_as_flags(
        project: Path, tiny_data: Path, tmp_path: Path) -> None:
    printed = run(project, "train.py", "--data_url", str(tiny_data), "--train_url", str(tmp_path), "--models", NAME,
                  "--epochs", "1", "--min_count", "1", f"--{NAME}_maximum", "false", f"--{NAME}_hidden_layers=0")
    assert re.search(rf"^{NAME} epoch 1/1 ", printed, re.M)
    assert re.search(r"^time: [\d.]+ s: .*data .*wide part .*training .*package ", printed, re.M)
    variables = str(tmp_path / NAME / "model" / "variables" / "variables")
    assert any(name.endswith("wide/table") for name, _ in tf.train.list_variables(variables))
