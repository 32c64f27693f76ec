"""How much a network counts beside the wide part: chosen on dev, where both are asked what neither has learnt.

Where a network finds what n-grams do not tell (many classes, word order) it should count more, where the words say it
all, less: from 0.125 to 0.7 on the sets of docs/accuracy.md.
"""
from typing import Dict, Optional

import numpy as np

from textjob import metrics
from textjob.training.inputs import Inputs

USUAL = 0.5
"""What is taken without dev rows, and what few of them have to argue against."""

_WEIGHTS = 2.0 ** np.arange(-3, 1.5, 0.5)  # 0.125 to 2
_DOUBT = 1.0  # nats that a weight e times the usual one, or a part of it, must win: on 20 rows half the chance misses


class Dev:
    """The dev part, asked how good a network in training is, beside the wide part where there is one."""

    def __init__(self, inputs: Inputs, class_weights: np.ndarray, wide_logits: Optional[np.ndarray]) -> None:
        self._names, self._labels, self._wide = inputs.names, inputs.dev.labels, wide_logits
        self._known = self._labels < len(inputs.labels)  # a label that train lacks is in no loss
        self._targets = np.eye(len(inputs.labels))[self._labels[self._known]]
        self._weighed = self._targets * class_weights[self._labels[self._known]][:, None]

    def figures(self, own: np.ndarray) -> Dict[str, float]:
        """Those of a row of the history. ``own``: the network's logits of the dev part, ``[texts, classes]``."""
        logits, said = own, {}
        if self._wide is not None:
            weight = network_weight(own[self._known], self._wide[self._known], self._weighed)
            logits, said = np.float32(weight) * own + self._wide, {"network_weight": weight}
        found = metrics.evaluate(self._labels, logits.argmax(1), self._names)
        rows = len(self._targets)
        loss = metrics.cross_entropy(logits[self._known], self._targets) / rows if rows else float("inf")
        return dict(said, val_accuracy=found["accuracy"], val_macro_f1=found["macro_f1"], val_loss=loss)


def network_weight(own: np.ndarray, wide: np.ndarray, targets: np.ndarray) -> float:
    """The factor of the network's logits with which the sum is least surprised by these texts.

    All are ``[texts, classes]``: the network's logits, those of the wide part, and what is right; the targets of a text
    that weighs more sum up to more.
    """
    losses = [metrics.cross_entropy(weight * own + wide, targets) + _DOUBT * np.log(weight / USUAL) ** 2
              for weight in _WEIGHTS]
    return float(_WEIGHTS[int(np.argmin(losses))])
