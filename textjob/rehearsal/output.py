"""The lines that ``infer.py batch`` writes: JSON objects, or a table with the columns of the input."""
import csv
import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from textjob.data.form import Record
from textjob.errors import UsageError, nearest

FORMATS = ("jsonl", "csv", "tsv")

_encode = json.JSONEncoder(ensure_ascii=False).encode  # without a new encoder for each line
_encode_input = json.JSONEncoder(ensure_ascii=False, default=str).encode  # a cell of Parquet may be a date

Answer = Dict[str, Any]

COLUMNS: Mapping[str, Callable[[Record, Answer], Any]] = {
    "label": lambda record, answer: answer.get("predicted_label"),
    "score": lambda record, answer: answer.get("score"),
    "scores": lambda record, answer: answer.get("scores"),
    "error": lambda record, answer: answer["error"]["message"] if "error" in answer else None,
    "line": lambda record, answer: record.line,
    "place": lambda record, answer: record.place,
}
"""Values of ``--columns``, each with the function that computes its cell; None is an empty cell."""

TABLE_COLUMNS = ("label", "score", "error")
"""The columns of a table where ``--columns`` is not given."""


class Options(NamedTuple):
    """What is written for each row.

    Without ``columns`` a JSON line holds the whole answer, and a table :data:`TABLE_COLUMNS`. ``keep`` writes the
    columns of the input into a JSON line, too; a table always has them.
    """

    format: str = "jsonl"
    columns: Tuple[str, ...] = ()
    keep: bool = False

    def top_k(self) -> Dict[str, int]:
        """The option of the service that leaves out scores which are not written."""
        columns = self.columns or (TABLE_COLUMNS if self.format != "jsonl" else ("scores",))
        return {} if "scores" in columns else {"top_k": 1}


def options(format_: str, columns: Sequence[str], keep: bool, name: str) -> Options:
    """The options of the command line; without ``--format``, the end of the output's name decides.

    Raises:
        UsageError: an unknown column.
    """
    for column in columns:
        if column not in COLUMNS:
            raise UsageError(f"--columns {column}: expected names of {', '.join(COLUMNS)}{nearest(column, COLUMNS)}")
    end = name.rsplit(".", 1)[-1].lower()
    return Options(format_ or (end if end in FORMATS else "jsonl"), tuple(dict.fromkeys(columns)), keep)


class Lines:
    """Makes the line of each row; ``names`` are the columns of the first file, which are those of a table."""

    def __init__(self, options: Options, names: Sequence[str], several: bool) -> None:
        self._options, self._names, self._several = options, list(names), several
        self._functions = [(column, COLUMNS[column]) for column in options.columns or TABLE_COLUMNS]
        self._csv = csv.writer(_Returned(), lineterminator="\n")
        self.line = self._object if options.format == "jsonl" else self._table_row

    def header(self) -> str:
        """The first line of a table; ``""`` for JSON lines.

        The column of a prediction whose name the input has already gets the prefix ``predicted_``.
        """
        if self._options.format == "jsonl":
            return ""
        header = list(self._names)
        for name, _ in self._functions:
            while name in header:
                name = f"predicted_{name}"
            header.append(name)
        return self._joined(header)

    def _object(self, record: Record, names: Sequence[str], answer: Answer) -> str:
        parts = [] if self._options.columns else [f'"line": {record.line}']
        if self._several and not self._options.columns:
            parts.append(f'"place": {_encode(record.place)}')
        if self._options.keep:
            parts.append(f'"input": {_encode_input(_columns(record, names))}')
        written = {name: function(record, answer) for name, function in self._functions
                   } if self._options.columns else answer
        return "{" + ", ".join([*parts, _encode(written)[1:]]) + "\n"

    def _table_row(self, record: Record, names: Sequence[str], answer: Answer) -> str:
        cells = record.cells
        if isinstance(cells, dict):
            cells = [cells.get(name) for name in self._names]
        elif names != self._names:
            columns = _columns(record, names)
            cells = [columns.get(name) for name in self._names]
        elif len(cells or ()) != len(names):
            cells = _fitted(cells or [], len(names))
        kept = [cell if isinstance(cell, str) else "" if cell is None else _encode_input(cell) for cell in cells]
        return self._joined([*kept, *(function(record, answer) for _, function in self._functions)])

    def _joined(self, cells: Sequence[Any]) -> str:
        written = [cell if isinstance(cell, str) else "" if cell is None else _encode(cell) for cell in cells]
        if self._options.format == "tsv":  # which knows no quotes
            return "\t".join(re.sub("[\t\r\n]", " ", cell) for cell in written) + "\n"
        return str(self._csv.writerow(written))


class _Returned:
    """A file for ``csv.writer``, whose ``writerow`` then returns the line."""

    def write(self, line: str) -> str:
        return line


def _columns(record: Record, names: Sequence[str]) -> Dict[str, Any]:
    """The columns of a row by their names; those without a name by their numbers."""
    if isinstance(record.cells, dict):
        return record.cells
    cells = record.cells if record.cells is not None else []
    named = [*names, *(str(number) for number in range(len(names), len(cells)))]
    return {name or str(number): cell for number, (name, cell) in enumerate(zip(named, cells))}


def _fitted(cells: List[str], width: int) -> List[str]:
    """The cells of a bad row in ``width`` columns; the last one has all cells that are too many."""
    fitted = cells[:width] + [""] * (width - len(cells))
    if len(cells) > width:
        fitted[-1] = ",".join(cells[width - 1:])
    return fitted


def complete_lines(output: Path, format_: str) -> Tuple[int, int]:
    """The number of complete rows in an output, and of their bytes; a header counts as a row.

    Inside a row of CSV the number of quotes is odd before a line end that belongs to a cell.
    """
    rows = kept = place = quotes = 0
    with open(str(output), "rb") as file:
        for line in file:
            place += len(line)
            quotes += line.count(b'"') if format_ == "csv" else 0
            if quotes % 2 == 0 and line.endswith(b"\n"):
                rows, kept = rows + 1, place
    return rows, kept
