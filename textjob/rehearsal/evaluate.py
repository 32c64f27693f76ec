"""Compares a package's answers with labelled texts."""
import os
from pathlib import Path
from typing import FrozenSet, List, Mapping, Tuple

from textjob import metrics
from textjob.data.examples import Collector
from textjob.data.folders import list_folder, some
from textjob.data.part_names import named_parts
from textjob.data.sources import find_sources
from textjob.errors import DataError
from textjob.rehearsal.client import Rehearsal
from textjob.results import Evaluation
from textjob.settings import DataSettings
from textjob.tables import markdown_table

_CHUNK = 512
NO_ANSWER = "(no answer)"


def evaluate(rehearsal: Rehearsal, data_url: str, settings: DataSettings) -> Tuple[Evaluation, List[str]]:
    """Figures for a file, or for a folder's test part, else its dev part; and notes on the data.

    A text whose label the model does not know, or which the model cannot answer, counts as wrong.

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
    known = _known_labels(rehearsal.package)
    labels = [_same_number(label, known) for label in examples.labels]
    notes = [] if len(parts) == 1 and part == "train" else [f"evaluated: the {part} part of {data_url}"]
    predicted: List[str] = []
    for first in range(0, len(examples.texts), _CHUNK):
        for answer in rehearsal.classify(examples.texts[first:first + _CHUNK], top_k=1):
            predicted.append(str(answer.get("predicted_label", NO_ANSWER)))
    unknown = sorted(set(labels) - known) if known else []
    if unknown:
        rows = sum(label in unknown for label in labels)
        notes.append(f"labels that the model does not know, whose {rows:,} rows count as wrong: {some(unknown, 20)}")
    return metrics.evaluate_names(labels, predicted), collector.notes + notes


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


def as_text(evaluation: Evaluation) -> str:
    """An evaluation as text: the averages, a table of the classes, the confusion matrix."""
    per_class = [[each.label, f"{each.precision:.4f}", f"{each.recall:.4f}", f"{each.f1:.4f}", str(each.rows)]
                 for each in evaluation.classes]
    names = [each.label for each in evaluation.classes]
    confusion = [[name, *map(str, row)] for name, row in zip(names, evaluation.confusion)]
    return "\n".join([
        f"rows {evaluation.rows}, accuracy {evaluation.accuracy:.4f}, macro-F1 {evaluation.macro_f1:.4f}", "",
        markdown_table(["class", "precision", "recall", "F1", "rows"], per_class), "",
        "Confusion matrix (a row for each true class, a column for each predicted class):", "",
        markdown_table(["", *names], confusion)])
