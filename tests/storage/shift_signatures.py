"""Run on each Python by test_mox_shift_arguments.py: prints, as JSON, what ``shift`` does to each function's arguments.

Arguments: the folder of the stand-in, and an empty folder.
"""
import glob
import inspect
import json
import os
import shutil
import sys
from typing import Any, Callable, Dict, List

sys.path.insert(0, sys.argv[1])
os.chdir(sys.argv[2])


def make_tree() -> None:
    """A new tree in the folder ``t``, with links and hidden names."""
    if os.path.lexists("t"):
        shutil.rmtree("t")
    os.makedirs("t/a/b")
    os.makedirs("t/a/.hidden")
    for name in ("t/x.txt", "t/a/y.txt", "t/a/b/z.log", "t/a/.hidden/h.txt", "t/.dot"):
        with open(name, "w") as file:
            file.write(name)
    os.symlink("x.txt", "t/link")
    os.symlink("nowhere", "t/a/dangling")


def opened(*args: Any, **kwargs: Any) -> Any:
    with open(*args, **kwargs) as file:
        return file.read() if file.readable() else file.write("é\n")


def read_by_descriptor(**kwargs: Any) -> Any:
    descriptor = os.open("t/x.txt", os.O_RDONLY)
    with open(descriptor, "rb", 0, **kwargs) as file:
        content = file.read()
    try:
        os.close(descriptor)
    except OSError:
        return content, "was closed"
    return content, "was open"


def in_folder(call: Callable[[int], Any]) -> Any:
    descriptor = os.open("t", os.O_RDONLY)
    try:
        return call(descriptor)
    finally:
        os.close(descriptor)


def handled(remove: Callable[..., Any], key: str) -> List[str]:
    errors: List[str] = []
    remove("t/none", **{key: lambda function, path, error: errors.append(path)})
    return errors


def copied(**kwargs: Any) -> Any:
    shutil.copytree("t", "t2", **kwargs)
    return [(os.path.islink(top), sorted(folders), sorted(files)) for top, folders, files in sorted(os.walk("t2"))]


