"""Fits the linear model that is the wide part: which n-grams it keeps, and their weights for each class.

Two kinds are fitted by liblinear (Fan et al. 2008), which takes a second or a few: support vector machines over TF-IDF,
and the same over TF-IDF times the log-count ratios of naive Bayes, which is better on sentiment and on Chinese, and
worse with many classes (Wang and Manning 2012). A third kind is the mean of both. The cross-entropy of held-out texts
decides which cost and which kind are taken, and by which factor the scores are calibrated.

Where tokens are words, the features are the n-grams of words and the n-grams of the characters of words
(``characters.py``), each as a TF-IDF vector.
"""
import hashlib
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
import scipy.sparse
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from textjob import metrics
from textjob.text import vocabulary
from textjob.text.encoding import Encoded
from textjob.training import characters, ngrams, quantisation
from textjob.training.characters import Characters

MIN_TEXTS = 2
"""An n-gram is kept if it occurs in at least this many texts of the training part; in short or few texts, in one."""

_KINDS = ((False,), (True,), (False, True))  # plain, with naive Bayes ratios, the mean of both
_MANY = 30         # classes; above, only the plain kind is fitted (BANKING77: loss 1.28, the others 1.39 and 1.32)
_COSTS = [0.3, 1]  # of liblinear; 1 is better with many classes, in short texts and with few of them
_TOLERANCE = 0.01  # of liblinear; a smaller one takes longer and gives the same predictions
_FOLDS = 5
_HELD_OUT = 1500   # texts; 5,000 choose the same kind on all data sets but trec, and take twice as long
_WORK = 10 ** 8    # values of the features times classes: more of them have fewer folds, because each fit takes longer
_FACTORS = np.geomspace(0.3, 10, 40)
_SHARE = 4         # a fourth of the size limit at least is left to the character n-grams of unknown words


class Linear(NamedTuple):
    """Weights of TF-IDF features: float64 ``[n-grams, classes]`` and ``[classes]``."""

    weights: np.ndarray
    bias: np.ndarray

    def scores(self, features: Any) -> np.ndarray:
        """``[texts, n-grams]`` to ``[texts, classes]``."""
        return np.asarray(features @ self.weights + self.bias)


class Choice(NamedTuple):
    """What held-out texts decide."""

    kind: int      # an index of _KINDS
    cost: float    # of liblinear
    factor: float  # of the scores


class Exact(NamedTuple):
    """The weights before quantisation.

    The weights are those of n-gram counts of 1, each multiplied by the inverse document frequency, in a text whose
    TF-IDF vector has length 1. A mark is the n of an n-gram times 2^32, plus its hash.
    """

    linear: Linear
    mark: np.ndarray
    frequency: np.ndarray
    choice: Choice
    characters: Optional[Characters] = None
    character_weights: Optional[np.ndarray] = None  # [character n-grams, classes]


class Fitted(NamedTuple):
    """The weights of a wide part, by the names of ``models/wide.py``, and what held-out texts have decided."""

    weights: Dict[str, np.ndarray]
    choice: Choice


def fit(part: Encoded, class_weights: np.ndarray, longest: int, max_bytes: int, label_smoothing: float,
        words: Sequence[bytes] = (), choice: Optional[Choice] = None, few: bool = False) -> Fitted:
    """Fit a wide part. It is empty if no n-gram occurs twice or the limit is below the size of one n-gram.

    Args:
        part: the training part.
        class_weights: the weight of a text of each class, ``[classes]``.
        longest: n-grams of 1 to this many tokens are counted.
        max_bytes: the size limit in a package; if more n-grams occur, the most discriminative ones are kept.
        label_smoothing: as in the training of the network, so that both have comparable confidence.
        words: the vocabulary, if n-grams of the characters of words are features too.
        choice: that of an earlier fit; otherwise held-out texts of the part decide.
        few: the texts are so few that n-grams which occur once are kept, and held-out texts decide the cost, too.
    """
    exact = fit_exactly(part, class_weights, longest, max_bytes, label_smoothing, words, choice, few)
    if not len(exact.mark):
        return Fitted({}, exact.choice)
    weights = quantisation.of_tokens(*exact.linear, exact.mark, exact.frequency)
    if exact.characters is not None and exact.character_weights is not None:
        size = sum(each.nbytes for each in weights.values())
        weights.update(quantisation.of_characters(exact.characters, exact.character_weights, part.labels,
                                                  max_bytes - size))
    return Fitted(weights, exact.choice)


