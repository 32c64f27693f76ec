"""``mox.file.shift('os', 'mox')``: Python's own functions for files, made to take addresses in an object store.

A local path goes to the function that was there, with the same arguments; so does whatever is no path.
"""
import builtins
import functools
import glob
import os
import shutil
from typing import Any, Callable, Dict, Iterator, Tuple

from moxing._shim.stores import is_object_url

_shifted: Dict[str, Any] = {}


def shift(origin: str, target: str) -> None:
    """Once in a process; a second call changes nothing."""
    if (origin, target) != ("os", "mox"):
        raise ValueError(f"shift({origin!r}, {target!r}): only shift('os', 'mox') is known")
    if _shifted:
        return
    for module, name, ours in _table():
        theirs = getattr(module, name)
        _shifted[f"{module.__name__}.{name}"] = theirs
        setattr(module, name, _either(theirs, ours))


def _table() -> Tuple[Tuple[Any, str, Callable[..., Any]], ...]:
    from moxing.framework.file import file_io as mox

    return (
        (builtins, "open", _open),
        (os, "listdir", mox.list_directory),
        (os, "makedirs", lambda name, mode=0o777, exist_ok=False: mox.make_dirs(name)),
        (os, "mkdir", lambda path, mode=0o777, **_: mox.mk_dir(path)),
        (os, "remove", lambda path, **_: mox.remove(path)),
        (os, "rename", lambda src, dst, **_: mox.rename(src, dst)),
        (os, "scandir", lambda path: _Scan(mox.scan_dir(path))),
        (os, "stat", lambda path, **_: mox.stat(path)),
        (os, "walk", lambda top, topdown=True, onerror=None, followlinks=False: mox.walk(top, topdown)),
        (os.path, "exists", mox.exists),
        (os.path, "getsize", mox.get_size),
        (os.path, "isdir", mox.is_directory),
        (glob, "glob", lambda pathname, **_: mox.glob(pathname)),
        (shutil, "copyfile", _copyfile),
        (shutil, "copytree", _copytree),
        (shutil, "rmtree", lambda path, *_, **__: mox.remove(path, recursive=True)),
    )


def _either(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(theirs)
    def function(*args: Any, **kwargs: Any) -> Any:
        paths = (*args[:2], *kwargs.values())
        return (ours if any(is_object_url(path) for path in paths) else theirs)(*args, **kwargs)

    return function


def _open(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
          newline: Any = None, closefd: bool = True, opener: Any = None) -> Any:
    from moxing._shim.opened import File

    return File(file, mode, encoding, errors, newline)


def _copyfile(src: Any, dst: Any, follow_symlinks: bool = True) -> Any:
    from moxing.framework.file import file_io

    file_io.copy(src, dst)
    return dst


def _copytree(src: Any, dst: Any, *_: Any, **__: Any) -> Any:
    from moxing.framework.file import file_io

    file_io.copy_parallel(src, dst)
    return dst


class _Scan:
    """os.scandir's answer is iterated over, and used in ``with``."""

    def __init__(self, entries: Iterator[Any]) -> None:
        self._entries = entries

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> "_Scan":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to let go of."""
