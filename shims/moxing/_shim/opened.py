"""``mox.file.File``: a local file as it is; an object by way of a temporary file, fetched whole and pushed whole.

So every mode and method is Python's own, what is read is proven, and a reader of the object sees the last push or the
one before, never a part. The price: the first byte of a large object comes after its last.
"""
import logging
import os
import tempfile
from typing import Any, BinaryIO, Iterable, Iterator, List, Optional, TypeVar, cast

from moxing._shim.errors import missing
from moxing._shim.stores import Place, locate
from moxing._shim.transfer import read_into, upload

Self = TypeVar("Self", bound="File")
log = logging.getLogger("moxing")


class File:
    """Python's own file object for any URL; written data is safe after ``flush`` or ``close``."""

    def __init__(self, name: Any, mode: str = "r", encoding: Optional[str] = None, errors: Optional[str] = None,
                 newline: Optional[str] = None) -> None:
        self._stream: Any = None
        self._spool = ""
        self.name, self.mode = name, _normal(mode)
        self._place = locate(name)
        self._writes = self.mode.strip("b") != "r"
        # Something to push: "w" makes an empty object even where nothing is written.
        self._unsaved, self._pushing = self.mode[0] == "w", False
        text = {"encoding": None if "b" in self.mode else encoding or "utf-8", "errors": errors, "newline": newline}
        if not self._place.store.local:
            self._spool = self._fetched()
        self._stream = _opened(self._spool or self._place.path, self.mode, text, self._place)

    def read(self, n: int = -1) -> Any:
        """``n`` characters or bytes, or the rest."""
        return self._stream.read(-1 if n is None else n)

    def readline(self, size: int = -1) -> Any:
        """The next line."""
        return self._stream.readline(size)

    def readlines(self, sizeint: int = -1) -> List[Any]:
        """All further lines."""
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
        """Bytes in the file, those not yet flushed included."""
        if self._writes:
            self._stream.flush()
        return os.fstat(self._stream.fileno()).st_size

    def isatty(self) -> bool:
        """Never one for an object."""
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
        """Push what there is. A logging handler flushes after each line, so nothing new means no request."""
        self._stream.flush()
        # The push may itself log, into a handler that writes here: that line goes with the next push.
        if not self._spool or not self._unsaved or self._pushing:
            return
        self._pushing, self._unsaved = True, False
        try:
            with open(self._spool, "rb") as snapshot:
                upload(cast(BinaryIO, snapshot), self._place)
        except BaseException:
            self._unsaved = True
            raise
        finally:
            self._pushing = False

    def close(self) -> None:
        """Push, and let go."""
        if self._stream is None or self._stream.closed:
            return
        try:
            if self._writes:
                self.flush()
        finally:
            self._let_go()

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
            self._let_go()  # what was being written is not whole: the object stays as it was
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
            log.warning("%s: never closed, so what was written last is not in the store", self.name)
        self._let_go()

    def _fetched(self) -> str:
        """The temporary file, with the object in it where the mode looks at what is there."""
        handle, spool = tempfile.mkstemp(prefix="moxing-")
        try:
            with open(handle, "r+b") as file:
                wanted = self.mode[0] != "w"
                if wanted and (self.mode[0] == "r" or self._place.store.head(self._place.path) is not None):
                    read_into(self._place, cast(BinaryIO, file))
                elif wanted:
                    self._unsaved = True  # "a" makes the file
        except BaseException:
            os.unlink(spool)
            raise
        return spool

    def _let_go(self) -> None:
        self._stream.close()
        if self._spool and os.path.exists(self._spool):
            os.unlink(self._spool)


def _opened(path: str, mode: str, text: Any, place: Place) -> Any:
    try:
        return open(path, mode, **text)
    except FileNotFoundError:
        if mode[0] != "r":
            raise
        raise missing(place.url)


def _normal(mode: str) -> str:
    """``br+`` is ``r+b``: scripts write the letters in either order."""
    kind = mode.strip("b+t") or "r"
    if kind not in ("r", "w", "a") or len(set(mode)) != len(mode) or set(mode) - set("rwabt+"):
        raise ValueError(f"mode {mode!r}: r, w or a is expected, with + and b where wanted")
    return kind + ("+" if "+" in mode else "") + ("b" if "b" in mode else "")
