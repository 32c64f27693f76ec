"""The training step: loss, gradients, reduce, apply.

The loss is the cross-entropy with label smoothing (Szegedy et al. 2016). Noise comes from stateless ops keyed by the
seed and the number of the step, so a step does not depend on hidden state.
"""
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np
import tensorflow as tf

from models import layers
from textjob.settings import Settings
from textjob.text import tokenizer
from textjob.training.classifier import Classifier
from textjob.training.feed import Feed
from textjob.training.optimizer import Optimizer
from textjob.training.workers import Gradients, Share, Workers

STEPS_PER_CALL = 8
"""The largest number of steps per call of ``Step.run``; a job can be interrupted between two calls."""


class Step:
    """Changes the variables of a classifier by gradient descent.

    Args:
        classifier: its variables are changed.
        feed: the training part.
        optimizer: applies the gradients.
        class_weights: the weight of a text of each class, float32 ``[classes]``.
        settings: dropout, label smoothing and seed.
        workers: the nodes and devices that share the batches and add up their gradients.
    """

    def __init__(self, classifier: Classifier, feed: Feed, optimizer: Optimizer, class_weights: np.ndarray,
                 settings: Settings, workers: Optional[Workers] = None) -> None:
        self._classifier, self._feed, self._optimizer = classifier, feed, optimizer
        self._class_weights, self._settings, self._workers = class_weights, settings, workers or Workers()
        # What several nodes have finished of a call that fails because a node is lost.
        self._finished, self._losses = tf.Variable(0), tf.Variable(tf.zeros([STEPS_PER_CALL]))
        # The only trace is called directly, because a search for it takes longer than the padding of a batch.
        self._run = tf.function(self._steps, input_signature=[
            tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int32)],
            autograph=False).get_concrete_function()

    def run(self, order: List[np.ndarray], number: int) -> np.ndarray:
        """Make one step for each of at most 8 batches of rows; returns the mean loss of each, float32 ``[batches]``.

        ``number`` is the number of the first step, counted from 0 over the whole training. One call of TensorFlow for
        several batches takes 10 % less time than one call for each.
        """
        limits = np.cumsum([0] + [len(rows) for rows in order], dtype=np.int64)
        with self._workers.connected():
            losses: np.ndarray = self._run(
                tf.constant(np.concatenate(order)), tf.constant(limits), tf.constant(number)).numpy()
        return losses

    def finished(self) -> np.ndarray:
        """The mean losses of the steps that were made before a call of :meth:`run` failed, on several nodes."""
        losses: np.ndarray = self._losses[:self._finished].numpy()
        return losses

    def _steps(self, rows: Any, limits: Any, number: Any) -> Any:
        count = tf.shape(limits)[0] - 1

        def step(i: Any, losses: Any) -> Any:
            ids, labels = self._feed(rows[limits[i]:limits[i + 1]])
            loss = self._step(ids[:, :self._settings.max_length], labels, number + i)
            if self._workers.several:
                self._losses.scatter_update(tf.IndexedSlices(loss, i))
                with tf.control_dependencies([loss]):
                    self._finished.assign(i + 1)
            return i + 1, losses.write(i, loss)

        if self._workers.several:
            self._finished.assign(0)
        losses = tf.TensorArray(tf.float32, count, element_shape=[])
        return tf.while_loop(lambda i, _: i < count, step, (0, losses), parallel_iterations=1)[1].stack()

    def _step(self, ids: Any, labels: Any, number: Any) -> Any:
        loss, gradients = self._workers.reduce(*self.gradients(ids, labels, number), ids)
        self._optimizer.apply(gradients, number)
        return loss

    def gradients(self, ids: Any, labels: Any, number: Any) -> Tuple[Any, Gradients]:
        """The mean loss of a batch, and its gradient by each variable; on several nodes, their part in the mean."""
        parts = []
        for i, device in enumerate(self._workers.devices):
            with tf.device(device):
                parts.append(self._gradients(ids, labels, number, self._workers.share(tf.shape(labels)[0], i)))
        return parts[0] if len(parts) == 1 else _added(parts)

    def _gradients(self, ids: Any, labels: Any, number: Any, share: Optional[Share]) -> Tuple[Any, Gradients]:
        s, classes = self._settings, len(self._class_weights)
        if share:
            ids, labels = _part(ids, share), _part(labels, share)
        noise = _Noise(s.seed, number, share)
        if s.word_dropout:
            dropped = tf.logical_and(noise(tf.shape(ids)) < s.word_dropout, ids > 0)
            ids = tf.where(dropped, tf.fill(tf.shape(ids), tokenizer.UNKNOWN), ids)
        targets = tf.one_hot(labels, classes) * (1 - s.label_smoothing) + s.label_smoothing / classes
        with tf.GradientTape() as tape:
            logits = self._classifier.logits(ids, lambda x: layers.dropout(x, s.keep_prob, noise(tf.shape(x))))
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses * tf.gather(self._class_weights, labels))
            if share:
                loss *= share.weight
        return loss, tape.gradient(loss, self._classifier.variables)

    def state(self) -> Dict[str, np.ndarray]:
        """A copy of everything that a step changes: the variables and the slots of the optimizer."""
        return {key: variable.numpy() for key, variable in self._stateful()}

    def restore(self, state: Dict[str, np.ndarray]) -> None:
        """Set everything that :meth:`state` returned."""
        for key, variable in self._stateful():
            variable.assign(state[key])

    def _stateful(self) -> Iterator[Tuple[str, Any]]:
        for name, variable in self._classifier.variables.items():
            yield "weight/" + name, variable
            yield from ((f"slot{i}/{name}", slot) for i, slot in enumerate(self._optimizer.slots[name]))


def _added(parts: List[Tuple[Any, Gradients]]) -> Tuple[Any, Gradients]:
    """The sum of the losses and of the gradients of several devices."""
    total: Gradients = {}
    for name, first in parts[0][1].items():
        each = [gradients[name] for _, gradients in parts]
        total[name] = tf.IndexedSlices(
            tf.concat([one.values for one in each], 0), tf.concat([one.indices for one in each], 0), first.dense_shape
        ) if isinstance(first, tf.IndexedSlices) else tf.add_n(each)
    return tf.add_n([loss for loss, _ in parts]), total


def _part(x: Any, share: Share) -> Any:
    """The texts of a share; the first axis of ``x`` are the texts of the batch."""
    return x[share.first:share.first + share.texts]


class _Noise:
    """Uniform noise that depends only on the seed, the step, and the position of the call within the step.

    A share of a batch gets the noise that its texts have in the whole batch, so that the number of nodes changes
    nothing.
    """

    def __init__(self, seed: int, step: Any, share: Optional[Share] = None) -> None:
        self._seed, self._step, self._share, self._calls = seed, step, share, 0

    def __call__(self, shape: Any) -> Any:
        self._calls += 1
        key = (self._seed * 31 + self._calls) % (2 ** 31 - 1)
        if self._share:
            shape = tf.concat([[self._share.of], shape[1:]], 0)
        noise = tf.random.stateless_uniform(shape, tf.stack([tf.constant(key, tf.int32), self._step]))
        return _part(noise, self._share) if self._share else noise