def fit_exactly(part: Encoded, class_weights: np.ndarray, longest: int, max_bytes: int, label_smoothing: float,
                words: Sequence[bytes] = (), choice: Optional[Choice] = None, few: bool = False) -> Exact:
    """The weights before quantisation; the arguments are those of :func:`fit`."""
    classes = len(class_weights)
    by_word = (len(words) + 2) * (classes + 1)
    least = 1 if few or (len(words) and part.lengths.mean() < vocabulary.SHORT) else MIN_TEXTS
    spelled = characters.count(part, words, least) if len(words) and by_word <= max_bytes // 2 else None
    if spelled is not None and not len(spelled.mark):
        spelled = None
    occurs, mark = ngrams.of_texts(part, longest)
    kept = np.flatnonzero(np.asarray(occurs.sum(0)).ravel() >= least)
    occurs, mark = occurs[:, kept], mark[kept]
    size = 4 + classes + 1  # bytes of an n-gram
    most = max_bytes // size if spelled is None else (
        max_bytes - by_word - min(len(spelled.mark) * size, (max_bytes - by_word) // _SHARE)) // size
    if not len(mark) or most < 1:
        return Exact(Linear(np.zeros((0, classes)), np.zeros(classes)), np.zeros(0, np.int64), np.zeros(0),
                     choice or Choice(0, _COSTS[0], 1.0))
    if len(mark) > most:
        kept = ngrams.most_discriminative(occurs, part.labels, classes, most)
        occurs, mark = occurs[:, kept], mark[kept]
    frequency = np.log(occurs.shape[0] / np.asarray(occurs.sum(0)).ravel()) + 1
    features = normalize(occurs @ scipy.sparse.diags(frequency)).tocsr()
    costs = _COSTS if few else _COSTS[:1]
    share = 1.0  # of the n-grams of tokens in the squared length of the whole vector
    if spelled is not None:
        share, costs = 0.5, _COSTS  # on thucnews the greater cost lowers accuracy by 0.2 points
        features = scipy.sparse.hstack([features, spelled.features()]).tocsr() * np.sqrt(share)
    choice = choice or _select(features, part, class_weights, label_smoothing, costs)
    linear = _mean([_fitted(features, part.labels, class_weights, by_bayes, choice.cost)
                    for by_bayes in _KINDS[choice.kind]])
    weights = linear.weights * choice.factor * np.sqrt(share)
    tokens = Linear(weights[:len(mark)] * frequency[:, None], linear.bias * choice.factor)
    if spelled is None:
        return Exact(tokens, mark, frequency, choice)
    return Exact(tokens, mark, frequency, choice, spelled, weights[len(mark):] * spelled.frequency[:, None])


def _fitted(features: Any, labels: np.ndarray, class_weights: np.ndarray, by_bayes: bool, cost: float) -> Linear:
    """One classifier per class, against all other classes; ``by_bayes`` multiplies the features by the ratios."""
    classes = len(class_weights)
    occurs = ngrams.with_values(features, np.ones(features.nnz))
    linear = Linear(np.zeros((features.shape[1], classes)), np.zeros(classes))
    for number in range(classes):
        of_class = labels == number
        if not of_class.any() or of_class.all():
            linear.bias[number] = 1.0 if of_class.all() else -1.0
            continue
        if classes == 2 and number == 1:  # the mirror image of the first class
            linear.weights[:, 1], linear.bias[1] = -linear.weights[:, 0], -linear.bias[0]
            continue
        scale = ngrams.ratios(occurs, of_class)[1] if by_bayes else np.ones(features.shape[1])
        scaled = ngrams.with_values(features, features.data * scale[features.indices]) if by_bayes else features
        machine = LinearSVC(C=cost, tol=_TOLERANCE, dual=True, random_state=0)
        machine.fit(scaled, of_class, class_weights[labels])
        linear.weights[:, number] = machine.coef_[0] * scale
        linear.bias[number] = machine.intercept_[0]
    return linear


def _mean(models: Sequence[Linear]) -> Linear:
    return Linear(np.mean([each.weights for each in models], 0), np.mean([each.bias for each in models], 0))


def _select(features: Any, part: Encoded, class_weights: np.ndarray, label_smoothing: float,
            costs: Sequence[float] = _COSTS) -> Choice:
    """The cost, the kind, and the factor for its scores, with the lowest held-out cross-entropy.

    The cost is the best one of the plain kind, because a comparison of all kinds at each cost takes twice as long.
    """
    classes = len(class_weights)
    held_out = _held_out(_folds(part), features.nnz * (classes if classes > 2 else 1))
    targets = np.eye(classes)[part.labels] * (1 - label_smoothing) + label_smoothing / classes
    targets *= class_weights[part.labels][:, None]

    def scores(by_bayes: bool, cost: float) -> Any:
        return [_fitted(features[~out], part.labels[~out], class_weights, by_bayes, cost).scores(features[out])
                for out in held_out]

    def losses(scored: Any) -> np.ndarray:
        return np.array([sum(metrics.cross_entropy(each * factor, targets[out]) for each, out in zip(scored, held_out))
                         for factor in _FACTORS])

    plain = [scores(False, cost) for cost in costs]
    best = int(np.argmin([losses(scored).min() for scored in plain]))
    kinds = [plain[best]]
    if classes <= _MANY:
        bayes = scores(True, costs[best])
        kinds += [bayes, [(one + other) / 2 for one, other in zip(plain[best], bayes)]]
    kind, factor = divmod(int(np.argmin([losses(scored) for scored in kinds])), len(_FACTORS))
    return Choice(kind, float(costs[best]), float(_FACTORS[factor]))


def _held_out(folds: np.ndarray, work: int) -> List[np.ndarray]:
    """The texts of the first folds that have at least ``_HELD_OUT`` texts together, one mask per fold.

    There are fewer folds if the ``work`` of a fit to the whole part is large.
    """
    masks: List[np.ndarray] = []
    for fold in range(_FOLDS):
        out = folds == fold
        enough = sum(int(mask.sum()) for mask in masks) >= _HELD_OUT or len(masks) * work >= _WORK
        if not enough and out.any() and not out.all():
            masks.append(out)
    return masks


def _folds(part: Encoded) -> np.ndarray:
    """The fold of each text; equal texts share a fold, otherwise duplicates would leak into the held-out fold."""
    return np.array([hashlib.blake2b(part.ids[start:start + length].tobytes(), digest_size=4).digest()[0] % _FOLDS
                     for start, length in zip(part.starts, part.lengths)])
