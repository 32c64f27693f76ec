"""RCNN: each word with its left and right context, a tanh layer, the maximum over time (Lai et al., AAAI 2015).

The contexts come from a bidirectional LSTM, as in later work of the authors and in current implementations; the paper
itself uses a simple recurrent network.
"""
from typing import Any, Mapping

import numpy as np
import tensorflow as tf

from models import layers, lstm
from models.layers import Dropout, Weights


def weights(rng: np.random.RandomState, vocabulary: int, classes: int, settings: Mapping[str, Any]) -> Weights:
    """Initial values; ``settings`` is config/rcnn.yaml."""
    size, units, hidden = settings["embedding"], settings["units"], settings["hidden"]
    w = layers.embedding(rng, vocabulary, size)
    w.update(lstm.weights(rng, size, units))
    w.update(layers.dense(rng, "hidden", units + size + units, hidden))
    w.update(layers.dense(rng, "output", hidden, classes))
    return w


def logits(w: Weights, ids: Any, dropout: Dropout) -> Any:
    """Ids ``[batch, columns]``, 0 is padding, to logits ``[batch, classes]``."""
    length = layers.lengths(ids)
    x = tf.gather(w["embedding"], tf.transpose(ids))
    forward, backward = lstm.bidirectional(w, x, length)
    # The context of a word does not contain the word itself (equations 1 and 2).
    inside = tf.transpose(layers.mask(length, tf.shape(ids)[1]), [1, 0, 2])
    left = layers.shifted(forward, 1)
    right = layers.shifted(backward * inside, -1)
    # Three products instead of one product of the concatenation, because they run in parallel.
    kernels = tf.split(w["hidden/kernel"], [forward.shape[2], x.shape[2], backward.shape[2]])
    products = [tf.tensordot(part, kernel, 1) for part, kernel in zip((left, x, right), kernels)]
    hidden = tf.tanh(tf.add_n(products) + w["hidden/bias"])
    pooled = tf.reduce_max(hidden * inside - (1.0 - inside), 0)
    return layers.linear(w, "output", dropout(pooled))
