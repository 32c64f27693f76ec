"""The fused LSTM agrees with a plain implementation and with finite differences."""
from typing import Any, Dict

import numpy as np
import pytest
import references
import tensorflow as tf

from models import lstm


def _weights(inputs: int, units: int) -> Dict[str, np.ndarray]:
    return lstm.weights(np.random.RandomState(0), inputs, units)


def test_the_fused_lstm_equals_a_plain_one_in_both_directions_from_the_end_of_each_text() -> None:
    w, x = _weights(3, 4), np.random.RandomState(1).randn(6, 2, 3).astype(np.float32)
    lengths = [6, 3]
    forward, backward = lstm.bidirectional(w, tf.constant(x), tf.constant(lengths))
    for text, length in enumerate(lengths):
        expected = references.bidirectional(w, x[:length, text])
        np.testing.assert_allclose(forward[:length, text], expected[0], atol=1e-6)
        np.testing.assert_allclose(backward[:length, text], expected[1], atol=1e-6)


@pytest.mark.parametrize("name", ["lstm/forward/kernel", "lstm/backward/kernel", "lstm/forward/bias", "x"])
def test_the_gradient_of_the_lstm_is_that_of_finite_differences(name: str) -> None:
    """The gradient of BlockLSTMV2 in TensorFlow 2.21 is not: it is wrong by 84 %."""
    rng = np.random.RandomState(2)
    values = dict(_weights(3, 4), x=rng.randn(5, 2, 3).astype(np.float32))
    weighting = rng.randn(5, 2, 8).astype(np.float32)

    def loss(given: Dict[str, Any]) -> Any:
        outputs = lstm.bidirectional(given, given["x"], tf.constant([5, 4]))
        return tf.reduce_sum(tf.concat(outputs, 2) * weighting)

    variables = {key: tf.Variable(value) for key, value in values.items()}

    @tf.function  # as in training: the number of columns is unknown while the function is traced
    def gradient_of(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(dict(variables, x=x))
        return tape.gradient(value, x if name == "x" else variables[name])

    gradient = gradient_of.get_concrete_function(tf.TensorSpec([None, None, 3]))(tf.constant(values["x"]))
    for index in [tuple(rng.randint(n) for n in values[name].shape) for _ in range(12)]:
        step = 1e-2
        sides = []
        for sign in (1, -1):
            moved = dict(values, **{name: values[name].copy()})
            moved[name][index] += sign * step
            sides.append(float(loss({k: tf.constant(v) for k, v in moved.items()})))
        assert abs((sides[0] - sides[1]) / (2 * step) - float(gradient.numpy()[index])) < 5e-3, index


def test_an_exported_graph_contains_the_fused_op_without_a_declaration_of_its_gradient() -> None:
    """Older engines do not support such a declaration."""
    with tf.Graph().as_default() as graph:
        lstm.bidirectional(_weights(3, 4), tf.zeros([5, 2, 3]), tf.constant([5, 4]))
    kinds = [op.type for op in graph.get_operations()]
    assert kinds.count("BlockLSTM") == 2 and "IdentityN" not in kinds and "While" not in kinds
