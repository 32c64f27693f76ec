"""Rows of cells to records: which columns are the label and the text, which rows have another number of cells."""
from itertools import chain, islice
from typing import Iterator, List, NamedTuple, Optional, Set

from textjob.data.columns import find_columns, most_common_width
from textjob.data.dialect import NO_QUOTES, SEPARATORS, Dialect
from textjob.data.form import Columns, Reading, Record, Request, one_label, shown
from textjob.data.names import LABEL_NAMES, TEXT_NAMES, normalised
from textjob.errors import DataError

SAMPLE = 10000  # rows that decide the columns, so that a file may be larger than memory
_OVER_LINES = "a quoted text over several lines, in a file that is read without quotes (see --quotes)"


class Row(NamedTuple):
    """One row: its first line in the file (from 1), and its cells, or why it has none."""

    line: int
    cells: Optional[List[str]]
    error: str


def read_table(name: str, form: str, encoding: str, dialect: Dialect, rows: Iterator[Row], request: Request) -> Reading:
    """The records of a file of rows; the columns are decided from its first rows and its own header."""
    sample = list(islice(rows, SAMPLE))
    columns = _decide_columns(sample, name, request)
    reading = Reading(name, form, iter(()), encoding, dialect.separator, columns)
    reading.column_names = _column_names(sample, columns)
    reading.labelled = columns.label is not None
    reading.details = _details(encoding, dialect, columns, request.labelled)
    reading.records = _records(chain(sample, rows), reading, columns, dialect, request.labelled, bool(columns.names))
    return reading


def read_part(rows: Iterator[Row], reading: Reading, columns: Columns, dialect: Dialect) -> Iterator[Record]:
    """The records of a later part of a file without labels, with the columns of the whole file."""
    return _records(rows, reading, columns, dialect, False, False)


def _decide_columns(sample: List[Row], name: str, request: Request) -> Columns:
    cells = [row.cells for row in sample if row.cells is not None]
    if not request.labelled and not cells:
        return Columns(None, (0,), 1)
    if not sample:
        raise DataError(f"{name} is empty; rows of a label and a text were expected")
    if not cells:
        raise DataError(f"{name}: no row can be read; line {sample[0].line}: {sample[0].error}")
    return find_columns(cells, name, request)


def _column_names(sample: List[Row], columns: Columns) -> List[str]:
    first = next((row.cells for row in sample if row.cells is not None), [])
    if len(first) != columns.width:
        return list(columns.names)
    return [cell.strip() for cell in first] if columns.names else [str(i) for i in range(columns.width)]


def _records(
    rows: Iterator[Row], reading: Reading, columns: Columns, dialect: Dialect, labelled: bool, header: bool
) -> Iterator[Record]:
    has_halves = dialect.quotes == NO_QUOTES and not dialect.quotes_set and columns.width > 1
    guarded = _guarded(rows, columns.width) if has_halves else rows
    labels: Set[str] = set()
    names = frozenset(columns.names) or LABEL_NAMES
    width = columns.width
    for line, cells, error in guarded:
        place = f"{reading.name}:{line}"
        if cells is None:
            yield Record(place, line, "", None, error)
        elif header:
            header = False
        elif len(cells) != width:
            yield Record(place, line, "", None, _wrong_width(len(cells), width, dialect), cells)
        elif columns.label is None and width > 1 and columns.names and _is_repeated_header(cells, columns):
            reading.notes.append(f"{place}: a header row, as where files were joined; it is not a row")
        elif columns.label is None:
            yield Record(place, line, _text(cells, columns), None, "", cells)
        else:
            label, text = cells[columns.label].strip(), _text(cells, columns)
            if label.lower() in names and _is_repeated_header(cells, columns):
                reading.notes.append(f"{place}: a header row, as where files were joined; it is not a row")
                if columns.names:
                    columns = _reordered(columns, normalised(cells))
                continue
            if "\n" in text:
                _refuse_swallowed_rows(text, labels, columns, dialect, place)
            elif len(labels) < SAMPLE:
                labels.add(label)
            if label[:1] in ("[", "_") and labelled:
                label = _unwrapped(label, place)
            yield Record(place, line, text, label, "", cells)


