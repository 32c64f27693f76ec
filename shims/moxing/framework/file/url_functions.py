"""The functions of Python that ``shift`` replaces, for URLs: each takes all arguments of Python's function.

An argument that an object store cannot support is refused. Permissions (``mode``) and links (``follow_symlinks``,
``followlinks``) do not exist there, so these arguments have no effect, as in Python on systems without them.
"""
import errno
import glob as local_glob
import os
import shutil
import sys
from typing import Any, Callable, Iterator, List, Optional

from moxing._shim import listing
from moxing._shim.file_object import File
from moxing._shim.locations import is_object_url, locate
from moxing.framework.file import file_io

_NO_DESCRIPTORS = "an object store has no file descriptors"
_NO_LINKS = "an object store has no symbolic links"


def unsupported(function: str, url: Any, argument: str, reason: str) -> NotImplementedError:
    """The error for an argument that is not supported for URLs; Python raises the same class where a system lacks one.
    """
    return NotImplementedError(f"{function}({url!r}): the argument {argument} is not supported for URLs, because "
                               f"{reason}; leave it out, or use a local path")


def open_url(file: Any, mode: str = "r", buffering: int = -1, encoding: Optional[str] = None,
             errors: Optional[str] = None, newline: Optional[str] = None, closefd: bool = True,
             opener: Any = None) -> File:
    """open; ``buffering`` is that of the temporary copy, which is uploaded by ``flush`` and ``close``."""
    if not closefd:
        raise ValueError(f"open({file!r}): closefd=False is valid for file descriptors only")
    if opener is not None:
        raise unsupported("open", file, "opener", _NO_DESCRIPTORS)
    if "b" in mode and encoding is not None:
        raise ValueError(f"open({file!r}): a binary mode has no encoding")
    if "x" in mode:
        if set(mode) & set("rwa"):
            raise ValueError(f"open({file!r}, {mode!r}): one of r, w, a and x is expected")
        _refuse_existing(file)
    return File(file, mode.replace("x", "w"), encoding, errors, newline, buffering)


def listdir(path: Any) -> List[str]:
    """os.listdir."""
    return file_io.list_directory(path)


def makedirs(name: Any, mode: int = 0o777, exist_ok: bool = False) -> None:
    """os.makedirs."""
    if not exist_ok:
        _refuse_existing(name)
    file_io.make_dirs(name)


def mkdir(path: Any, mode: int = 0o777, dir_fd: Any = None) -> None:
    """os.mkdir."""
    _refuse_descriptors("mkdir", path, dir_fd=dir_fd)
    file_io.mk_dir(path)


def remove(path: Any, dir_fd: Any = None) -> None:
    """os.remove."""
    _refuse_descriptors("remove", path, dir_fd=dir_fd)
    file_io.remove(path)


