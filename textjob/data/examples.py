"""Labelled texts, read part by part, and the account of every row that was left out."""
from typing import Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from textjob.data import scratch
from textjob.data.collection import Collection, Examples, Part
from textjob.data.folders import Source, some
from textjob.data.form import Reading, Record
from textjob.data.hashes import counts
from textjob.data.records import Records
from textjob.data.sources import find_sources
from textjob.errors import DataError
from textjob.settings import DataSettings

SHOWN = 10  # bad rows that are shown one by one
ENOUGH = 20  # rows with labels that train lacks, from which on a part may be misread
FIRST = 200  # rows of each part whose places are kept, for ``infer.py data``
MISSING = frozenset({"nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "<NA>", "#N/A"})


class FileReport(NamedTuple):
    """How one file was read."""

    part: str
    reading: Reading
    rows: int
    bad_rows: int


class Collector:
    """The usable rows of one part after the other, with notes on the files and on the bad rows."""

    def __init__(self, settings: DataSettings, show: Callable[[str], None] = lambda line: None) -> None:
        self.settings = settings
        self.records = Records(settings)
        self._collection = Collection(scratch.place(settings), show)
        self.notes: List[str] = []
        self.bad: List[str] = []
        self.rows = 0
        self.files: List[FileReport] = []
        self.places: Dict[str, List[str]] = {}
        self._classes: Optional[FrozenSet[str]] = None

    def read(self, sources: Sequence[Source], part: str = "train") -> Optional[Examples]:
        """The usable rows of a part, in order; None where its files have no labels.

        Raises:
            DataError: a file cannot be read, or no row of the part is usable.
        """
        rows, bad = Part(part, sources, self._collection), len(self.bad)
        self.places[part] = []
        for source in sources:
            reading = self.records.open(source)
            if not reading.labelled:
                self._leave_out(reading, part)
                return None
            self._read_file(reading, part, rows)
        examples = rows.examples()
        if not len(rows) and part != "train" and self._has_no_labels(part, bad, sources):
            return None
        if not len(rows):
            reasons = "".join("\n  " + line for line in self.bad[bad:][:SHOWN])
            raise DataError(f"{some([source.url for source in sources])}: no usable row for the {part} part{reasons}")
        if self._classes is None:
            self._classes = frozenset(counts(examples.labels))
            return examples
        same = {_whole(label) for label in self._classes}
        unknown = sum(number for label, number in counts(examples.labels).items() if _whole(label) not in same)
        if unknown == len(examples.labels) or (unknown >= ENOUGH and 2 * unknown > len(examples.labels)):
            return self._other_labels(examples, part, some([source.name for source in sources]))
        return examples

    def note_bad_rows(self, limit: float) -> None:
        """Note the rows that were left out; stop where they are more than a share, or a count from 1 on."""
        if not self.bad:
            return
        shown = self.bad[:SHOWN]
        if len(self.bad) > SHOWN:
            shown.append(f"... and {len(self.bad) - SHOWN:,} more")
        count = f"bad rows: {len(self.bad):,} of {self.rows:,}"
        if len(self.bad) > (limit * self.rows if limit < 1 else limit):
            lines = "\n  ".join(shown)
            raise DataError(f"{count}, more than --max_bad_rows {limit:g} allows:\n  {lines}")
        self.notes.append(count + ", left out:")
        self.notes.extend("  " + line for line in shown)

    def _read_file(self, reading: Reading, part: str, kept: Part) -> None:
        before, bad = len(kept), len(self.bad)
        places = self.places[part]
        for record, label, error in checked(reading.records, self.settings.nan_is_a_class):
            if error:
                self.bad.append(f"{record.place}: {error}")
                continue
            if len(kept) < FIRST:
                places.append(record.place)
            kept.append(record.text, label)
        rows = len(kept) - before
        self.rows += rows + len(self.bad) - bad
        self.notes += reading.notes
        self.notes.append(f"{reading.name}: {rows:,} rows, {reading.details}")
        self.files.append(FileReport(part, reading, rows, len(self.bad) - bad))

    def _leave_out(self, reading: Reading, part: str) -> None:
        columns = ", ".join(reading.column_names)
        self.notes.append(
            f"{reading.name}: the {part} part is left out, because the file has no label column (columns: {columns})"
        )
        self.files.append(FileReport(part, reading, 0, 0))
        del self.places[part]

    def _has_no_labels(self, part: str, bad: int, sources: Sequence[Source]) -> bool:
        """Leave a part out in which every label is empty or missing."""
        rows = self.bad[bad:]
        if not rows or any(": the label is " not in row for row in rows):
            return False
        names = some([source.name for source in sources])
        self.notes.append(f"{names}: the {part} part is left out, because all its labels are empty or missing")
        self.files = [report._replace(bad_rows=0) if report.part == part else report for report in self.files]
        self.rows -= len(rows)
        del self.bad[bad:]
        del self.places[part]
        return True

    def _other_labels(self, examples: Examples, part: str, name: str) -> Optional[Examples]:
        """A part whose labels train lacks: it has no labels where all are one placeholder, else it is misread."""
        labels = sorted(set(counts(examples.labels)) - (self._classes or set()))
        known = some(sorted(self._classes or ()))
        if len(counts(examples.labels)) == 1:
            self.notes.append(
                f"{name}: the {part} part is left out, because all its labels are '{labels[0]}', which is not a label "
                f"of train ({known})"
            )
            del self.places[part]
            return None
        raise DataError(
            f"{name}: most labels of the {part} part ({some(labels)}) are not labels of train ({known}); the file may "
            "have other columns or no labels: remove it, or set --label_column and --text_column"
        )


def _whole(label: str) -> str:
    """``1`` for ``1.0``: pandas writes whole numbers so in a column that has empty cells."""
    return label[:-2] if label.endswith(".0") else label


def checked(records: Iterator[Record], nan_is_a_class: bool) -> Iterator[Tuple[Record, str, str]]:
    """Each record with its label without blanks at the ends, and why it cannot be trained on, or ``""``."""
    for record in records:
        label = (record.label or "").strip()
        yield record, label, record.error or why_unusable(label, record.text, nan_is_a_class)


def why_unusable(label: str, text: str, nan_is_a_class: bool = False) -> str:
    """Why a label or a text cannot be used, or ``""``."""
    if not label:
        return "the label is empty"
    if label in MISSING and not nan_is_a_class:
        return f"the label is missing ('{label}'); --nan_is_a_class true makes it a class"
    if len(label.splitlines()) > 1:
        return "a line separator inside the label"
    return "" if text.strip() else "the text is empty"


def read_examples(data_url: str, settings: DataSettings) -> Examples:
    """The usable rows of a file or of the training part of a folder."""
    examples = Collector(settings).read(find_sources(data_url).parts["train"])
    return examples or Examples([], [])
