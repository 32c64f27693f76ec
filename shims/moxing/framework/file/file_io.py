"""The platform's file functions for local paths and object stores, with its names, arguments and results.

docs/storage.md describes each function and the intended differences from the platform.
"""
import io
import os
import shutil
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple, Union

from moxing._shim import copying, listing, settings
from moxing._shim.errors import (
    MoxFileNameDuplicateException,
    MoxFileNotExistsException,
    MoxFileReadException,
    MoxFileRespException,
    _MoxFileBaseRespException,
    missing,
)
from moxing._shim.file_object import File
from moxing._shim.listing import DirEntry, FileStatistics
from moxing._shim.locations import locate
from moxing._shim.store import Location
from moxing._shim.transfer import read_into, refuse_directory, transfer

__all__ = ["File", "MoxFileNameDuplicateException", "MoxFileNotExistsException", "MoxFileReadException",
           "MoxFileRespException", "_MoxFileBaseRespException", "append", "append_remote", "background_sync_copy",
           "copy", "copy_manifest", "copy_parallel", "exists", "get_size", "glob", "is_directory", "list_directory",
           "make_dirs", "mk_dir", "read", "remove", "rename", "scan_dir", "set_auth", "stat", "walk", "write"]

Url = Union[str, "os.PathLike[str]"]
DEFAULT_THREADS = 16

# Assigned by scripts. None: the environment's MOX_FILE_LARGE_FILE_..., else the default. The first two have no effect
# here, because this implementation uses threads and has one method.
_NUMBER_OF_PROCESSES: Optional[int] = None
_LARGE_FILE_METHOD: Optional[int] = None
_LARGE_FILE_TASK_NUM: Optional[int] = None
_LARGE_FILE_PART_SIZE: Optional[int] = None


def read(url: Url, client_id: Any = None, binary: bool = False) -> Any:
    """The content of a file, as str or bytes."""
    data = io.BytesIO()
    read_into(locate(url), data)
    return data.getvalue() if binary else io.TextIOWrapper(io.BytesIO(data.getvalue()), "utf-8").read()


def write(url: Url, data: Any, binary: bool = False) -> None:
    """Replace the content of a file."""
    with File(url, "wb" if binary or isinstance(data, bytes) else "w") as file:
        file.write(data)


def append(url: Url, data: Any, binary: bool = False) -> None:
    """Add data at the end of a file; make the file if it does not exist."""
    with File(url, "ab" if binary or isinstance(data, bytes) else "a") as file:
        file.write(data)


def append_remote(src_url: Url, dst_url: Url) -> None:
    """Add the content of one file at the end of another."""
    with File(src_url, "rb") as source, File(dst_url, "ab") as target:
        shutil.copyfileobj(source, target)


def exists(url: Url) -> bool:
    """Whether a file or directory exists; in an object store a directory is a prefix of a key."""
    return locate(url).exists()


def is_directory(url: Url) -> bool:
    """Whether it is a directory; in an object store, a prefix of a key."""
    location = locate(url)
    return location.store.is_dir(location.path)


def list_directory(url: Url, recursive: bool = False, remove_sep: bool = True, skip_file: bool = False,
                   skip_dir: bool = False) -> List[str]:
    """Names of files and directories, relative to ``url``; ``remove_sep=False`` keeps the slash after directories."""
    location = _directory(url)
    entries = location.store.list_tree(location.path) if recursive else location.store.list_dir(location.path)
    return [entry.name + ("/" if entry.is_dir and not remove_sep else "") for entry in entries
            if not (skip_dir if entry.is_dir else skip_file)]


def glob(url: Url) -> List[str]:
    """The full URLs that match a pattern."""
    return listing.glob(locate(url))


def walk(url: Url, topdown: bool = True, onerror: Optional[Callable[[OSError], Any]] = None,
         followlinks: bool = False) -> Iterator[Tuple[str, List[str], List[str]]]:
    """os.walk's triples with full URLs; in an object store the last three arguments have no effect."""
    location = locate(url)
    if location.store.local:
        return os.walk(location.url if location.url == location.path else location.path, topdown, onerror, followlinks)
    return listing.walk(location)


def scan_dir(url: Url) -> Iterator[Any]:
    """Entries as those of os.scandir."""
    location = _directory(url)
    if location.store.local:
        return os.scandir(location.path)
    return (DirEntry(location.child(entry.name), entry) for entry in location.store.list_dir(location.path))


