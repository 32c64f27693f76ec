"""A network in training: its variables, with the compiled functions that train and ask it.

Nothing random comes from a generator with hidden state: initial values from NumPy with the job's seed, dropout from
stateless ops keyed by seed and step (Kingma and Ba 2015 for Adam; Szegedy et al. 2016 for label smoothing).
"""
import math
import os
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import tensorflow as tf

import models
from models import layers, wide
from textjob.errors import UsageError
from textjob.settings import Settings
from textjob.text import tokenizer
from textjob.text.vectors import Vectors
from textjob.training import batches
from textjob.training.batches import Encoded
from textjob.training.dev_weight import USUAL, Dev
from textjob.training.inputs import Inputs, class_weights
from textjob.training.optimizer import Optimizer


def share_cores() -> None:
    """Half of the cores for an op, unless ``TF_NUM_INTRAOP_THREADS`` says otherwise; before TensorFlow's first op.

    A step is two or three chains of ops that run beside each other: an LSTM's directions, a CNN's widths. Where each op
    takes all cores, they get into each other's way: on two cores that costs an LSTM a quarter of its speed.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, cores // 2)))


class Network:
    """A model's variables with the compiled functions that train and ask it."""

    def __init__(self, name: str, inputs: Inputs, settings: Settings) -> None:
        rng = np.random.RandomState(settings.seed)
        values = models.module(name).weights(rng, len(inputs.vocabulary) + 2, len(inputs.labels), settings.model[name])
        if inputs.vectors is not None:
            _begin_with(inputs.vectors, values, name)
        self.variables = {key: tf.Variable(value, name=key) for key, value in values.items()}
        self._changing = dict(self.variables, **{wide.NETWORK: tf.Variable(USUAL)} if inputs.wide else {})
        self._all = dict(inputs.wide, **self._changing)
        self.epochs = planned_epochs(inputs.train, settings)
        steps = self.epochs * _batches(inputs.train, settings)
        self.optimizer = Optimizer(self.variables, settings.learning_rate, steps)
        self._logits = models.module(name).logits
        self._settings = settings
        self._class_weights: np.ndarray = class_weights(inputs, settings)
        self._texts = tf.RaggedTensor.from_row_lengths(inputs.train.ids, inputs.train.lengths)
        self._labels = tf.constant(inputs.train.labels)
        # The one trace, called directly: looking for it each time takes longer than a batch's padding.
        self._run = tf.function(self._steps, input_signature=[
            tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int32)],
            ).get_concrete_function()
        self.probabilities = _asked(lambda ids: tf.nn.softmax(models.logits(name, self._all, ids, lambda x: x)))
        self._own = _asked(lambda ids: self._logits(self.variables, ids, lambda x: x))
        # Once: no step changes what the wide part says.
        said = self._over(inputs.dev, _asked(lambda ids: wide.logits(self._all, ids, lambda x: x))) \
            if inputs.wide else None
        self._dev_part, self._dev = inputs.dev, Dev(inputs, self._class_weights, said)

    def run(self, order: List[np.ndarray], number: int) -> np.ndarray:
        """A step on each of these batches of rows of the training part: their mean losses, float32 ``[batches]``.

        ``number`` counts the steps of the whole run from 0. To call TensorFlow once for several batches takes a tenth
        less time.
        """
        limits = np.cumsum([0] + [len(rows) for rows in order], dtype=np.int64)
        losses: np.ndarray = self._run(
            tf.constant(np.concatenate(order)), tf.constant(limits), tf.constant(number)).numpy()
        return losses

    def _steps(self, rows: Any, limits: Any, number: Any) -> Any:
        count = tf.shape(limits)[0] - 1

        def step(i: Any, losses: Any) -> Any:
            chosen = rows[limits[i]:limits[i + 1]]
            ids, labels = tf.gather(self._texts, chosen).to_tensor(tokenizer.PADDING), tf.gather(self._labels, chosen)
            return i + 1, losses.write(i, self._step(ids, labels, number + i))

        losses = tf.TensorArray(tf.float32, count, element_shape=[])
        return tf.while_loop(lambda i, _: i < count, step, (0, losses), parallel_iterations=1)[1].stack()

    def _step(self, ids: Any, labels: Any, number: Any) -> Any:
        s, classes = self._settings, len(self._class_weights)
        noise = _Noise(s.seed, number)
        if s.word_dropout:
            dropped = tf.logical_and(noise(tf.shape(ids)) < s.word_dropout, ids > 0)
            ids = tf.where(dropped, tf.fill(tf.shape(ids), tokenizer.UNKNOWN), ids)
        targets = tf.one_hot(labels, classes) * (1 - s.label_smoothing) + s.label_smoothing / classes
        with tf.GradientTape() as tape:
            logits = self._logits(self.variables, ids, lambda x: layers.dropout(x, s.keep_prob, noise(tf.shape(x))))
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses * tf.gather(self._class_weights, labels))
        self.optimizer.apply(tape.gradient(loss, self.variables), number)
        return loss

    def predict(self, part: Encoded) -> np.ndarray:
        """Probabilities of every text of a part: float32 ``[texts, classes]``, in the part's order."""
        return self._over(part, self.probabilities)

    def on_dev(self) -> Dict[str, float]:
        """The figures on the dev part, of a row of the history; beside a wide part, the network from now on counts as
        much as is best for them."""
        figures = self._dev.figures(self._over(self._dev_part, self._own))
        if wide.NETWORK in self._changing:
            self._changing[wide.NETWORK].assign(figures["network_weight"])
        return figures

    def _over(self, part: Encoded, function: Any) -> np.ndarray:
        answers = np.zeros((len(part.lengths), len(self._class_weights)), np.float32)
        for rows in batches.in_order_of_length(part):
            answers[rows] = function(part.padded(rows)).numpy()
        return answers

    def values(self) -> Dict[str, np.ndarray]:
        """A copy of the weights that training changes: the network's, and what it counts beside a wide part."""
        return {name: variable.numpy() for name, variable in self._changing.items()}

    def take_over(self, weights: Dict[str, np.ndarray]) -> None:
        """Have these weights from now on; what :meth:`values` gave."""
        for name, variable in self._changing.items():
            variable.assign(weights[name])

    def state(self) -> Dict[str, np.ndarray]:
        """A copy of everything that a step changes: the weights and the optimizer's slots."""
        return {key: variable.numpy() for key, variable in self._stateful()}

    def restore(self, state: Dict[str, np.ndarray]) -> None:
        """Take over what :meth:`state` gave."""
        for key, variable in self._stateful():
            variable.assign(state[key])

    def _stateful(self) -> Iterator[Tuple[str, Any]]:
        for name, variable in self.variables.items():
            yield "weight/" + name, variable
            yield from ((f"slot{i}/{name}", slot) for i, slot in enumerate(self.optimizer.slots[name]))


