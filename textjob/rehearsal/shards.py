"""How ``infer.py batch`` divides files into shards, and how a shard is read and classified.

The form, the encoding and the columns are decided once per file, by its beginning, and are the same for each of its
shards. A file that cannot be divided is one shard.
"""
import itertools
import time
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence

from textjob.data.files import TextFile
from textjob.data.folders import Source
from textjob.data.form import Columns, Reading, Record
from textjob.data.records import Records
from textjob.errors import DataError
from textjob.rehearsal.batch import classify, opened
from textjob.rehearsal.client import Rehearsal
from textjob.rehearsal.output import Lines, Options
from textjob.rehearsal.progress import Report
from textjob.rehearsal.rows import Row, digest_of, folder_digest
from textjob.rehearsal.scan import Scan, scan
from textjob.settings import DataSettings


class Shard(NamedTuple):
    """A part of a file, or a whole file.

    ``number`` counts from 0 over all files; ``encoding`` is that of the file, ``columns`` are those of the files before
    it. The bytes are those from ``start`` to ``stop``, or all if ``stop`` is 0; the lines those from ``first_line`` on,
    ``lines`` of them, or 0 if their number is not known.
    """

    number: int
    source: Source
    encoding: str
    columns: Optional[Columns]
    start: int = 0
    stop: int = 0
    first_line: int = 1
    lines: int = 0


class Plan(NamedTuple):
    """The shards, the columns of the first file, the hash of the data, and how each file is read, in words."""

    shards: List[Shard]
    names: List[str]
    digest: str
    details: List[str]

    def name(self, shard: Shard, format_: str) -> str:
        """The file of a shard's output; the order of the names is that of the rows."""
        width = max(5, len(str(len(self.shards))))
        return f"part-{shard.number:0{width}d}-of-{len(self.shards):0{width}d}.{format_}"


class Counts(NamedTuple):
    """The rows of a shard that were answered, the bad rows, and the seconds."""

    answered: int
    bad: int
    seconds: float


def plan(sources: Sequence[Source], settings: DataSettings, size: int) -> Plan:
    """Divide the sources into shards of about ``size`` bytes; reads each file once, a table with quotes twice.

    Raises:
        DataError: no file, or the form, the encoding or the columns of a file cannot be decided.
    """
    records = Records(settings, labelled=False)
    shards: List[Shard] = []
    names: List[str] = []
    hashes, details = [], []
    for number, source in enumerate(sources):
        columns = records.columns
        scanned = Scan(folder_digest(source.url), "", []) if source.is_folder else scan(source.url, source.name)
        reading = records.open(source, scanned.encoding)
        hashes.append((source.name, scanned.digest))
        if source.labels_url:
            hashes.append((Path(source.labels_url).name, scan(source.labels_url, source.labels_url).digest))
        names = reading.column_names if number == 0 else names
        details.append(f"{reading.name}: {reading.details or reading.form}")
        whole = Shard(len(shards), source, reading.encoding, columns,
                      lines=0 if reading.encoding.startswith("utf-16") else scanned.lines)
        shards += _divided(whole, reading, scanned, size)
    return Plan(shards, names, digest_of(hashes), details)


def _divided(whole: Shard, reading: Reading, scanned: Scan, size: int) -> List[Shard]:
    """The shards of a file, of about equal size."""
    if reading.division is None:
        return [whole]
    path = whole.source.url
    length = Path(path).stat().st_size
    parts = -(-length // size)
    inner = list(reading.division.boundaries([length * part // parts for part in range(1, parts)]))
    if not inner:
        return [whole]
    places = [0, *inner, length]
    lines = [scanned.line(path, place) for place in places]
    return [whole._replace(number=whole.number + index, start=start, stop=stop, first_line=lines[index],
                           lines=lines[index + 1] - lines[index])
            for index, (start, stop) in enumerate(zip(places, places[1:]))]


def rows(shard: Shard, settings: DataSettings) -> Iterator[Row]:
    """The rows of a shard, with their places in the whole file.

    Raises:
        DataError: the file has changed since the shards were planned.
    """
    reading = Records(settings, labelled=False, columns=shard.columns).open(shard.source, shard.encoding)
    return ((record, reading.column_names) for record in _records(shard, reading))


def _records(shard: Shard, reading: Reading) -> Iterator[Record]:
    if not shard.stop:
        return reading.records
    if reading.division is None or Path(shard.source.url).stat().st_size < shard.stop:
        raise DataError(f"{shard.source.name} has changed while it was read; run the same command again with "
                        "--overwrite")
    if not shard.start:
        behind = shard.first_line + shard.lines
        return itertools.takewhile(lambda record: record.line < behind, reading.records)
    return reading.division.records(TextFile(shard.source.url, reading.name, reading.encoding, False, shard.start,
                                             shard.stop, shard.first_line))


class Work(NamedTuple):
    """What the shards of a run have in common."""

    plan: Plan
    settings: DataSettings
    options: Options

    def run(self, shard: Shard, rehearsal: Rehearsal, output: Path, report: Report) -> Counts:
        """Classify the rows of a shard into a new file. A table has its header in the first shard only."""
        start = time.monotonic()
        lines = Lines(self.options, self.plan.names, True)
        with opened(output, "w") as file:
            if shard.number == 0:
                file.write(lines.header())
            answered, bad = classify(rehearsal, rows(shard, self.settings), lines, self.options, file, report)
        return Counts(answered, bad, time.monotonic() - start)


def share(shards: Sequence[Shard], number: int, of: int) -> List[Shard]:
    """The shards of a node, whose number counts from 0."""
    return [shard for shard in shards if shard.number % of == number]
