"""A classifier while it is trained: a network, the wide part, or the weighted sum of both.

It holds the variables and predicts; ``step.py`` changes the variables.
"""
import functools
from typing import Any, Callable, Dict, Optional

import numpy as np
import tensorflow as tf

import models
from models import wide
from textjob.errors import UsageError
from textjob.settings import Settings
from textjob.text import tokenizer
from textjob.text.encoding import Encoded
from textjob.text.vectors import Vectors
from textjob.training import batches
from textjob.training.dev_weight import DEFAULT
from textjob.training.inputs import Inputs

Weights = Dict[str, np.ndarray]


class Classifier:
    """Variables and predictions of a model.

    Args:
        name: a name of ``models.MODELS``, or ``models.WIDE`` for the wide part alone.
        network: the initial weights of the network; empty for the wide part alone.
        wide_part: the weights of the wide part; empty for a network without a wide part.
        classes: the number of classes.
        max_length: the tokens of a text that the network reads; None means all. The wide part reads all.
    """

    def __init__(self, name: str, network: Weights, wide_part: Weights, classes: int,
                 max_length: Optional[int] = None) -> None:
        self.name, self.classes, self.max_length = name, classes, max_length
        self.variables = {key: tf.Variable(value, name=key) for key, value in network.items()}
        """The variables that a step changes."""
        combined = bool(network and wide_part)
        self._trained = dict(self.variables, **{wide.NETWORK: tf.Variable(DEFAULT)} if combined else {})
        self._weights = dict({key: tf.constant(value) for key, value in wide_part.items()}, **self._trained)
        self._network_logits = _compiled(lambda ids, spelling: self.logits(ids, _identity))
        self._wide_logits = _compiled(lambda ids, spelling: wide.logits(self._weights, ids, _identity, spelling))

    def probabilities(self, ids: Any, spelling: Any) -> Any:
        """Ids and spelling, int32 ``[texts, columns]``, to probabilities, float32 ``[texts, classes]``.

        They are computed from the two graphs that the training uses, because a third graph takes a second to trace.
        """
        parts = []
        if self.variables:
            parts.append(self._trained.get(wide.NETWORK, 1.0) * self._network_logits(ids, spelling))
        if wide.orders(self._weights):
            parts.append(self._wide_logits(ids, spelling))
        return tf.nn.softmax(tf.add_n(parts))

    def logits(self, ids: Any, dropout: Callable[[Any], Any]) -> Any:
        """The logits of the network without the wide part, inside a graph."""
        return models.module(self.name).logits(self.variables, ids[:, :self.max_length], dropout)

    def predict(self, part: Encoded) -> np.ndarray:
        """The probabilities of every text of a part: float32 ``[texts, classes]``, in the order of the part."""
        return self._over(part, self.probabilities)

    def network_logits(self, part: Encoded) -> np.ndarray:
        """The logits of the network without the wide part: float32 ``[texts, classes]``."""
        return self._over(part, self._network_logits)

    def wide_logits(self, part: Encoded) -> np.ndarray:
        """The logits of the wide part: float32 ``[texts, classes]``. No step changes them."""
        return self._over(part, self._wide_logits)

    def _over(self, part: Encoded, function: Any) -> np.ndarray:
        results = np.zeros((len(part.lengths), self.classes), np.float32)
        for rows in batches.by_length(part.lengths):
            results[rows] = function(part.padded(rows), part.padded_spelling(rows)).numpy()
        return results

    def set_network_weight(self, weight: float) -> None:
        """Set the factor of the network's logits in the sum with the wide part."""
        self._trained[wide.NETWORK].assign(weight)

    def weights(self) -> Weights:
        """A copy of the weights that training changes: those of the network, and its factor beside a wide part."""
        return {name: variable.numpy() for name, variable in self._trained.items()}

    def set_weights(self, weights: Weights) -> None:
        """Set the weights that :meth:`weights` returned."""
        for name, variable in self._trained.items():
            variable.assign(weights[name])


def new(name: str, inputs: Inputs, settings: Settings) -> Classifier:
    """A classifier before its first step.

    The initial values come from NumPy with the seed of the job, so that they do not depend on hidden state.
    """
    rng = np.random.RandomState(settings.seed)
    network = models.module(name).weights(rng, len(inputs.vocabulary) + 2, len(inputs.labels), settings.model[name])
    if inputs.vectors is not None:
        _set_vectors(inputs.vectors, network, name)
    return Classifier(name, network, inputs.wide, len(inputs.labels), settings.max_length)


def wide_alone(inputs: Inputs) -> Classifier:
    """The wide part as a classifier of its own; it is trained already (``inputs.with_wide_part``)."""
    return Classifier(models.WIDE, {}, inputs.wide, len(inputs.labels))


def _compiled(function: Any) -> Any:
    """A function of ids and spelling, traced by its first call.

    The trace is called directly, because TensorFlow warns about repeated tracing when a job makes several classifiers.
    """
    @functools.lru_cache(maxsize=1)
    def trace() -> Any:
        return tf.function(function, [tf.TensorSpec([None, None], tf.int32)] * 2, autograph=False
                           ).get_concrete_function()

    return lambda ids, spelling: trace()(tf.constant(ids, tf.int32), tf.constant(spelling, tf.int32))


def _identity(x: Any) -> Any:
    return x


def _set_vectors(vectors: Vectors, network: Weights, name: str) -> None:
    size, expected = vectors.values.shape[1], network["embedding"].shape[1]
    if size != expected:
        raise UsageError(f"--vectors has {size} values per word, but the embedding of {name} has {expected}: "
                         f"set --{name}_embedding {size}")
    network["embedding"][vectors.words + tokenizer.UNKNOWN + 1] = vectors.values
