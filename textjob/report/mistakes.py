"""Where predictions are wrong: figures per class, confusions, confident mistakes, and rows that two models disagree on.
"""
from typing import List, Mapping, NamedTuple, Sequence

import numpy as np

from textjob import metrics
from textjob.report.blocks import Block, Confusion, Items, Paragraph, Table, interval, share, shortened
from textjob.report.predictions import Predictions, Rows
from textjob.results import Evaluation

SHOWN = 25
"""Rows of a table of texts."""
MANY = 20
"""Classes of a table that is read as a whole."""


class Shown(NamedTuple):
    """How the rows of the data are shown: by their place and, unless texts are left out, their text."""

    rows: Rows
    places: Mapping[int, str]
    """The place of a row (``train.tsv:17``) by its number; rows that no table shows may be missing."""
    with_texts: bool = True

    @property
    def header(self) -> List[str]:
        """The header of :meth:`cells`."""
        return ["place", "text"] if self.with_texts else ["place"]

    def cells(self, row: int) -> List[str]:
        """The cells of a row."""
        place = self.places.get(row, "")
        return [place, shortened(self.rows.texts[row])] if self.with_texts else [place]


def classes(evaluation: Evaluation) -> Table:
    """Precision, recall and F1 of each class, with the confidence intervals of precision and recall.

    More than ``MANY`` classes are in the order of their F1, the lowest first.
    """
    rows = []
    columns = np.array(evaluation.confusion).sum(0)
    numbered = list(enumerate(evaluation.classes))
    if len(numbered) > MANY:
        numbered.sort(key=lambda pair: pair[1].f1)
    for number, each in numbered:
        right, predicted = evaluation.confusion[number][number], int(columns[number])
        rows.append([
            shortened(each.label, 80), share(each.precision), interval(metrics.wilson_interval(right, predicted)),
            share(each.recall), interval(metrics.wilson_interval(right, each.rows)), share(each.f1), f"{each.rows:,}",
            f"{predicted:,}"])
    return Table(["class", "precision", "95 % interval", "recall", "95 % interval", "F1", "rows", "predicted"], rows)


def confusions(evaluation: Evaluation) -> List[Block]:
    """The confusion matrix, and the most frequent confusions."""
    labels = [shortened(each.label, 80) for each in evaluation.classes]
    counts = np.array(evaluation.confusion)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:SHOWN]
    frequent = [(int(place // len(labels)), int(place % len(labels))) for place in order if wrong.flat[place]]
    blocks: List[Block] = [
        Paragraph("A row for each true class, a column for each predicted class; the shade of a cell is its share of "
                  "the rows of the true class."),
        Confusion(labels, evaluation.confusion)]
    if len(labels) > 2 and frequent:
        blocks.append(Table(["true class", "predicted class", "rows", "share of the true class"], [
            [labels[true], labels[predicted], f"{wrong[true, predicted]:,}",
             share(wrong[true, predicted] / counts[true].sum())] for true, predicted in frequent], wide=(0, 1)))
    return blocks


def most_confident(predictions: Predictions, most: int = SHOWN) -> List[int]:
    """The numbers of the wrong rows with the highest confidence, the highest first; without rows without an answer."""
    wrong = np.flatnonzero(~predictions.right & (predictions.confidence > 0))
    return list(map(int, wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:most]))


def mistakes(predictions: Predictions, shown: Shown) -> List[Block]:
    """The wrong predictions with the highest confidence."""
    rows = most_confident(predictions)
    if not rows:
        return [Paragraph("No prediction is wrong.")]
    return [Table(
        ["confidence", "predicted", "true class", "its probability", *shown.header],
        [[f"{predictions.confidence[row]:.3f}", shortened(predictions.predicted[row], 80),
          shortened(predictions.labels[row], 80), f"{predictions.of_label[row]:.3f}", *shown.cells(row)]
         for row in rows],
        wide=(1, 2, 4, 5))]


def disagreements(models: Mapping[str, Predictions], most: int = SHOWN) -> List[int]:
    """The numbers of the rows for which the models predict different classes, those with the most confidence first."""
    if len(models) < 2:
        return []
    predicted = np.array([each.predicted for each in models.values()])
    differ = np.flatnonzero((predicted != predicted[0]).any(0))
    confidence = np.min([each.confidence for each in models.values()], 0)[differ]
    return list(map(int, differ[np.argsort(-confidence, kind="stable")][:most]))


def disagreement(models: Mapping[str, Predictions], shown: Shown) -> List[Block]:
    """The rows for which the models predict different classes."""
    predicted = np.array([each.predicted for each in models.values()])
    count = int((predicted != predicted[0]).any(0).sum())
    if not count:
        return [Paragraph("All models predict the same class for every row.")]
    any_right = np.any([each.right for each in models.values()], 0)
    facts = [f"The models predict different classes for {count:,} of {len(any_right):,} rows.",
             f"At least one model is right for {int(any_right.sum()):,} rows ({share(float(any_right.mean()))})."]
    rows = []
    for row in disagreements(models):
        answers = [f"{shortened(each.predicted[row], 80)} {each.confidence[row]:.2f}" for each in models.values()]
        rows.append([shortened(shown.rows.labels[row], 80), *answers, *shown.cells(row)])
    header = ["true class", *models, *shown.header]
    return [Items(facts), Table(header, rows, wide=tuple(range(len(header))))]


def changed(one: Predictions, other: Predictions) -> List[int]:
    """The numbers of the rows for which two packages predict different classes."""
    return [row for row, (a, b) in enumerate(zip(one.predicted, other.predicted)) if a != b]


def changes(one: Predictions, other: Predictions, rows: Sequence[int], shown: Shown) -> Table:
    """Rows for which two packages predict different classes, and which of them is right."""
    cells = []
    for row in rows:
        right = {(True, False): "first", (False, True): "second"}.get((one.right[row], other.right[row]), "neither")
        cells.append([right, shortened(shown.rows.labels[row], 80),
                      f"{shortened(one.predicted[row], 80)} {one.confidence[row]:.2f}",
                      f"{shortened(other.predicted[row], 80)} {other.confidence[row]:.2f}", *shown.cells(row)])
    header = ["right", "true class", "first package", "second package", *shown.header]
    return Table(header, cells, wide=tuple(range(len(header))))
