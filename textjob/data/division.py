"""Where a file of lines can be divided, so that the records of each part are those of the whole file.

The reading of a table depends on earlier lines: a quoted cell can contain line ends, and the lines of a quoted text in
a table without quotes are bad rows. Therefore a part begins only at a place where earlier lines have no effect.
"""
import csv
from typing import Callable, Iterator, List, Optional, Sequence

from textjob.data.dialect import BACKSLASH, Dialect, excel_separator, split
from textjob.data.files import TextFile, decode_line, is_compressed, raw_lines


def is_divisible(file: TextFile) -> bool:
    """Whether every byte LF of a file, and no other byte, is a line end."""
    return not file.carriage_returns and not file.encoding.startswith("utf-16") and not is_compressed(file.path)


def line_boundaries(
    file: TextFile, offsets: Sequence[int], ends: Optional[Callable[[bytes], bool]] = None
) -> Iterator[int]:
    """For each offset, the first beginning of a line at or behind it; with ``ends``, behind a line that fulfils it."""
    boundary = 0
    with open(file.path, "rb") as content:
        for offset in offsets:
            if offset <= boundary:
                continue
            content.seek(offset - 1)
            line = content.readline()
            while ends is not None and line:
                line = content.readline()
                if ends(line):
                    break
            boundary = content.tell()
            if not content.read(1):
                return
            yield boundary


def object_boundaries(file: TextFile, offsets: Sequence[int]) -> Iterator[int]:
    """As :func:`line_boundaries`, in a file of one JSON object per line.

    A line that begins with ``[`` makes the rest of the file an array, so a file that may have such a line is not
    divided.
    """
    if not any(b"[" in line and not line.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") for line in raw_lines(file.path)):
        yield from line_boundaries(file, offsets)


def csv_boundaries(file: TextFile, dialect: Dialect, offsets: Sequence[int]) -> Iterator[int]:
    """For each offset, the end of the first row of a table with quotes that ends at or behind it.

    The table is read from its beginning. A line without a quote is a row of its own, unless it is inside a row.
    """
    wanted = iter(offsets)
    offset = next(wanted, None)
    rows = _QuotedRows(file, dialect)
    for place in rows:
        if offset is not None and place >= offset and rows.has_rows:
            yield place
        while offset is not None and place >= offset and rows.has_rows:
            offset = next(wanted, None)
        if offset is None:
            return


class _QuotedRows:
    """The ends of the rows in bytes, without the end of the file and without what follows an unclosed quote.

    ``has_rows`` is True when the header, if there is one, has been read.
    """

    def __init__(self, file: TextFile, dialect: Dialect) -> None:
        self._file, self._dialect = file, dialect
        self._lines = raw_lines(file.path)
        self._first: List[bytes] = []
        self._place = 0
        self._is_damaged = self._ended = False
        self.has_rows = False

    def __iter__(self) -> Iterator[int]:
        reader = split(self._texts(), self._dialect)
        before = 0
        for line in self._lines:
            if before:
                yield before
            if not self.has_rows or b'"' in line or (self._dialect.quotes == BACKSLASH and b"\\" in line):
                self._first.append(line)
                if not self._read(reader):
                    return
            else:
                self._place += len(line)
            before = self._place

    def _read(self, reader: "csv._reader") -> bool:  # type: ignore[name-defined]
        """Read the row that begins with the line in ``_first``; False if the following rows cannot be told apart."""
        start = reader.line_num + 1
        self._is_damaged = False
        try:
            cells = next(reader)
        except csv.Error:
            return not self._ended and reader.line_num == start
        if not self.has_rows and not self._is_damaged and "".join(cells).strip():
            self.has_rows = not excel_separator(self._dialect.separator.join(cells))
        return True

    def _texts(self) -> Iterator[str]:
        while True:
            line = self._first.pop() if self._first else next(self._lines, b"")
            if not line:
                self._ended = True
                return
            self._place += len(line)
            text, error = decode_line(line, self._file.encoding)
            self._is_damaged = self._is_damaged or bool(error)
            yield text
