"""The evaluation on the dev part, and the factor of the network's logits beside the wide part.

The factor is chosen on dev because neither the network nor the wide part was trained on these texts. It is larger where
the network learns what n-grams do not show (many classes, word order): from 0.125 to 0.7 on the data sets of
docs/accuracy.md.
"""
from typing import Dict, List, Optional

import numpy as np

from textjob import metrics

DEFAULT = 2.0 ** -1.5  # 0.35
"""The factor without dev rows, and the centre of the prior."""

_FACTORS = 2.0 ** np.arange(-3, 1.5, 0.5)  # 0.125 to 2
_PRIOR = 4.0  # nats of penalty for a factor e times the default, because a few dev rows mislead


class DevEvaluation:
    """Figures of a network in training on the dev part.

    Args:
        labels: the class numbers of the dev texts; at least the number of classes if the training part lacks the label.
        names: the label of each number.
        class_weights: the weight of a text of each class, float32 ``[classes]``.
        wide_logits: the logits of the wide part, ``[texts, classes]``; None without a wide part.
    """

    def __init__(self, labels: np.ndarray, names: List[str], class_weights: np.ndarray,
                 wide_logits: Optional[np.ndarray]) -> None:
        self._names, self._labels, self._wide_logits = names, labels, wide_logits
        self._known = labels < len(class_weights)  # the loss is defined for the labels of the training part
        self._targets = np.eye(len(class_weights))[labels[self._known]]
        self._weighted = self._targets * class_weights[labels[self._known]][:, None]

    def figures(self, network_logits: np.ndarray) -> Dict[str, float]:
        """The dev figures of a row of the history, from the network's logits of the dev part ``[texts, classes]``."""
        logits, chosen = network_logits, {}
        if self._wide_logits is not None:
            weight = network_weight(network_logits[self._known], self._wide_logits[self._known], self._weighted)
            logits, chosen = np.float32(weight) * network_logits + self._wide_logits, {"network_weight": weight}
        evaluation = metrics.evaluate(self._labels, logits.argmax(1), self._names)
        rows = len(self._targets)
        loss = metrics.cross_entropy(logits[self._known], self._targets) / rows if rows else float("inf")
        return dict(chosen, val_accuracy=evaluation.accuracy, val_macro_f1=evaluation.macro_f1, val_loss=loss)


def network_weight(network_logits: np.ndarray, wide_logits: np.ndarray, targets: np.ndarray) -> float:
    """The factor of the network's logits that minimises the cross-entropy of the sum, with a log-normal prior.

    All arguments are ``[texts, classes]``. The targets of a text sum to the weight of the text.
    """
    losses = [metrics.cross_entropy(factor * network_logits + wide_logits, targets)
              + _PRIOR * np.log(factor / DEFAULT) ** 2 for factor in _FACTORS]
    return float(_FACTORS[int(np.argmin(losses))])
