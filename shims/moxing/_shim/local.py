"""The local disk, through the standard library: fsspec's local files lose nanoseconds and do not follow links."""
import os
import shutil
from typing import Any, BinaryIO, Iterator, List, Optional, Sequence, Set

from moxing._shim.store import Entry, Info, Store, Upload

# Files that a killed download leaves. They are not listed, so they are never copied.
PART_PREFIX, PART_SUFFIX = ".moxing-", ".part"


class LocalStore(Store):
    """Files of this machine."""

    local = True

    def head(self, path: str) -> Optional[Info]:
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if os.path.isdir(path) else Info(status.st_size, "", status.st_mtime_ns)

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(path)

    def list_dir(self, path: str) -> List[Entry]:
        if not os.path.isdir(path):
            return []
        with os.scandir(path) as items:
            return sorted(_entry(item, item.name) for item in items)

    def list_tree(self, path: str) -> List[Entry]:
        return list(_walk(path, "", {os.path.realpath(path)}))

    def get(self, path: str, writer: Any) -> Info:
        with open(path, "rb") as source:
            shutil.copyfileobj(source, writer, 1 << 20)
            return Info(os.fstat(source.fileno()).st_size)

    def put(self, path: str, source: BinaryIO) -> Upload:
        raise NotImplementedError("a local file is written by moxing._shim.transfer.download")

    def delete(self, path: str) -> None:
        os.unlink(path)

    def make_dir(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def remove_empty_dirs(self, path: str, names: Sequence[str]) -> None:
        for name in sorted(names, key=len, reverse=True) + [""]:
            folder = os.path.join(path, name) if name else path
            try:
                if os.path.islink(folder):
                    os.unlink(folder)
                else:
                    os.rmdir(folder)
            except OSError:
                continue  # not empty: its other content stays

    def remove_tree(self, path: str) -> None:
        if os.path.islink(path):
            os.unlink(path)
        else:
            shutil.rmtree(path)


def is_behind_link(root: str, name: str) -> bool:
    """Whether a directory between ``root`` and ``name`` is a link; the files behind it must not be deleted."""
    parts = name.split("/")[:-1]
    return any(os.path.islink(os.path.join(root, *parts[:depth])) for depth in range(1, len(parts) + 1))


def _entry(item: "os.DirEntry[str]", name: str) -> Entry:
    try:
        status = item.stat()
    except FileNotFoundError:  # a broken link
        status = item.stat(follow_symlinks=False)
    return Entry(name, item.is_dir(), 0 if item.is_dir() else status.st_size, status.st_mtime_ns)


def _walk(path: str, prefix: str, above: Set[str]) -> Iterator[Entry]:
    """Links are followed, as shutil.copytree does, except to a folder that contains them."""
    if not os.path.isdir(path):
        return
    with os.scandir(path) as unsorted:
        items = sorted(unsorted, key=lambda item: item.name)
    for item in items:
        if item.name.startswith(PART_PREFIX) and item.name.endswith(PART_SUFFIX):
            continue
        if not (item.is_dir() or item.is_file() or item.is_symlink()):
            continue  # reading a pipe or a socket would block
        yield _entry(item, prefix + item.name)
        real = os.path.realpath(item.path)
        if item.is_dir() and real not in above:
            yield from _walk(item.path, prefix + item.name + "/", above | {real})


LOCAL = LocalStore()
