"""One model's training: batches in, the best epoch's weights out.

Nothing random comes from a generator with hidden state: initial values and the order of the batches from NumPy with
the job's seed, dropout from stateless ops keyed by seed and step. One seed repeats a run bit for bit on one machine,
and a run can go on from any step (Kingma and Ba 2015 for Adam; Szegedy et al. 2016 for label smoothing).
"""
import math
import os
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np
import tensorflow as tf

import models
from models import MODELS, layers
from textjob import batches, interruption, metrics, text
from textjob.batches import Encoded
from textjob.checkpoints import Checkpoint, Checkpoints
from textjob.encoding import Inputs, class_weights
from textjob.errors import JobError, UsageError
from textjob.optimizer import Optimizer
from textjob.settings import Settings
from textjob.vectors import Vectors

AT_ONCE = 8
"""Batches of a call of :meth:`Network.run`; a job can be interrupted between two calls."""

# tf.summary.scalar wants the package tensorboard, which today's TensorFlow no longer brings; this is what it writes.
_SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})


def share_cores() -> None:
    """Half of the cores for an op, unless ``TF_NUM_INTRAOP_THREADS`` says otherwise; before TensorFlow's first op.

    A step is two or three chains of ops that run beside each other: an LSTM's directions, a CNN's widths. Where each op
    takes all cores, they get into each other's way: on two cores that costs an LSTM a quarter of its speed.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, cores // 2)))


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
        if inputs.vectors is not None:
            _begin_with(inputs.vectors, values, name)
        self.variables = {key: tf.Variable(value, name=key) for key, value in values.items()}
        self._wide = inputs.wide
        self.epochs = planned_epochs(inputs.train, settings)
        steps = self.epochs * _batches(inputs.train, settings)
        self.optimizer = Optimizer(self.variables, settings.learning_rate, steps)
        self._logits = MODELS[name].logits
        self._settings = settings
        self._class_weights: np.ndarray = class_weights(inputs, settings)
        self._texts = tf.RaggedTensor.from_row_lengths(inputs.train.ids, inputs.train.lengths)
        self._labels = tf.constant(inputs.train.labels)
        # The one trace, called directly: looking for it each time takes longer than a batch's padding.
        self._run = tf.function(self._steps, input_signature=[
            tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int32)],
            ).get_concrete_function()
        self.probabilities = tf.function(
            lambda ids: tf.nn.softmax(models.logits(name, dict(self.variables, **self._wide), ids, lambda x: x)),
            input_signature=[tf.TensorSpec([None, None], tf.int32)])

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
            ids, labels = tf.gather(self._texts, chosen).to_tensor(text.PADDING), tf.gather(self._labels, chosen)
            return i + 1, losses.write(i, self._step(ids, labels, number + i))

        losses = tf.TensorArray(tf.float32, count, element_shape=[])
        return tf.while_loop(lambda i, _: i < count, step, (0, losses), parallel_iterations=1)[1].stack()

    def _step(self, ids: Any, labels: Any, number: Any) -> Any:
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
        return dict({name: variable.numpy() for name, variable in self.variables.items()}, **self._wide)

    def take_over(self, weights: Dict[str, np.ndarray]) -> None:
        """Have these weights from now on; what :meth:`values` gave."""
        for name, variable in self.variables.items():
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
            yield from (("slot{}/{}".format(i, name), slot) for i, slot in enumerate(self.optimizer.slots[name]))


def _begin_with(vectors: Vectors, values: Dict[str, np.ndarray], name: str) -> None:
    size = values["embedding"].shape[1]
    if vectors.values.shape[1] != size:
        raise UsageError("--vectors has {} values a word, the embedding of {} {}: give --{}_embedding {}".format(
            vectors.values.shape[1], name, size, name, vectors.values.shape[1]))
    values["embedding"][vectors.words + text.UNKNOWN + 1] = vectors.values


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


class Run:
    """One model's training, from wherever it stands: at the beginning, or where a checkpoint was made.

    What a checkpoint holds is all there is: the order of the batches and the noise follow from the seed and the step.
    """

    def __init__(self, name: str, inputs: Inputs, settings: Settings, checkpoints: Checkpoints) -> None:
        self.name, self.inputs, self.settings, self.checkpoints = name, inputs, settings, checkpoints
        self.network = Network(name, inputs, settings)
        self.history: List[Dict[str, float]] = []
        self.weights: Dict[str, np.ndarray] = {}  # of the best epoch
        self.epoch, self.batch, self.step = 1, 0, 0   # of the next batch; epochs count from 1, the others from 0
        self.loss = 0.0                           # summed over the epoch's rows so far
        self.seconds = 0.0                        # in this epoch and in all finished ones
        self.epoch_seconds = 0.0
        self._since = time.time()
        self._restore()

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept, 0 before the first; of equals the later: the noise falls with the rate."""
        best = max(self.history, key=lambda row: (*_rank(row), row["epoch"]), default={"epoch": 0})
        return int(best["epoch"])

    @property
    def finished(self) -> bool:
        """No epoch is left, or none has been better for long enough, neither by macro-F1 nor by the loss.

        On a few hundred dev rows macro-F1 moves by chance from epoch to epoch; the loss moves less.
        """
        least = min(self.history, key=lambda row: row["val_loss"], default={"epoch": 0})["epoch"]
        stale = bool(self.history) and len(self.history) - max(self.best_epoch, least) >= self.settings.patience
        return self.epoch > self.network.epochs or stale

    def train_epoch(self) -> None:
        """The rest of this epoch; its row is in the history, and in a checkpoint, afterwards."""
        part, settings, seed = self.inputs.train, self.settings, [self.settings.seed, self.epoch]
        order = batches.epoch(part, settings.batch_size, np.random.RandomState(seed))
        # A job's log is a file: a bar would fill it with control characters.
        bar = tf.keras.utils.Progbar(len(order)) if sys.stdout.isatty() else None
        saved = time.time()
        at_once = AT_ONCE if settings.checkpoint_seconds else 1  # 0: a checkpoint after each
        while self.batch < len(order):
            some = order[self.batch:self.batch + at_once]
            for rows, loss in zip(some, self.network.run(some, self.step)):
                if not np.isfinite(loss):
                    raise JobError("the loss became {} at step {} (epoch {}, batch {}): try a smaller --learning_rate "
                                   "than {:g}".format(loss, self.step, self.epoch, self.batch, settings.learning_rate))
                self.loss, self.step, self.batch = self.loss + float(loss) * len(rows), self.step + 1, self.batch + 1
                if bar is not None:
                    bar.add(1, [("loss", loss)])
            if interruption.asked() or time.time() - saved > settings.checkpoint_seconds:
                self.save()
                interruption.stop_if_asked()
                saved = time.time()
        row = dict(_on_dev(self.network, self.inputs), epoch=self.epoch, loss=self.loss / len(part.lengths))
        self._tick()
        self.history.append(dict(row, seconds=self.epoch_seconds))
        if self.best_epoch == self.epoch:
            self.weights = self.network.values()
        self.epoch, self.batch, self.loss, self.epoch_seconds = self.epoch + 1, 0, 0.0, 0.0

    def _tick(self) -> None:
        now = time.time()
        self.seconds, self.epoch_seconds = self.seconds + now - self._since, self.epoch_seconds + now - self._since
        self._since = now

    def save(self) -> None:
        """A checkpoint of the state as it is now."""
        self._tick()
        arrays = {"state/" + key: value for key, value in self.network.state().items()}
        arrays.update({"best/" + key: value for key, value in self.weights.items()})
        facts = {name: getattr(self, name) for name in _FACTS}
        # A number that grows at an epoch's end, too: no checkpoint is written over another.
        self.checkpoints.write(self.step + self.epoch, Checkpoint(arrays, facts))

    def _restore(self) -> None:
        found = self.checkpoints.newest()
        if found is None:
            return
        for name in _FACTS:
            setattr(self, name, found.facts[name])
        self.network.restore({key[len("state/"):]: value for key, value in found.arrays.items()
                              if key.startswith("state/")})
        self.weights = {key[len("best/"):]: value for key, value in found.arrays.items() if key.startswith("best/")}
        print("{}: goes on at epoch {}, batch {}".format(self.name, self.epoch, self.batch), flush=True)


