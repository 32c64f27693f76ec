"""Files as decoded lines: decompression, encoding, line ends, byte-order marks.

A file is never held in memory: it is read once to decide its encoding and once for its rows.
"""
import bz2
import codecs
import gzip
import lzma
import zlib
from typing import IO, Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple

from textjob.data import encoding as encodings
from textjob.errors import DataError

SUFFIXES = (".gz", ".bz2", ".xz")
_OPENERS: Dict[bytes, Callable[[str], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
CHUNK = 1 << 20


class Line(NamedTuple):
    """A decoded line with its line end; ``error`` says why it could not be decoded."""

    number: int
    text: str
    error: str


class TextFile(NamedTuple):
    """A file of text: its path, its name in messages (``train.csv``), its encoding, are its line ends CR alone.

    A part of a file has the bytes from ``start`` to ``stop``, both at the beginning of a line, and the number of its
    first line; ``stop`` is 0 for a whole file.
    """

    path: str
    name: str
    encoding: str
    carriage_returns: bool = False
    start: int = 0
    stop: int = 0
    first_line: int = 1

    def lines(self) -> Iterator[Line]:
        """The lines, with their numbers in the whole file, from 1."""
        if self.encoding.startswith("utf-16"):
            for number, text in enumerate(_split(_decoded(self.path, self.encoding), "\n", "\r"), 1):
                error = f"not {self.encoding.upper()}" if _DAMAGED in text else ""
                yield Line(number, text.lstrip("\ufeff").replace("\0", " "), error)
            return
        codec = _codec(self.encoding)
        raw = _split(chunks(self.path), b"\n", b"\r") if self.carriage_returns else raw_lines(
            self.path, self.start, self.stop)
        for number, line in enumerate(raw, self.first_line):
            yield Line(number, *decode(line, codec))


def open_text(path: str, name: str, encoding: str = "") -> TextFile:
    """The file with its encoding: the given one, or the one that its bytes show.

    Raises:
        DataError: the file cannot be read, or its encoding is unclear.
    """
    start = next(chunks(path), b"")
    if not encoding:
        decision = encodings.decide(chunks(path))
        encoding = decision.encoding
        if not encoding:
            raise DataError(decision.question(name))
    return TextFile(path, name, encoding, b"\r" in start and b"\n" not in start)


def known_encoding(name: str) -> str:
    """The encoding of a setting.

    Raises:
        DataError: the setting names no encoding that can be read.
    """
    encoding = encodings.find_encoding(name) if name else ""
    if name and not encoding:
        raise DataError(f"--encoding '{name}' is unknown; expected one of {', '.join(encodings.ENCODINGS)}")
    return encoding


def without_compression(name: str) -> str:
    """The name without ``.gz``, ``.bz2`` or ``.xz``."""
    return next((name[: -len(suffix)] for suffix in SUFFIXES if name.lower().endswith(suffix)), name)


def is_compressed(path: str) -> bool:
    """Whether the first bytes of a file are those of a compressed file."""
    return _opener(path) is not None


def raw_lines(path: str, start: int = 0, stop: int = 0) -> Iterator[bytes]:
    """The lines as bytes, decompressed, split at LF; of the bytes from ``start`` to ``stop``, if ``stop`` is given.

    Raises:
        DataError: the file cannot be read, or its compression is damaged.
    """
    try:
        with _open(path) as file:
            if not stop:
                yield from file
                return
            file.seek(start)
            left = stop - start
            while left > 0:
                line = file.readline()
                if not line:
                    return
                left -= len(line)
                yield line
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def chunks(path: str) -> Iterator[bytes]:
    """The content as bytes, decompressed."""
    try:
        with _open(path) as file:
            chunk = file.read(CHUNK)
            while chunk:
                yield chunk
                chunk = file.read(CHUNK)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def decode(data: bytes, codec: str) -> Tuple[str, str]:
    """The text and the decoding error or ``""``; a byte-order mark is dropped and NUL becomes a blank."""
    try:
        text, error = data.decode(codec), ""
    except UnicodeDecodeError as problem:
        text = data.decode(codec, "replace")
        error = f"not {codec.upper()}: byte 0x{data[problem.start]:02X} at position {problem.start}"
    # Not only the first line may begin with a mark, because files are joined with ``cat``.
    text = text[1:] if text.startswith("\ufeff") else text
    return text.replace("\0", " "), error


def decode_line(data: bytes, encoding: str) -> Tuple[str, str]:
    """A line by the name of its encoding, as :func:`decode`."""
    return decode(data, _codec(encoding))


def decode_text(data: bytes, encoding: str) -> Tuple[str, str]:
    """A whole text by the name of its encoding, and the decoding error or ``""``."""
    return decode(data, encodings.ENCODINGS[encoding] if encoding.startswith("utf-16") else _codec(encoding))


def _codec(encoding: str) -> str:
    return "utf-8" if encoding == "utf-8" else encodings.ENCODINGS[encoding]


def _open(path: str) -> IO[bytes]:
    """The file, decompressed where its first bytes are those of a compressed file."""
    opener = _opener(path)
    return opener(path) if opener else open(path, "rb")


def _opener(path: str) -> Optional[Callable[[str], Any]]:
    """What opens a compressed file, decided by its first bytes; None for any other file."""
    with open(path, "rb") as file:
        start = file.read(6)
    return next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)


_DAMAGED = "\udfff"  # a lone surrogate is never the result of decoding
codecs.register_error("textjob.damaged", lambda error: (_DAMAGED, error.end))  # type: ignore[attr-defined]


def _decoded(path: str, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encodings.ENCODINGS[encoding])("textjob.damaged")
    for chunk in chunks(path):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", True)


def _split(parts: Iterator[Any], feed: Any, carriage_return: Any) -> Iterator[Any]:
    """Lines with their ends from parts of a text: split at LF, or at CR where the first part has no LF."""
    rest = next(parts, feed[:0])
    end = carriage_return if carriage_return in rest and feed not in rest else feed
    for part in parts:
        lines = (rest + part).split(end)
        rest = lines.pop()
        for line in lines:
            yield line + end
    for line in rest.split(end)[:-1]:
        yield line + end
    rest = rest.split(end)[-1]
    if rest:
        yield rest
