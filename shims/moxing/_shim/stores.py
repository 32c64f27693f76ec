"""What every store can do, and which store a URL means.

A path is what the store itself calls the thing (``bucket/key``, ``/tmp/x``), without a slash at the end. Verbs that ask
a single question try again by themselves; ``get`` and ``put`` are one try, for :mod:`moxing._shim.transfer` has to
begin a whole object anew.
"""
import os
import re
import threading
from typing import Any, BinaryIO, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.S)
OBJECT_SCHEMES = ("obs", "s3")

_lock = threading.Lock()
_known: Dict[Tuple[Any, ...], "Store"] = {}


class Seen(NamedTuple):
    """What a store says of an object; an empty ETag proves nothing."""

    size: int
    etag: str = ""
    mtime_ns: int = 0


class Sent(NamedTuple):
    """What went into an upload, as counted on the way out."""

    size: int
    md5: str
    etag: str


class Entry(NamedTuple):
    """A line of a listing; ``name`` is relative to what was listed."""

    name: str
    is_dir: bool
    size: int = 0
    mtime_ns: int = 0


class Store:
    """One kind of place; see :class:`moxing._shim.local.LocalStore`, ``s3.S3Store`` and ``plain.PlainStore``."""

    local = False

    def head(self, path: str) -> Optional[Seen]:
        """The file of that name, asked for directly and never by a listing; None where there is none."""
        raise NotImplementedError

    def is_dir(self, path: str) -> bool:
        """Whether there is a directory; on object stores, whether a key begins so."""
        raise NotImplementedError

    def ls(self, path: str) -> List[Entry]:
        """One level; nothing where there is no such directory."""
        raise NotImplementedError

    def tree(self, path: str) -> List[Entry]:
        """Everything below, directories included."""
        raise NotImplementedError

    def get(self, path: str, sink: Any) -> Seen:
        """Write the object's bytes to ``sink``; what the same answer said of them."""
        raise NotImplementedError

    def put(self, path: str, source: BinaryIO) -> Sent:
        """Store what ``source`` holds from its start."""
        raise NotImplementedError

    def copied(self, source: str, target: str) -> bool:
        """Whether the store could copy by itself, and proves it."""
        return False

    def delete(self, path: str) -> None:
        """Delete a file."""
        raise NotImplementedError

    def make_dir(self, path: str) -> None:
        """Make a directory and those above it; no error where it is there."""
        raise NotImplementedError

    def drop_dirs(self, path: str, names: Sequence[str]) -> None:
        """Remove these directories below ``path``, deepest first, and it, as far as they are empty."""
        raise NotImplementedError

    def remove_tree(self, path: str) -> None:
        """Delete a directory with all that is in it."""
        raise NotImplementedError


class Place(NamedTuple):
    """A URL, understood. ``url`` is as the caller wrote it, for names that go back to the caller."""

    url: str
    store: Store
    path: str
    slash: bool  # the URL ended with one: a directory is meant

    def child(self, name: str) -> "Place":
        """The place of that name below this one."""
        joined = "/".join(part for part in (self.path.rstrip("/"), name) if part)
        url = self.url if self.url.endswith("://") else self.url.rstrip("/") + "/"
        return Place(url + name, self.store, os.path.join(self.path, name) if self.store.local else joined, False)

    def exists(self) -> bool:
        """Whether there is a file or a directory of that name."""
        return (not self.slash and self.store.head(self.path) is not None) or self.store.is_dir(self.path)


def locate(url: Union[str, "os.PathLike[str]"]) -> Place:
    """Which store, and what in it."""
    text = os.fspath(url)
    match = URL.match(text)
    scheme, rest = (match.group(1).lower(), match.group(2)) if match else ("file", text)
    if scheme == "file":
        from moxing._shim.local import LOCAL

        return Place(_bare(text), LOCAL, _bare(rest), rest.endswith("/") and rest != "/")
    if scheme not in OBJECT_SCHEMES:
        from moxing._shim.plain import plain_store

        store, path = plain_store(scheme, text)
        return Place(text if text.endswith("://") else text.rstrip("/"), store, path, rest.endswith("/"))
    # Scripts join addresses by hand; what they mean by obs://bucket/out//name is out/name.
    path = re.sub("/+", "/", rest).rstrip("/")
    if not path.partition("/")[0]:
        raise ValueError(f"{text}: no bucket in this URL; {scheme}://bucket/key is expected")
    return Place(text.rstrip("/"), _object_store(), path, rest.endswith("/"))


def is_object_url(path: Any) -> bool:
    """Whether this is an address in an object store, for code that else handles local paths."""
    match = URL.match(path) if isinstance(path, str) else None
    return match is not None and match.group(1).lower() in (*OBJECT_SCHEMES, "memory")


def _bare(path: str) -> str:
    return path.rstrip("/") or path[:1]


def _object_store() -> Store:
    """One client for each setting and process: a forked child must not share its parent's connections."""
    from moxing._shim import s3, settings

    wanted = (os.getpid(), settings.connection())
    with _lock:
        if wanted not in _known:
            _known[wanted] = s3.connect(wanted[1])
        return _known[wanted]
