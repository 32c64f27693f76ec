"""Files as decoded lines: decompression, encoding, byte-order marks.

A file is never held in memory: it is read once to decide its encoding and once for its rows.
"""
import bz2
import codecs
import gzip
import lzma
import zlib
from typing import IO, Callable, Dict, Iterator, NamedTuple, Tuple

from textjob.errors import DataError

COMPRESSED: Dict[str, Callable[[str], IO[bytes]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}  # type: ignore[dict-item]


class Line(NamedTuple):
    """A decoded line with its line feed; ``error`` says why it could not be decoded."""

    number: int
    text: str
    error: str


class TextFile(NamedTuple):
    """A file of text: its path, its name in messages (``train.csv``), its encoding."""

    path: str
    name: str
    encoding: str

    def lines(self) -> Iterator[Line]:
        """The lines, numbered from 1."""
        for number, raw in enumerate(raw_lines(self.path), 1):
            yield Line(number, *decode(raw, self.encoding))


def open_text(path: str, name: str) -> TextFile:
    """The file with its encoding decided from its content."""
    return TextFile(path, name, decide_encoding(path))


def without_compression(name: str) -> str:
    """The name without ``.gz``, ``.bz2`` or ``.xz``."""
    return next((name[: -len(suffix)] for suffix in COMPRESSED if name.lower().endswith(suffix)), name)


def raw_lines(path: str) -> Iterator[bytes]:
    """The lines as bytes, decompressed.

    Raises:
        DataError: the file cannot be read, or its compression is damaged.
    """
    suffix = next((suffix for suffix in COMPRESSED if path.lower().endswith(suffix)), "")
    try:
        with COMPRESSED[suffix](path) if suffix else open(path, "rb") as file:
            yield from file
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def decode(data: bytes, encoding: str) -> Tuple[str, str]:
    """The text and the decoding error or ``""``; a byte-order mark is dropped and NUL becomes a blank."""
    try:
        text, error = data.decode(encoding), ""
    except UnicodeDecodeError as problem:
        text = data.decode(encoding, "replace")
        error = f"not {encoding.upper()}: byte 0x{data[problem.start]:02X} at position {problem.start}"
    # Not only the first line may begin with a mark, because files are joined with ``cat``.
    text = text[1:] if text.startswith("\ufeff") else text
    return text.replace("\0", " "), error


def decide_encoding(path: str) -> str:
    """``utf-8`` or ``gb18030``: the first, unless most of the lines that are not ASCII fail to decode as UTF-8.

    A line that decodes as UTF-8 is strong evidence: of 54,597 Chinese headlines and reviews written as
    GB18030, no line does; of the same written as UTF-8, 17 % decode as GB18030, into wrong characters.
    """
    foreign = decoded = 0
    for number, line in enumerate(raw_lines(path)):
        if number == 0 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError(f"{path} is UTF-16; UTF-8 or GB18030 was expected: save it as UTF-8")
        if number == 0 and line.startswith(codecs.BOM_UTF8):
            return "utf-8"
        if not line.isascii():
            foreign += 1
            decoded += not decode(line, "utf-8")[1]
    return "utf-8" if 2 * decoded >= foreign else "gb18030"


def read_text(path: str) -> Tuple[str, str]:
    """A file that is one text, and its encoding: ``utf-8``, ``gb18030``, or ``""`` where neither decodes."""
    data = b"".join(raw_lines(path))
    for encoding in ("utf-8", "gb18030"):
        text, error = decode(data, encoding)
        if not error:
            return text, encoding
    return "", ""