def _refuse_swallowed_rows(text: str, labels: Set[str], columns: Columns, dialect: Dialect, place: str) -> None:
    """Stops where a quoted text goes over lines that are rows themselves: a quote before it is not closed."""
    for line in text.split("\n")[1:]:
        cells = line.split(dialect.separator, columns.width - 1) if dialect.separator else []
        if len(cells) == columns.width and columns.label is not None and cells[columns.label].strip(' "\r') in labels:
            raise DataError(
                f"{place}: the quoted text goes over lines that look like rows ({shown(cells)}), because a quote is "
                "not closed; write a quote inside quotes twice, and put a text that begins with a quote in quotes; or "
                "set --quotes no, if the quotes belong to the texts"
            )


def _text(cells: List[str], columns: Columns) -> str:
    if len(columns.texts) == 1:
        return cells[columns.texts[0]]
    return " ".join(cells[text] for text in columns.texts if cells[text].strip())


def _is_repeated_header(cells: List[str], columns: Columns) -> bool:
    """Whether a row repeats the header of the file, or, in a file without one, consists of two known names."""
    if columns.names:
        return sorted(normalised(cells)) == sorted(columns.names)
    return all(cells[text].strip().lower() in TEXT_NAMES for text in columns.texts)


def _reordered(columns: Columns, names: List[str]) -> Columns:
    label = names.index(columns.label_name)
    return Columns(label, tuple(names.index(text) for text in columns.text_names), columns.width, tuple(names))


def _unwrapped(label: str, place: str) -> str:
    """A label without fastText's ``__label__``, or out of a list of one (``['good']``)."""
    if label.startswith("__label__"):
        labels = label.replace(",", " ").split()
        if len(labels) > 1 and all(part.startswith("__label__") for part in labels):
            one_label(labels, place)
        return label[len("__label__"):].strip()
    if label.startswith("[") and label.endswith("]"):
        inside = label[1:-1].strip()
        parts = [part.strip().strip("'\"").strip() for part in inside.split(",")] if inside else []
        return one_label(parts, place)
    return label


def _guarded(rows: Iterator[Row], width: int) -> Iterator[Row]:
    """Marks the lines of a quoted text that goes over several lines, so that no half of a text is a row."""
    held: Optional[Row] = None
    inside = False
    for row in rows:
        cells = row.cells or [""]
        short = row.cells is not None and len(cells) < width
        if held is not None:
            inside = short
            yield _part_of_quoted(held) if short else held
            held = None
        if short and _opens_quote(cells[-1]):
            inside = True
            yield _part_of_quoted(row)
        elif inside and (short or (cells[0].endswith('"') and cells[0].count('"') % 2 == 1)):
            inside = '"' not in "".join(cells)
            yield _part_of_quoted(row)
        elif row.cells is not None and len(cells) == width and _opens_quote(cells[-1]):
            held, inside = row, False
        else:
            inside = False
            yield row
    if held is not None:
        yield held


def ends_quoted_text(row: Row, width: int) -> bool:
    """Whether the rows behind this one are read alike, whatever :func:`_guarded` has read before it."""
    cells = row.cells or []
    if len(cells) != width:
        return False
    return not _opens_quote(cells[-1]) and not (cells[0].endswith('"') and cells[0].count('"') % 2 == 1)


def _part_of_quoted(row: Row) -> Row:
    return row._replace(cells=None, error=_OVER_LINES)


def _opens_quote(cell: str) -> bool:
    return cell.startswith('"') and cell.count('"') % 2 == 1


def _wrong_width(width: int, expected: int, dialect: Dialect) -> str:
    separator = SEPARATORS.get(dialect.separator, f"'{dialect.separator}'")
    counts = f"{width} cells where {expected} were expected"
    quotes = "inside the text" if dialect.quotes == NO_QUOTES else "outside quotes"
    return f"{counts}; {separator} {quotes}?" if width > expected else counts


def _details(encoding: str, dialect: Dialect, columns: Columns, labelled: bool) -> str:
    parts = [encoding.upper()] if encoding else []
    if dialect.separator in (";", "|") or len(dialect.separator) > 1:
        parts.append(f"separated by {SEPARATORS.get(dialect.separator, repr(dialect.separator))}")
    if dialect.separator == "\t" and dialect.quotes != NO_QUOTES:
        parts.append("cells in quotes")
    parts.append("a header row" if columns.names else "no header row")
    if labelled:
        parts.append("no label" if columns.label is None else f"label in column {_place(columns, columns.label)}")
    parts.append(f"text in column {', '.join(_place(columns, text) for text in columns.texts)}")
    return ", ".join(parts)


def _place(columns: Columns, number: int) -> str:
    return f"{number} ({columns.names[number]})" if columns.names else str(number)


__all__ = ["Row", "most_common_width", "read_table"]
