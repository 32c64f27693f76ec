"""The linear model that is the wide part: which n-grams it keeps, and what each says of each class.

Two kinds are fitted, in a second or a few, by liblinear (Fan et al. 2008): support vectors over TF-IDF, and the same
over TF-IDF times naive Bayes' log-count ratios, which is better on sentiment and on Chinese, and worse where there are
many classes (Wang and Manning 2012). Their mean is a third. Texts that were held out decide which one is taken, and by
what factor its scores are as sure as they are right.
"""
import hashlib
from typing import Any, Dict, NamedTuple, Sequence, Tuple

import numpy as np
import scipy.sparse
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from models import wide
from textjob import metrics
from textjob.training.batches import Encoded

SEEN = 2
"""An n-gram seen in fewer texts of the training part is not kept."""

_KINDS = ((False,), (True,), (False, True))  # plain, weighed by naive Bayes, their mean
_MANY = 30         # classes: above, the first kind is taken (BANKING77: a loss of 1.28, of the others 1.39 and 1.32)
_COST = 0.3        # of a wrong side of the margin; from 0.1 to 1 the best on most sets
_TOLERANCE = 0.01  # a finer one takes longer and answers the same
_FOLDS = 5
_HELD_OUT = 1500   # texts are enough: 5,000 choose the same on all sets but trec, and take twice as long
_FACTORS = np.geomspace(0.3, 10, 40)
_BATCH = 1024
_LEVELS = 127      # of int8


class Linear(NamedTuple):
    """Weights of TF-IDF features: float64 ``[n-grams, classes]`` and ``[classes]``."""

    weights: np.ndarray
    bias: np.ndarray

    def scores(self, features: Any) -> np.ndarray:
        """``[texts, n-grams]`` to ``[texts, classes]``."""
        return np.asarray(features @ self.weights + self.bias)


def fit(part: Encoded, class_weights: np.ndarray, longest: int, room: int, label_smoothing: float
        ) -> Dict[str, np.ndarray]:
    """The wide part of a job, by the names of ``models/wide.py``.

    Args:
        part: the training part.
        class_weights: what a text of each class weighs, ``[classes]``.
        longest: n-grams of 1 to so many tokens are counted.
        room: bytes that it may take in a package; of more n-grams, those that tell the classes apart best are kept.
        label_smoothing: that of training; the wide part is to be as sure as a network that is trained so.

    Returns:
        an empty dict where no n-gram was seen twice, or there is no room.
    """
    classes = len(class_weights)
    there, mark = _ngrams(part, longest)
    often = np.flatnonzero(np.asarray(there.sum(0)).ravel() >= SEEN)
    there, mark = there[:, often], mark[often]
    most = room // (4 + classes + 1)
    if not len(mark) or most < 1:
        return {}
    if len(mark) > most:
        kept = _most_telling(there, part.labels, classes, most)
        there, mark = there[:, kept], mark[kept]
    frequency = np.log(there.shape[0] / np.asarray(there.sum(0)).ravel()) + 1
    features = normalize(there @ scipy.sparse.diags(frequency)).tocsr()
    kind, factor = _chosen(features, part, class_weights, label_smoothing)
    found = _mean([_fitted(features, part.labels, class_weights, by_bayes) for by_bayes in _KINDS[kind]])
    return _weights(mark, found.weights * frequency[:, None] * factor, frequency, found.bias * factor)


def _ngrams(part: Encoded, longest: int) -> Tuple[Any, np.ndarray]:
    """Which n-grams are in which text, 1.0 ``[texts, n-grams]``; of each its n and hash in one number, ascending."""
    texts, marks = [], []
    for first in range(0, len(part.lengths), _BATCH):
        ids = part.padded(np.arange(first, min(first + _BATCH, len(part.lengths))))
        for n in range(1, longest + 1):
            hashed = wide.hashes(ids, n).numpy().astype(np.int64)
            where = np.nonzero(hashed)
            texts.append(first + where[0])
            marks.append(hashed[where] + (n << 32))
    mark, column = np.unique(np.concatenate(marks), return_inverse=True)
    found = scipy.sparse.csr_matrix((np.ones(len(column)), (np.concatenate(texts), column.reshape(-1))),
                                    shape=(len(part.lengths), len(mark)))
    found.data[:] = 1.0  # the constructor has summed an n-gram's places in a text
    return found, mark


