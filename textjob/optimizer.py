"""Adam for every weight; for the embedding, Adam on the rows that a batch touches.

``tf.optimizers.Adam`` walks the whole embedding at each step, most of whose rows did not take part. Core TensorFlow
has no sparse Adam kernel, so the rows are gathered, updated and scattered back (the "lazy" Adam of TensorFlow
Addons): on film reviews with 15,000 words, 1.4 times the examples a second in one run of each, and no worse a model.
"""
from typing import Any, Dict, List

import tensorflow as tf

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-7


class Optimizer:
    """Applies gradients to a dict of variables; its state is in ``slots`` and ``dense``.

    The learning rate falls linearly to nothing over ``steps``: the last epochs settle, and the dev figures with them.
    """

    def __init__(self, variables: Dict[str, Any], learning_rate: float, steps: int) -> None:
        self._variables = variables
        self._rate = tf.optimizers.schedules.PolynomialDecay(learning_rate, steps, end_learning_rate=0.0)
        self.dense = tf.optimizers.Adam(self._rate, beta_1=_BETA1, beta_2=_BETA2, epsilon=_EPSILON)
        embedding = variables["embedding"]
        self.slots: List[Any] = [tf.Variable(tf.zeros_like(embedding)) for _ in range(2)]

    def apply(self, gradients: Dict[str, Any], step: Any) -> None:
        """One step; ``step`` counts from 0. The embedding's gradient is an ``IndexedSlices``."""
        names = [name for name in sorted(gradients) if name != "embedding"]
        self.dense.apply_gradients([(gradients[name], self._variables[name]) for name in names])
        self._apply_to_rows(gradients["embedding"], step)

    def _apply_to_rows(self, gradient: Any, step: Any) -> None:
        rows, where = tf.unique(gradient.indices)
        g = tf.math.unsorted_segment_sum(gradient.values, where, tf.size(rows))
        mean, square = self.slots
        m = _BETA1 * tf.gather(mean, rows) + (1 - _BETA1) * g
        v = _BETA2 * tf.gather(square, rows) + (1 - _BETA2) * g * g
        t = tf.cast(step + 1, tf.float32)
        rate = self._rate(step) * tf.sqrt(1 - _BETA2 ** t) / (1 - _BETA1 ** t)
        mean.scatter_update(tf.IndexedSlices(m, rows))
        square.scatter_update(tf.IndexedSlices(v, rows))
        self._variables["embedding"].scatter_sub(tf.IndexedSlices(rate * m / (tf.sqrt(v) + _EPSILON), rows))