CALLS: Dict[str, List[Callable[[], Any]]] = {
    "builtins.open": [
        lambda: opened("t/x.txt"), lambda: opened("t/new", "x", -1, "latin-1", "replace", "\r\n"),
        lambda: opened("t/none"), lambda: opened("t/x.txt", closefd=False), lambda: opened("t/x.txt", "r", 0),
        lambda: opened("t/x.txt", "rb", buffering=0), lambda: opened("t/x.txt", "rb", encoding="utf-8"),
        read_by_descriptor, lambda: read_by_descriptor(closefd=False),
        lambda: in_folder(lambda fd: opened("x.txt", opener=lambda path, flags: os.open(path, flags, dir_fd=fd))),
        opened, lambda: opened("t/x.txt", unknown=1)],
    "os.listdir": [lambda: sorted(os.listdir("t")), lambda: os.listdir(*[]), lambda: sorted(os.listdir(b"t")),
                   lambda: sorted(in_folder(os.listdir)), lambda: os.listdir("t/x.txt")],
    "os.makedirs": [lambda: os.makedirs("t/n/m", 0o700), lambda: os.makedirs("t/a"),
                    lambda: os.makedirs("t/a", exist_ok=True), lambda: os.makedirs(name="t/p", mode=0o711)],
    "os.mkdir": [lambda: os.mkdir("t/n", 0o700), lambda: in_folder(lambda fd: os.mkdir("m", dir_fd=fd)),
                 lambda: os.mkdir("t/a")],
    "os.remove": [lambda: os.remove("t/x.txt"), lambda: os.remove("t/none"), lambda: os.remove("t/a"),
                  lambda: in_folder(lambda fd: os.remove("x.txt", dir_fd=fd))],
    "os.rename": [lambda: os.rename("t/x.txt", "t/y"), lambda: os.rename("t/none", "t/y"),
                  lambda: in_folder(lambda fd: os.rename("x.txt", "y", src_dir_fd=fd, dst_dir_fd=fd))],
    "os.scandir": [lambda: sorted(entry.name for entry in os.scandir("t")), lambda: os.scandir("t/none"),
                   lambda: sorted(entry.name for entry in os.scandir())],
    "os.stat": [lambda: os.stat("t/link").st_size, lambda: os.stat("t/link", follow_symlinks=False).st_size,
                lambda: in_folder(lambda fd: os.stat("x.txt", dir_fd=fd).st_size), lambda: os.stat("t/a/dangling"),
                lambda: in_folder(lambda fd: os.stat(fd).st_mode)],
    "os.walk": [lambda: sorted(top for top, _, _ in os.walk("t", followlinks=True)),
                lambda: list(os.walk("t", topdown=False))[-1][0], lambda: list(os.walk("t/none")),
                lambda: list(os.walk("t/none", onerror=lambda error: sys.exit(type(error).__name__)))],
    "posixpath.exists": [lambda: os.path.exists("t/link"), lambda: os.path.exists("t/a/dangling"),
                         lambda: os.path.exists(2)],
    "posixpath.getsize": [lambda: os.path.getsize("t/x.txt"), lambda: os.path.getsize("t/none")],
    "posixpath.isdir": [lambda: os.path.isdir("t"), lambda: os.path.isdir("t/x.txt"), lambda: os.path.isdir(*[])],
    "glob.glob": [lambda: sorted(glob.glob("t/**")), lambda: sorted(glob.glob("t/**", recursive=True)),
                  lambda: sorted(glob.glob("t/**/*.txt", recursive=True)), lambda: sorted(glob.glob("t/**", True)),
                  lambda: sorted(glob.glob("**", recursive=True, root_dir="t")),
                  lambda: sorted(glob.glob("t/**", recursive=True, include_hidden=True)),
                  lambda: sorted(in_folder(lambda fd: glob.glob("*", dir_fd=fd)))],
    "shutil.copyfile": [lambda: shutil.copyfile("t/link", "t/n"), lambda: os.path.islink(
        shutil.copyfile("t/link", "t/n", follow_symlinks=False)), lambda: shutil.copyfile("t/x.txt", "t/x.txt"),
        lambda: shutil.copystat("t/link", "t/a/dangling", follow_symlinks=False)],
    "shutil.copytree": [
        lambda: copied(symlinks=True), copied, lambda: copied(ignore_dangling_symlinks=True),
        lambda: copied(ignore=shutil.ignore_patterns("*.txt", "dangling")), lambda: copied(dirs_exist_ok=True),
        lambda: copied(symlinks=True, copy_function=shutil.copy), lambda: shutil.copytree("t/a/b", "t")],
    "shutil.rmtree": [
        lambda: shutil.rmtree("t"), lambda: shutil.rmtree("t/none"), lambda: shutil.rmtree("t/none", True),
        lambda: shutil.rmtree("t/link"), lambda: handled(shutil.rmtree, "onerror"),
        lambda: handled(shutil.rmtree, "onexc"), lambda: in_folder(lambda fd: shutil.rmtree("a", dir_fd=fd))],
}


def results(name: str) -> List[str]:
    """The result of each call, or its exception, and the names that exist afterwards."""
    texts = []
    for call in CALLS[name]:
        make_tree()
        shutil.rmtree("t2", ignore_errors=True)
        try:
            outcome = repr(call())
        except (Exception, SystemExit) as error:
            outcome = repr(error)
        texts.append(f"{outcome} {sorted(os.listdir('t')) if os.path.exists('t') else None}")
    return texts


names = sorted(CALLS)
before = {name: results(name) for name in names}

from moxing.framework.file import shifted  # noqa: E402

originals = {f"{entry.module.__name__}.{entry.name}": getattr(entry.module, entry.name) for entry in shifted.FUNCTIONS}
signatures = {name: str(inspect.signature(original)) for name, original in originals.items()}
shifted.shift("os", "mox")
report = {}
for entry in shifted.FUNCTIONS:
    name = f"{entry.module.__name__}.{entry.name}"
    replacement = getattr(entry.module, entry.name)
    positional = list(inspect.signature(originals[name]).parameters)[:entry.paths]
    report[name] = {
        "replaced": replacement is not originals[name],
        "signature": [signatures[name], str(inspect.signature(replacement))],
        "lost": [parameter for parameter in inspect.signature(originals[name]).parameters
                 if parameter not in (*positional, *inspect.signature(entry.for_urls).parameters)],
        "defaults": [[parameter.name, repr(parameter.default),
                      repr(inspect.signature(entry.for_urls).parameters[parameter.name].default)]
                     for parameter in inspect.signature(originals[name]).parameters.values()
                     if parameter.name not in positional
                     and parameter.name in inspect.signature(entry.for_urls).parameters],
        "local": [before[name], results(name)],
    }
print(json.dumps(report))
