"""``mox.file.shift('os', 'mox')``, in a process of its own, because it replaces functions of Python."""
import subprocess
import sys
from pathlib import Path

import pytest

SHIMS = str(Path(__file__).resolve().parents[2] / "shims")

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
root, local = sys.argv[2], sys.argv[3]
import builtins, glob, os, shutil
import moxing as mox

original = builtins.open
mox.file.shift('os', 'mox')
once = builtins.open
mox.file.shift('os', 'mox')
assert builtins.open is once is not original, "idempotent"

for where in (root, local):
    os.makedirs(where + "/a/b", exist_ok=True)
    os.makedirs(name=where + "/a/b", exist_ok=True)
    try:
        os.makedirs(where + "/a/b")
    except FileExistsError:
        pass
    else:
        raise AssertionError("FileExistsError is expected")
    os.mkdir(where + "/a/c")
    with open(where + "/a/x.txt", "w", encoding="utf-8") as stream:
        stream.write("text")
    with open(where + "/a/x.txt", mode="rb") as stream:
        assert stream.read() == b"text"
    assert sorted(os.listdir(where + "/a")) == ["b", "c", "x.txt"]
    assert os.path.exists(where + "/a/x.txt") and not os.path.exists(where + "/none")
    assert os.path.isdir(where + "/a") and not os.path.isdir(where + "/a/x.txt")
    assert os.path.getsize(where + "/a/x.txt") == 4 == os.stat(where + "/a/x.txt").st_size
    with os.scandir(where + "/a") as entries:
        assert sorted(entry.name for entry in entries if entry.is_dir()) == ["b", "c"]
    assert [entry.name for entry in os.scandir(where + "/a") if entry.is_file()] == ["x.txt"]
    assert [files for _, _, files in os.walk(where + "/a", topdown=True)] == [["x.txt"], [], []]
    assert glob.glob(where + "/a/*.txt") == [where + "/a/x.txt"]
    assert glob.glob(where + "/**/*.txt", recursive=True) == [where + "/a/x.txt"]
    shutil.copyfile(where + "/a/x.txt", where + "/a/y.txt")
    shutil.copytree(where + "/a", where + "/copy")
    assert sorted(os.listdir(where + "/copy")) == ["b", "c", "x.txt", "y.txt"]
    os.rename(where + "/a/y.txt", where + "/a/z.txt")
    os.remove(where + "/a/z.txt")
    assert "z.txt" not in os.listdir(where + "/a")
    shutil.rmtree(where + "/copy")
    assert not os.path.exists(where + "/copy")
    for look in (open, os.stat, os.listdir):
        try:
            look(where + "/none")
        except FileNotFoundError:
            pass
        else:
            raise AssertionError("FileNotFoundError is expected")

shutil.copyfile(root + "/a/x.txt", local + "/from-store.txt")
os.rename(local + "/from-store.txt", root + "/back.txt")
assert open(root + "/back.txt").read() == "text" and not os.path.exists(local + "/from-store.txt")

# Arguments that are not URLs, and keywords that only Python's functions have.
reader, writer = os.pipe()
os.close(writer)
with open(reader) as stream:
    assert stream.read() == ""
assert os.listdir() and os.stat(".", follow_symlinks=False) and mox.file.exists(local)
try:
    mox.file.shift('os', 'tf')
except ValueError:
    print("complete")
"""


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_after_shift_pythons_functions_accept_urls_and_paths(kind: str, s3: str, tmp_path: Path) -> None:
    root = s3 if kind == "s3" else "memory://shifted"
    command = [sys.executable, "-W", "error", "-c", SCRIPT, SHIMS, root, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "complete\n" and done.stderr == "", done.stderr
