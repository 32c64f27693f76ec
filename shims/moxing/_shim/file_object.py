"""``mox.file.File``: Python's own file object; for an object it works on a temporary copy.

The whole object is downloaded on opening and uploaded by ``flush`` and ``close``. Therefore all modes and methods are
Python's own, the bytes are proven, and readers of the object never see a part of it. The cost: no byte of a large
object can be read before the last one has arrived.
"""
import logging
import os
import tempfile
from typing import Any, BinaryIO, Iterable, Iterator, List, Optional, TypeVar, cast

from moxing._shim.errors import missing
from moxing._shim.locations import locate
from moxing._shim.store import Location
from moxing._shim.transfer import read_into, upload

Self = TypeVar("Self", bound="File")
log = logging.getLogger("moxing")


class File:
    """A file object for any URL; data is in the store after ``flush`` or ``close``."""

    def __init__(self, name: Any, mode: str = "r", encoding: Optional[str] = None, errors: Optional[str] = None,
                 newline: Optional[str] = None, buffering: int = -1) -> None:
        self._stream: Any = None
        self._spool = ""
        self.name, self.mode = name, _normal(mode)
        self._location = locate(name)
        self._writes = self.mode.strip("b") != "r"
        # "w" makes an empty object even if nothing is written.
        self._unsaved, self._uploading = self.mode[0] == "w", False
        options = {"encoding": None if "b" in self.mode else encoding or "utf-8", "errors": errors,
                   "newline": newline, "buffering": buffering}
        if not self._location.store.local:
            self._spool = self._download()
        self._stream = _open(self._spool or self._location.path, self.mode, options, self._location)

    def read(self, n: int = -1) -> Any:
        """``n`` characters or bytes; all that follow if ``n`` is negative or None."""
        return self._stream.read(-1 if n is None else n)

    def readline(self, size: int = -1) -> Any:
        """The next line."""
        return self._stream.readline(size)

    def readlines(self, sizeint: int = -1) -> List[Any]:
        """All lines that follow."""
        return cast(List[Any], self._stream.readlines(sizeint))

    def write(self, data: Any) -> int:
        """As a file's."""
        self._unsaved = True
        return cast(int, self._stream.write(data))

    def writelines(self, sequence: Iterable[Any]) -> None:
        """As a file's."""
        self._unsaved = True
        self._stream.writelines(sequence)

    def truncate(self, size: Optional[int] = None) -> int:
        """As a file's."""
        self._unsaved = True
        return cast(int, self._stream.truncate(size))

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file's."""
        return cast(int, self._stream.seek(offset, whence))

    def tell(self) -> int:
        """As a file's."""
        return cast(int, self._stream.tell())

    def size(self) -> int:
        """The number of bytes, including those not yet flushed."""
        if self._writes:
            self._stream.flush()
        return os.fstat(self._stream.fileno()).st_size

    def isatty(self) -> bool:
        """As a file's; False for an object."""
        return cast(bool, self._stream.isatty())

    def readable(self) -> bool:
        """As a file's."""
        return cast(bool, self._stream.readable())

    def writable(self) -> bool:
        """As a file's."""
        return cast(bool, self._stream.writable())

    def seekable(self) -> bool:
        """As a file's."""
        return cast(bool, self._stream.seekable())

    def flush(self) -> None:
        """Upload, if anything was written since the last time: a logging handler flushes after each line."""
        self._stream.flush()
        # The upload may log to a handler that writes here; that line is uploaded by the next flush.
        if not self._spool or not self._unsaved or self._uploading:
            return
        self._uploading, self._unsaved = True, False
        try:
            with open(self._spool, "rb") as snapshot:
                upload(cast(BinaryIO, snapshot), self._location)
        except BaseException:
            self._unsaved = True
            raise
        finally:
            self._uploading = False

    def close(self) -> None:
        """Upload and remove the temporary copy."""
        if self._stream is None or self._stream.closed:
            return
        try:
            if self._writes:
                self.flush()
        finally:
            self._release()

    @property
    def closed(self) -> bool:
        """As a file's."""
        return self._stream is None or bool(self._stream.closed)

    def next(self) -> Any:
        """The next line."""
        return next(self._stream)

    __next__ = next

    def __iter__(self) -> Iterator[Any]:
        return self

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None and self._spool:
            self._release()  # the content is incomplete: the object stays as it was
        else:
            self.close()

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        return getattr(self._stream, attribute)  # encoding, fileno, readinto, ...

    def __del__(self) -> None:
        if self.__dict__.get("_stream") is None or self._stream.closed:
            return
        if self._spool and self._unsaved:
            log.warning("%s: the file was never closed, so the last writes are not in the store; close it", self.name)
        self._release()

    def _download(self) -> str:
        """The path of the temporary copy; it is empty if the mode does not use the old content."""
        handle, spool = tempfile.mkstemp(prefix="moxing-")
        try:
            with open(handle, "r+b") as file:
                keeps = self.mode[0] != "w"
                if keeps and (self.mode[0] == "r" or self._location.store.head(self._location.path) is not None):
                    read_into(self._location, cast(BinaryIO, file))
                elif keeps:
                    self._unsaved = True  # "a" makes the object
        except BaseException:
            os.unlink(spool)
            raise
        return spool

    def _release(self) -> None:
        self._stream.close()
        if self._spool and os.path.exists(self._spool):
            os.unlink(self._spool)


def _open(path: str, mode: str, options: Any, location: Location) -> Any:
    try:
        return open(path, mode, **options)
    except FileNotFoundError:
        if mode[0] != "r":
            raise
        raise missing(location.url)


def _normal(mode: str) -> str:
    """The mode with its letters in Python's order: scripts write ``br+`` too."""
    kind = mode.strip("b+t") or "r"
    if kind not in ("r", "w", "a") or len(set(mode)) != len(mode) or set(mode) - set("rwabt+"):
        raise ValueError(f"mode {mode!r}: r, w or a is expected, optionally with + and b")
    return kind + ("+" if "+" in mode else "") + ("b" if "b" in mode else "")
