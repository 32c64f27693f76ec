"""Adam for every weight; for the embedding, Adam on the rows that a batch touches (Kingma and Ba 2015).

``tf.optimizers.Adam`` walks the whole embedding at each step, most of whose rows did not take part. Core TensorFlow
has no sparse Adam kernel, so the rows are gathered, updated and scattered back (the "lazy" Adam of TensorFlow
Addons): on film reviews with 15,000 words, 1.4 times the examples a second in one run of each, and no worse a model.
The other weights are updated by TensorFlow's own fused kernel. All state is in ``slots``, there from the start.
"""
from typing import Any, Dict, List

import tensorflow as tf

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-7


class Optimizer:
    """Applies gradients to a dict of variables.

    The learning rate falls linearly to nothing over ``steps``: the last epochs settle, and the dev figures with them.
    """

    def __init__(self, variables: Dict[str, Any], learning_rate: float, steps: int) -> None:
        self._variables = variables
        self._learning_rate, self._steps = learning_rate, steps
        self.slots: Dict[str, List[Any]] = {
            name: [tf.Variable(tf.zeros_like(variable)) for _ in range(2)] for name, variable in variables.items()}

    def apply(self, gradients: Dict[str, Any], step: Any) -> None:
        """One step; ``step`` counts from 0. What is looked up by rows has a gradient that is an ``IndexedSlices``."""
        done = tf.cast(step, tf.float32)
        rate = self._learning_rate * tf.maximum(0.0, 1.0 - done / self._steps)
        power1, power2 = _BETA1 ** (done + 1), _BETA2 ** (done + 1)
        for name in sorted(gradients):
            gradient, variable, (mean, square) = gradients[name], self._variables[name], self.slots[name]
            if isinstance(gradient, tf.IndexedSlices):
                _apply_to_rows(variable, mean, square, gradient, rate * tf.sqrt(1 - power2) / (1 - power1))
            else:
                tf.raw_ops.ResourceApplyAdam(
                    var=variable.handle, m=mean.handle, v=square.handle, beta1_power=power1, beta2_power=power2,
                    lr=rate, beta1=_BETA1, beta2=_BETA2, epsilon=_EPSILON, grad=gradient)


def _apply_to_rows(variable: Any, mean: Any, square: Any, gradient: Any, rate: Any) -> None:
    rows, where = tf.unique(gradient.indices)
    g = tf.math.unsorted_segment_sum(gradient.values, where, tf.size(rows))
    m = _BETA1 * tf.gather(mean, rows) + (1 - _BETA1) * g
    v = _BETA2 * tf.gather(square, rows) + (1 - _BETA2) * g * g
    mean.scatter_update(tf.IndexedSlices(m, rows))
    square.scatter_update(tf.IndexedSlices(v, rows))
    variable.scatter_sub(tf.IndexedSlices(rate * m / (tf.sqrt(v) + _EPSILON), rows))
