"""What the classifiers share: initial values, masks, embedding, dense layers.

Everything here is a pure function of tensors and of a dict of weights, built from ops that TensorFlow 1.15
has, so that the same lines run in the training step and in the exported graph.
"""
from typing import Any, Callable, Dict

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


def shifted(x: Any, by: int) -> Any:
    """Each column gets what its neighbour before (1) or after (-1) has, zeros where there is none; time-major."""
    # Slice and pad: the gradient of x[1:] and x[:-1] is slower.
    rest = tf.slice(x, [max(0, -by), 0, 0], tf.shape(x) - [1, 0, 0])
    return tf.pad(rest, [[max(0, by), max(0, -by)], [0, 0], [0, 0]])
