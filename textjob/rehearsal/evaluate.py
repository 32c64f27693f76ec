"""Compares the predictions of one package or two with the labels of the same texts."""
import os
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional

from textjob import metrics
from textjob.data import places
from textjob.data.examples import Collector
from textjob.data.folders import list_folder, some
from textjob.data.part_names import named_parts
from textjob.data.sources import find_sources
from textjob.errors import DataError
from textjob.rehearsal.client import Rehearsal
from textjob.report import answers, calibration, mistakes
from textjob.report.mistakes import Shown
from textjob.report.predictions import Predictions, Rows
from textjob.results import as_json
from textjob.settings import DataSettings


class Evaluated(NamedTuple):
    """The predictions of one package or two for the same rows."""

    shown: Shown
    notes: List[str]
    first: Predictions
    second: Optional[Predictions] = None


def read(data_url: str, settings: DataSettings) -> "LabelledRows":
    """The labelled texts of a file, or of a folder's test part, else its dev part; and notes on the data.

    Raises:
        DataError: the folder has a training part only, or the data have no labels.
    """
    parts, _ = find_sources(data_url)
    part = _chosen_part(data_url, parts)
    collector = Collector(settings)
    examples = collector.read(parts[part], part)
    if examples is None:
        raise DataError(f"{data_url}: the {part} part has no labels, so that predictions cannot be compared with them")
    collector.note_bad_rows(collector.rows)
    notes = [] if len(parts) == 1 and part == "train" else [f"evaluated: the {part} part of {data_url}"]
    return LabelledRows(Rows(part, *examples), collector.notes + notes)


class LabelledRows(NamedTuple):
    """Labelled texts, and notes on them."""

    rows: Rows
    notes: List[str]

    def predicted(self, rehearsal: Rehearsal) -> Predictions:
        """The predictions of a package.

        A text whose label the model does not know, or which the model cannot answer, counts as wrong.
        """
        known = _known_labels(rehearsal.package)
        labels = [_same_number(label, known) for label in self.rows.labels]
        unknown = sorted(set(labels) - known) if known else []
        if unknown:
            rows = sum(label in unknown for label in labels)
            note = f"labels that the model does not know, whose {rows:,} rows count as wrong: {some(unknown, 20)}"
            if note not in self.notes:
                self.notes.append(note)
        return answers.predict(rehearsal.classify, self.rows._replace(labels=labels))

    def evaluated(self, data_url: str, settings: DataSettings, with_texts: bool, first: Predictions,
                  second: Optional[Predictions] = None) -> Evaluated:
        """The predictions with the places of the rows that are shown; ``with_texts`` shows their texts, too."""
        models = [first] if second is None else [first, second]
        numbers = {row for each in models for row in mistakes.most_confident(each)}
        if second is not None:
            numbers |= set(mistakes.changed(first, second))
        wanted = sorted(numbers)
        at = places.find(data_url, self.rows.part, [self.rows.texts[row] for row in wanted],
                         [self.rows.labels[row] for row in wanted], settings)
        return Evaluated(Shown(self.rows, dict(zip(wanted, at)), with_texts), self.notes, first, second)


def _chosen_part(data_url: str, parts: Mapping[str, object]) -> str:
    for part in ("test", "dev"):
        if part in parts:
            return part
    if os.path.isdir(data_url) and "train" in named_parts(list_folder(data_url)):
        raise DataError(
            f"{data_url} has a training part only, but a model is evaluated on texts that it was not trained on; give "
            "a folder with test.* or dev.*, or the file to evaluate"
        )
    return "train"


def _known_labels(package: Path) -> FrozenSet[str]:
    """The labels of the model; empty where its package does not list them."""
    file = package / "assets" / "labels.txt"
    return frozenset(file.read_text(encoding="utf-8").split("\n")) - {""} if file.is_file() else frozenset()


def _same_number(label: str, known: FrozenSet[str]) -> str:
    """The model's label that is the same number (``1`` and ``1.0``), else the label itself."""
    other = label[:-2] if label.endswith(".0") else f"{label}.0"
    return other if label not in known and other in known else label


def to_json(evaluated: Evaluated) -> Dict[str, Any]:
    """The figures and the rows of an evaluation as the types of JSON."""
    first, second = evaluated.first, evaluated.second
    content = _figures(first)
    content["confident_mistakes"] = [
        dict(_row(evaluated, row), predicted=first.predicted[row], confidence=round(float(first.confidence[row]), 6))
        for row in mistakes.most_confident(first)]
    if second is not None:
        one, other = (first.right & ~second.right), (second.right & ~first.right)
        content["against"] = dict(
            _figures(second), right_only_first=int(one.sum()), right_only_second=int(other.sum()),
            mcnemar_p=metrics.mcnemar(first.wrong_rows, second.wrong_rows),
            changed=[dict(_row(evaluated, row), first=first.predicted[row], second=second.predicted[row])
                     for row in mistakes.changed(first, second)])
    return content


def _figures(predictions: Predictions) -> Dict[str, Any]:
    bins = calibration.curve(predictions)
    return dict(as_json(predictions.evaluation()), expected_calibration_error=calibration.expected_error(bins),
                calibration=[each._asdict() for each in bins],
                coverage=[each._asdict() for each in calibration.coverage(predictions)])


def _row(evaluated: Evaluated, row: int) -> Dict[str, Any]:
    content = {"place": evaluated.shown.places.get(row, ""), "label": evaluated.shown.rows.labels[row]}
    return dict(content, text=evaluated.shown.rows.texts[row]) if evaluated.shown.with_texts else content
