"""Under ``shift``, each function of Python keeps all its arguments: on local paths as before, on URLs or refused."""
import functools
import glob
import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIMS = str(ROOT / "shims")
SCRIPT = str(Path(__file__).with_name("shift_signatures.py"))
FUNCTIONS = ["builtins.open", "glob.glob", "os.listdir", "os.makedirs", "os.mkdir", "os.remove", "os.rename",
             "os.scandir", "os.stat", "os.walk", "posixpath.exists", "posixpath.getsize", "posixpath.isdir",
             "shutil.copyfile", "shutil.copytree", "shutil.rmtree"]


def interpreters() -> List[Any]:
    """This Python, and 3.7, 3.8 and 3.13 where pyenv or the path has them."""
    versions = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))) / "versions"
    found = [pytest.param(sys.executable, id="this")]
    for version in ("3.7", "3.8", "3.13"):
        installed = [str(path) for path in sorted(versions.glob(version + ".*/bin/python"))]
        python = (installed or [shutil.which("python" + version)])[-1]
        found.append(pytest.param(python or "", id=version, marks=pytest.mark.skipif(
            python is None, reason=f"no Python {version} in pyenv or on the path")))
    return found


@functools.lru_cache(maxsize=None)
def report(python: str) -> Dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([python, SCRIPT, SHIMS, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result: Dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("python", interpreters())
def test_the_listed_functions_are_those_that_are_replaced(python: str) -> None:
    assert sorted(name for name, entry in report(python).items() if entry["replaced"]) == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("python", interpreters())
def test_each_replacement_has_the_signature_and_the_defaults_of_pythons_function(python: str, name: str) -> None:
    entry = report(python)[name]
    original, replaced = entry["signature"]
    assert replaced == original and entry["lost"] == []
    assert [default for default in entry["defaults"] if default[1] != default[2]] == []


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("python", interpreters())
def test_each_call_with_local_paths_has_the_same_result_or_error_as_before(python: str, name: str) -> None:
    before, after = report(python)[name]["local"]
    assert after == before


# URLs: each function is built as shift builds it, but not installed


def shifted(name: str) -> Callable[..., Any]:
    from moxing.framework.file.shifted import FUNCTIONS, accepting_urls

    (entry,) = [entry for entry in FUNCTIONS if f"{entry.module.__name__}.{entry.name}" == name]
    return accepting_urls(getattr(entry.module, entry.name), entry)


FILES = ["x.txt", "a/y.txt", "a/b/z.txt", "a/b/z.log", "a/.hidden/h.txt", ".dot", "a[1]/q.txt"]


@pytest.fixture(params=["memory", "s3"])
def tree(request: pytest.FixtureRequest, mox: Any, s3: str, tmp_path: Path) -> str:
    """The URL of a folder with FILES; the same files are in ``tmp_path / "t"``."""
    url = f"{s3}/t" if request.param == "s3" else f"memory://{tmp_path.name}/t"
    for name in FILES:
        mox.file.write(f"{url}/{name}", name)
        mox.file.make_dirs(str((tmp_path / "t" / name).parent))
        mox.file.write(str(tmp_path / "t" / name), name)
    return url


def files(mox: Any, url: str) -> List[str]:
    return sorted(name for name in mox.file.list_directory(url, recursive=True) if not mox.file.is_directory(
        f"{url}/{name}"))


def test_glob_has_the_results_of_python_for_each_pattern_and_argument(tree: str, tmp_path: Path) -> None:
    local, on_urls = str(tmp_path / "t"), shifted("glob.glob")
    hidden = [False, True] if sys.version_info >= (3, 11) else [False]
    compared = 0
    for pattern in ("*", "**", "**/", "*/", "**/*.txt", "a/**", "a/**/", "a/*/*", "**/b/*", "a/**/z.*", "x.txt", "a",
                    "none", ".*", "**/.hidden/*", "**/*", "a/**/**", "[ab]/**/y.txt"):
        for recursive in (False, True):
            for more in ({"include_hidden": True} if each else {} for each in hidden):
                expected = sorted({path[len(local):] for path in glob.glob(
                    f"{local}/{pattern}", recursive=recursive, **more)})
                assert [url[len(tree):] for url in on_urls(f"{tree}/{pattern}", recursive=recursive, **more)
                        ] == expected, (pattern, recursive, more)
                compared += len(expected)
    assert compared > 100
    assert on_urls(tree + "/none/**", recursive=True) == [] == on_urls(tree + "/x.txt/**", recursive=True)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="root_dir is an argument since Python 3.10")
def test_glob_accepts_a_url_as_root_dir(tree: str, tmp_path: Path) -> None:
    on_urls = shifted("glob.glob")
    for folder in ("", "/a", "/a[1]"):
        for pattern in ("*", "**", "**/*.txt", "none"):
            assert sorted(on_urls(pattern, root_dir=tree + folder, recursive=True)) == sorted(
                glob.glob(pattern, root_dir=f"{tmp_path}/t{folder}", recursive=True)), (folder, pattern)
    assert on_urls(f"{tmp_path}/t/x.txt", root_dir=tree) == [f"{tmp_path}/t/x.txt"]


def test_walk_respects_topdown_and_reports_a_missing_folder_to_onerror(tree: str, tmp_path: Path) -> None:
    walk = shifted("os.walk")
    for topdown in (True, False):
        urls = [(top[len(tree):], sorted(folders), sorted(names)) for top, folders, names in walk(tree, topdown)]
        local = [(top[len(f"{tmp_path}/t"):], sorted(folders), sorted(names))
                 for top, folders, names in os.walk(f"{tmp_path}/t", topdown)]
        assert sorted(urls) == sorted(local) and (urls[0] if topdown else urls[-1])[0] == ""
        seen = [top for top, _, _ in urls]
        assert (seen.index("/a") < seen.index("/a/b")) is topdown
    pruned = []
    for top, folders, _ in walk(tree, followlinks=True):
        folders[:] = [name for name in folders if name != "b"]
        pruned.append(top[len(tree):])
    assert "/a" in pruned and "/a/b" not in pruned
    errors: List[OSError] = []
    assert list(walk(tree + "/none", onerror=errors.append)) == [] == list(walk(tree + "/none"))
    assert len(errors) == 1 and isinstance(errors[0], FileNotFoundError)


def test_open_respects_buffering_errors_newline_and_exclusive_creation(mox: Any, tree: str) -> None:
    opened = shifted("builtins.open")
    with opened(tree + "/new", "x", 1, "ascii", "replace", "\r\n") as file:
        file.write("é\n")
    assert mox.file.read(tree + "/new", binary=True) == b"?\r\n"
    with pytest.raises(FileExistsError):
        opened(file=tree + "/new", mode="x")
    with opened(tree + "/new", "rb", buffering=0) as file:
        assert file.read(1) == b"?"
    for arguments in ({"buffering": 0}, {"closefd": False}, {"mode": "rb", "encoding": "utf-8"}, {"mode": "rx"}):
        with pytest.raises(ValueError):
            opened(tree + "/new", **arguments)


def test_makedirs_and_mkdir_respect_exist_ok_and_mode(mox: Any, tree: str) -> None:
    makedirs, mkdir = shifted("os.makedirs"), shifted("os.mkdir")
    makedirs(tree + "/n/m", 0o700)
    makedirs(tree + "/n/m", exist_ok=True)
    mkdir(tree + "/n/k", mode=0o700)
    assert mox.file.list_directory(tree + "/n") == ["k", "m"]
    for make in (makedirs, mkdir):
        with pytest.raises(FileExistsError):
            make(tree + "/n/m")
    with pytest.raises(FileExistsError):
        makedirs(name=tree + "/x.txt", exist_ok=True)


def test_copytree_respects_ignore_and_dirs_exist_ok(mox: Any, tree: str, tmp_path: Path) -> None:
    copytree = shifted("shutil.copytree")
    keep_logs = shutil.ignore_patterns("*.txt", ".*")
    for source, target in ((tree, tree + "-1"), (tree, str(tmp_path / "2")), (str(tmp_path / "t"), tree + "-3")):
        seen: List[str] = []

        def ignore(top: str, names: List[str], seen: List[str] = seen) -> Any:
            seen.append(top)
            return keep_logs(top, names)

        assert copytree(source, target, ignore=ignore) == target
        assert files(mox, target) == ["a/b/z.log"]
        assert {top[len(source):] for top in seen} == {"", "/a", "/a/b", "/a[1]"}
        with pytest.raises(FileExistsError):
            copytree(source, target)
        if sys.version_info >= (3, 8):
            copytree(source, target, dirs_exist_ok=True)
            assert files(mox, target) == sorted(FILES)
    with pytest.raises(NotADirectoryError):
        copytree(tree + "/x.txt", tree + "-4")
    with pytest.raises(FileNotFoundError):
        copytree(tree + "/none", tree + "-4")


def test_copytree_to_a_url_respects_the_arguments_about_links(mox: Any, tree: str, tmp_path: Path) -> None:
    copytree, copyfile = shifted("shutil.copytree"), shifted("shutil.copyfile")
    source = tmp_path / "links"
    source.mkdir()
    copytree(str(source), tree + "-0", symlinks=True, ignore_dangling_symlinks=True)
    (source / "link").symlink_to(tmp_path / "t" / "x.txt")
    copytree(str(source), tree + "-1")
    assert mox.file.read(tree + "-1/link") == "x.txt"
    (source / "dangling").symlink_to(tmp_path / "none")
    with pytest.raises(OSError):
        copytree(str(source), tree + "-2")
    copytree(str(source), tree + "-3", ignore_dangling_symlinks=True)
    assert files(mox, tree + "-3") == ["link"]
    copyfile(str(source / "link"), tree + "-4", follow_symlinks=True)
    for call in (lambda: copytree(str(source), tree + "-5", symlinks=True),
                 lambda: copyfile(str(source / "link"), tree + "-5", follow_symlinks=False)):
        with pytest.raises(NotImplementedError, match=r"symlinks=\w+ is not supported for URLs, because .* link"):
            call()


def test_rmtree_respects_ignore_errors_and_the_handlers(mox: Any, tree: str) -> None:
    rmtree = shifted("shutil.rmtree")
    rmtree(tree + "/a")
    assert not mox.file.exists(tree + "/a")
    for path, kind in ((tree + "/none", FileNotFoundError), (tree + "/x.txt", NotADirectoryError)):
        with pytest.raises(kind):
            rmtree(path)
        rmtree(path, ignore_errors=True)
        handled: Dict[str, Any] = {}
        rmtree(path, False, lambda function, at, error, handled=handled: handled.update({at: error[0]}))
        assert list(handled) == [path] and issubclass(handled[path], kind)
    assert mox.file.exists(tree + "/x.txt")


DESCRIPTORS = [("os.mkdir", "dir_fd"), ("os.remove", "dir_fd"), ("os.rename", "src_dir_fd"),
               ("os.rename", "dst_dir_fd"), ("os.stat", "dir_fd"), ("builtins.open", "opener"), ("glob.glob", "dir_fd"),
               ("shutil.rmtree", "dir_fd"), ("shutil.copytree", "copy_function")]


@pytest.mark.parametrize("name, argument", DESCRIPTORS, ids=lambda value: value)
def test_an_argument_that_a_store_cannot_support_is_refused_with_a_sentence(
        mox: Any, tmp_path: Path, name: str, argument: str) -> None:
    url = f"memory://{tmp_path.name}"
    function = shifted(name)
    if argument not in inspect.signature(function).parameters:
        pytest.skip("this Python's function does not have the argument")
    mox.file.write(url + "/x", "text")
    paths = [url + "/x", url + "/y"][:2 if name in ("os.rename", "shutil.copytree") else 1]
    with pytest.raises(NotImplementedError, match=rf"^{name.split('.')[1]}\('{url}/[xy]'\): the argument {argument} is "
                       "not supported for URLs, because .*; leave it out, or use a local path$"):
        function(*paths, **{argument: print})
    assert mox.file.list_directory(url) == ["x"]


def test_an_argument_of_a_newer_python_is_refused_unless_it_has_its_default(mox: Any, tmp_path: Path) -> None:
    from moxing.framework.file.shifted import Shifted, accepting_urls

    def newer(path: str, *, follow_symlinks: bool = True, cached: bool = False) -> str:
        return path

    exists = accepting_urls(newer, Shifted(os.path, "exists", mox.file.exists))
    url = f"memory://{tmp_path.name}/none"
    assert exists(url, cached=False, follow_symlinks=True) is False
    assert exists("local", cached=True) == "local"
    with pytest.raises(NotImplementedError, match="the argument cached is not supported for URLs"):
        exists(url, cached=True)


def test_a_call_that_python_refuses_is_refused_for_urls_too() -> None:
    for name, arguments in (("os.listdir", ("memory://x", True)), ("os.path.exists", ("memory://x", 1)),
                            ("glob.glob", ("memory://x", True)), ("os.stat", ("memory://x", None, False))):
        with pytest.raises(TypeError):
            shifted(name.replace("os.path", "posixpath"))(*arguments)
