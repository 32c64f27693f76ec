"""The local disk, by the standard library: fsspec's view of it loses nanoseconds and what links lead to."""
import os
import shutil
from typing import Any, BinaryIO, Iterator, List, Optional, Sequence, Set

from moxing._shim.stores import Entry, Seen, Sent, Store

# What an interrupted download leaves, if the process is killed: never copied on, never listed for a copy.
PART_PREFIX, PART_SUFFIX = ".moxing-", ".part"


class LocalStore(Store):
    """Files of this machine."""

    local = True

    def head(self, path: str) -> Optional[Seen]:
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return None if os.path.isdir(path) else Seen(found.st_size, "", found.st_mtime_ns)

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(path)

    def ls(self, path: str) -> List[Entry]:
        if not os.path.isdir(path):
            return []
        with os.scandir(path) as found:
            return sorted(_entry(item, item.name) for item in found)

    def tree(self, path: str) -> List[Entry]:
        return list(_walk(path, "", {os.path.realpath(path)}))

    def get(self, path: str, sink: Any) -> Seen:
        with open(path, "rb") as source:
            shutil.copyfileobj(source, sink, 1 << 20)
            return Seen(os.fstat(source.fileno()).st_size)

    def put(self, path: str, source: BinaryIO) -> Sent:
        raise NotImplementedError("a local file is written by moxing._shim.transfer.download")

    def delete(self, path: str) -> None:
        os.unlink(path)

    def make_dir(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def drop_dirs(self, path: str, names: Sequence[str]) -> None:
        for name in sorted(names, key=len, reverse=True) + [""]:
            folder = os.path.join(path, name) if name else path
            try:
                if os.path.islink(folder):
                    os.unlink(folder)
                else:
                    os.rmdir(folder)
            except OSError:
                continue  # something else is in it, which stays

    def remove_tree(self, path: str) -> None:
        if os.path.islink(path):
            os.unlink(path)
        else:
            shutil.rmtree(path)


def is_behind_link(root: str, name: str) -> bool:
    """Whether a directory on the way from ``root`` to ``name`` is a link: what lies there belongs to somebody else."""
    parts = name.split("/")[:-1]
    return any(os.path.islink(os.path.join(root, *parts[:depth])) for depth in range(1, len(parts) + 1))


def _entry(item: "os.DirEntry[str]", name: str) -> Entry:
    try:
        found = item.stat()
    except FileNotFoundError:  # a link to nothing
        found = item.stat(follow_symlinks=False)
    return Entry(name, item.is_dir(), 0 if item.is_dir() else found.st_size, found.st_mtime_ns)


def _walk(path: str, prefix: str, above: Set[str]) -> Iterator[Entry]:
    """Links are followed, as shutil.copytree does, but never to a folder that they are in."""
    if not os.path.isdir(path):
        return
    with os.scandir(path) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        if item.name.startswith(PART_PREFIX) and item.name.endswith(PART_SUFFIX):
            continue
        if not (item.is_dir() or item.is_file() or item.is_symlink()):
            continue  # a pipe or a socket, which a copy would wait for
        yield _entry(item, prefix + item.name)
        real = os.path.realpath(item.path)
        if item.is_dir() and real not in above:
            yield from _walk(item.path, prefix + item.name + "/", above | {real})


LOCAL = LocalStore()