def rename(src: Any, dst: Any, src_dir_fd: Any = None, dst_dir_fd: Any = None) -> None:
    """os.rename, also between stores."""
    _refuse_descriptors("rename", src, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
    file_io.rename(src, dst)


class Scan:
    """os.scandir's result: an iterator and a context manager."""

    def __init__(self, path: Any) -> None:
        self._entries = file_io.scan_dir(path)

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> "Scan":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """No resources are held."""


def stat(path: Any, dir_fd: Any = None, follow_symlinks: bool = True) -> Any:
    """os.stat."""
    _refuse_descriptors("stat", path, dir_fd=dir_fd)
    return file_io.stat(path)


def getsize(filename: Any) -> int:
    """os.path.getsize."""
    return file_io.get_size(filename)


def walk(top: Any, topdown: bool = True, onerror: Optional[Callable[[OSError], Any]] = None,
         followlinks: bool = False) -> Iterator[Any]:
    """os.walk; a store's error is raised if ``onerror`` is None, because the result would be incomplete."""
    return listing.walk(locate(top), topdown, onerror)


def glob(pathname: Any, root_dir: Any = None, dir_fd: Any = None, recursive: bool = False,
         include_hidden: bool = False) -> List[str]:
    """glob.glob; with a URL as ``root_dir``, the results are relative to it."""
    if is_object_url(pathname):  # as any absolute path, it does not depend on root_dir
        _refuse_descriptors("glob", pathname, dir_fd=dir_fd)
        return listing.glob(locate(pathname), recursive, include_hidden)
    _refuse_descriptors("glob", root_dir, dir_fd=dir_fd)
    if os.path.isabs(pathname):
        hidden: Any = {"include_hidden": True} if include_hidden else {}  # an argument since Python 3.11
        return local_glob.glob(pathname, recursive=recursive, **hidden)
    root = root_dir.rstrip("/") + "/"
    matches = listing.glob(locate(local_glob.escape(root) + pathname), recursive, include_hidden)
    return [match[len(root):] for match in matches if match != root]


def copyfile(src: Any, dst: Any, follow_symlinks: bool = True) -> Any:
    """shutil.copyfile."""
    if not follow_symlinks and not is_object_url(src) and os.path.islink(src):
        raise unsupported("copyfile", dst, "follow_symlinks=False", f"{src} is a link and {_NO_LINKS}")
    file_io.copy(src, dst)
    return dst


def copytree(src: Any, dst: Any, symlinks: bool = False, ignore: Any = None, copy_function: Any = shutil.copy2,
             ignore_dangling_symlinks: bool = False, dirs_exist_ok: bool = False) -> Any:
    """shutil.copytree."""
    if copy_function not in (shutil.copy2, shutil.copy, shutil.copyfile):
        raise unsupported("copytree", dst, "copy_function", "the stand-in copies and verifies the files itself")
    _refuse_other_than_directory(src)
    if not dirs_exist_ok:
        _refuse_existing(dst)
    if symlinks and not is_object_url(src) and any(os.path.islink(os.path.join(top, name))
                                                   for top, folders, files in os.walk(src) for name in folders + files):
        raise unsupported("copytree", dst, "symlinks=True", f"{src} contains links and {_NO_LINKS}")
    names = None if ignore is None and not ignore_dangling_symlinks else _kept(src, ignore, ignore_dangling_symlinks)
    if names == []:
        file_io.make_dirs(dst)
    else:
        file_io.copy_parallel(src, dst, names)
    return dst


def rmtree(path: Any, ignore_errors: bool = False, onerror: Any = None, dir_fd: Any = None, onexc: Any = None) -> None:
    """shutil.rmtree."""
    _refuse_descriptors("rmtree", path, dir_fd=dir_fd)
    try:
        _refuse_other_than_directory(path)
        file_io.remove(path, recursive=True)
    except OSError as error:
        if ignore_errors:
            return
        if onexc is not None:
            onexc(shutil.rmtree, path, error)
        elif onerror is not None:
            onerror(shutil.rmtree, path, sys.exc_info())
        else:
            raise


def _kept(src: Any, ignore: Any, skip_dangling: bool) -> List[str]:
    """The files and empty folders of a tree that copytree's ``ignore`` keeps, relative to it."""
    names: List[str] = []
    for top, folders, files in file_io.walk(src, True, None, True):
        ignored = ignore(top, folders + files) if ignore is not None else ()
        folders[:] = [name for name in folders if name not in ignored]
        kept = [name for name in files if name not in ignored
                and not (skip_dangling and os.path.islink(os.path.join(top, name))
                         and not os.path.exists(os.path.join(top, name)))]
        below = top[len(os.fspath(src).rstrip("/")):].strip("/")
        names += [f"{below}/{name}".lstrip("/") for name in kept]
        if below and not folders and not kept:
            names.append(below + "/")
    return names


def _refuse_descriptors(function: str, url: Any, **descriptors: Any) -> None:
    for name, value in descriptors.items():
        if value is not None:
            raise unsupported(function, url, name, _NO_DESCRIPTORS)


def _refuse_other_than_directory(url: Any) -> None:
    if not file_io.is_directory(url):
        file_io.list_directory(url)  # raises the error of a path that is missing or a file


def _refuse_existing(url: Any) -> None:
    if file_io.exists(url):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), url)
