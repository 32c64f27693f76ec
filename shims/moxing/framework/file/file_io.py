"""The platform's functions for files, its names, arguments, answers and quirks, for local paths and object stores.

What each does, and where this differs from the platform on purpose, is a table in docs/storage.md.
"""
import io
import os
import shutil
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple, Union

from moxing._shim import background, folders, manifest, settings
from moxing._shim.entries import DirEntry, FileStatistics
from moxing._shim.errors import (
    MoxFileNameDuplicateException,
    MoxFileNotExistsException,
    MoxFileReadException,
    MoxFileRespException,
    _MoxFileBaseRespException,
    missing,
)
from moxing._shim.opened import File
from moxing._shim.stores import Place, locate
from moxing._shim.transfer import read_into, refuse_directory, transfer

__all__ = ["File", "MoxFileNameDuplicateException", "MoxFileNotExistsException", "MoxFileReadException",
           "MoxFileRespException", "_MoxFileBaseRespException", "append", "append_remote", "background_sync_copy",
           "copy", "copy_manifest", "copy_parallel", "exists", "get_size", "glob", "is_directory", "list_directory",
           "make_dirs", "mk_dir", "read", "remove", "rename", "scan_dir", "set_auth", "stat", "walk", "write"]

Url = Union[str, "os.PathLike[str]"]
DEFAULT_THREADS = 16

# Assigned by scripts. None: the environment's MOX_FILE_LARGE_FILE_..., else the default. The first and the second have
# no effect here: threads do the work, and there is one method.
_NUMBER_OF_PROCESSES: Optional[int] = None
_LARGE_FILE_METHOD: Optional[int] = None
_LARGE_FILE_TASK_NUM: Optional[int] = None
_LARGE_FILE_PART_SIZE: Optional[int] = None


def read(url: Url, client_id: Any = None, binary: bool = False) -> Any:
    """The whole file, as str or bytes."""
    data = io.BytesIO()
    read_into(locate(url), data)
    return data.getvalue() if binary else io.TextIOWrapper(io.BytesIO(data.getvalue()), "utf-8").read()


def write(url: Url, data: Any, binary: bool = False) -> None:
    """The whole file, anew."""
    with File(url, "wb" if binary or isinstance(data, bytes) else "w") as file:
        file.write(data)


def append(url: Url, data: Any, binary: bool = False) -> None:
    """At the end; the file is made where there is none."""
    with File(url, "ab" if binary or isinstance(data, bytes) else "a") as file:
        file.write(data)


def append_remote(src_url: Url, dst_url: Url) -> None:
    """One file's bytes at the end of another."""
    with File(src_url, "rb") as source, File(dst_url, "ab") as target:
        shutil.copyfileobj(source, target)


def exists(url: Url) -> bool:
    """A file, or a directory, which in an object store is the beginning of some name."""
    return locate(url).exists()


def is_directory(url: Url) -> bool:
    """A directory, or the beginning of some name."""
    place = locate(url)
    return place.store.is_dir(place.path)


def list_directory(url: Url, recursive: bool = False, remove_sep: bool = True, skip_file: bool = False,
                   skip_dir: bool = False) -> List[str]:
    """Names relative to ``url``, files and directories; ``remove_sep=False`` leaves the slash on a directory's."""
    place = _directory(url)
    entries = place.store.tree(place.path) if recursive else place.store.ls(place.path)
    return [entry.name + ("/" if entry.is_dir and not remove_sep else "") for entry in entries
            if not (skip_dir if entry.is_dir else skip_file)]


def glob(url: Url) -> List[str]:
    """Full URLs of what matches."""
    return folders.match(locate(url))


def walk(url: Url, topdown: bool = True, onerror: Optional[Callable[[OSError], Any]] = None,
         followlinks: bool = False) -> Iterator[Tuple[str, List[str], List[str]]]:
    """os.walk's triples, the first a full URL. In an object store the last three arguments mean nothing."""
    place = locate(url)
    if place.store.local:
        return os.walk(place.url if place.url == place.path else place.path, topdown, onerror, followlinks)
    return _walk(place)


def scan_dir(url: Url) -> Iterator[Any]:
    """os.scandir's entries."""
    place = _directory(url)
    if place.store.local:
        return os.scandir(place.path)
    return (DirEntry(place.child(entry.name), entry) for entry in place.store.ls(place.path))


