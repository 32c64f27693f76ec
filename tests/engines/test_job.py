"""The job on the platform's training images, and the Python grammar of the shipped files."""
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict

import dividing
import pytest
from conftest import ENGINES, ROOT, compare, python_of

from models import MODELS

JOB = ["train.py", "infer.py", "customize_service.py", *(
    str(path.relative_to(ROOT)) for folder in ("models", "textjob", "shims") for path in (ROOT / folder).rglob("*.py"))]


@pytest.fixture(scope="module", params=["tf2.1.0", "tf2.6.2"])
def trained(request: Any, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    """The packages of a job that an old engine ran."""
    out = tmp_path_factory.mktemp("old") / request.param
    command = [python_of(request.param), "train.py", "--data_url", str(small_data), "--train_url", str(out),
               "--models", ",".join(MODELS), "--epochs", "2", "--min_count", "1", "--max_length", "50",
               "--num_gpus", "0"]
    done = subprocess.run(command, cwd=str(ROOT), capture_output=True, text=True, timeout=580,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    assert "val_accuracy=" in done.stdout
    return {"engine": request.param, "out": out}


@pytest.mark.parametrize("engine", ["today", *ENGINES])
def test_packages_of_an_old_training_image_make_the_same_predictions_on_every_engine(
        engine: str, trained: Dict[str, Any], drive: Callable[..., Any], texts: Path) -> None:
    packages = [str(path) for path in sorted(trained["out"].glob("*/model"))]
    assert len(packages) == len(MODELS)
    expected = drive(trained["engine"], "answers", str(texts), *packages)
    compare(trained["engine"], engine, drive(engine, "answers", str(texts), *packages), expected)


@pytest.mark.parametrize("command", [["predict", "a text"], ["check"]])
def test_infer_runs_on_an_old_training_image(command: list, trained: Dict[str, Any]) -> None:
    name, *rest = command
    arguments = [python_of(trained["engine"]), "infer.py", name, "--model", str(trained["out"] / "cnn"), *rest]
    done = subprocess.run(arguments, cwd=str(ROOT), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]


def test_two_nodes_of_an_old_training_image_divide_the_tokenizing_and_have_the_ids_of_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    dividing.write_data(data)
    both = dividing.run(dividing.nodes(data, tmp_path, ["", ""]), python_of("tf2.6.2"))
    one = dividing.run([dividing.Node(str(data), str(tmp_path), memory_mb=1000)])
    assert all(node.code == 0 for node in (*one, *both)), [node.messages for node in (*one, *both)]
    assert all(node.output["hashes"] == one[0].output["hashes"] for node in both)
    assert [len(node.output["tokenized"]) for node in both] == [4, 1]


def _interpreter(version: str) -> str:
    root = subprocess.run(["sh", "-c", "pyenv root"], capture_output=True, text=True).stdout.strip()
    installed = sorted(Path(root).glob(f"versions/{version}.*/bin/python")) if root else []
    given = os.environ.get("PYTHON" + version.replace(".", ""))
    for python in [given, *map(str, installed), shutil.which("python" + version)]:
        if python and subprocess.run([python, "--version"], capture_output=True).returncode == 0:
            return python
    pytest.skip(f"Python {version} is not installed, so the grammar is not tested")


@pytest.mark.parametrize(("version", "files"), [("3.6", ["customize_service.py"]), ("3.7", JOB)])
def test_the_shipped_files_compile_with_their_oldest_python(version: str, files: list) -> None:
    source = "import sys\nfor f in sys.argv[1:]: compile(open(f, encoding='utf-8').read(), f, 'exec')"
    done = subprocess.run([_interpreter(version), "-c", source, *files], cwd=str(ROOT), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
