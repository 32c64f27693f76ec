"""Rows of cells to records: which columns are the label and the text, and which rows have too many cells."""
from itertools import chain, islice
from typing import Iterator, List, NamedTuple, Optional

from textjob.data.columns import find_columns, header_columns, most_common_width
from textjob.data.files import TextFile
from textjob.data.form import Columns, Reading, Record, Request
from textjob.errors import DataError

SAMPLE = 10000  # rows that decide the columns, so that a file may be larger than memory


class Row(NamedTuple):
    """One row: its first line in the file (from 1), and its cells, or why it has none."""

    line: int
    cells: Optional[List[str]]
    error: str


def read_table(file: TextFile, request: Request, rows: Iterator[Row], form: str, separator: str) -> Reading:
    """The records of a file of rows; the columns are decided from its first rows and its own header."""
    sample = list(islice(rows, SAMPLE))
    columns = _decide_columns(sample, file.name, request)
    records = _records(chain(sample, rows), file.name, columns, separator)
    return Reading(file.name, form, records, columns, _details(file, columns))


def _decide_columns(sample: List[Row], name: str, request: Request) -> Columns:
    cells = [row.cells for row in sample if row.cells is not None]
    if not request.labelled and (not cells or most_common_width(cells) == 1):
        return Columns(None, 0, False, 1)
    if not sample:
        raise DataError(f"{name} is empty; rows of a label and a text were expected")
    if not cells:
        raise DataError(f"{name}: no row can be read; line {sample[0].line}: {sample[0].error}")
    settings = request.settings
    if request.columns is None:
        return find_columns(cells, name, settings.label_column, settings.text_column)
    # Each file is looked at by itself: dev may lack the header of train, or have its columns in another order.
    own = header_columns(cells[0], name, settings.label_column, settings.text_column)
    return own or request.columns._replace(header=False)


def _records(rows: Iterator[Row], name: str, columns: Columns, separator: str) -> Iterator[Record]:
    header = columns.header
    for row in rows:
        place = f"{name}:{row.line}"
        if row.cells is None:
            yield Record(place, row.line, "", None, row.error)
        elif header:
            header = False
        elif len(row.cells) != columns.width:
            yield Record(place, row.line, "", None, _wrong_width(len(row.cells), columns.width, separator))
        else:
            label = None if columns.label is None else row.cells[columns.label]
            yield Record(place, row.line, row.cells[columns.text], label, "")


def _wrong_width(width: int, expected: int, separator: str) -> str:
    cause = "a comma outside quotes" if separator == "," else "a tab inside the text"
    counts = f"{width} cells where {expected} were expected"
    return f"{counts}; {cause}?" if width > expected else counts


def _details(file: TextFile, columns: Columns) -> str:
    header = "a header row" if columns.header else "no header row"
    label = "no label" if columns.label is None else f"label in column {columns.label}"
    return f"{file.encoding.upper()}, {header}, {label}, text in column {columns.text}"
