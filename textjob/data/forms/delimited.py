"""Tables of text: CSV (RFC 4180), TSV, and the same with semicolons, ``|`` or any other separator.

A tab-separated file has no quotes (a ``"`` is a character) unless its rows show that a program wrote them in quotes.
"""
import csv
from itertools import islice
from typing import Iterator, List, Sequence

from textjob.data.dialect import NO_QUOTES, Dialect, excel_separator, guess, split, split_plain
from textjob.data.division import csv_boundaries, is_divisible, line_boundaries
from textjob.data.files import Line, TextFile, decode_line, without_compression
from textjob.data.form import Columns, Division, Form, Reading, Request
from textjob.data.table import Row, ends_quoted_text, read_part, read_table
from textjob.errors import DataError

LOOKED_AT = 5000  # lines that decide separator and quotes
NAMES = {",": "csv", "\t": "tsv", "": "lines"}


class _Lines:
    """The lines for ``csv.reader``, with what that does not tell: the last line that is not decoded, and the end."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self.lines = lines
        self.bad = Line(0, "", "")
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            if line.error:
                self.bad = line
            yield line.text
        self.ended = True


def rows(file: TextFile, dialect: Dialect) -> Iterator[Row]:
    """The rows, bad ones included; blank lines and Excel's ``sep=`` line are skipped."""
    lines = file.lines()
    read = _plain_rows(lines, dialect) if dialect.quotes == NO_QUOTES else _quoted_rows(lines, dialect, file)
    for number, row in enumerate(read):
        if number > 0 or file.start > 0 or row.cells is None or not excel_separator(dialect.separator.join(row.cells)):
            yield row


def _plain_rows(lines: Iterator[Line], dialect: Dialect) -> Iterator[Row]:
    for line in lines:
        if line.error:
            yield Row(line.number, None, line.error)
        elif line.text.strip() and (dialect.separator != "|" or line.text.strip("|-: \r\n")):  # Markdown's rule
            yield Row(line.number, split_plain(line.text, dialect.separator), "")


def _quoted_rows(lines: Iterator[Line], dialect: Dialect, file: TextFile) -> Iterator[Row]:
    """As :func:`rows`.

    Raises:
        DataError: a quote is not closed, so that the rows after it cannot be told apart.
    """
    source = _Lines(lines)
    reader = split(source, dialect)
    while True:
        before = reader.line_num
        start = file.first_line + before
        try:
            cells: List[str] = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if source.ended or reader.line_num > before + 1:
                raise DataError(
                    f"{file.path}: the quoted text that begins in line {start} is not closed properly ({error}); "
                    "inside quotes a quote is written twice. If the quotes belong to the texts, set --quotes no"
                ) from error
            yield Row(start, None, f"not RFC 4180: {error}")
            continue
        if source.bad.number >= start:
            yield Row(start, None, source.bad.error)
        elif len(cells) > 1 or "".join(cells).strip():
            yield Row(start, cells if dialect.separator else [",".join(cells)], "")


def fits(file: TextFile, lines: List[str]) -> bool:
    """Every text is a table, of one column at least."""
    return True


def read(file: TextFile, request: Request) -> Reading:
    """The records of a file."""
    sample = [line.text for line in islice(file.lines(), LOOKED_AT) if not line.error]
    name = without_compression(file.name.lower())
    dialect = guess(sample, name, request.settings.separator, request.labelled, request.settings.quotes)
    form = NAMES.get(dialect.separator, "delimited")
    reading = read_table(file.name, form, file.encoding, dialect, rows(file, dialect), request)
    if reading.columns is not None and not request.labelled and is_divisible(file):
        reading.division = _division(file, dialect, reading, reading.columns)
    return reading


def _division(file: TextFile, dialect: Dialect, reading: Reading, columns: Columns) -> Division:
    def boundaries(offsets: Sequence[int]) -> Iterator[int]:
        if dialect.quotes == NO_QUOTES:
            return line_boundaries(file, offsets, ends)
        return csv_boundaries(file, dialect, offsets)

    def ends(line: bytes) -> bool:
        decoded = iter([Line(1, *decode_line(line, file.encoding))])
        return any(ends_quoted_text(row, columns.width) and not excel_separator(dialect.separator.join(row.cells or []))
                   for row in _plain_rows(decoded, dialect))

    return Division(lambda part: read_part(rows(part, dialect), reading, columns, dialect), boundaries)


FORM = Form("delimited", fits, read)
