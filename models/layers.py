"""What the classifiers share: initial values, masks, embedding, the LSTM in both directions.

Everything here is a pure function of tensors and of a dict of weights, built from ops that TensorFlow 1.15
has, so that the same lines run in the training step and in the exported graph.
"""
from typing import Any, Callable, Dict, Tuple

import numpy as np
import tensorflow as tf

Weights = Dict[str, Any]
"""Name to float32 array (initial values), variable (training) or tensor (export)."""

Dropout = Callable[[Any], Any]
"""Drops units of a tensor: :func:`dropout` with noise from a source that the caller chooses."""


def dropout(x: Any, keep_prob: Any, noise: Any) -> Any:
    """``x`` without the units whose noise, uniform in [0, 1), reaches ``keep_prob`` (Srivastava et al. 2014).

    At 1.0 this is the identity to the last bit. The noise is an argument since no source of it serves everywhere:
    today's stateless ops, which make a run repeatable, are unknown to TensorFlow 1.15.
    """
    return x * tf.cast(noise < keep_prob, tf.float32) / keep_prob


def glorot(rng: np.random.RandomState, *shape: int) -> np.ndarray:
    """Uniform values whose variance keeps signals in scale (Glorot and Bengio 2010); the last axis is the output."""
    fan_in, fan_out = int(np.prod(shape[:-1])), shape[-1]
    limit = np.sqrt(6.0 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def embedding(rng: np.random.RandomState, vocabulary: int, size: int, scale: float = 0.25) -> Weights:
    """A row for each id. Padding's row is zero at first; no model lets it matter."""
    rows = rng.uniform(-scale, scale, (vocabulary, size)).astype(np.float32)
    rows[0] = 0.0
    return {"embedding": rows}


def dense(rng: np.random.RandomState, name: str, inputs: int, outputs: int) -> Weights:
    """A linear layer's kernel and bias."""
    return {name + "/kernel": glorot(rng, inputs, outputs), name + "/bias": np.zeros(outputs, np.float32)}


def linear(w: Weights, name: str, x: Any) -> Any:
    """``[..., inputs]`` to ``[..., outputs]``."""
    return tf.tensordot(x, w[name + "/kernel"], 1) + w[name + "/bias"]


def lengths(ids: Any) -> Any:
    """How many ids of each text are not padding, at least one: int32 ``[batch]``."""
    return tf.maximum(tf.reduce_sum(tf.cast(ids > 0, tf.int32), 1), 1)


def mask(length: Any, columns: Any) -> Any:
    """1.0 inside a text, 0.0 in its padding: float32 ``[batch, columns, 1]``."""
    return tf.cast(tf.sequence_mask(length, columns), tf.float32)[:, :, None]


def lstm_weights(rng: np.random.RandomState, inputs: int, units: int) -> Weights:
    """Kernels ``[inputs + units, 4 * units]`` (gates i, c, f, o) and biases of a forward and a backward LSTM."""
    w = {}
    for direction in ("forward", "backward"):
        kernel = np.concatenate([glorot(rng, inputs, 4 * units), glorot(rng, units, 4 * units)])
        w["lstm/" + direction + "/kernel"] = kernel
        w["lstm/" + direction + "/bias"] = np.zeros(4 * units, np.float32)
    return w


def bidirectional_lstm(w: Weights, x: Any, length: Any) -> Tuple[Any, Any]:
    """Both directions' outputs in reading order: time-major ``[columns, batch, units]`` each.

    ``x`` is time-major too. The backward LSTM starts at each text's own end: padding is never read before text.
    """
    backward = tf.reverse_sequence(x, length, seq_axis=0, batch_axis=1)
    return (_lstm(w, "forward", x),
            tf.reverse_sequence(_lstm(w, "backward", backward), length, seq_axis=0, batch_axis=1))


def _lstm(w: Weights, direction: str, x: Any) -> Any:
    # Not BlockLSTMV2: the gradient that TensorFlow 2.21 registers for it is wrong (tests/unit/test_layers.py).
    bias = w["lstm/" + direction + "/bias"]
    units = bias.shape[0] // 4
    state = tf.zeros([tf.shape(x)[1], units])
    peephole = tf.zeros([units])
    return tf.raw_ops.BlockLSTM(
        seq_len_max=tf.cast(tf.shape(x)[0], tf.int64), x=x, cs_prev=state, h_prev=state,
        w=w["lstm/" + direction + "/kernel"], wci=peephole, wcf=peephole, wco=peephole, b=bias,
        forget_bias=1.0, cell_clip=-1.0, use_peephole=False).h
