"""A test whether two parts of the data come from the same source: can a linear classifier distinguish their texts?

A naive Bayes classifier learns from half of the sampled texts to which part a text belongs, and is tested on the other
half, and vice versa. The area under the ROC curve (AUC) is 0.5 in a random split, up to chance.

The sample has equally many texts of a class from both parts, so that different class frequencies, which
``textjob/data/count_warnings.py`` reports, have no effect. Equal texts count once, because the split by hash
(``textjob/data/split.py``) keeps them in one part.
"""
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np
import scipy.sparse

from textjob.text.encoding import Encoded

MOST = 2000
"""Texts of each part; with more the result is the same, but takes longer."""

LEAST = 20
_LENGTHS = 64  # features for the length of a text, in steps of a factor of the square root of 2


class Difference(NamedTuple):
    """How well the texts of two parts can be distinguished, and the ids that are most typical of each part."""

    auc: float
    z: float
    """The standard errors by which the AUC exceeds 0.5. In random splits it is up to 4, as the halves are related."""

    of_first: List[int]
    of_second: List[int]


NO_DIFFERENCE = Difference(0.5, 0.0, [], [])


def difference(first: Encoded, second: Encoded, classes: int, ids: int) -> Difference:
    """Compare two parts of at least 20 texts of the same classes; the result is the same at every call.

    Args:
        first: a part, with labels.
        second: the other part.
        classes: the number of classes; texts with other labels are left out.
        ids: the number of ids.
    """
    rows = _sample(first, second, classes)
    if len(rows[0]) < LEAST:
        return NO_DIFFERENCE
    features = [_features(part, chosen, ids) for part, chosen in zip((first, second), rows)]
    tested = np.arange(len(rows[0])) % 2
    areas = []
    for half in (0, 1):
        weights = _weights([each[tested != half] for each in features])
        areas.append(_area(*[each[tested == half] @ weights for each in features]))
    auc, texts = float(np.mean(areas)), len(tested) // 2
    typical = np.argsort(_weights(features, prior=5.0)[:ids], kind="stable")
    return Difference(auc, float((auc - 0.5) / np.sqrt((2 * texts + 1) / (12 * texts ** 2) / 2)),
                      typical.tolist(), typical[::-1].tolist())


def _sample(first: Encoded, second: Encoded, classes: int) -> List[np.ndarray]:
    """Equally many rows of each class from both parts, in random order."""
    random = np.random.RandomState(0)
    different = [_different(part, random.permutation(len(part.lengths))[:10 * MOST]) for part in (first, second)]
    chosen: List[List[np.ndarray]] = [[], []]
    for number in range(classes):
        of_class = [rows[part.labels[rows] == number] for part, rows in zip((first, second), different)]
        count = min(map(len, of_class))
        for each, rows in zip(chosen, of_class):
            each.append(rows[:count])
    order = random.permutation(sum(map(len, chosen[0])))[:MOST]
    return [np.concatenate(each)[order] for each in chosen]


def _different(part: Encoded, rows: np.ndarray) -> np.ndarray:
    """The rows without those whose text equals that of an earlier row."""
    texts: Dict[bytes, int] = {}
    for row in rows:
        text = part.ids[part.starts[row]:part.starts[row] + part.lengths[row]].tobytes()
        if part.spelling is not None:  # otherwise all texts of unknown words would be equal
            start, length = part.spelling.starts[row], part.spelling.lengths[row]
            text += part.spelling.values[start:start + length].tobytes()
        texts.setdefault(text, row)
    return np.array(list(texts.values()), np.int64)


def _features(part: Encoded, rows: np.ndarray, ids: int) -> Any:
    """The ids that a text contains, and its length: 1.0 or nothing ``[rows, ids + 64]``."""
    lengths, number = part.lengths[rows], np.arange(len(rows))
    values = np.concatenate([part.ids[part.starts[row]:part.starts[row] + part.lengths[row]] for row in rows])
    columns = np.concatenate([values, ids + np.floor(2 * np.log2(lengths)).astype(np.int64)])
    matrix = scipy.sparse.csr_matrix((np.ones(len(columns)), (np.concatenate([np.repeat(number, lengths), number]),
                                                              columns)), shape=(len(rows), ids + _LENGTHS))
    matrix.data[:] = 1.0  # the constructor sums the occurrences of an id in a text
    return matrix


def _weights(features: Sequence[Any], prior: float = 1.0) -> np.ndarray:
    """The log ratio of the number of texts with each feature, smoothed; above 0 for what is typical of the second."""
    first, second = (np.log(np.asarray(each.sum(0)).ravel() + prior) for each in features)
    return np.asarray(second - first)


def _area(first: np.ndarray, second: np.ndarray) -> float:
    """The AUC: the probability that a text of the second part has a higher score than one of the first."""
    ordered = np.sort(first)
    below = np.searchsorted(ordered, second, "left") + np.searchsorted(ordered, second, "right")
    return float(below.mean() / 2 / len(first))
