"""``mox.file.shift('os', 'mox')``: Python's own file functions also accept URLs of an object store.

Calls without such a URL go to the original function with the same arguments.
"""
import builtins
import functools
import glob
import os
import shutil
from typing import Any, Callable, Dict, Iterator, Tuple

from moxing._shim.file_object import File
from moxing._shim.locations import is_object_url
from moxing.framework.file import file_io

_shifted: Dict[str, Any] = {}


def shift(origin: str, target: str) -> None:
    """Replace the functions, once per process; a second call has no effect."""
    if (origin, target) != ("os", "mox"):
        raise ValueError(f"shift({origin!r}, {target!r}): shift('os', 'mox') is the only supported call")
    if _shifted:
        return
    for module, name, replacement in _replacements():
        original = getattr(module, name)
        _shifted[f"{module.__name__}.{name}"] = original
        setattr(module, name, _by_argument(original, replacement))


def _replacements() -> Tuple[Tuple[Any, str, Callable[..., Any]], ...]:
    return (
        (builtins, "open", _open),
        (os, "listdir", file_io.list_directory),
        (os, "makedirs", lambda name, mode=0o777, exist_ok=False: file_io.make_dirs(name)),
        (os, "mkdir", lambda path, mode=0o777, **_: file_io.mk_dir(path)),
        (os, "remove", lambda path, **_: file_io.remove(path)),
        (os, "rename", lambda src, dst, **_: file_io.rename(src, dst)),
        (os, "scandir", lambda path: _Scan(file_io.scan_dir(path))),
        (os, "stat", lambda path, **_: file_io.stat(path)),
        (os, "walk", lambda top, topdown=True, onerror=None, followlinks=False: file_io.walk(top, topdown)),
        (os.path, "exists", file_io.exists),
        (os.path, "getsize", file_io.get_size),
        (os.path, "isdir", file_io.is_directory),
        (glob, "glob", lambda pathname, **_: file_io.glob(pathname)),
        (shutil, "copyfile", _copyfile),
        (shutil, "copytree", _copytree),
        (shutil, "rmtree", lambda path, *_, **__: file_io.remove(path, recursive=True)),
    )


def _by_argument(original: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        paths = (*args[:2], *kwargs.values())
        return (replacement if any(is_object_url(path) for path in paths) else original)(*args, **kwargs)

    return function


def _open(file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
          newline: Any = None, closefd: bool = True, opener: Any = None) -> Any:
    return File(file, mode, encoding, errors, newline)


def _copyfile(src: Any, dst: Any, follow_symlinks: bool = True) -> Any:
    file_io.copy(src, dst)
    return dst


def _copytree(src: Any, dst: Any, *_: Any, **__: Any) -> Any:
    file_io.copy_parallel(src, dst)
    return dst


class _Scan:
    """os.scandir's result: an iterator and a context manager."""

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
        """No resources are held."""
