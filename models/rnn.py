"""A bidirectional LSTM, the maximum of its outputs over time (Graves and Schmidhuber 2005)."""
from typing import Any, Mapping

import numpy as np
import tensorflow as tf

from models import layers, lstm
from models.layers import Dropout, Weights


def weights(rng: np.random.RandomState, vocabulary: int, classes: int, settings: Mapping[str, Any]) -> Weights:
    """Initial values; ``settings`` is config/rnn.yaml."""
    w = layers.embedding(rng, vocabulary, settings["embedding"])
    w.update(lstm.weights(rng, settings["embedding"], settings["units"]))
    w.update(layers.dense(rng, "output", 2 * settings["units"], classes))
    return w


def logits(w: Weights, ids: Any, dropout: Dropout) -> Any:
    """Ids ``[batch, columns]``, 0 is padding, to logits ``[batch, classes]``."""
    length = layers.lengths(ids)
    x = tf.gather(w["embedding"], tf.transpose(ids))
    inside = tf.transpose(layers.mask(length, tf.shape(ids)[1]), [1, 0, 2])
    # The outputs of an LSTM are greater than -1, so padding is never the maximum.
    pooled = [tf.reduce_max(outputs * inside - (1.0 - inside), 0) for outputs in lstm.bidirectional(w, x, length)]
    return layers.linear(w, "output", dropout(tf.concat(pooled, 1)))
