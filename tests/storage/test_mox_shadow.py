"""Which ``moxing`` is imported (S9): the platform's if installed, else the stand-in, never an unrelated one."""
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

import pytest

SHIMS = str(Path(__file__).resolve().parents[2] / "shims")

REAL = {
    "moxing/__init__.py": "from moxing.framework import file\n__version__ = '2.1.0.5d9c87c8'\nprint('the platform')\n",
    "moxing/framework/__init__.py": "",
    "moxing/framework/file/__init__.py": "from moxing.framework.file.file_io import copy_parallel\n",
    "moxing/framework/file/file_io.py": "def copy_parallel(src_url, dst_url):\n    return 'by the platform'\n",
}
# Like the package of that name on PyPI, a wrapper of llama.cpp: submodules, but none of the functions.
UNRELATED = {"moxing/__init__.py": "from moxing.server import run\nfile = None\n", "moxing/server.py": "run = print\n"}
BROKEN_UNRELATED = {"moxing/__init__.py": "import a_library_that_is_not_here\n"}
BROKEN_REAL = {**REAL, "moxing/__init__.py": "from moxing.framework import file\nimport obs_sdk_that_is_not_here\n"}
ONE_FILE = {"moxing.py": "class file:\n    def copy_parallel(src_url, dst_url):\n        return 'one file'\n"}
FOLDER = {"moxing/data.txt": "a folder without code"}

REPORT = """
import sys
import moxing as mox
import moxing
assert mox is moxing is sys.modules["moxing"]
shim = any(name.startswith("moxing._shim") for name in sys.modules)
print("SHIM" if shim else mox.file.copy_parallel("a", "b"), mox.__name__, mox.__spec__.name)
if shim:
    from moxing.framework.file import file_io
    print(sorted(name for name in sys.modules if name == "moxing.server"))
else:
    assert SHIMS not in (mox.__file__ or ""), mox.__file__
"""


def written(files: Dict[str, str], folder: Path) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return str(folder)


def imported(path: List[str], *flags: str, script: str = REPORT) -> "subprocess.CompletedProcess[str]":
    code = f"import sys\nSHIMS = {SHIMS!r}\nsys.path[:0] = {path!r}\n{script}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOX_")}
    return subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("shim_first", [True, False])
@pytest.mark.parametrize(("files", "answer"), [(REAL, "by the platform"), (ONE_FILE, "one file")],
                         ids=["folder", "file"])
def test_s9_the_platforms_package_is_used_even_if_the_stand_in_comes_first(
        tmp_path: Path, shim_first: bool, files: Dict[str, str], answer: str) -> None:
    real = written(files, tmp_path)
    done = imported([SHIMS, real] if shim_first else [real, SHIMS], "-W", "error")
    assert done.returncode == 0, done.stderr
    assert answer + " moxing moxing" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("form", [
    "import moxing as mox; f = mox.file", "from moxing.framework import file as f",
    "from moxing.framework.file import file_io as f", "import moxing.framework.file as f"])
def test_s9_every_form_of_import_reaches_the_platforms_package(tmp_path: Path, form: str) -> None:
    done = imported([SHIMS, written(REAL, tmp_path)], script=form + "\nprint(f.copy_parallel('a', 'b'))")
    assert "by the platform" in done.stdout, done.stderr


@pytest.mark.parametrize("files", [UNRELATED, BROKEN_UNRELATED], ids=["importable", "import fails"])
def test_s9_an_unrelated_package_causes_one_warning_and_the_stand_in_is_used(
        tmp_path: Path, files: Dict[str, str]) -> None:
    done = imported([SHIMS, written(files, tmp_path)])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["SHIM moxing moxing", "[]"], "no module of the unrelated package stays imported"
    assert done.stderr.count("Warning") == 1 and str(tmp_path) in done.stderr
    assert "is not the platform's moxing" in done.stderr and "pip install" not in done.stderr


def test_s9_the_stand_in_is_used_without_a_warning_if_no_other_package_exists(tmp_path: Path) -> None:
    done = imported([SHIMS, written(FOLDER, tmp_path)], "-W", "error")
    assert (done.returncode, done.stderr, done.stdout.splitlines()) == (0, "", ["SHIM moxing moxing", "[]"])


def test_s9_a_platforms_package_that_fails_to_import_is_an_error(tmp_path: Path) -> None:
    done = imported([SHIMS, written(BROKEN_REAL, tmp_path)])
    assert done.returncode != 0 and "obs_sdk_that_is_not_here" in done.stderr


def test_s9_two_copies_of_the_stand_in_on_the_path_do_not_recurse(tmp_path: Path) -> None:
    os.symlink(SHIMS, str(tmp_path / "link"))
    done = imported([SHIMS, str(tmp_path / "link"), written(REAL, tmp_path / "real")], "-W", "error")
    assert "by the platform" in done.stdout, done.stderr
    assert "SHIM" in imported([str(tmp_path / "link"), SHIMS], "-W", "error").stdout


@pytest.mark.parametrize(("value", "printed"), [(None, False), ("1", False), ("0", True)])
def test_the_import_prints_and_configures_logging_only_if_silent_mode_is_off(
        value: Optional[str], printed: bool) -> None:
    setting = f"os.environ['MOX_SILENT_MODE'] = {value!r}\n" if value else ""
    script = (f"import logging, os\n{setting}import moxing\nprint(logging.getLogger().level == logging.INFO)\n"
              "from moxing.framework.util import runtime\nruntime.reset_logger(logging.ERROR)\n"
              "print(logging.getLogger().level == logging.ERROR)")
    done = imported([SHIMS], script=script)
    lines = done.stdout.splitlines()
    assert lines[-2:] == [str(printed), "True"] and done.stderr == ""
    assert len(lines) == (3 if printed else 2) and (not printed or "MoXing" in lines[0])
