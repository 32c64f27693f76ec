"""Labelled texts, read part by part, and the account of every row that was left out."""
from typing import List, NamedTuple

from textjob.data.folders import Source
from textjob.data.form import DataSettings, Reading, Record
from textjob.data.records import Records
from textjob.data.sources import find_parts
from textjob.errors import DataError

SHOWN = 10  # bad rows that are shown one by one


class Examples(NamedTuple):
    """Texts, and the label of each."""

    texts: List[str]
    labels: List[str]


class Collector:
    """The usable rows of one part after the other, with notes on the files and on the bad rows."""

    def __init__(self, settings: DataSettings) -> None:
        self.settings = settings
        self.records = Records(settings)
        self.notes: List[str] = []
        self.bad: List[str] = []
        self.rows = 0

    def read(self, source: Source) -> Examples:
        """The usable rows of a part, in order."""
        examples = Examples([], [])
        reading = self.records.open(source)
        for record in reading.records:
            self.rows += 1
            label = (record.label or "").strip()
            error = record.error or why_unusable(record)
            if error:
                self.bad.append(f"{record.place}: {error}")
            else:
                examples.texts.append(record.text)
                examples.labels.append(label)
        self.notes += reading.notes
        self.notes.append(f"{reading.name}: {len(examples.texts):,} rows, {reading.details}")
        self._note_first_label(reading, examples.labels)
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

    def _note_first_label(self, reading: Reading, labels: List[str]) -> None:
        if reading.columns is None or reading.columns.header or len(labels) < 20:
            return
        if labels.count(labels[0]) == 1:
            self.notes.append(
                f"{reading.name}: no other row has the label of the first row, {labels[0]!r}: if it is the name of a "
                "column, give it as --label_column"
            )


def why_unusable(record: Record) -> str:
    """Why a row cannot be trained on or evaluated, or ``""``."""
    label = (record.label or "").strip()
    if not label:
        return "the label is empty"
    if len(label.splitlines()) > 1:
        return "a line separator inside the label"
    return "" if record.text.strip() else "the text is empty"


def read_examples(data_url: str, settings: DataSettings) -> Examples:
    """The usable rows of a file or of the training part of a folder."""
    return Collector(settings).read(find_parts(data_url)[0]["train"])
