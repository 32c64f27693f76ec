"""Every other store that fsspec knows, by its name: memory:// first of all, which needs nothing installed."""
import shutil
from typing import Any, BinaryIO, Dict, List, Optional, Sequence, Tuple

import fsspec

from moxing._shim.sink import Sink
from moxing._shim.stores import Entry, Seen, Sent, Store


class PlainStore(Store):
    """An fsspec file system; its ETags are not relied upon, so what is written is read back."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def head(self, path: str) -> Optional[Seen]:
        info = self._info(path)
        return Seen(int(info["size"]), "", _mtime_ns(info)) if info and info["type"] != "directory" else None

    def is_dir(self, path: str) -> bool:
        info = self._info(path)
        return info is not None and info["type"] == "directory"

    def ls(self, path: str) -> List[Entry]:
        if not self.is_dir(path):
            return []
        found = self._fs.ls(path, detail=True)
        return sorted(_entry(info, info["name"].rstrip("/").rpartition("/")[2]) for info in found)

    def tree(self, path: str) -> List[Entry]:
        found = self._fs.find(path, withdirs=True, detail=True) if self.is_dir(path) else {}
        top = path.rstrip("/") + "/"
        return [_entry(info, name[len(top):]) for name, info in sorted(found.items()) if name[len(top):]]

    def get(self, path: str, sink: Any) -> Seen:
        size = int(self._fs.info(path)["size"])
        with self._fs.open(path, "rb") as source:
            shutil.copyfileobj(source, sink, 1 << 20)
        return Seen(size)

    def put(self, path: str, source: BinaryIO) -> Sent:
        source.seek(0)
        with self._fs.open(path, "wb") as target:
            sink = Sink(target)
            shutil.copyfileobj(source, sink, 1 << 20)
        return Sent(sink.size, sink.md5, "")

    def delete(self, path: str) -> None:
        self._fs.rm_file(path)

    def make_dir(self, path: str) -> None:
        self._fs.makedirs(path, exist_ok=True)

    def drop_dirs(self, path: str, names: Sequence[str]) -> None:
        for name in sorted(names, key=len, reverse=True) + [""]:
            try:
                self._fs.rmdir(f"{path}/{name}".rstrip("/"))
            except OSError:
                continue  # not empty, or only implied by what was in it

    def remove_tree(self, path: str) -> None:
        self._fs.rm(path, recursive=True)

    def _info(self, path: str) -> Optional[Dict[str, Any]]:
        try:
            found: Dict[str, Any] = self._fs.info(path)
        except FileNotFoundError:
            return None
        return found


def plain_store(scheme: str, url: str) -> Tuple[PlainStore, str]:
    """The store of that scheme and the URL's path in it. fsspec keeps one object for each, so two are the same."""
    fs = fsspec.filesystem(scheme, use_listings_cache=False)
    store = _stores.setdefault(id(fs), PlainStore(fs))
    path: str = fs._strip_protocol(url)
    return store, path


_stores: Dict[int, PlainStore] = {}


def _entry(info: Dict[str, Any], name: str) -> Entry:
    is_dir = info["type"] == "directory"
    return Entry(name, is_dir, 0 if is_dir else int(info["size"]), _mtime_ns(info))


def _mtime_ns(info: Dict[str, Any]) -> int:
    when = info.get("mtime") or info.get("LastModified") or info.get("created") or 0
    return int((when.timestamp() if hasattr(when, "timestamp") else float(when)) * 1e9)