_FACTS = ("history", "epoch", "batch", "step", "loss", "seconds", "epoch_seconds")


def _rank(row: Dict[str, float]) -> Tuple[float, float, float]:
    return row["val_macro_f1"], row["val_accuracy"], -row["val_loss"]


def train(name: str, inputs: Inputs, settings: Settings, logs: Path, checkpoints: Checkpoints
          ) -> Tuple[Network, Trained]:
    """Train one model of the table, from its newest checkpoint where there is one.

    Prints a line an epoch and writes TensorBoard events to ``logs``. The line comes after the checkpoint: a run that
    goes on never prints it again.
    """
    run = Run(name, inputs, settings, checkpoints)
    writer = tf.summary.create_file_writer(str(logs))
    with interruption.deferred():
        while not run.finished:
            run.train_epoch()
            row = run.history[-1]
            with writer.as_default():
                for key in ("loss", "val_loss", "val_accuracy", "val_macro_f1"):
                    tf.summary.write(key, np.float32(row[key]), step=int(row["epoch"]), metadata=_SCALAR)
            writer.flush()
            run.save()
            print("{} epoch {epoch}/{} loss={loss:.4f} val_loss={val_loss:.4f} val_accuracy={val_accuracy:.4f} "
                  "val_macro_f1={val_macro_f1:.4f} seconds={seconds:.1f}".format(name, run.network.epochs, **row),
                  flush=True)
            interruption.stop_if_asked()
    writer.close()
    run.network.take_over(run.weights)
    return run.network, Trained(run.weights, run.history, run.best_epoch, run.seconds)


def _on_dev(network: Network, inputs: Inputs) -> Dict[str, float]:
    probabilities = network.predict(inputs.dev)
    figures = metrics.evaluate(inputs.dev.labels, probabilities.argmax(1), inputs.names)
    known = inputs.dev.labels < len(inputs.labels)
    right = probabilities[known, inputs.dev.labels[known]]
    return {"val_accuracy": figures["accuracy"], "val_macro_f1": figures["macro_f1"],
            "val_loss": float(np.mean(-np.log(np.maximum(right, 1e-12)))) if len(right) else float("inf")}
