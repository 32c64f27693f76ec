"""Every other store that fsspec knows, by its URL scheme; memory:// needs no further package."""
import shutil
from typing import Any, BinaryIO, Dict, List, Optional, Sequence, Tuple

import fsspec

from moxing._shim.checksums import HashingWriter
from moxing._shim.store import Entry, Info, Store, Upload


class FsspecStore(Store):
    """An fsspec file system. Its ETags are not used, so every upload is read back."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def head(self, path: str) -> Optional[Info]:
        info = self._info(path)
        return Info(int(info["size"]), "", _mtime_ns(info)) if info and info["type"] != "directory" else None

    def is_dir(self, path: str) -> bool:
        info = self._info(path)
        return info is not None and info["type"] == "directory"

    def list_dir(self, path: str) -> List[Entry]:
        if not self.is_dir(path):
            return []
        infos = self._fs.ls(path, detail=True)
        return sorted(_entry(info, info["name"].rstrip("/").rpartition("/")[2]) for info in infos)

    def list_tree(self, path: str) -> List[Entry]:
        infos = self._fs.find(path, withdirs=True, detail=True) if self.is_dir(path) else {}
        top = path.rstrip("/") + "/"
        return [_entry(info, name[len(top):]) for name, info in sorted(infos.items()) if name[len(top):]]

    def get(self, path: str, writer: Any) -> Info:
        size = int(self._fs.info(path)["size"])
        with self._fs.open(path, "rb") as source:
            shutil.copyfileobj(source, writer, 1 << 20)
        return Info(size)

    def put(self, path: str, source: BinaryIO) -> Upload:
        source.seek(0)
        with self._fs.open(path, "wb") as target:
            writer = HashingWriter(target)
            shutil.copyfileobj(source, writer, 1 << 20)
        return Upload(writer.size, writer.md5, "")

    def delete(self, path: str) -> None:
        self._fs.rm_file(path)

    def make_dir(self, path: str) -> None:
        self._fs.makedirs(path, exist_ok=True)

    def remove_empty_dirs(self, path: str, names: Sequence[str]) -> None:
        for name in sorted(names, key=len, reverse=True) + [""]:
            try:
                self._fs.rmdir(f"{path}/{name}".rstrip("/"))
            except OSError:
                continue  # not empty, or implied by a file that is gone

    def remove_tree(self, path: str) -> None:
        self._fs.rm(path, recursive=True)

    def _info(self, path: str) -> Optional[Dict[str, Any]]:
        try:
            info: Dict[str, Any] = self._fs.info(path)
        except FileNotFoundError:
            return None
        return info


def fsspec_store(scheme: str, url: str) -> Tuple[FsspecStore, str]:
    """The store of that scheme and the URL's path in it; one store per file system, so that two can be compared."""
    fs = fsspec.filesystem(scheme, use_listings_cache=False)
    store = _stores.setdefault(id(fs), FsspecStore(fs))
    path: str = fs._strip_protocol(url)
    return store, path


_stores: Dict[int, FsspecStore] = {}


def _entry(info: Dict[str, Any], name: str) -> Entry:
    is_dir = info["type"] == "directory"
    return Entry(name, is_dir, 0 if is_dir else int(info["size"]), _mtime_ns(info))


def _mtime_ns(info: Dict[str, Any]) -> int:
    when = info.get("mtime") or info.get("LastModified") or info.get("created") or 0
    return int((when.timestamp() if hasattr(when, "timestamp") else float(when)) * 1e9)
