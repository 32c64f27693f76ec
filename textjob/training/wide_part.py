"""Fits the linear model that is the wide part: which n-grams it keeps, and their weights for each class.

Two kinds are fitted by liblinear (Fan et al. 2008), which takes a second or a few: support vector machines over TF-IDF,
and the same over TF-IDF times the log-count ratios of naive Bayes, which is better on sentiment and on Chinese, and
worse with many classes (Wang and Manning 2012). A third kind is the mean of both. The cross-entropy of held-out texts
decides which kind is taken, and by which factor its scores are calibrated.
"""
import hashlib
from typing import Any, Dict, NamedTuple, Sequence, Tuple

import numpy as np
import scipy.sparse
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from models import wide
from textjob import metrics
from textjob.text.encoding import Encoded

MIN_TEXTS = 2
"""An n-gram is kept if it occurs in at least this many texts of the training part."""

_KINDS = ((False,), (True,), (False, True))  # plain, with naive Bayes ratios, the mean of both
_MANY = 30         # classes; above, only the plain kind is fitted (BANKING77: loss 1.28, the others 1.39 and 1.32)
_COST = 0.3        # of liblinear; of the values from 0.1 to 1 the best on most data sets
_TOLERANCE = 0.01  # of liblinear; a smaller one takes longer and gives the same predictions
_FOLDS = 5
_HELD_OUT = 1500   # texts; 5,000 choose the same kind on all data sets but trec, and take twice as long
_FACTORS = np.geomspace(0.3, 10, 40)
_BATCH = 1024
_LEVELS = 127      # the greatest int8


class Linear(NamedTuple):
    """Weights of TF-IDF features: float64 ``[n-grams, classes]`` and ``[classes]``."""

    weights: np.ndarray
    bias: np.ndarray

    def scores(self, features: Any) -> np.ndarray:
        """``[texts, n-grams]`` to ``[texts, classes]``."""
        return np.asarray(features @ self.weights + self.bias)


def fit(part: Encoded, class_weights: np.ndarray, longest: int, max_bytes: int, label_smoothing: float
        ) -> Dict[str, np.ndarray]:
    """The weights of a wide part, by the names of ``models/wide.py``.

    Args:
        part: the training part.
        class_weights: the weight of a text of each class, ``[classes]``.
        longest: n-grams of 1 to this many tokens are counted.
        max_bytes: the size limit in a package; if more n-grams occur, the most discriminative ones are kept.
        label_smoothing: as in the training of the network, so that both have comparable confidence.

    Returns:
        an empty dict if no n-gram occurs twice or the limit is below the size of one n-gram.
    """
    linear, mark, frequency = fit_exactly(part, class_weights, longest, max_bytes, label_smoothing)
    return _quantised(linear, mark, frequency) if len(mark) else {}


def fit_exactly(part: Encoded, class_weights: np.ndarray, longest: int, max_bytes: int, label_smoothing: float
                ) -> Tuple[Linear, np.ndarray, np.ndarray]:
    """The weights before quantisation, the marks of the n-grams, and their inverse document frequencies.

    A mark is the n of an n-gram times 2^32, plus its hash. The weights are those of n-gram counts of 1, each multiplied
    by the inverse document frequency, in a text whose TF-IDF vector has length 1.
    """
    classes = len(class_weights)
    occurs, mark = _ngrams(part, longest)
    kept = np.flatnonzero(np.asarray(occurs.sum(0)).ravel() >= MIN_TEXTS)
    occurs, mark = occurs[:, kept], mark[kept]
    most = max_bytes // (4 + classes + 1)
    if not len(mark) or most < 1:
        return Linear(np.zeros((0, classes)), np.zeros(classes)), np.zeros(0, np.int64), np.zeros(0)
    if len(mark) > most:
        kept = _most_discriminative(occurs, part.labels, classes, most)
        occurs, mark = occurs[:, kept], mark[kept]
    frequency = np.log(occurs.shape[0] / np.asarray(occurs.sum(0)).ravel()) + 1
    features = normalize(occurs @ scipy.sparse.diags(frequency)).tocsr()
    kind, factor = _select(features, part, class_weights, label_smoothing)
    linear = _mean([_fitted(features, part.labels, class_weights, by_bayes) for by_bayes in _KINDS[kind]])
    return Linear(linear.weights * frequency[:, None] * factor, linear.bias * factor), mark, frequency


def _ngrams(part: Encoded, longest: int) -> Tuple[Any, np.ndarray]:
    """Which n-gram occurs in which text, 1.0 ``[texts, n-grams]``; and the mark of each n-gram, ascending."""
    texts, marks = [], []
    for first in range(0, len(part.lengths), _BATCH):
        ids = part.padded(np.arange(first, min(first + _BATCH, len(part.lengths))))
        for n in range(1, longest + 1):
            hashed = wide.hashes(ids, n).numpy().astype(np.int64)
            where = np.nonzero(hashed)
            texts.append(first + where[0])
            marks.append(hashed[where] + (n << 32))
    mark, column = np.unique(np.concatenate(marks), return_inverse=True)
    occurs = scipy.sparse.csr_matrix((np.ones(len(column)), (np.concatenate(texts), column.reshape(-1))),
                                     shape=(len(part.lengths), len(mark)))
    occurs.data[:] = 1.0  # the constructor sums the occurrences of an n-gram in a text
    return occurs, mark


