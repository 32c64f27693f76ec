"""The stand-in on Python 3.7, as on the platform: its grammar, and its behaviour if an interpreter is installed."""
import ast
import os
import subprocess
from pathlib import Path

import pytest
from fault_server import FaultServer

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "shims" / "moxing"
PYTHON = Path(os.environ.get("ENGINES_DIR", str(ROOT / ".engines"))) / "tf2.1.0" / "bin" / "python"

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
sys.modules["botocore"] = None  # as if it were not installed
import moxing as mox
import moxing.tensorflow
from moxing.framework.file import file_io
for root in (sys.argv[2], "memory://root", "file://" + sys.argv[2] + "/again"):
    mox.file.make_dirs(root + "/a/b")
    mox.file.write(root + "/a/x", "text")
    mox.file.append(root + "/a/b/y", b"data", binary=True)
    mox.file.copy_parallel(src_url=root + "/a", dst_url=root + "/c", threads=4)
    assert sorted(mox.file.list_directory(root + "/c", recursive=True)) == ["b", "b/y", "x"], root
    mox.file.rename(root + "/c", root + "/d")
    assert mox.file.glob(root + "/*/x") == [root + "/a/x", root + "/d/x"], root
    assert mox.file.stat(root + "/d/x").length == 4
    mox.file.remove(root + "/d", recursive=True)
    assert not mox.file.exists(root + "/d")
import glob
import os
import shutil
mox.file.shift("os", "mox")
for root in (sys.argv[2], "memory://root"):
    assert sorted(path[len(root):] for path in glob.glob(root + "/a/**", recursive=True)) == [
        "/a/", "/a/b", "/a/b/y", "/a/x"], root
    shutil.copytree(root + "/a", root + "/e", ignore=shutil.ignore_patterns("b"))
    assert os.listdir(root + "/e") == ["x"] and [files for _, _, files in os.walk(root + "/e")] == [["x"]], root
    for call in (lambda: os.makedirs(root + "/e"), lambda: shutil.copytree(root + "/a", root + "/e")):
        try:
            call()
        except FileExistsError:
            continue
        raise AssertionError("FileExistsError is expected")
os.environ["S3_ENDPOINT"] = "http://127.0.0.1:1"
try:
    mox.file.exists("obs://bucket/x")
except ImportError as error:
    print(error)
"""

STORE = """
import os, sys
sys.path.insert(0, sys.argv[1])
import moxing as mox
with open(sys.argv[2], "rb") as stream:
    data = stream.read()
for name in ("cut_body", "flip_bit", "refused", "fine"):
    mox.file.copy("obs://bucket/" + name, sys.argv[2] + ".back")
    with open(sys.argv[2] + ".back", "rb") as stream:
        assert stream.read() == data, name
mox.file.copy_parallel(src_url=sys.argv[2], dst_url="obs://bucket/parts")
assert mox.file.read("obs://bucket/parts", binary=True) == data
try:
    mox.file.write("obs://bucket/denied", "text")
except PermissionError as error:
    print(error)
"""


@pytest.mark.parametrize("path", sorted(SHIM.rglob("*.py")), ids=lambda path: path.relative_to(SHIM).as_posix())
def test_every_file_has_the_grammar_of_python_37_a_docstring_and_fewer_than_250_lines(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source, str(path), feature_version=(3, 7)))
    assert len(source.splitlines()) < 250


@pytest.mark.skipif(not PYTHON.exists(), reason="no engine with Python 3.7; make engines installs one")
def test_local_paths_and_memory_need_only_fsspec(tmp_path: Path) -> None:
    done = subprocess.run([str(PYTHON), "-W", "error::DeprecationWarning:moxing", "-c", SCRIPT, str(SHIM.parent),
                           str(tmp_path)], capture_output=True)
    printed = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    assert "pip install botocore" in printed and "pip install moxing" not in printed and len(printed.splitlines()) == 1


@pytest.mark.skipif(not PYTHON.exists(), reason="no engine with Python 3.7; make engines installs one")
def test_transfers_survive_store_faults_on_python_37(
        server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if subprocess.run([str(PYTHON), "-c", "import botocore"], capture_output=True).returncode:
        pytest.skip("the engine has no botocore; make engines installs it")
    data = bytes(range(256)) * 40
    (tmp_path / "x").write_bytes(data)
    monkeypatch.setenv("MOX_FILE_PARTIAL_MAXIMUM_SIZE", "4000")
    monkeypatch.setenv("MOX_FILE_LARGE_FILE_PART_SIZE", "4000")
    for name in ("cut_body", "flip_bit", "refused", "fine"):
        server.put("bucket/" + name, data)
    server.framing = "refuse"
    server.fail("cut_body", where="/cut", times=2)
    server.fail("flip_bit", where="/flip")
    server.fail("status", where="/refused", code="SlowDown", times=2)
    server.fail("status", method="PUT", where="partNumber=2", times=2)
    server.fail("status", method="PUT", where="/denied", status=403)
    done = subprocess.run([str(PYTHON), "-c", STORE, str(SHIM.parent), str(tmp_path / "x")], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert b"denies access (403 AccessDenied" in done.stdout and server.uploads == {}
