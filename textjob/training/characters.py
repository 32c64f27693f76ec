"""The n-grams of the characters of words, as features of the wide part.

A text is described by the n-grams of all its words, known or not. The n-grams of a known word are counted once per word
of the vocabulary, those of unknown words once per text.
"""
import functools
from typing import Any, NamedTuple, Sequence, Tuple

import numpy as np
import scipy.sparse
import tensorflow as tf

from textjob.text import spelling, tokenizer
from textjob.text.encoding import Encoded, Flat, Rows, unpadded
from textjob.training import ngrams

ORDERS = (3, 4, 5)
"""The lengths of the n-grams, with the marks of the word's bounds. With 2 the wide part is not better, but larger."""

_CHUNK = 1024


class Characters(NamedTuple):
    """The kept n-grams, and how often each occurs."""

    mark: np.ndarray       # int64 [n-grams], ascending: n times 2^32, plus the hash
    frequency: np.ndarray  # float64 [n-grams], inverse document frequencies
    by_word: Any           # float64 [ids, n-grams], in the word of each id
    unknown: Any           # float64 [texts, n-grams], in the unknown words of each text
    known: Any             # float64 [texts, ids], how often a text contains each id

    def counts(self) -> Any:
        """How often each n-gram occurs in each text: ``[texts, n-grams]``."""
        return (self.known @ self.by_word + self.unknown).tocsr()

    def features(self) -> Any:
        """The TF-IDF vectors of the texts, ``[texts, n-grams]``.

        Their length is 1 where no n-gram occurs twice. As in the graph, the squared length is the sum over occurrences.
        """
        squares = np.square(self.frequency)
        length = np.sqrt(self.known @ (self.by_word @ squares) + self.unknown @ squares)
        return (scipy.sparse.diags(1 / np.maximum(length, 1)) @ self.counts()
                @ scipy.sparse.diags(self.frequency)).tocsr()


def count(part: Encoded, words: Sequence[bytes], least: int) -> Characters:
    """The n-grams that occur in at least ``least`` texts of a part; ``words`` is its vocabulary."""
    texts, first = len(part.lengths), tokenizer.UNKNOWN + 1
    vocabulary = _of_vocabulary(tuple(words))
    in_texts = ((np.zeros(0, np.int64),) * 2 if part.spelling is None
                else ngrams.occurrences(part.spelling, ORDERS))
    mark, column = np.unique(np.concatenate([vocabulary[1], in_texts[1]]), return_inverse=True)
    column = column.reshape(-1)
    by_word = _counts(vocabulary[0] + first, column[:len(vocabulary[0])], (len(words) + first, len(mark)))
    unknown = _counts(in_texts[0], column[len(vocabulary[0]):], (texts, len(mark)))
    known = _counts(np.repeat(np.arange(texts), part.lengths), part.ids, (texts, len(words) + first))
    all_texts = (known @ by_word + unknown).tocsr()
    occur = np.bincount(all_texts.indices, minlength=len(mark))
    kept = np.flatnonzero(occur >= least)
    return Characters(mark[kept], np.log(texts / occur[kept]) + 1, by_word[:, kept].tocsr(), unknown[:, kept].tocsr(),
                      known)


@functools.lru_cache(maxsize=1)
def _of_vocabulary(words: Tuple[bytes, ...]) -> Tuple[np.ndarray, np.ndarray]:
    """The ``ngrams.occurrences`` of the words; a job needs them for two fits."""
    return ngrams.occurrences(_spelled(words), ORDERS)


def _spelled(words: Sequence[bytes]) -> Flat:
    """The spelling of each word."""
    rows = Rows()
    for start in range(0, len(words), _CHUNK):
        some = tf.constant(list(words[start:start + _CHUNK]), tf.string)
        splits = tf.range(tf.size(some, out_type=tf.int64) + 1)
        rows.append(*unpadded(spelling.spelling(some, tf.ones_like(some, tf.bool), splits).numpy()))
    return rows.flat()


def _counts(rows: np.ndarray, columns: np.ndarray, shape: Any) -> Any:
    return scipy.sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