def stat(url: Url) -> FileStatistics:
    """Length, time and kind."""
    place = locate(url)
    seen = None if place.slash else place.store.head(place.path)
    if seen is not None:
        return FileStatistics(seen.size, seen.mtime_ns, False)
    if not place.store.is_dir(place.path):
        raise MoxFileNotExistsException(f"{url}: no such file or directory")
    return FileStatistics(0, os.stat(place.path).st_mtime_ns if place.store.local else 0, True)


def get_size(url: Url, recursive: bool = False) -> int:
    """Bytes. A directory's are those of its files: always on the local disk, in a store with ``recursive``, else 0."""
    found = stat(url)
    if not found.is_directory:
        return found.length
    place = locate(url)
    return sum(entry.size for entry in place.store.tree(place.path)) if recursive or place.store.local else 0


def make_dirs(url: Url) -> None:
    """With its parents; no error where it is there."""
    place = locate(url)
    if place.store.head(place.path) is not None:
        raise FileExistsError(f"{url}: a file of that name is there")
    place.store.make_dir(place.path)


def mk_dir(url: Url) -> None:
    """One directory; OSError where its parent is missing or it is there."""
    place = locate(url)
    if place.exists():
        raise FileExistsError(f"{url}: is there already")
    parent = place.path.rpartition("/")[0]
    if not place.store.is_dir(parent or ("/" if place.path.startswith("/") else os.curdir)):
        raise FileNotFoundError(f"{url}: its parent directory is missing")
    place.store.make_dir(place.path)


def copy(src_url: Url, dst_url: Url, client_id: Any = None) -> None:
    """One file."""
    source = locate(src_url)
    refuse_directory(source)
    transfer(source, _target(source, locate(dst_url)))


def copy_parallel(src_url: Url, dst_url: Url, file_list: Optional[Sequence[str]] = None, threads: int = DEFAULT_THREADS,
                  is_processing: bool = True, use_queue: bool = True) -> None:
    """The contents of a directory into another, or one file. ``threads=0``: one after another. ``is_processing`` and
    ``use_queue`` are the platform's and change nothing: threads do the work, and take what comes next."""
    source, target = locate(src_url), locate(dst_url)
    if file_list is None and not source.store.is_dir(source.path):
        if source.slash or source.store.head(source.path) is None:
            raise missing(source.url)
        inside = target.slash or target.store.is_dir(target.path)
        transfer(source, target.child(source.path.rpartition("/")[2]) if inside else target)
        return
    if target.store.local:
        target.store.make_dir(target.path)
    folders.copy_all(source, target, file_list, threads)


def remove(url: Url, recursive: bool = False) -> None:
    """A file; a directory only with ``recursive``. Whatever else it is asked, nothing happens, and no error."""
    place = locate(url)
    if not place.slash and (place.store.head(place.path) is not None or _is_dead_link(place)):
        place.store.delete(place.path)
    elif recursive and place.store.is_dir(place.path):
        place.store.remove_tree(place.path)


def rename(src_url: Url, dst_url: Url) -> None:
    """A file or a directory, across stores."""
    source, target = locate(src_url), locate(dst_url)
    if source.store.local and target.store.local:
        if not os.path.lexists(source.path):
            raise missing(source.url)
        os.rename(source.path, target.path)
    else:
        folders.move(source, target, DEFAULT_THREADS)


def copy_manifest(url: Url, dst: Url) -> None:
    """The files that a manifest's lines name."""
    manifest.copy_sources(str(url), read(url), locate(dst), DEFAULT_THREADS)


def background_sync_copy(src: str, dst: str, seconds: float = 120) -> None:
    """Copy what has changed every so many seconds, and at the end of the process."""
    background.keep_synchronised(src, dst, seconds, DEFAULT_THREADS)


set_auth = settings.set_auth


def _directory(url: Url) -> Place:
    place = locate(url)
    if not place.store.is_dir(place.path):
        if place.store.head(place.path) is not None:
            raise NotADirectoryError(f"{url}: a file")
        raise MoxFileNotExistsException(f"{url}: no such directory")
    return place


def _target(source: Place, target: Place) -> Place:
    return target.child(source.path.rpartition("/")[2]) if target.slash else target


def _is_dead_link(place: Place) -> bool:
    return place.store.local and os.path.islink(place.path)


def _walk(place: Place) -> Iterator[Tuple[str, List[str], List[str]]]:
    entries = place.store.ls(place.path)
    names = [entry.name for entry in entries if entry.is_dir]
    if not entries and not place.store.is_dir(place.path):
        return
    yield place.url, names, [entry.name for entry in entries if not entry.is_dir]
    for name in names:
        yield from _walk(place.child(name))
