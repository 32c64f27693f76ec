"""Classifies texts: one JSON line per row, in order, bad rows included; continues where an earlier run stopped.

Beside the output lies a record of the run (package, data, settings), so that no run continues the output of another.
"""
import hashlib
import itertools
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from textjob import manifest
from textjob.data.folders import Source
from textjob.data.form import Reading, Record
from textjob.data.records import Records
from textjob.data.sources import find_sources
from textjob.errors import RefusedError
from textjob.rehearsal.client import Rehearsal
from textjob.settings import DataSettings

RECORD = ".run.json"
"""The suffix of the file beside the output that says which run wrote it."""

_CHUNK = 256
_Row = Tuple[Record, List[str]]  # with the names of its columns


class Rows(NamedTuple):
    """The rows to classify, how the first file is read, and the hash of all files."""

    rows: Iterator[_Row]
    details: str
    digest: str
    several: bool


class Summary(NamedTuple):
    """The numbers of rows in the output before, and of the rows that were added: answered, bad."""

    before: int
    answered: int
    bad: int


def read(path: str, settings: DataSettings) -> Rows:
    """The rows of a file, or of all files of a folder; only the text is needed.

    Raises:
        DataError: the text's column, the encoding or the separator cannot be decided.
    """
    parts, _ = find_sources(path)
    sources = [source for part in ("train", "dev", "test") for source in parts.get(part, [])]
    records = Records(settings, labelled=False)
    first = records.open(sources[0])
    details = f"{first.name}: {first.details or first.form}"
    return Rows(_rows(first, sources[1:], records), details, _digest(path), os.path.isdir(path))


def _rows(first: Reading, others: List[Source], records: Records) -> Iterator[_Row]:
    for reading in itertools.chain([first], (records.open(source) for source in others)):
        for record in reading.records:
            yield record, reading.column_names


def run(rehearsal: Rehearsal, rows: Rows, settings: DataSettings, output: Path, record: Path, keep: bool = False,
        overwrite: bool = False) -> Summary:
    """Classify the rows and append the answers to ``output``; with ``keep`` each line has the columns of its row.

    Raises:
        RefusedError: ``output`` holds the answers of another run.
    """
    if overwrite and output.exists():
        output.unlink()
    _claim(output, record, {
        "package": _package_digest(rehearsal.package), "data": rows.digest,
        "settings": dict({k: v for k, v in asdict(settings).items() if k != "max_bad_rows"}, keep=keep)})
    before = _resume(output, rows.rows)
    answered = bad = 0
    with open(str(output), "a", encoding="utf-8", newline="\n") as file:
        while True:
            chunk = list(itertools.islice(rows.rows, _CHUNK))
            if not chunk:
                return Summary(before, answered, bad)
            for line in _answers(rehearsal, chunk, keep, rows.several):
                file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
                bad += "error" in line
                answered += "error" not in line
            file.flush()  # a killed run loses one chunk at most


def _answers(rehearsal: Rehearsal, chunk: List[_Row], keep: bool, several: bool) -> Iterator[Dict[str, Any]]:
    answers = iter(rehearsal.classify([record.text for record, _ in chunk if not record.error]))
    for record, names in chunk:
        line: Dict[str, Any] = {"line": record.line}
        if several:
            line["place"] = record.place
        if keep:
            line["input"] = _columns(record, names)
        if record.error:
            line["error"] = {"code": "bad_row", "message": record.error}
        else:
            line.update(next(answers))
        yield line


def _columns(record: Record, names: List[str]) -> Dict[str, Any]:
    """The columns of a row by their names; those without a name by their numbers."""
    if isinstance(record.cells, dict):
        return record.cells
    cells = record.cells if record.cells is not None else []
    named = names + [str(number) for number in range(len(names), len(cells))]
    return {name or str(number): cell for number, (name, cell) in enumerate(zip(named, cells))}


def _claim(output: Path, record: Path, run_: Dict[str, Any]) -> None:
    """Write which run the output belongs to; refuse an output of another run."""
    if output.exists() and output.stat().st_size:
        remedy = "give another --output_url, or --overwrite to replace it"
        try:
            other = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise RefusedError(
                f"{output} holds other content than answers to these rows, or its record {record.name} is missing; "
                f"{remedy}") from None
        different = [key for key in run_ if not isinstance(other, dict) or other.get(key) != run_[key]]
        if different:
            raise RefusedError(
                f"{output} holds other content than answers to these rows: another {' and '.join(different)}; {remedy}")
        return
    record.write_text(json.dumps(run_, ensure_ascii=False) + "\n", encoding="utf-8")


def _resume(output: Path, rows: Iterator[_Row]) -> int:
    """Skip the rows that ``output`` answers already; an incomplete last line, left by a kill, is removed."""
    if not output.exists():
        return 0
    done, kept, last = 0, 0, b""
    with open(str(output), "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            done, kept, last = done + 1, kept + len(line), line
    os.truncate(str(output), kept)
    skipped = list(itertools.islice(rows, done))[-1:]
    try:
        matches = not last or (bool(skipped) and json.loads(last.decode("utf-8"))["line"] == skipped[0][0].line)
    except (ValueError, KeyError, TypeError):
        matches = False
    if not matches:
        raise RefusedError(f"{output} holds other content than answers to these rows; give another --output_url")
    return done


def _package_digest(package: Path) -> str:
    """The hash of a package: of its manifest, which lists the hashes of its files, else of its graph."""
    names = [name for name in (manifest.MANIFEST, "saved_model.pb") if (package / name).is_file()]
    return manifest.sha256(str(package / names[0]))


def _digest(path: str) -> str:
    """The hash of a file, or of the names and files of a folder."""
    digest = hashlib.sha256()
    files = sorted(p for p in Path(path).rglob("*") if p.is_file()) if os.path.isdir(path) else [Path(path)]
    for file in files:
        if len(files) > 1:
            digest.update(str(file.relative_to(path)).encode("utf-8", "surrogateescape"))
        digest.update(manifest.sha256(str(file)).encode("ascii"))
    return digest.hexdigest()
