"""The rows that ``infer.py batch`` classifies, in windows of bounded size, and what identifies the data."""
import hashlib
import itertools
import os
from pathlib import Path
from typing import Iterator, List, NamedTuple, Sequence, Tuple

from textjob import manifest
from textjob.data.folders import Source
from textjob.data.form import Reading, Record
from textjob.data.records import Records
from textjob.data.sources import find_sources
from textjob.rehearsal.scan import scan
from textjob.settings import DataSettings

ROWS, CHARACTERS = 4096, 1 << 22  # per window

Row = Tuple[Record, List[str]]  # with the names of its columns


class Rows(NamedTuple):
    """The rows, the columns and the reading of the first file, and the SHA-256 of the data.

    ``several`` is True for a folder; ``lines`` is the number of lines of a file, or 0 if it is not known.
    """

    rows: Iterator[Row]
    names: List[str]
    details: str
    digest: str
    several: bool
    lines: int


def read(path: str, settings: DataSettings) -> Rows:
    """The rows of a file, or of all files of a folder; only the text is needed.

    Raises:
        DataError: the text's column, the encoding or the separator cannot be decided.
    """
    parts, _ = find_sources(path)
    sources = [source for part in ("train", "dev", "test") for source in parts.get(part, [])]
    records = Records(settings, labelled=False)
    several = os.path.isdir(path)
    scanned = None if several else scan(path, sources[0].name)
    first = records.open(sources[0], scanned.encoding if scanned else "")
    details = f"{first.name}: {first.details or first.form}"
    digest = digest_of([("", scanned.digest)]) if scanned else folder_digest(path)
    lines = scanned.lines if scanned and not first.encoding.startswith("utf-16") else 0
    return Rows(_rows(first, sources[1:], records), first.column_names, details, digest, several, lines)


def _rows(first: Reading, others: List[Source], records: Records) -> Iterator[Row]:
    for reading in itertools.chain([first], (records.open(source) for source in others)):
        for record in reading.records:
            yield record, reading.column_names


def windows(rows: Iterator[Row]) -> Iterator[List[Row]]:
    """The rows in lists that depend on the data alone, so that a continued run forms the same batches."""
    window: List[Row] = []
    size = 0
    for row in rows:
        window.append(row)
        size += _size(row[0])
        if len(window) == ROWS or size >= CHARACTERS:
            yield window
            window, size = [], 0
    if window:
        yield window


def _size(record: Record) -> int:
    """The characters of a row, those of the columns that are not its text included."""
    cells = record.cells.values() if isinstance(record.cells, dict) else record.cells or ()
    return len(record.text) + sum(len(cell) for cell in cells if isinstance(cell, str))


def folder_digest(path: str) -> str:
    """The hash of the names and files of a folder."""
    files = sorted(file for file in Path(path).rglob("*") if file.is_file())
    return digest_of([(str(file.relative_to(path)), manifest.sha256(str(file))) for file in files])


def digest_of(files: Sequence[Tuple[str, str]]) -> str:
    """The hash of several files, from the name and the hash of each."""
    digest = hashlib.sha256()
    for name, hashed in files:
        if len(files) > 1:
            digest.update(name.encode("utf-8", "surrogateescape"))
        digest.update(hashed.encode("ascii"))
    return digest.hexdigest()
