"""One model's training: batches in, the best epoch's weights out.

Nothing random comes from a generator with hidden state: initial values and the order of the batches from NumPy with
the job's seed, dropout from stateless ops keyed by seed and step. One seed repeats a run bit for bit on one machine,
and a run can go on from any step (Kingma and Ba 2015 for Adam; Szegedy et al. 2016 for label smoothing).
"""
import math
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np
import tensorflow as tf

from models import MODELS, layers
from textjob import batches, metrics, text
from textjob.batches import Encoded, Inputs
from textjob.errors import JobError
from textjob.optimizer import Optimizer
from textjob.settings import Settings

# tf.summary.scalar wants the package tensorboard, which today's TensorFlow no longer brings; this is what it writes.
_SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})


class Trained(NamedTuple):
    """What training leaves behind."""

    weights: Dict[str, np.ndarray]   # of the best epoch
    history: List[Dict[str, float]]  # a row for each epoch
    best_epoch: int                  # from 1
    seconds: float                   # of the epochs, evaluation on dev included


class Network:
    """A model's variables with the compiled functions that train and ask it."""

    def __init__(self, name: str, inputs: Inputs, settings: Settings) -> None:
        rng = np.random.RandomState(settings.seed)
        values = MODELS[name].weights(rng, len(inputs.vocabulary) + 2, len(inputs.labels), settings.model[name])
        self.variables = {key: tf.Variable(value, name=key) for key, value in values.items()}
        self.epochs = planned_epochs(inputs.train, settings)
        steps = self.epochs * _batches(inputs.train, settings)
        self.optimizer = Optimizer(self.variables, settings.learning_rate, steps)
        self._logits = MODELS[name].logits
        self._settings = settings
        self._class_weights: np.ndarray = _class_weights(inputs, settings)
        self.step = tf.function(self._step, input_signature=[
            tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)])
        self.probabilities = tf.function(
            lambda ids: tf.nn.softmax(self._logits(self.variables, ids, lambda x: x)),
            input_signature=[tf.TensorSpec([None, None], tf.int32)])

    def _step(self, ids: Any, labels: Any, number: Any) -> Any:
        """One step on a batch; returns its mean loss. ``number`` counts the steps of the whole run from 0."""
        s, classes = self._settings, len(self._class_weights)
        noise = _Noise(s.seed, number)
        if s.word_dropout:
            dropped = tf.logical_and(noise(tf.shape(ids)) < s.word_dropout, ids > 0)
            ids = tf.where(dropped, tf.fill(tf.shape(ids), text.UNKNOWN), ids)
        targets = tf.one_hot(labels, classes) * (1 - s.label_smoothing) + s.label_smoothing / classes
        with tf.GradientTape() as tape:
            logits = self._logits(self.variables, ids, lambda x: layers.dropout(x, s.keep_prob, noise(tf.shape(x))))
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses * tf.gather(self._class_weights, labels))
        self.optimizer.apply(tape.gradient(loss, self.variables), number)
        return loss

    def predict(self, part: Encoded) -> np.ndarray:
        """Probabilities of every text of a part: float32 ``[texts, classes]``, in the part's order."""
        answers = np.zeros((len(part.lengths), len(self._class_weights)), np.float32)
        for rows in batches.in_order_of_length(part):
            answers[rows] = self.probabilities(part.padded(rows)).numpy()
        return answers

    def values(self) -> Dict[str, np.ndarray]:
        """A copy of the weights."""
        return {name: variable.numpy() for name, variable in self.variables.items()}


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


def _class_weights(inputs: Inputs, settings: Settings) -> np.ndarray:
    classes = len(inputs.labels)
    if settings.class_weights == "none":
        return np.ones(classes, np.float32)
    counts = np.maximum(np.bincount(inputs.train.labels, minlength=classes), 1)
    return np.asarray(counts.sum() / (classes * counts), np.float32)


def train(name: str, inputs: Inputs, settings: Settings, logs: Path) -> Tuple[Network, Trained]:
    """Train one model of the table; prints a line an epoch and writes TensorBoard events to ``logs``."""
    network = Network(name, inputs, settings)
    writer = tf.summary.create_file_writer(str(logs))
    history: List[Dict[str, float]] = []
    best: Tuple[float, ...] = ()
    weights: Dict[str, np.ndarray] = {}
    best_epoch, step, began = 0, 0, time.time()
    for epoch in range(1, network.epochs + 1):
        epoch_began = time.time()
        step, loss = _epoch(network, inputs.train, settings, epoch, step)
        row = dict(_on_dev(network, inputs), epoch=epoch, loss=loss, seconds=time.time() - epoch_began)
        history.append(row)
        with writer.as_default():
            for key in ("loss", "val_loss", "val_accuracy", "val_macro_f1"):
                tf.summary.write(key, np.float32(row[key]), step=epoch, metadata=_SCALAR)
        print("{} epoch {}/{} loss={loss:.4f} val_loss={val_loss:.4f} val_accuracy={val_accuracy:.4f} "
              "val_macro_f1={val_macro_f1:.4f} seconds={seconds:.1f}".format(name, epoch, network.epochs, **row),
              flush=True)
        rank = (row["val_macro_f1"], row["val_accuracy"], -row["val_loss"])
        if rank >= best:  # of equals the later: the learning rate falls, and noise with it
            best, best_epoch, weights = rank, epoch, network.values()
        elif epoch - best_epoch >= settings.patience:
            break
    writer.close()
    for key, value in weights.items():
        network.variables[key].assign(value)
    return network, Trained(weights, history, best_epoch, time.time() - began)


def _epoch(network: Network, part: Encoded, settings: Settings, epoch: int, step: int) -> Tuple[int, float]:
    """One pass over the training part: the next step's number and the mean loss."""
    order = batches.epoch(part, settings.batch_size, np.random.RandomState([settings.seed, epoch]))
    # A job's log is a file: a bar would fill it with control characters.
    bar = tf.keras.utils.Progbar(len(order)) if sys.stdout.isatty() else None
    total = 0.0
    for rows in order:
        loss = float(network.step(part.padded(rows), part.labels[rows], np.int32(step)))
        if not np.isfinite(loss):
            raise JobError("the loss became {} at step {} (epoch {}): try a smaller --learning_rate than {:g}".format(
                loss, step, epoch, settings.learning_rate))
        total, step = total + loss * len(rows), step + 1
        if bar is not None:
            bar.add(1, [("loss", loss)])
    return step, total / len(part.lengths)


def _on_dev(network: Network, inputs: Inputs) -> Dict[str, float]:
    probabilities = network.predict(inputs.dev)
    figures = metrics.evaluate(inputs.dev.labels, probabilities.argmax(1), inputs.names)
    known = inputs.dev.labels < len(inputs.labels)
    right = probabilities[known, inputs.dev.labels[known]]
    return {"val_accuracy": figures["accuracy"], "val_macro_f1": figures["macro_f1"],
            "val_loss": float(np.mean(-np.log(np.maximum(right, 1e-12)))) if len(right) else float("inf")}
