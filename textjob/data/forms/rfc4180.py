"""CSV as in RFC 4180: commas, quotes around cells, quotes doubled inside them, line breaks allowed inside them."""
import csv
from typing import Iterator

from textjob.data.files import Line, TextFile
from textjob.data.form import Form, Reading, Request
from textjob.data.table import Row, read_table
from textjob.errors import DataError

SEPARATOR = ","
LONGEST_CELL = 1 << 24  # characters; a longer cell is an unclosed quote, not a text


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


def rows(file: TextFile) -> Iterator[Row]:
    """The rows, bad ones included; blank lines are skipped.

    Raises:
        DataError: a quote is not closed, so that the rows after it cannot be told apart.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
    lines = _Lines(file.lines())
    reader = csv.reader(lines, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.ended or reader.line_num > start:
                raise DataError(
                    f"{file.path}: the quoted text that begins in line {start} is not closed properly ({error}); "
                    "inside quotes a quote is written twice"
                ) from error
            yield Row(start, None, f"not RFC 4180: {error}")
            continue
        if lines.bad.number >= start:
            yield Row(start, None, lines.bad.error)
        elif len(cells) > 1 or "".join(cells).strip():
            yield Row(start, cells, "")


def read(file: TextFile, request: Request) -> Reading:
    """The records of a file."""
    return read_table(file, request, rows(file), FORM.name, SEPARATOR)


FORM = Form("csv", (".csv",), read)
