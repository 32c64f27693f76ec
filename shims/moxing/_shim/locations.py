"""Parses URLs and chooses the store for each: the only module that imports the implementations."""
import os
import re
import threading
from typing import Any, Dict, Tuple, Union

from moxing._shim import s3, s3_client, settings
from moxing._shim.local import LOCAL
from moxing._shim.store import Location, Store

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.S)
_OBJECT_SCHEMES = ("obs", "s3")

_lock = threading.Lock()
_stores: Dict[Tuple[Any, ...], Store] = {}


def locate(url: Union[str, "os.PathLike[str]"]) -> Location:
    """The store of a URL and the path in it."""
    text = os.fspath(url)
    match = _URL.match(text)
    scheme, rest = (match.group(1).lower(), match.group(2)) if match else ("file", text)
    if scheme == "file":
        return Location(_without_slash(text), LOCAL, _without_slash(rest), rest.endswith("/") and rest != "/")
    if scheme not in _OBJECT_SCHEMES:
        # Imported here, because importing fsspec is slow and local paths and obs:// do not need it.
        from moxing._shim.fsspec_store import fsspec_store

        store, path = fsspec_store(scheme, text)
        return Location(text if text.endswith("://") else text.rstrip("/"), store, path, rest.endswith("/"))
    # Scripts join URLs by hand: obs://bucket/out//name stands for obs://bucket/out/name.
    path = re.sub("/+", "/", rest).rstrip("/")
    if not path.partition("/")[0]:
        raise ValueError(f"{text}: no bucket in this URL; {scheme}://bucket/key is expected")
    return Location(text.rstrip("/"), _object_store(), path, rest.endswith("/"))


def is_object_url(path: Any) -> bool:
    """Whether ``path`` is a URL in an object store, as opposed to a local path."""
    match = _URL.match(path) if isinstance(path, str) else None
    return match is not None and match.group(1).lower() in (*_OBJECT_SCHEMES, "memory")


def _without_slash(path: str) -> str:
    return path.rstrip("/") or path[:1]


def _object_store() -> Store:
    """One client per connection setting and process, because a forked child must not use its parent's connections."""
    key = (os.getpid(), settings.connection())
    with _lock:
        if key not in _stores:
            _stores[key] = s3.S3Store(s3_client.connect(key[1]))
        return _stores[key]
