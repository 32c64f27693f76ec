"""What a job would read: the answer of ``infer.py data``, without TensorFlow."""
import json
from dataclasses import asdict, dataclass
from typing import Any, Dict, List

from textjob.data import count_warnings
from textjob.data.dataset import read_parts, with_missing_parts
from textjob.data.examples import FIRST, FileReport
from textjob.data.hashes import counts
from textjob.settings import DataSettings


@dataclass(frozen=True)
class FileInspection:
    """How one file is read; ``columns`` are names, or numbers from 0 in a file without a header."""

    name: str
    part: str
    form: str
    encoding: str
    separator: str
    columns: List[str]
    rows: int
    bad_rows: int


@dataclass(frozen=True)
class PartInspection:
    """The rows of a part, of each class, and the first rows (``label``, ``text``, ``place``)."""

    rows: int
    labels: Dict[str, int]
    first: List[Dict[str, str]]


@dataclass(frozen=True)
class Inspection:
    """The parts as the files give them, before anything is split off."""

    parts: Dict[str, PartInspection]
    files: List[FileInspection]
    bad_rows: int
    notes: List[str]

    def as_json(self) -> str:
        """The inspection as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def as_text(self) -> str:
        """The inspection for a person."""
        lines = []
        for file in self.files:
            columns = f"columns {', '.join(file.columns)}" if file.columns else ""
            details = [file.form, file.encoding.upper(), _separator(file.separator), columns]
            shown = ", ".join(detail for detail in details if detail)
            lines.append(f"{file.name} ({file.part}): {shown}; {file.rows:,} rows, {file.bad_rows:,} bad rows")
        for name, part in self.parts.items():
            counts = ", ".join(f"{label} {count:,}" for label, count in part.labels.items())
            lines += ["", f"{name}: {part.rows:,} rows, {len(part.labels):,} classes: {_short(counts, 400)}"]
            for row in part.first[:3]:
                lines.append(f"  {row['place']}  {_short(row['label'], 30)}  {_short(row['text'], 80)}")
        return "\n".join([*lines, "", *self.notes])


def inspect(data_url: str, settings: DataSettings) -> Inspection:
    """Read the data as a job would.

    Raises:
        DataError: the job would stop.
    """
    parts = read_parts(data_url, settings)
    complete, notes = with_missing_parts(parts)
    warnings = count_warnings.warnings(complete["train"].labels, complete["dev"].labels)
    collector = parts.collector
    inspected: Dict[str, PartInspection] = {}
    for name, examples in parts.examples.items():
        rows = zip(examples.labels[:FIRST], examples.texts[:FIRST], collector.places[name])
        first = [{"label": label, "text": text, "place": place} for label, text, place in rows]
        inspected[name] = PartInspection(len(examples.texts), dict(sorted(counts(examples.labels).items())), first)
    return Inspection(inspected, [_file(report) for report in collector.files], len(collector.bad),
                      notes + ["warning: " + sentence for sentence in warnings])


def _file(report: FileReport) -> FileInspection:
    reading = report.reading
    return FileInspection(
        reading.name, report.part, reading.form, reading.encoding, reading.separator, reading.column_names, report.rows,
        report.bad_rows,
    )


def _separator(separator: str) -> str:
    return {"": "", "\t": "separator tab"}.get(separator, f"separator '{separator}'")


def _short(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + "…"


def main(data_url: str, settings: DataSettings, as_json: bool) -> int:
    """Print what a job would read; returns the exit code."""
    inspection = inspect(data_url, settings)
    print(inspection.as_json() if as_json else inspection.as_text())
    return 0


__all__: List[Any] = ["FileInspection", "Inspection", "PartInspection", "inspect", "main"]
