"""Training rows whose label is probably wrong: out-of-fold predictions contradict it with high confidence.

Each fold is predicted by a linear support vector machine over TF-IDF of the n-grams of the wide part, which is fitted
to the other folds. Its scores are calibrated on all folds together.
"""
import hashlib
from typing import Any, Callable, List, NamedTuple, Sequence

import numpy as np
import scipy.sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.svm import LinearSVC

from textjob import metrics
from textjob.report.blocks import Block, Paragraph, Section, Table, shortened
from textjob.report.mistakes import Shown
from textjob.report.training_rows import TrainingRows
from textjob.text.encoding import Encoded
from textjob.training import ngrams

CONFIDENT = 0.9
"""The least probability of another class, from which on a label is suspect."""
_FOLDS = 4
_SHOWN = 30
_FACTORS = np.geomspace(0.3, 20, 50)


class Suspect(NamedTuple):
    """A row, and the class that is more probable than its label."""

    row: int
    predicted: int
    probability: float
    of_label: float


def section(rows: TrainingRows, longest: int, with_texts: bool, places: Callable[[Sequence[int]], List[str]]
            ) -> Section:
    """The rows whose label is probably wrong.

    Args:
        longest: n-grams of 1 to this many tokens are counted.
        with_texts: whether the table shows the texts.
        places: returns the places of rows.
    """
    found = suspects(probabilities(rows, longest), rows.encoded.labels)
    blocks: List[Block] = [Paragraph(
        f"For {len(found):,} of {len(rows.rows.texts):,} rows, the probability of another class is at least "
        f"{CONFIDENT:g} by out-of-fold predictions of a linear model over the n-grams of the wide part ({_FOLDS} "
        f"folds, {rows.extent}). The labels to check first are at the top; hard texts with a correct label are among "
        "them.")]
    if found:
        shown = found[:_SHOWN]
        at = dict(zip((each.row for each in shown), places([each.row for each in shown])))
        table = Shown(rows.rows, at, with_texts)
        blocks.append(Table(
            ["label", "more probable", "its probability", "probability of the label", *table.header],
            [[shortened(rows.rows.labels[each.row], 80), shortened(rows.classes[each.predicted], 80),
              f"{each.probability:.3f}", f"{each.of_label:.3f}", *table.cells(each.row)] for each in shown],
            wide=(0, 1, 4, 5)))
    return Section("Training rows whose label is probably wrong", blocks)


def suspects(predicted: np.ndarray, labels: np.ndarray) -> List[Suspect]:
    """The suspect rows, the highest probability of another class first.

    Args:
        predicted: out-of-fold probabilities, ``[rows, classes]``.
        labels: class numbers, one per row.
    """
    best, probability = predicted.argmax(1), predicted.max(1)
    found = np.flatnonzero((best != labels) & (probability >= CONFIDENT))
    return [Suspect(int(row), int(best[row]), float(probability[row]), float(predicted[row, labels[row]]))
            for row in found[np.argsort(-probability[found], kind="stable")]]


def probabilities(rows: TrainingRows, longest: int) -> np.ndarray:
    """Out-of-fold probabilities: ``[rows, classes]``."""
    # Equal texts share a fold, otherwise a row would be predicted from a copy of itself.
    folds = np.array([hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] % _FOLDS
                      for text in rows.rows.texts])
    labels, classes = rows.encoded.labels, len(rows.classes)
    features = TfidfTransformer().fit_transform(_occurrences(rows.encoded, longest))
    scores = np.zeros((len(labels), classes))
    for fold in range(_FOLDS):
        out = folds == fold
        if out.any() and len(set(labels[~out])) > 1:
            machine = LinearSVC(tol=0.01, dual=True, random_state=0).fit(features[~out], labels[~out])
            scored = machine.decision_function(features[out])
            if scored.ndim == 1:
                scored = np.stack([-scored, scored], 1)
            scores[np.ix_(out, machine.classes_)] = scored
            absent = np.setdiff1d(np.arange(classes), machine.classes_)
            scores[np.ix_(out, absent)] = scored.min()
    targets = np.eye(classes)[labels]
    factor = min(_FACTORS, key=lambda each: metrics.cross_entropy(scores * each, targets))
    powers = np.exp((scores - scores.max(1, keepdims=True)) * factor)
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _occurrences(part: Encoded, longest: int) -> Any:
    """Which n-gram occurs in which text, 1.0 ``[texts, n-grams]``; without those of a single text."""
    occurs, mark = ngrams.of_texts(part, longest)
    if not len(mark):
        return scipy.sparse.csr_matrix((len(part.lengths), 1))
    return occurs[:, np.flatnonzero(np.asarray(occurs.sum(0)).ravel() > 1)]
