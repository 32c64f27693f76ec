"""The wide part: a linear model over n-grams of ids, whose logits are added to those of a network (Cheng et al. 2016).

On small data a linear model over n-grams is better than a network that starts from random vectors; on most data sets
the sum of both is better than either (docs/accuracy.md). An n-gram is looked up by its hash; an n-gram that is not kept
adds nothing. ``textjob/training/wide_part.py`` chooses the n-grams and fits their weights before the network is
trained; training changes only the last of these weights:

==================  =========  =============================  =========================================================
weight              dtype      shape                          content
==================  =========  =============================  =========================================================
``wide/keys<n>``    int32      ``[n-grams]``, ascending       the hashes of the kept n-grams of n tokens
``wide/table``      int8       ``[n-grams of all n + 1,       one row per n-gram, in the order of n; the last row is
                               classes + 1]``                 zero. The last column is the inverse document frequency
``wide/scale``      float32    ``[classes + 1]``              the weight that the number 1 in a column stands for
``wide/bias``       float32    ``[classes]``
``wide/network``    float32    ``[]``                         the factor of the logits of the network
                                                              (``textjob/training/dev_weight.py``)
==================  =========  =============================  =========================================================
"""
from typing import Any, List, Mapping

import tensorflow as tf

from models.layers import Dropout

TABLE, SCALE, BIAS, NETWORK, _KEYS = "wide/table", "wide/scale", "wide/bias", "wide/network", "wide/keys"
NO_NGRAM = 0
"""The hash where no n-gram begins, because it would end after its text or contain an unknown word."""

# Small enough that no product below overflows int64. Of 100,000 n-grams two or three share a hash, and so a row.
_PRIME, _FACTOR = 2 ** 31 - 1, 1000003
_FIRST_WORD = 2  # smaller ids are padding and the unknown word (textjob/text/tokenizer.py)


def keys(n: int) -> str:
    """The name of the weight with the hashes of the n-grams of n tokens."""
    return _KEYS + str(n)


def orders(w: Mapping[str, Any]) -> List[int]:
    """The n of the n-grams, ascending; empty for a classifier without a wide part."""
    return sorted(int(name[len(_KEYS):]) for name in w if name.startswith(_KEYS))


def hashes(ids: Any, n: int) -> Any:
    """The hash of the n-gram that begins at each token, or ``NO_NGRAM``: int32 ``[batch, columns]``, as the ids."""
    columns = tf.shape(ids)[1]
    ahead = tf.cast(tf.pad(ids, [[0, 0], [0, n - 1]]), tf.int64)
    known = tf.cast(ahead >= _FIRST_WORD, tf.int64)
    hashed, whole = tf.zeros_like(ahead[:, :columns]), tf.ones_like(ahead[:, :columns])
    for place in range(n):
        hashed = (hashed * _FACTOR + ahead[:, place:place + columns]) % _PRIME
        whole *= known[:, place:place + columns]
    return tf.cast(hashed * whole, tf.int32)


def logits(w: Mapping[str, Any], ids: Any, dropout: Dropout) -> Any:
    """Ids ``[batch, columns]``, 0 is padding, to logits ``[batch, classes]``; dropout drops n-grams."""
    kept = {n: w[keys(n)] for n in orders(w)}
    rows, before, missing = [], 0, sum(int(each.shape[0]) for each in kept.values())
    for n, known in kept.items():
        hashed, count = hashes(ids, n), int(known.shape[0])
        place = tf.reshape(tf.searchsorted(known[None, :], tf.reshape(hashed, [1, -1])), tf.shape(hashed))
        place = tf.minimum(place, count - 1)
        is_kept = tf.logical_and(tf.equal(tf.gather(known, place), hashed), hashed > NO_NGRAM)
        rows.append(tf.where(is_kept, place + before, tf.zeros_like(place) + missing))
        before += count
    row = tf.concat(rows, 1)
    values = tf.cast(tf.gather(w[TABLE], row), tf.float32) * w[SCALE]
    occurs = dropout(tf.cast(tf.not_equal(row, missing), tf.float32))[:, :, None]
    # The TF-IDF vector of a text is normalised to length 1, as in scikit-learn.
    length = tf.sqrt(tf.reduce_sum(tf.square(values[:, :, -1]), 1, keepdims=True))
    return tf.reduce_sum(values[:, :, :-1] * occurs, 1) / tf.maximum(length, 1.0) + w[BIAS]
