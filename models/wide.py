"""The wide part: a linear model over n-grams of ids, whose logits are added to a network's (after Cheng et al. 2016).

On small data a linear model over n-grams is better than a network that starts from random vectors; on most sets the sum
of both is better than either (docs/accuracy.md). The n-grams are looked up by their hashes, and one that is not among
those kept adds nothing. ``textjob/training/wide_part.py`` chooses and weighs them before the network is trained;
training changes none of these but the last:

==================  =========  =============================  ========================================================
weight              dtype      shape                          what
==================  =========  =============================  ========================================================
``wide/keys<n>``    int32      ``[kept]``, ascending          hashes of the n-grams of n tokens
``wide/table``      int8       ``[kept of all n + 1,          a row for each, in the order of n; the last is zero.
                               classes + 1]``                 The last column is the n-gram's inverse document frequency
``wide/scale``      float32    ``[classes + 1]``              what a 1 in a column stands for
``wide/bias``       float32    ``[classes]``
``wide/network``    float32    ``[]``                         what the network's logits count beside these
                                                              (``textjob/training/dev_weight.py``)
==================  =========  =============================  ========================================================
"""
from typing import Any, List, Mapping

import tensorflow as tf

from models.layers import Dropout

TABLE, SCALE, BIAS, NETWORK, _KEYS = "wide/table", "wide/scale", "wide/bias", "wide/network", "wide/keys"
NO_NGRAM = 0
"""The hash of what is no n-gram: one that ends beyond its text, or that holds an unknown word."""

# Small enough that no product below leaves int64. Of 100,000 n-grams two or three share a hash, and then a row.
_PRIME, _FACTOR = 2 ** 31 - 1, 1000003
_FIRST_WORD = 2  # below: padding and the unknown word (textjob/text/tokenizer.py)


def keys(n: int) -> str:
    """The name of the weight that holds the hashes of the n-grams of n tokens."""
    return _KEYS + str(n)


def orders(w: Mapping[str, Any]) -> List[int]:
    """Which n there are; none where the classifier has no wide part."""
    return sorted(int(name[len(_KEYS):]) for name in w if name.startswith(_KEYS))


def hashes(ids: Any, n: int) -> Any:
    """The n-gram that begins at each token: ids int32 ``[batch, columns]`` to int32 of that shape, or ``NO_NGRAM``."""
    columns = tf.shape(ids)[1]
    ahead = tf.cast(tf.pad(ids, [[0, 0], [0, n - 1]]), tf.int64)
    known = tf.cast(ahead >= _FIRST_WORD, tf.int64)
    hashed, whole = tf.zeros_like(ahead[:, :columns]), tf.ones_like(ahead[:, :columns])
    for place in range(n):
        hashed = (hashed * _FACTOR + ahead[:, place:place + columns]) % _PRIME
        whole *= known[:, place:place + columns]
    return tf.cast(hashed * whole, tf.int32)


def logits(w: Mapping[str, Any], ids: Any, dropout: Dropout) -> Any:
    """Ids ``[batch, columns]``, 0 is padding, to logits ``[batch, classes]``; the units to drop are n-grams."""
    kept = {n: w[keys(n)] for n in orders(w)}
    rows, before, missing = [], 0, sum(int(each.shape[0]) for each in kept.values())
    for n, known in kept.items():
        wanted, count = hashes(ids, n), int(known.shape[0])
        place = tf.reshape(tf.searchsorted(known[None, :], tf.reshape(wanted, [1, -1])), tf.shape(wanted))
        place = tf.minimum(place, count - 1)
        found = tf.logical_and(tf.equal(tf.gather(known, place), wanted), wanted > NO_NGRAM)
        rows.append(tf.where(found, place + before, tf.zeros_like(place) + missing))
        before += count
    row = tf.concat(rows, 1)
    values = tf.cast(tf.gather(w[TABLE], row), tf.float32) * w[SCALE]
    there = dropout(tf.cast(tf.not_equal(row, missing), tf.float32))[:, :, None]
    # Texts count as vectors of length 1, whatever their number of words (TF-IDF, as scikit-learn normalises it).
    length = tf.sqrt(tf.reduce_sum(tf.square(values[:, :, -1]), 1, keepdims=True))
    return tf.reduce_sum(values[:, :, :-1] * there, 1) / tf.maximum(length, 1.0) + w[BIAS]
