"""Figures of a classifier on one part of the data, as scikit-learn defines them, and how sure they are."""
import math
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from scipy.stats import binom
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support


def evaluate(true: Any, predicted: Any, names: List[str]) -> Dict[str, Any]:
    """Accuracy, macro averages, a row for each class, the confusion matrix (rows: true, columns: predicted).

    ``true`` and ``predicted`` are sequences of class numbers, which index ``names``. Averages are over the classes
    that occur, true or predicted.
    """
    everything = list(range(len(names)))
    per_class = precision_recall_fscore_support(true, predicted, labels=everything, zero_division=0)
    occurs = np.union1d(true, predicted).astype(int)
    precision, recall, f1, support = per_class
    return {
        "rows": len(true),
        "accuracy": float(accuracy_score(true, predicted)),
        "accuracy_interval": list(interval(int(np.sum(np.equal(true, predicted))), len(true))),
        "macro_f1": float(np.mean(f1[occurs])),
        "precision": float(np.mean(precision[occurs])),
        "recall": float(np.mean(recall[occurs])),
        "classes": [{"label": names[i], "precision": float(precision[i]), "recall": float(recall[i]),
                     "f1": float(f1[i]), "rows": int(support[i])} for i in everything],
        "confusion": confusion_matrix(true, predicted, labels=everything).tolist(),
    }


def evaluate_names(true: Sequence[str], predicted: Sequence[str]) -> Dict[str, Any]:
    """The same for class names; the classes are those that occur."""
    names = sorted(set(true) | set(predicted))
    number = {name: i for i, name in enumerate(names)}
    return evaluate([number[name] for name in true], [number[name] for name in predicted], names)


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """Summed over the rows, in nats. Both ``[rows, classes]``; the targets of a row that weighs more sum up to more."""
    logits = logits - logits.max(1, keepdims=True)
    return float(np.sum((np.log(np.exp(logits).sum(1, keepdims=True)) - logits) * targets))


def interval(right: int, rows: int) -> Tuple[float, float]:
    """Where an accuracy lies with 95 % confidence, given so many right answers (Wilson 1927)."""
    if not rows:
        return 0.0, 1.0
    z, share = 1.959964, right / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return max(0.0, middle - half), min(1.0, middle + half)


def chance(wrong: Sequence[int], wrong_of_other: Sequence[int]) -> float:
    """How probable a difference like theirs is if two classifiers are equally good (McNemar 1947, exact).

    Each is given by the numbers of the rows, of the same part, that it answers wrongly. Rows that both answer rightly,
    or both wrongly, tell nothing.
    """
    one, other = set(wrong), set(wrong_of_other)
    fewer, more = sorted((len(one - other), len(other - one)))
    return min(1.0, 2 * float(binom.cdf(fewer, fewer + more, 0.5))) if fewer + more else 1.0
