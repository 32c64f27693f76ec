"""The wide part: a linear model over n-grams, whose logits are added to those of a network (Cheng et al. 2016).

On small data a linear model over n-grams is better than a network that starts from random vectors; on most data sets
the sum of both is better than either (docs/accuracy.md). An n-gram is looked up by its hash; an n-gram that is not kept
adds nothing. ``textjob/training/wide_part.py`` chooses the n-grams and fits their weights; the training of the network
changes only the last of these weights:

========================  =======  ========================  ===========================================================
weight                    dtype    shape                     content
========================  =======  ========================  ===========================================================
``wide/keys<n>``          int32    ``[n-grams]``, ascending  the hashes of the kept n-grams of n tokens
``wide/table``            int8     ``[n-grams of all n + 1,  one row per n-gram, in the order of n; the last row is
                                   classes + 1]``            zero. The last column is the inverse document frequency
``wide/scale``            float32  ``[classes + 1]``         the weight that the number 1 in a column stands for
``wide/bias``             float32  ``[classes]``
``wide/network``          float32  ``[]``                    the factor of the logits of the network
                                                             (``textjob/training/dev_weight.py``); without a wide part
                                                             1 / temperature (``textjob/training/finishing.py``)
========================  =======  ========================  ===========================================================

Where tokens are words, a second linear model over n-grams of the characters of each word is part of the sum. It
describes rare and unknown words by their parts. The sum of the n-grams of a known word is precomputed:

==========================  =======  ======================  ===========================================================
``wide/words``              int8     ``[ids, classes + 1]``  for each id the sum of the rows of its character n-grams;
                                                             the last column is the length of their TF-IDF vector
``wide/words_scale``        float32  ``[classes + 1]``       as ``wide/scale``
``wide/character_keys<n>``  int32    as ``wide/keys<n>``     the hashes of the character n-grams that unknown words use
``wide/characters``         int8     as ``wide/table``
``wide/characters_scale``   float32  ``[classes + 1]``       as ``wide/scale``
==========================  =======  ======================  ===========================================================
"""
from typing import Any, List, Mapping, Tuple

import tensorflow as tf

from models.layers import Dropout

TABLE, SCALE, BIAS, NETWORK, KEYS = "wide/table", "wide/scale", "wide/bias", "wide/network", "wide/keys"
WORDS, WORDS_SCALE = "wide/words", "wide/words_scale"
CHARACTERS, CHARACTERS_SCALE = "wide/characters", "wide/characters_scale"
CHARACTER_KEYS = "wide/character_keys"
NO_NGRAM = 0
"""The hash where no n-gram begins, because it would end after its text or contain an unknown word."""

# Small enough that no product below overflows int64. Of 100,000 n-grams two or three share a hash, and so a row.
_PRIME, _FACTOR = 2 ** 31 - 1, 1000003
_FIRST_WORD = 2  # smaller ids are padding and the unknown word (textjob/text/tokenizer.py)


def keys(n: int, prefix: str = KEYS) -> str:
    """The name of the weight with the hashes of the n-grams of n tokens, or with ``CHARACTER_KEYS`` of n characters."""
    return prefix + str(n)


def orders(w: Mapping[str, Any], prefix: str = KEYS) -> List[int]:
    """The n of the n-grams, ascending; empty for a classifier without a wide part."""
    return sorted(int(name[len(prefix):]) for name in w if name.startswith(prefix))


def hashes(ids: Any, n: int) -> Any:
    """The hash of the n-gram that begins at each token, or ``NO_NGRAM``: int32 ``[batch, columns]``, as the ids."""
    return hashes_of_orders(ids, [n])[0]


