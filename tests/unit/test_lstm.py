"""The LSTM, held against slow and plain computations of the same."""
from typing import Any, Dict

import numpy as np
import pytest
import tensorflow as tf

from models import lstm


def _weights(inputs: int, units: int) -> Dict[str, np.ndarray]:
    return lstm.weights(np.random.RandomState(0), inputs, units)


def _plain_lstm(w: Dict[str, np.ndarray], direction: str, x: np.ndarray) -> np.ndarray:
    """An LSTM step by step (Hochreiter and Schmidhuber 1997, with a forget bias of 1); gates i, c, f, o."""
    kernel, bias = w["lstm/" + direction + "/kernel"], w["lstm/" + direction + "/bias"]
    units = len(bias) // 4
    h, c, outputs = np.zeros(units), np.zeros(units), []
    for step in x:
        i, g, f, o = np.split(np.concatenate([step, h]) @ kernel + bias, 4)
        c = _sigmoid(f + 1) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def test_the_fused_lstm_is_the_plain_one_in_both_directions_from_each_texts_own_end() -> None:
    w, x = _weights(3, 4), np.random.RandomState(1).randn(6, 2, 3).astype(np.float32)
    lengths = [6, 3]
    forward, backward = lstm.bidirectional(w, tf.constant(x), tf.constant(lengths))
    for text, length in enumerate(lengths):
        plain = x[:length, text]
        np.testing.assert_allclose(forward[:length, text], _plain_lstm(w, "forward", plain), atol=1e-6)
        np.testing.assert_allclose(backward[:length, text], _plain_lstm(w, "backward", plain[::-1])[::-1], atol=1e-6)


@pytest.mark.parametrize("name", ["lstm/forward/kernel", "lstm/backward/kernel", "lstm/forward/bias", "x"])
def test_the_lstms_gradient_is_that_of_finite_differences(name: str) -> None:
    """BlockLSTMV2's is not, in TensorFlow 2.21: off by 84 %."""
    rng = np.random.RandomState(2)
    values = dict(_weights(3, 4), x=rng.randn(5, 2, 3).astype(np.float32))
    weighting = rng.randn(5, 2, 8).astype(np.float32)

    def loss(given: Dict[str, Any]) -> Any:
        outputs = lstm.bidirectional(given, given["x"], tf.constant([5, 4]))
        return tf.reduce_sum(tf.concat(outputs, 2) * weighting)

    variables = {key: tf.Variable(value) for key, value in values.items()}

    @tf.function  # as in training: the number of columns is not known while it is traced
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


def test_an_exported_graph_holds_the_fused_op_alone() -> None:
    """Not what declares its gradient to training: old engines need not know of that."""
    with tf.Graph().as_default() as graph:
        lstm.bidirectional(_weights(3, 4), tf.zeros([5, 2, 3]), tf.constant([5, 4]))
    kinds = [op.type for op in graph.get_operations()]
    assert kinds.count("BlockLSTM") == 2 and "IdentityN" not in kinds and "While" not in kinds
