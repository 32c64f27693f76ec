"""The platform's batch service on this machine: each row of a CSV file becomes one request.

As on the platform, a file is separated by commas, UTF-8 and without a header, and has at most 12 MB. A request is the
schema of the request in ``config.json`` with the value of a column in the place of each leaf that has an ``index``; a
leaf without a valid index is left out. The responses to the rows of ``NAME`` are the lines of ``NAME_result.txt``, and
a manifest has one line per file: ``{"source", "result": "SUCCESSFUL", "inference-loc"}``, or ``"FAILED"`` and an
``error_message``. The manual leaves open how quotes are read (here: RFC 4180), how several responses are written into
one file (here: one line each), and what a response with another status than 200 does (here: the file has failed).
"""
import csv
import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple

from textjob.errors import PackageError
from textjob.rehearsal.client import Rehearsal

MOST_BYTES = 12 * 2 ** 20
_LEAVES = ("string", "number", "integer", "boolean")


class FileError(Exception):
    """A file cannot be classified; the message is for the result manifest."""


class Result(NamedTuple):
    """The numbers of rows of a file, and of those with a comma, a quote or a line end inside a cell."""

    rows: int
    quoted: int


def request_schema(package: Path) -> Dict[str, Any]:
    """The schema of the request in a package's ``config.json``.

    Raises:
        PackageError: it is missing, or none of its leaves has an index, so that no column can be mapped.
    """
    file = package / "config.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        schema = next(api["request"]["data"] for api in content["apis"] if api.get("method", "post").lower() == "post")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        schema = None
    if not isinstance(schema, dict) or '"index"' not in json.dumps(schema):
        raise PackageError(f"{file} has no apis[].request.data with an index in a leaf, so that the batch service "
                           "cannot map a column of a CSV file to a request; add, for example, "
                           '{"type": "string", "index": 0}')
    return schema


def classify(rehearsal: Rehearsal, schema: Dict[str, Any], file: Path, output: Path) -> Result:
    """Write the response to each row of a file into ``output``.

    Raises:
        FileError: the file is too large, is not UTF-8 or CSV, or a row gets a response with another status than 200.
    """
    if file.stat().st_size > MOST_BYTES:
        raise FileError(f"the file has {file.stat().st_size:,} bytes, the platform accepts at most {MOST_BYTES:,}; "
                        "divide it")
    count = quoted = 0
    with open(str(output), "w", encoding="utf-8", newline="\n") as lines:
        for number, cells in enumerate(_rows(file), 1):
            status, body = rehearsal.request(request(schema, cells))
            response = json.dumps(body, ensure_ascii=False)
            if status != 200:
                raise FileError(f"row {number}: status {status} and the response {response}, expected status 200")
            lines.write(response + "\n")
            count += 1
            quoted += any(character in cell for cell in cells for character in ',"\n\r')
    return Result(count, quoted)


def _rows(file: Path) -> Iterator[List[str]]:
    try:
        with open(str(file), encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines, strict=True):
                if row:
                    yield row
    except UnicodeDecodeError as error:
        raise FileError(f"the file is not UTF-8 ({error.reason}); convert it, for example with: "
                        "iconv -f GB18030 -t UTF-8")
    except csv.Error as error:
        raise FileError(f"the file is not CSV: {error}")


def request(schema: Any, cells: List[str]) -> Any:
    """The request for a row; None for a schema without a leaf that has a valid index."""
    kind = schema.get("type")
    if kind == "object":
        values = {name: request(each, cells) for name, each in schema.get("properties", {}).items()}
        return {name: value for name, value in values.items() if value is not None} or None
    if kind == "array":
        items = schema.get("items", [])
        values_ = [request(each, cells) for each in (items if isinstance(items, list) else [items])]
        return [value for value in values_ if value is not None] or None
    index = schema.get("index")
    if kind not in _LEAVES or isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(cells):
        return None
    return _value(kind, cells[index])


def _value(kind: str, cell: str) -> Any:
    """A cell as the type of its leaf, or as a string where it has another type, which the service then reports."""
    try:
        if kind == "boolean":
            return {"true": True, "false": False}[cell.strip().lower()]
        return {"string": str, "number": float, "integer": int}[kind](cell)
    except (KeyError, ValueError):
        return cell