def stat(url: Url) -> FileStatistics:
    """Length, modification time and kind."""
    location = locate(url)
    info = None if location.slash else location.store.head(location.path)
    if info is not None:
        return FileStatistics(info.size, info.mtime_ns, False)
    if not location.store.is_dir(location.path):
        raise MoxFileNotExistsException(f"{url}: no such file or directory")
    return FileStatistics(0, os.stat(location.path).st_mtime_ns if location.store.local else 0, True)


def get_size(url: Url, recursive: bool = False) -> int:
    """Bytes of a file; of all files of a directory on the local disk, and in a store if ``recursive``, else 0."""
    status = stat(url)
    if not status.is_directory:
        return status.length
    location = locate(url)
    if not recursive and not location.store.local:
        return 0
    return sum(entry.size for entry in location.store.list_tree(location.path))


def make_dirs(url: Url) -> None:
    """Make a directory with its parents; no error if it exists."""
    location = locate(url)
    if location.store.head(location.path) is not None:
        raise FileExistsError(f"{url}: cannot make the directory, because a file of that name exists")
    location.store.make_dir(location.path)


def mk_dir(url: Url) -> None:
    """Make one directory; OSError if its parent is missing or it exists."""
    location = locate(url)
    if location.exists():
        raise FileExistsError(f"{url}: exists already")
    parent = location.path.rpartition("/")[0]
    if not location.store.is_dir(parent or ("/" if location.path.startswith("/") else os.curdir)):
        raise FileNotFoundError(f"{url}: the parent directory is missing; use make_dirs to make it too")
    location.store.make_dir(location.path)


def copy(src_url: Url, dst_url: Url, client_id: Any = None) -> None:
    """Copy one file."""
    source = locate(src_url)
    refuse_directory(source)
    transfer(source, _target(source, locate(dst_url)))


def copy_parallel(src_url: Url, dst_url: Url, file_list: Optional[Sequence[str]] = None, threads: int = DEFAULT_THREADS,
                  is_processing: bool = True, use_queue: bool = True) -> None:
    """Copy the content of a directory into another, or one file. ``threads=0``: one file after another.
    ``is_processing`` and ``use_queue`` exist for compatibility and have no effect."""
    source, target = locate(src_url), locate(dst_url)
    if file_list is None and not source.store.is_dir(source.path):
        if source.slash or source.store.head(source.path) is None:
            raise missing(source.url)
        inside = target.slash or target.store.is_dir(target.path)
        transfer(source, target.child(source.path.rpartition("/")[2]) if inside else target)
        return
    if target.store.local:
        target.store.make_dir(target.path)
    copying.copy_tree(source, target, file_list, threads)


def remove(url: Url, recursive: bool = False) -> None:
    """Delete a file, or with ``recursive`` a directory; no error and no effect in any other case."""
    location = locate(url)
    if not location.slash and (location.store.head(location.path) is not None or _is_broken_link(location)):
        location.store.delete(location.path)
    elif recursive and location.store.is_dir(location.path):
        location.store.remove_tree(location.path)


def rename(src_url: Url, dst_url: Url) -> None:
    """Move a file or a directory, also between stores."""
    source, target = locate(src_url), locate(dst_url)
    if source.store.local and target.store.local:
        if not os.path.lexists(source.path):
            raise missing(source.url)
        os.rename(source.path, target.path)
    else:
        copying.move(source, target, DEFAULT_THREADS)


def copy_manifest(url: Url, dst: Url) -> None:
    """Copy the files that a manifest lists."""
    copying.copy_manifest_sources(str(url), read(url), locate(dst), DEFAULT_THREADS)


def background_sync_copy(src: str, dst: str, seconds: float = 120) -> None:
    """Copy changed files every ``seconds``, and at the end of the process; returns at once."""
    copying.synchronise_in_background(src, dst, seconds, DEFAULT_THREADS)


set_auth = settings.set_auth


def _directory(url: Url) -> Location:
    location = locate(url)
    if not location.store.is_dir(location.path):
        if location.store.head(location.path) is not None:
            raise NotADirectoryError(f"{url}: is a file, but a directory is expected")
        raise MoxFileNotExistsException(f"{url}: no such directory")
    return location


def _target(source: Location, target: Location) -> Location:
    return target.child(source.path.rpartition("/")[2]) if target.slash else target


def _is_broken_link(location: Location) -> bool:
    return location.store.local and os.path.islink(location.path)

