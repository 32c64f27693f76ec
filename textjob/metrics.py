"""The figures of a classifier on one part of the data, and their uncertainty, by scikit-learn and SciPy."""
from typing import Any, List, Sequence, Tuple

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from textjob.results import ClassFigures, Evaluation


def evaluate(true: Any, predicted: Any, names: Sequence[str], keep_wrong_rows: bool = False) -> Evaluation:
    """Accuracy, macro averages, figures per class and the confusion matrix.

    Args:
        true: class numbers, which index ``names``, one per row; at least one row.
        predicted: the same.
        keep_wrong_rows: the numbers of the wrong rows are part of the result.
    """
    every_class = list(range(len(names)))
    precision, recall, f1, support = precision_recall_fscore_support(
        true, predicted, labels=every_class, zero_division=0)
    occurs = np.union1d(true, predicted).astype(int)
    wrong = np.flatnonzero(np.not_equal(true, predicted)).tolist()
    return Evaluation(
        rows=len(true),
        accuracy=float(accuracy_score(true, predicted)),
        accuracy_interval=wilson_interval(len(true) - len(wrong), len(true)),
        macro_f1=float(np.mean(f1[occurs])),
        precision=float(np.mean(precision[occurs])),
        recall=float(np.mean(recall[occurs])),
        classes=[ClassFigures(names[i], float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
                 for i in every_class],
        confusion=confusion_matrix(true, predicted, labels=every_class).tolist(),
        wrong_rows=wrong if keep_wrong_rows else None)


def evaluate_names(true: Sequence[str], predicted: Sequence[str]) -> Evaluation:
    """:func:`evaluate` for class names; the classes are those that occur."""
    names = sorted(set(true) | set(predicted))
    number = {name: i for i, name in enumerate(names)}
    return evaluate([number[name] for name in true], [number[name] for name in predicted], names)


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """The cross-entropy in nats, summed over the rows.

    Args:
        logits: ``[rows, classes]``.
        targets: ``[rows, classes]``; the targets of a row sum up to its weight.
    """
    logits = logits - logits.max(1, keepdims=True)
    return float(np.sum((np.log(np.exp(logits).sum(1, keepdims=True)) - logits) * targets))


def wilson_interval(correct: int, rows: int) -> Tuple[float, float]:
    """The 95 % confidence interval of an accuracy (Wilson 1927)."""
    if not rows:
        return 0.0, 1.0
    interval = binomtest(correct, rows).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(wrong: Sequence[int], wrong_of_other: Sequence[int]) -> float:
    """The p value of McNemar's exact test (1947) that two classifiers are equally accurate.

    Each argument holds the numbers of the rows that one of them classifies wrongly, both of the same part.
    """
    only_one, only_other = set(wrong) - set(wrong_of_other), set(wrong_of_other) - set(wrong)
    discordant: List[int] = [len(only_one), len(only_other)]
    return float(binomtest(discordant[0], sum(discordant), 0.5).pvalue) if any(discordant) else 1.0
