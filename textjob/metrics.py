"""Figures of a classifier on one part of the data, as scikit-learn defines them."""
from typing import Any, Dict, List

import numpy as np
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
        "macro_f1": float(np.mean(f1[occurs])),
        "precision": float(np.mean(precision[occurs])),
        "recall": float(np.mean(recall[occurs])),
        "classes": [{"label": names[i], "precision": float(precision[i]), "recall": float(recall[i]),
                     "f1": float(f1[i]), "rows": int(support[i])} for i in everything],
        "confusion": confusion_matrix(true, predicted, labels=everything).tolist(),
    }
