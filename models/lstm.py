"""A bidirectional LSTM (Hochreiter and Schmidhuber 1997; Graves and Schmidhuber 2005) with TensorFlow's fused op.

The forward pass is one op, ``BlockLSTM``. The gradient of that op computes small matrix products in every step, with
the kernel of the inputs and for the gradient of the kernel. Here, a step of the backward pass computes only values that
depend on the previous step (``LSTMBlockCellGrad`` and one product); every other product is computed once, after the
last step.
"""
from typing import Any, Callable, Tuple

import numpy as np
import tensorflow as tf

from models import layers
from models.layers import Weights


def weights(rng: np.random.RandomState, inputs: int, units: int) -> Weights:
    """Kernels ``[inputs + units, 4 * units]`` (gates i, c, f, o) and biases of a forward and a backward LSTM."""
    w = {}
    for direction in ("forward", "backward"):
        kernel = np.concatenate([layers.glorot(rng, inputs, 4 * units), layers.glorot(rng, units, 4 * units)])
        w["lstm/" + direction + "/kernel"] = kernel
        w["lstm/" + direction + "/bias"] = np.zeros(4 * units, np.float32)
    return w


def bidirectional(w: Weights, x: Any, length: Any) -> Tuple[Any, Any]:
    """The outputs of both directions in reading order, each time-major ``[columns, batch, units]``.

    ``x`` is time-major too. The backward LSTM starts at the end of each text, so it does not read padding before text.
    """
    order = _from_the_end(length, tf.shape(x)[0])
    read, reordered = _read, _reordered
    # An exported graph is never differentiated, so it contains the ops without a declaration of their gradients.
    if tf.executing_eagerly() or tf.compat.v1.get_default_graph().building_function:
        read, reordered = tf.custom_gradient(_read_with_gradient), tf.custom_gradient(_reordered_with_gradient)
    return read(x, *_of(w, "forward")), reordered(read(reordered(x, order), *_of(w, "backward")), order)


def _of(w: Weights, direction: str) -> Tuple[Any, Any]:
    return tuple(tf.convert_to_tensor(w[f"lstm/{direction}/{name}"]) for name in ("kernel", "bias"))


def _from_the_end(length: Any, columns: Any) -> Any:
    """The index of each word of the reversed texts; padding keeps its place: int32 ``[columns * batch]``."""
    column, batch = tf.range(columns)[:, None], tf.shape(length)[0]
    inside = tf.cast(column < length, tf.int32)
    column += inside * (length - 1 - 2 * column)
    return tf.reshape(column * batch + tf.range(batch), [-1])


def _reordered(x: Any, order: Any) -> Any:
    # Takes a quarter of the time of tf.reverse_sequence.
    return tf.reshape(tf.gather(tf.reshape(x, [-1, x.shape[2]]), order), tf.shape(x))


def _reordered_with_gradient(x: Any, order: Any) -> Tuple[Any, Callable[[Any], Tuple[Any, None]]]:
    # The reversal is its own inverse. TensorFlow would use the slower gradient of a gather, which adds rows.
    return _reordered(x, order), lambda gradient: (_reordered(gradient, order), None)


def _read(x: Any, kernel: Any, bias: Any) -> Any:
    return _steps(x, kernel, bias).h


def _steps(x: Any, kernel: Any, bias: Any) -> Any:
    # Not BlockLSTMV2, because its gradient in TensorFlow 2.21 is wrong (tests/unit/test_lstm.py).
    state = tf.zeros([tf.shape(x)[1], bias.shape[0] // 4])
    peephole = tf.zeros([bias.shape[0] // 4])
    return tf.raw_ops.BlockLSTM(
        seq_len_max=tf.cast(tf.shape(x)[0], tf.int64), x=x, cs_prev=state, h_prev=state, w=kernel,
        wci=peephole, wcf=peephole, wco=peephole, b=bias, forget_bias=1.0, cell_clip=-1.0, use_peephole=False)


def _read_with_gradient(x: Any, kernel: Any, bias: Any) -> Tuple[Any, Callable[[Any], Tuple[Any, Any, Any]]]:
    steps = _steps(x, kernel, bias)

    def gradients(outputs_gradient: Any) -> Tuple[Any, Any, Any]:
        before = layers.shifted(steps.h, 1)
        gates = _gates_gradient(steps, outputs_gradient, x, kernel, bias)
        inputs = x.shape[2]
        flat = tf.reshape(gates, [-1, bias.shape[0]])
        read = tf.reshape(tf.concat([x, before], 2), [-1, kernel.shape[0]])
        inputs_gradient = tf.matmul(flat, kernel[:inputs], transpose_b=True)
        with tf.control_dependencies([inputs_gradient]):  # computed first, because other ops wait for it
            kernel_gradient, bias_gradient = tf.matmul(read, flat, transpose_a=True), tf.reduce_sum(flat, 0)
        return tf.reshape(inputs_gradient, tf.shape(x)), kernel_gradient, bias_gradient

    return steps.h, gradients


def _gates_gradient(steps: Any, outputs_gradient: Any, x: Any, kernel: Any, bias: Any) -> Any:
    """The gradient of the gates before their activation, from last step to first: ``[columns, batch, 4 * units]``."""
    columns = tf.shape(x)[0]
    recurrent = tf.transpose(kernel[x.shape[2]:])  # once, not in every step
    state, peephole = tf.zeros_like(steps.h[0]), tf.zeros([bias.shape[0] // 4])
    saved = {name: getattr(steps, name) for name in ("i", "cs", "f", "o", "ci", "co")}
    saved.update(cs_prev=layers.shifted(steps.cs, 1))
    arrays = {name: _by_step(value) for name, value in saved.items()}
    outputs_gradients = _by_step(outputs_gradient)

    def step(t: Any, h_grad: Any, cs_grad: Any, gates: Any) -> Any:
        # The op reads only the shapes of x, h_prev and w.
        cell = tf.raw_ops.LSTMBlockCellGrad(
            x=x[0], h_prev=state, w=kernel, wci=peephole, wcf=peephole, wco=peephole, b=bias, cs_grad=cs_grad,
            h_grad=outputs_gradients.read(t) + h_grad, use_peephole=False,
            **{name: array.read(t) for name, array in arrays.items()})
        before = tf.ensure_shape(cell.cs_prev_grad, state.shape)  # TensorFlow does not infer the shape
        return t - 1, tf.matmul(cell.dicfo, recurrent), before, gates.write(t, cell.dicfo)

    gates = tf.TensorArray(tf.float32, columns, element_shape=[None, bias.shape[0]])
    return tf.while_loop(lambda t, *_: t >= 0, step, (columns - 1, state, state, gates))[3].stack()


def _by_step(x: Any) -> Any:
    return tf.TensorArray(tf.float32, tf.shape(x)[0], element_shape=x.shape[1:]).unstack(x)
