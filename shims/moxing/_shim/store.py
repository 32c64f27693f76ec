"""The interface of a store and the types that it shares with its callers. Imports nothing of this package.

A path is the store's own name for a file (``bucket/key``, ``/tmp/x``), without a slash at the end. ``get`` and ``put``
make one attempt, because :mod:`moxing._shim.transfer` must restart a whole object; the other methods retry.
"""
import os
from typing import Any, BinaryIO, List, NamedTuple, Optional, Sequence


class Info(NamedTuple):
    """A stored file; an empty ETag proves nothing about its bytes."""

    size: int
    etag: str = ""
    mtime_ns: int = 0


class Upload(NamedTuple):
    """An upload as the client counted and hashed it; ``etag`` is the ETag that the store should report for it."""

    size: int
    md5: str
    etag: str


class Entry(NamedTuple):
    """An entry of a listing; ``name`` is relative to the listed directory."""

    name: str
    is_dir: bool
    size: int = 0
    mtime_ns: int = 0


class Store:
    """A kind of storage; see ``local.LocalStore``, ``s3.S3Store`` and ``fsspec_store.FsspecStore``."""

    local = False

    def head(self, path: str) -> Optional[Info]:
        """The file of that name, requested directly because listings may lag; None if it does not exist."""
        raise NotImplementedError

    def is_dir(self, path: str) -> bool:
        """Whether the directory exists; in an object store, whether a key has it as a prefix."""
        raise NotImplementedError

    def list_dir(self, path: str) -> List[Entry]:
        """The entries of one directory; empty if it does not exist."""
        raise NotImplementedError

    def list_tree(self, path: str) -> List[Entry]:
        """All entries below a directory, at any depth, directories included."""
        raise NotImplementedError

    def get(self, path: str, writer: Any) -> Info:
        """Write the object's bytes to ``writer``; the result is from the same response."""
        raise NotImplementedError

    def put(self, path: str, source: BinaryIO) -> Upload:
        """Store the whole content of ``source``."""
        raise NotImplementedError

    def copy_inside(self, source: str, target: str) -> bool:
        """Copy without downloading; False if the store cannot, or cannot prove the copy."""
        return False

    def delete(self, path: str) -> None:
        """Delete a file."""
        raise NotImplementedError

    def make_dir(self, path: str) -> None:
        """Make a directory with its parents; no error if it exists."""
        raise NotImplementedError

    def remove_empty_dirs(self, path: str, names: Sequence[str]) -> None:
        """Remove these directories below ``path``, deepest first, then ``path``; skip those that are not empty."""
        raise NotImplementedError

    def remove_tree(self, path: str) -> None:
        """Delete a directory and its content."""
        raise NotImplementedError


class Location(NamedTuple):
    """A parsed URL. ``url`` keeps the caller's spelling, for names that are returned to the caller."""

    url: str
    store: Store
    path: str
    slash: bool  # the URL ended with a slash, so it names a directory

    def child(self, name: str) -> "Location":
        """The location of that name below this one."""
        joined = "/".join(part for part in (self.path.rstrip("/"), name) if part)
        url = self.url if self.url.endswith("://") else self.url.rstrip("/") + "/"
        return Location(url + name, self.store, os.path.join(self.path, name) if self.store.local else joined, False)

    def exists(self) -> bool:
        """Whether a file or a directory of that name exists."""
        return (not self.slash and self.store.head(self.path) is not None) or self.store.is_dir(self.path)
