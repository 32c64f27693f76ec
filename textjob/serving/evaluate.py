"""Compares a package's answers with labelled texts."""
from typing import List, Tuple

from textjob import metrics
from textjob.data.examples import Collector
from textjob.data.sources import find_sources
from textjob.errors import DataError
from textjob.results import Evaluation
from textjob.serving.client import Rehearsal
from textjob.settings import DataSettings
from textjob.tables import markdown_table

_CHUNK = 512
NO_ANSWER = "(no answer)"


def evaluate(rehearsal: Rehearsal, data_url: str, settings: DataSettings) -> Tuple[Evaluation, List[str]]:
    """Figures for a file, or for a folder's test part (all of it where it has no parts); and notes on the data.

    A text whose label the model does not know, or which the model cannot answer, counts as wrong.
    """
    parts, _ = find_sources(data_url)
    part = next(part for part in ("test", "dev", "train") if part in parts)
    collector = Collector(settings)
    examples = collector.read(parts[part], part)
    if examples is None:
        raise DataError(f"{data_url}: the {part} part has no labels, so that answers cannot be compared with them")
    collector.note_bad_rows(collector.rows)
    predicted: List[str] = []
    for first in range(0, len(examples.texts), _CHUNK):
        for answer in rehearsal.classify(examples.texts[first:first + _CHUNK], top_k=1):
            predicted.append(str(answer.get("predicted_label", NO_ANSWER)))
    return metrics.evaluate_names(examples.labels, predicted), collector.notes


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