def hashes_of_orders(ids: Any, ns: List[int]) -> List[Any]:
    """:func:`hashes` for each n, ascending; an n-gram's hash is computed from that of its first n - 1 tokens."""
    columns, longest = tf.shape(ids)[1], max(ns)
    ahead = tf.cast(tf.pad(ids, [[0, 0], [0, longest - 1]]), tf.int64)
    known = tf.cast(ahead >= _FIRST_WORD, tf.int64)
    hashed, whole, found = tf.zeros_like(ahead[:, :columns]), tf.ones_like(ahead[:, :columns]), []
    for place in range(longest):
        hashed = (hashed * _FACTOR + ahead[:, place:place + columns]) % _PRIME
        whole *= known[:, place:place + columns]
        if place + 1 in ns:
            found.append(tf.cast(hashed * whole, tf.int32))
    return found


def logits(w: Mapping[str, Any], ids: Any, dropout: Dropout, spelling: Any = None) -> Any:
    """Ids ``[batch, columns]``, 0 is padding, to logits ``[batch, classes]``; dropout drops n-grams.

    ``spelling`` is the characters of the unknown words (``textjob/text/spelling.py``); None if no word is unknown.
    """
    result = _normalised([_ngrams(w, KEYS, w[TABLE], w[SCALE], ids, dropout)]) + w[BIAS]
    if WORDS in w:
        parts = [_words(w, ids, dropout)]
        if spelling is not None and orders(w, CHARACTER_KEYS):
            parts.append(_ngrams(w, CHARACTER_KEYS, w[CHARACTERS], w[CHARACTERS_SCALE], spelling, dropout))
        result += _normalised(parts)
    return result


def _ngrams(w: Mapping[str, Any], prefix: str, table: Any, scale: Any, ids: Any, dropout: Dropout) -> Tuple[Any, Any]:
    """The sum of the weights of the kept n-grams of each text, and of their squared frequencies: ``[batch, classes]``
    and ``[batch, 1]``.
    """
    kept = {n: w[keys(n, prefix)] for n in orders(w, prefix)}
    rows, texts, before, missing = [], [], 0, sum(int(each.shape[0]) for each in kept.values())
    for known, hashed in zip(kept.values(), hashes_of_orders(ids, list(kept))):
        where, count = tf.where(hashed > NO_NGRAM), int(known.shape[0])  # a look-up takes longer than all other ops
        found = tf.gather_nd(hashed, where)
        place = tf.minimum(tf.reshape(tf.searchsorted(known[None, :], found[None, :]), [-1]), count - 1)
        is_kept = tf.equal(tf.gather(known, place), found)
        rows.append(tf.where(is_kept, place + before, tf.zeros_like(place) + missing))
        texts.append(where[:, 0])
        before += count
    row, text = tf.concat(rows, 0), tf.concat(texts, 0)
    values = tf.cast(tf.gather(table, row), tf.float32) * scale
    weights = values[:, :-1] * dropout(tf.cast(tf.not_equal(row, missing), tf.float32))[:, None]
    batch = tf.shape(ids)[0]
    return (tf.math.unsorted_segment_sum(weights, text, batch),
            tf.math.unsorted_segment_sum(tf.square(values[:, -1:]), text, batch))


def _words(w: Mapping[str, Any], ids: Any, dropout: Dropout) -> Tuple[Any, Any]:
    """The same sums as :func:`_ngrams`, for the known words of each text."""
    values = tf.cast(tf.gather(w[WORDS], ids), tf.float32) * w[WORDS_SCALE]
    weights = values[:, :, :-1] * dropout(tf.cast(ids > 0, tf.float32))[:, :, None]
    return tf.reduce_sum(weights, 1), tf.reduce_sum(tf.square(values[:, :, -1]), 1, keepdims=True)


def _normalised(sums: List[Tuple[Any, Any]]) -> Any:
    """The sum of the weights, with the TF-IDF vector of a text normalised to length 1, as in scikit-learn."""
    weights, squares = [tf.add_n(list(each)) for each in zip(*sums)]
    return weights / tf.maximum(tf.sqrt(squares), 1.0)
