"""The last step of a training, after dev has chosen everything: calibrated scores, and a wide part that knows dev too.

The logits are divided by one temperature, the one with the lowest cross-entropy on dev (Guo et al. 2017), so the label
of a text does not change. It is part of the weights: of the wide part, and of the factor of the network. Then the wide
part that is fitted to the training and the dev part replaces the wide part that dev has judged.
"""
from dataclasses import replace
from typing import Dict, Optional, Tuple

import numpy as np

from models import wide
from textjob import metrics
from textjob.results import TrainingResult
from textjob.training.classifier import Classifier
from textjob.training.inputs import Inputs

_TEMPERATURES = np.geomspace(0.25, 4, 81)
_PRIOR = 5.0  # nats of penalty for a temperature of e or 1/e, because a few dev rows mislead


def finish(trained: Classifier, result: TrainingResult, inputs: Inputs, final: Inputs
           ) -> Tuple[Classifier, TrainingResult]:
    """The classifier that is exported, and its result.

    Args:
        trained: the classifier with the weights of its best epoch.
        inputs: with the wide part that the classifier was trained with.
        final: with the wide part that is exported.
    """
    known = inputs.dev.labels < trained.classes
    log_p = np.log(np.maximum(trained.predict(inputs.dev)[known].astype(np.float64), 1e-30))
    temperature = best_temperature(log_p, np.eye(trained.classes)[inputs.dev.labels[known]])
    network = {name: value for name, value in result.weights.items() if name not in inputs.wide}
    if network:
        network[wide.NETWORK] = np.float32(network.get(wide.NETWORK, 1.0) / temperature)
    wide_part = scaled(final.wide, 1 / temperature)
    exported = Classifier(trained.name, network, wide_part, trained.classes, trained.max_length)
    exported.set_weights(network)
    of_train, of_dev = inputs.wide_parts
    with_dev = final.wide is not inputs.wide
    rows = len(of_train.labels) + (int((of_dev.labels < trained.classes).sum()) if with_dev else 0)
    return exported, replace(result, weights=dict(network, **wide_part), temperature=temperature,
                             wide_rows=rows if wide_part else None)


def best_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature with the lowest cross-entropy, with a log-normal prior around 1; ``[texts, classes]`` each."""
    losses = [metrics.cross_entropy(logits / temperature, targets) + _PRIOR * np.log(temperature) ** 2
              for temperature in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def calibrated(probabilities: np.ndarray, temperature: Optional[float]) -> np.ndarray:
    """The probabilities ``[texts, classes]`` after their logits are divided by a temperature; None changes nothing."""
    powers = np.maximum(probabilities.astype(np.float64), 1e-30) ** (1 / (temperature or 1.0))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def scaled(wide_part: Dict[str, np.ndarray], factor: float) -> Dict[str, np.ndarray]:
    """A wide part whose logits are multiplied by ``factor``."""
    if not wide_part:
        return {}
    changed = dict(wide_part)
    for name in (wide.SCALE, wide.WORDS_SCALE, wide.CHARACTERS_SCALE):
        if name in changed:  # the last column is the scale of the frequencies
            changed[name] = changed[name] * np.append(np.full(len(changed[name]) - 1, factor), 1).astype(np.float32)
    changed[wide.BIAS] = changed[wide.BIAS] * np.float32(factor)
    return changed
