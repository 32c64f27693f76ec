"""A file of texts through a package: one JSON line a row, in order, from where an earlier run stopped."""
import collections
import itertools
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from textjob.data.columns import find_columns, header_columns
from textjob.data.rows import Row, decide_encoding, read_rows
from textjob.errors import RefusedError
from textjob.serving.client import Rehearsal

_CHUNK = 256


class Item(NamedTuple):
    """A row to classify: its line in the file, its text, or why it has none."""

    line: int
    text: str
    error: str


def read(path: str, label_column: str = "", text_column: str = "") -> Iterator[Item]:
    """Every row but a header; a file may have one column, then it is the text."""
    encoding = decide_encoding(path)
    name = Path(path).name
    sample = itertools.islice(read_rows(path, encoding), 1000)
    widths = collections.Counter(len(row.cells) for row in sample if row.cells)
    width, column = 1, 0
    if widths and widths.most_common(1)[0][0] > 1:
        columns = find_columns(read_rows(path, encoding), name, label_column, text_column)
        width, column = columns.width, columns.text
    for number, row in enumerate(read_rows(path, encoding)):
        if number == 0 and width > 1 and row.cells and header_columns(row.cells, name, label_column, text_column):
            continue
        yield _item(row, width, column)


def _item(row: Row, width: int, column: int) -> Item:
    if row.cells is None:
        return Item(row.line, "", row.error)
    if len(row.cells) != width:
        return Item(row.line, "", f"{len(row.cells)} cells where {width} were expected")
    return Item(row.line, row.cells[column], "")


def run(rehearsal: Rehearsal, items: Iterator[Item], output: Path) -> Tuple[int, int]:
    """Classify and append to ``output``; returns how many rows were there before and how many were added.

    Raises:
        RefusedError: ``output`` holds answers to other rows.
    """
    done = _resume(output, items)
    added = 0
    with open(str(output), "a", encoding="utf-8", newline="\n") as file:
        while True:
            chunk = list(itertools.islice(items, _CHUNK))
            if not chunk:
                return done, added
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in _answers(rehearsal, chunk))
            file.flush()  # a killed run loses one chunk at most
            added += len(chunk)


def _answers(rehearsal: Rehearsal, chunk: List[Item]) -> Iterator[Dict[str, Any]]:
    answers = iter(rehearsal.classify([item.text for item in chunk if not item.error]))
    for item in chunk:
        if item.error:
            yield {"line": item.line, "error": {"code": "bad_row", "message": item.error}}
        else:
            yield dict({"line": item.line}, **next(answers))


def _resume(output: Path, items: Iterator[Item]) -> int:
    """Skip the rows that ``output`` answers already; a line cut short by a kill is removed."""
    output.parent.mkdir(parents=True, exist_ok=True)
    if not output.exists():
        return 0
    done, kept, last = 0, 0, b""
    with open(str(output), "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            done, kept, last = done + 1, kept + len(line), line
    os.truncate(str(output), kept)
    skipped = list(itertools.islice(items, done))[-1:]
    try:
        matches = not last or (bool(skipped) and json.loads(last.decode("utf-8"))["line"] == skipped[0].line)
    except (ValueError, KeyError, TypeError):
        matches = False
    if not matches:
        raise RefusedError(f"{output} holds other things than answers to these rows; give another --output_url")
    return done
