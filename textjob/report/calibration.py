"""How far probabilities can be trusted: the calibration curve, the expected calibration error, and coverage."""
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from textjob.report.predictions import Predictions

BINS = 15
PRECISIONS = (0.90, 0.95, 0.99)


class Bin(NamedTuple):
    """The rows whose confidence is between two bounds."""

    low: float
    high: float
    rows: int
    confidence: float
    """The mean of the rows."""
    accuracy: float


class Coverage(NamedTuple):
    """The rows that may be answered so that a share of the answers is right: those from a confidence on."""

    precision: float
    """The required share."""
    threshold: Optional[float]
    """The lowest sufficient confidence; None if no confidence is sufficient."""
    rows: int
    share: float
    """Of all rows."""
    reached: float
    """The share of the answered rows that are right."""


def curve(predictions: Predictions, bins: int = BINS) -> List[Bin]:
    """The bins of equal width that have at least one row."""
    confidence, right = predictions.confidence, predictions.right
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for place in range(bins):
        inside = number == place
        if inside.any():
            found.append(Bin(place / bins, (place + 1) / bins, int(inside.sum()), float(confidence[inside].mean()),
                             float(right[inside].mean())))
    return found


def expected_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error (Naeini et al. 2015) of a :func:`curve`.

    It is the mean difference of confidence and accuracy, in which each bin counts by its rows.
    """
    rows = sum(each.rows for each in bins)
    return sum(each.rows * abs(each.accuracy - each.confidence) for each in bins) / rows if rows else 0.0


def coverage(predictions: Predictions, precisions: Tuple[float, ...] = PRECISIONS) -> List[Coverage]:
    """The coverage at each precision.

    The threshold is chosen on the rows that it is applied to, so that new texts may have a slightly lower precision.
    """
    thresholds, rows, reached = accuracy_by_threshold(predictions)
    found = []
    for precision in precisions:
        enough = np.flatnonzero(reached >= precision)
        if len(enough):
            last = int(enough[-1])
            found.append(Coverage(precision, float(thresholds[last]), int(rows[last]),
                                  float(rows[last] / len(predictions.labels)), float(reached[last])))
        else:
            found.append(Coverage(precision, None, 0, 0.0, 0.0))
    return found


def accuracy_by_threshold(predictions: Predictions) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each distinct confidence, descending; the number of rows that reach it; and the share of them that is right."""
    order = np.argsort(-predictions.confidence, kind="stable")
    confidence, right = predictions.confidence[order], predictions.right[order]
    last = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True)) if len(order) else order
    rows = last + 1
    return confidence[last], rows, np.cumsum(right)[last] / rows