def _most_discriminative(occurs: Any, labels: np.ndarray, classes: int, most: int) -> np.ndarray:
    """The columns with a large and well estimated ratio for at least one class; ascending."""
    worth = np.zeros(occurs.shape[1])
    for number in range(classes):
        inside, ratio = _ratio(occurs, labels == number)
        worth = np.maximum(worth, np.abs(ratio) * np.sqrt(inside))
    return np.sort(np.argsort(-worth, kind="stable")[:most])


def _ratio(occurs: Any, of_class: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The number of texts of the class with each n-gram; log p(n-gram | class) / p(n-gram | other classes).

    Both counts are smoothed by adding one.
    """
    inside = np.asarray(occurs.T @ of_class.astype(float)).ravel()
    outside = np.asarray(occurs.sum(0)).ravel() - inside
    ngrams = occurs.shape[1]
    return inside, (np.log((inside + 1) / (inside.sum() + ngrams)) - np.log((outside + 1) / (outside.sum() + ngrams)))


def _fitted(features: Any, labels: np.ndarray, class_weights: np.ndarray, by_bayes: bool) -> Linear:
    """One classifier per class, against all other classes; ``by_bayes`` multiplies the features by the ratios."""
    classes = len(class_weights)
    occurs = _with(features, np.ones(features.nnz))
    linear = Linear(np.zeros((features.shape[1], classes)), np.zeros(classes))
    for number in range(classes):
        of_class = labels == number
        if not of_class.any() or of_class.all():
            linear.bias[number] = 1.0 if of_class.all() else -1.0
            continue
        scale = _ratio(occurs, of_class)[1] if by_bayes else np.ones(features.shape[1])
        scaled = _with(features, features.data * scale[features.indices]) if by_bayes else features
        machine = LinearSVC(C=_COST, tol=_TOLERANCE, dual=True, random_state=0)
        machine.fit(scaled, of_class, class_weights[labels])
        linear.weights[:, number] = machine.coef_[0] * scale
        linear.bias[number] = machine.intercept_[0]
    return linear


def _with(features: Any, values: np.ndarray) -> Any:
    return scipy.sparse.csr_matrix((values, features.indices, features.indptr), features.shape)


def _mean(models: Sequence[Linear]) -> Linear:
    return Linear(np.mean([each.weights for each in models], 0), np.mean([each.bias for each in models], 0))


def _select(features: Any, part: Encoded, class_weights: np.ndarray, label_smoothing: float) -> Tuple[int, float]:
    """The kind, and the factor for its scores, with the lowest held-out cross-entropy."""
    folds, classes = _folds(part), len(class_weights)
    kinds = _KINDS if classes <= _MANY else _KINDS[:1]
    losses = np.zeros((len(kinds), len(_FACTORS)))
    held_out = 0
    for fold in range(_FOLDS):
        out = folds == fold
        if not out.any() or out.all():
            continue
        targets = np.eye(classes)[part.labels[out]] * (1 - label_smoothing) + label_smoothing / classes
        targets *= class_weights[part.labels[out]][:, None]
        fitted = {by_bayes: _fitted(features[~out], part.labels[~out], class_weights, by_bayes)
                  for by_bayes in {each for parts in kinds for each in parts}}
        for kind, parts in enumerate(kinds):
            scores = _mean([fitted[by_bayes] for by_bayes in parts]).scores(features[out])
            losses[kind] += [metrics.cross_entropy(scores * factor, targets) for factor in _FACTORS]
        held_out += int(out.sum())
        if held_out >= _HELD_OUT:
            break
    kind, factor = divmod(int(np.argmin(losses)), len(_FACTORS))
    return kind, float(_FACTORS[factor])


def _folds(part: Encoded) -> np.ndarray:
    """The fold of each text; equal texts share a fold, otherwise duplicates would leak into the held-out fold."""
    return np.array([hashlib.blake2b(part.ids[start:start + length].tobytes(), digest_size=4).digest()[0] % _FOLDS
                     for start, length in zip(part.starts, part.lengths)])


def _quantised(linear: Linear, mark: np.ndarray, frequency: np.ndarray) -> Dict[str, np.ndarray]:
    """The weights as int8; the error of a weight is at most half of the scale of its column."""
    values = np.concatenate([linear.weights, frequency[:, None]], 1)
    scale = np.maximum(np.abs(values).max(0), 1e-9) / _LEVELS
    table = np.concatenate([np.rint(values / scale), np.zeros((1, values.shape[1]))]).astype(np.int8)
    weights = {wide.TABLE: table, wide.SCALE: scale.astype(np.float32), wide.BIAS: linear.bias.astype(np.float32)}
    for n in np.unique(mark >> 32):
        weights[wide.keys(int(n))] = (mark[mark >> 32 == n] & (2 ** 32 - 1)).astype(np.int32)
    return weights
