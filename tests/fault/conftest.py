"""A package, and a copy of it that a test may damage."""
import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def tiny(tiny_run: Path) -> Path:
    """A complete package that no test changes."""
    return tiny_run / "cnn" / "model"


@pytest.fixture
def package(tiny: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(str(tiny), str(tmp_path / "model")))
