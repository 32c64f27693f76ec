"""A small job, run once, whose packages most tests ask."""
import sys
from pathlib import Path
from typing import Dict

import adoption
import pytest
from sample_data import write_rows

import train
from models import MODELS


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.tsv, dev.tsv and test.tsv."""
    folder = tmp_path_factory.mktemp("data")
    for seed, (part, rows) in enumerate([("train", 240), ("dev", 60), ("test", 60)]):
        write_rows(folder / (part + ".tsv"), rows, seed)
    return folder


@pytest.fixture(scope="session")
def small_run(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The --train_url of a finished job with all models."""
    out = tmp_path_factory.mktemp("run")
    assert train.main(["--data_url", str(small_data), "--train_url", str(out), "--models", ",".join(MODELS),
                       "--epochs", "3", "--min_count", "1", "--max_length", "50"]) == 0
    return out


@pytest.fixture(scope="session")
def packages(small_run: Path) -> Dict[str, Path]:
    """Each model's package of that job."""
    return {path.parent.name: path for path in sorted(small_run.glob("*/model"))}


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all kinds of foreign models (tests/foreign/foreign_models.py), by today's TensorFlow."""
    return adoption.written(sys.executable, tmp_path_factory.mktemp("foreign"))


@pytest.fixture(scope="session")
def adopted(foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """Each adoptable kind's package."""
    folder = tmp_path_factory.mktemp("adopted")
    return {kind: adoption.adopt_kind(foreign, kind, folder) for kind in sorted(adoption.ARGUMENTS)}
