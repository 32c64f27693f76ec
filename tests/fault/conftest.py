"""A package, and a copy of it to harm."""
import shutil
from pathlib import Path

import jobs
import pytest


@pytest.fixture(scope="module")
def tiny(small_data: Path) -> Path:
    """A whole package that nobody changes."""
    return jobs.tiny_run(small_data) / "cnn" / "model"


@pytest.fixture
def package(tiny: Path, tmp_path: Path) -> Path:
    """A copy that a test may harm."""
    return Path(shutil.copytree(str(tiny), str(tmp_path / "model")))