def _most_telling(there: Any, labels: np.ndarray, classes: int, most: int) -> np.ndarray:
    """The columns whose ratio is large and well known, for whichever class; ascending."""
    worth = np.zeros(there.shape[1])
    for number in range(classes):
        inside, ratio = _ratio(there, labels == number)
        worth = np.maximum(worth, np.abs(ratio) * np.sqrt(inside))
    return np.sort(np.argsort(-worth, kind="stable")[:most])


def _ratio(there: Any, of_class: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """In how many texts of a class each n-gram is; log p(n-gram | class) / p(n-gram | other), with one more of each."""
    inside = np.asarray(there.T @ of_class.astype(float)).ravel()
    outside = np.asarray(there.sum(0)).ravel() - inside
    ngrams = there.shape[1]
    return inside, (np.log((inside + 1) / (inside.sum() + ngrams)) - np.log((outside + 1) / (outside.sum() + ngrams)))


def _fitted(features: Any, labels: np.ndarray, class_weights: np.ndarray, by_bayes: bool) -> Linear:
    """Support vectors of each class against all others; ``by_bayes``: over features times naive Bayes' ratios."""
    classes = len(class_weights)
    there = _with(features, np.ones(features.nnz))
    found = Linear(np.zeros((features.shape[1], classes)), np.zeros(classes))
    for number in range(classes):
        of_class = labels == number
        if not of_class.any() or of_class.all():  # of the texts held in
            found.bias[number] = 1.0 if of_class.all() else -1.0
            continue
        scale = _ratio(there, of_class)[1] if by_bayes else np.ones(features.shape[1])
        seen = _with(features, features.data * scale[features.indices]) if by_bayes else features
        side = LinearSVC(C=_COST, tol=_TOLERANCE, dual=True, random_state=0)
        side.fit(seen, of_class, class_weights[labels])
        found.weights[:, number] = side.coef_[0] * scale
        found.bias[number] = side.intercept_[0]
    return found


def _with(features: Any, values: np.ndarray) -> Any:
    return scipy.sparse.csr_matrix((values, features.indices, features.indptr), features.shape)


def _mean(models: Sequence[Linear]) -> Linear:
    return Linear(np.mean([each.weights for each in models], 0), np.mean([each.bias for each in models], 0))


def _chosen(features: Any, part: Encoded, class_weights: np.ndarray, label_smoothing: float
            ) -> Tuple[int, float]:
    """The kind, and the factor for its scores, with which texts that were held out are least surprising."""
    folds, classes = _folds(part), len(class_weights)
    kinds = _KINDS if classes <= _MANY else _KINDS[:1]
    losses = np.zeros((len(kinds), len(_FACTORS)))
    held_out = 0
    for fold in range(_FOLDS):
        asked = folds == fold
        if not asked.any() or asked.all():
            continue
        targets = np.eye(classes)[part.labels[asked]] * (1 - label_smoothing) + label_smoothing / classes
        targets *= class_weights[part.labels[asked]][:, None]
        fitted = {by_bayes: _fitted(features[~asked], part.labels[~asked], class_weights, by_bayes)
                  for by_bayes in {each for parts in kinds for each in parts}}
        for kind, parts in enumerate(kinds):
            scores = _mean([fitted[by_bayes] for by_bayes in parts]).scores(features[asked])
            losses[kind] += [metrics.cross_entropy(scores * factor, targets) for factor in _FACTORS]
        held_out += int(asked.sum())
        if held_out >= _HELD_OUT:
            break
    kind, factor = divmod(int(np.argmin(losses)), len(_FACTORS))
    return kind, float(_FACTORS[factor])


def _folds(part: Encoded) -> np.ndarray:
    """A number below ``_FOLDS`` for each text, the same for equal texts: else they would be asked what was learnt."""
    return np.array([hashlib.blake2b(part.ids[start:start + length].tobytes(), digest_size=4).digest()[0] % _FOLDS
                     for start, length in zip(part.starts, part.lengths)])


def _weights(mark: np.ndarray, weights: np.ndarray, frequency: np.ndarray, bias: np.ndarray) -> Dict[str, np.ndarray]:
    values = np.concatenate([weights, frequency[:, None]], 1)
    scale = np.maximum(np.abs(values).max(0), 1e-9) / _LEVELS
    table = np.concatenate([np.rint(values / scale), np.zeros((1, values.shape[1]))]).astype(np.int8)
    found = {wide.TABLE: table, wide.SCALE: scale.astype(np.float32), wide.BIAS: bias.astype(np.float32)}
    for n in np.unique(mark >> 32):
        found[wide.keys(int(n))] = (mark[mark >> 32 == n] & (2 ** 32 - 1)).astype(np.int32)
    return found