def _asked(function: Any) -> Any:
    return tf.function(function, input_signature=[tf.TensorSpec([None, None], tf.int32)])


def _begin_with(vectors: Vectors, values: Dict[str, np.ndarray], name: str) -> None:
    size = values["embedding"].shape[1]
    if vectors.values.shape[1] != size:
        raise UsageError(f"--vectors has {vectors.values.shape[1]} values a word, the embedding of {name} {size}: give --{name}_embedding {vectors.values.shape[1]}")
    values["embedding"][vectors.words + tokenizer.UNKNOWN + 1] = vectors.values


class _Noise:
    """Uniform noise that depends on the seed, the step and the place of the call in the step alone."""

    def __init__(self, seed: int, step: Any) -> None:
        self._seed, self._step, self._calls = seed, step, 0

    def __call__(self, shape: Any) -> Any:
        self._calls += 1
        place = (self._seed * 31 + self._calls) % (2 ** 31 - 1)
        return tf.random.stateless_uniform(shape, tf.stack([tf.constant(place, tf.int32), self._step]))


def planned_epochs(part: Encoded, settings: Settings) -> int:
    """The most epochs of a run: as set, else 8, and on small data as many as make 1,000 steps."""
    return settings.epochs or max(8, math.ceil(1000 / _batches(part, settings)))


def _batches(part: Encoded, settings: Settings) -> int:
    return math.ceil(len(part.lengths) / settings.batch_size)
