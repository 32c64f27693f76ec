"""Small jobs and foreign models that most tests read; each is made once per session, also with several workers."""
import fcntl
import shutil
import sys
from pathlib import Path
from typing import Callable, Dict, List

import adoption
import forms_ways
import jobs
import pytest
from sample_data import write_rows

from models import MODELS

SHARED = {"small_run", "packages", "tiny_run", "foreign", "forms", "adopted"}
"""Fixtures that train or export with TensorFlow."""

Shared = Callable[[str, Callable[[Path], object]], Path]


@pytest.hookimpl(tryfirst=True)  # before pytest evaluates -m
def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """``make quick`` deselects every test that reads the result of a training or an export."""
    for item in items:
        if SHARED.intersection(getattr(item, "fixturenames", [])):
            item.add_marker("trains")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """Return a folder that ``make`` filled in the first worker that needed it; the other workers wait for it."""
    root = tmp_path_factory.getbasetemp()
    if root.name.startswith("popen-"):  # the folder of one worker of pytest-xdist; its parent is that of the session
        root = root.parent

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        path, complete = root / name, root / f"{name}.complete"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not complete.exists():
                shutil.rmtree(str(path), ignore_errors=True)
                path.mkdir()
                make(path)
                complete.touch()
        return path

    return folder


def train(*flags: str) -> None:
    import train as job  # TensorFlow with it: a session that trains nothing does not import it

    assert job.main(flags) == 0


@pytest.fixture(scope="session")
def small_data(shared: Shared) -> Path:
    """A folder with train.tsv, dev.tsv and test.tsv."""
    parts = [("train", 240), ("dev", 60), ("test", 60)]
    return shared("data", lambda folder: [
        write_rows(folder / (part + ".tsv"), rows, seed) for seed, (part, rows) in enumerate(parts)])


@pytest.fixture(scope="session")
def small_run(small_data: Path, shared: Shared) -> Path:
    """The --train_url of a finished job with all models."""
    return shared("run", lambda folder: train(
        "--data_url", str(small_data), "--train_url", str(folder), "--models", ",".join(MODELS), "--epochs", "3",
        "--min_count", "1", "--max_length", "50"))


@pytest.fixture(scope="session")
def packages(small_run: Path) -> Dict[str, Path]:
    """Each model's package of that job."""
    return {path.parent.name: path for path in sorted(small_run.glob("*/model"))}


@pytest.fixture(scope="session")
def tiny_data(small_data: Path, shared: Shared) -> Path:
    """The first rows of the training and the dev part of ``small_data``."""
    def make(folder: Path) -> None:
        for part, rows in (("train.tsv", 24), ("dev.tsv", 6)):
            lines = (small_data / part).read_text(encoding="utf-8").splitlines(keepends=True)
            (folder / part).write_text("".join(lines[:rows]), encoding="utf-8")

    return shared("tiny_data", make)


@pytest.fixture(scope="session")
def tiny_run(tiny_data: Path, shared: Shared) -> Path:
    """The --train_url of a finished job with one model, of one or two seconds."""
    return shared("tiny_run", lambda folder: train(*jobs.flags(tiny_data, folder)))


@pytest.fixture(scope="session")
def foreign(shared: Shared) -> Path:
    """The folder with all kinds of foreign models (tests/foreign/foreign_models.py), by today's TensorFlow."""
    return shared("foreign", lambda folder: adoption.written(sys.executable, folder))


@pytest.fixture(scope="session")
def forms(shared: Shared) -> Path:
    """The folder with the models in the forms of public reports (tests/foreign/forms.py), by today's TensorFlow."""
    return shared("forms", lambda folder: forms_ways.written(sys.executable, folder))


@pytest.fixture(scope="session")
def adopted(foreign: Path, shared: Shared) -> Dict[str, Path]:
    """Each adoptable kind's package."""
    folder = shared("adopted", lambda folder: [
        adoption.adopt_kind(foreign, kind, folder) for kind in sorted(adoption.ARGUMENTS)])
    return {path.parent.name: path for path in sorted(folder.glob("*/model"))}
