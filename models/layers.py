"""Functions that the models share: initial values, masks, embedding, dense layers.

They are pure functions of tensors and of a dict of weights, and consist of ops of TensorFlow 1.15, so that the same
lines run in the training step and in the exported graph.
"""
from typing import Any, Callable, Dict

import numpy as np
import tensorflow as tf

Weights = Dict[str, Any]
"""Name to float32 array (initial values), variable (training) or tensor (export)."""

Dropout = Callable[[Any], Any]
"""Drops units of a tensor: :func:`dropout` with noise that the caller provides. The first axis are the texts."""


def dropout(x: Any, keep_prob: Any, noise: Any) -> Any:
    """Set the units to 0 whose noise, uniform in [0, 1), is at least ``keep_prob`` (Srivastava et al. 2014).

    At 1.0 this is the identity, bit for bit. The noise is an argument because no single op generates it everywhere:
    training needs stateless ops, which make a run repeatable, but TensorFlow 1.15 does not have them.
    """
    return x * tf.cast(noise < keep_prob, tf.float32) / keep_prob


def glorot(rng: np.random.RandomState, *shape: int) -> np.ndarray:
    """Uniform values that preserve the variance over a layer (Glorot and Bengio 2010); the last axis is the output."""
    fan_in, fan_out = int(np.prod(shape[:-1])), shape[-1]
    limit = np.sqrt(6.0 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def embedding(rng: np.random.RandomState, vocabulary: int, size: int, scale: float = 0.25) -> Weights:
    """One row of initial values per id; the row of the padding is zero."""
    rows = rng.uniform(-scale, scale, (vocabulary, size)).astype(np.float32)
    rows[0] = 0.0
    return {"embedding": rows}


def dense(rng: np.random.RandomState, name: str, inputs: int, outputs: int) -> Weights:
    """The kernel and the bias of a linear layer."""
    return {name + "/kernel": glorot(rng, inputs, outputs), name + "/bias": np.zeros(outputs, np.float32)}


def linear(w: Weights, name: str, x: Any) -> Any:
    """``[..., inputs]`` to ``[..., outputs]``."""
    return tf.tensordot(x, w[name + "/kernel"], 1) + w[name + "/bias"]


def lengths(ids: Any) -> Any:
    """The number of ids of each text without padding, at least 1: int32 ``[batch]``."""
    return tf.maximum(tf.reduce_sum(tf.cast(ids > 0, tf.int32), 1), 1)


def mask(length: Any, columns: Any) -> Any:
    """1.0 inside a text, 0.0 in its padding: float32 ``[batch, columns, 1]``."""
    return tf.cast(tf.sequence_mask(length, columns), tf.float32)[:, :, None]


def shifted(x: Any, by: int) -> Any:
    """Each column replaced by the previous (1) or the next (-1) one; zeros at the end; time-major."""
    # Slice and pad, because the gradient of x[1:] and x[:-1] is slower.
    rest = tf.slice(x, [max(0, -by), 0, 0], tf.shape(x) - [1, 0, 0])
    return tf.pad(rest, [[max(0, by), max(0, -by)], [0, 0], [0, 0]])
