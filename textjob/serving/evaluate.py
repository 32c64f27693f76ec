"""Compares a package's answers with labelled texts."""
from typing import Any, Dict, List, Tuple

from textjob import metrics
from textjob.data.examples import Collector
from textjob.data.records import DataSettings
from textjob.data.sources import find_sources
from textjob.errors import DataError
from textjob.report.comparison import markdown_table
from textjob.serving.client import Rehearsal

_CHUNK = 512
NO_ANSWER = "(no answer)"


def evaluate(rehearsal: Rehearsal, data_url: str, settings: DataSettings) -> Tuple[Dict[str, Any], List[str]]:
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


def as_text(figures: Dict[str, Any]) -> str:
    """The figures for a person."""
    per_class = [[c["label"], "{:.4f}".format(c["precision"]), "{:.4f}".format(c["recall"]), "{:.4f}".format(c["f1"]),
                  str(c["rows"])] for c in figures["classes"]]
    names = [c["label"] for c in figures["classes"]]
    confusion = [[name, *map(str, row)] for name, row in zip(names, figures["confusion"])]
    return "\n".join([
        "rows {rows}, accuracy {accuracy:.4f}, macro-F1 {macro_f1:.4f}".format(**figures), "",
        markdown_table(["class", "precision", "recall", "F1", "rows"], per_class), "",
        "Confusion matrix (a row is a true class, a column what was answered):", "",
        markdown_table(["", *names], confusion)])
