"""The n-grams of a part: which text contains which, and which of them tell the classes apart."""
import functools
from typing import Any, Tuple

import numpy as np
import scipy.sparse
import tensorflow as tf

from models import wide
from textjob.text.encoding import Encoded, Flat

_CHUNK = 1024


def occurrences(rows: Flat, orders: Tuple[int, ...]) -> Tuple[np.ndarray, np.ndarray]:
    """The row and the mark of each occurrence of an n-gram: two arrays int64.

    A mark is the n of the n-gram times 2^32, plus its hash. ``orders`` are the n, ascending.
    """
    where, marks = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(rows.lengths), _CHUNK):
        padded = rows.padded(np.arange(start, min(start + _CHUNK, len(rows.lengths))))
        for n, hashes in zip(orders, _hashes(orders)(tf.constant(padded, tf.int32))):
            hashed = hashes.numpy().astype(np.int64)
            places = np.nonzero(hashed)
            where.append(start + places[0])
            marks.append(hashed[places] + (n << 32))
    return np.concatenate(where), np.concatenate(marks)


@functools.lru_cache(maxsize=None)
def _hashes(orders: Tuple[int, ...]) -> Any:
    """``wide.hashes_of_orders`` as a graph, which takes half the time of separate ops."""
    return tf.function(lambda ids: wide.hashes_of_orders(ids, list(orders)), [tf.TensorSpec([None, None], tf.int32)],
                       autograph=False).get_concrete_function()


def of_texts(part: Encoded, longest: int) -> Tuple[Any, np.ndarray]:
    """Which n-gram occurs in which text, 1.0 ``[texts, n-grams]``; and the mark of each n-gram, ascending."""
    texts, marks = occurrences(Flat(part.ids, part.starts, part.lengths), tuple(range(1, longest + 1)))
    mark, column = np.unique(marks, return_inverse=True)
    occurs = scipy.sparse.csr_matrix((np.ones(len(column)), (texts, column.reshape(-1))),
                                     shape=(len(part.lengths), len(mark)))
    occurs.data[:] = 1.0  # the constructor sums the occurrences of an n-gram in a text
    return occurs, mark


def most_discriminative(occurs: Any, labels: np.ndarray, classes: int, most: int) -> np.ndarray:
    """The columns with a large and well estimated ratio for at least one class; ascending."""
    worth = np.zeros(occurs.shape[1])
    for number in range(classes):
        inside, ratio = ratios(occurs, labels == number)
        worth = np.maximum(worth, np.abs(ratio) * np.sqrt(inside))
    return np.sort(np.argsort(-worth, kind="stable")[:most])


def ratios(occurs: Any, of_class: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The number of texts of the class with each n-gram; log p(n-gram | class) / p(n-gram | other classes).

    Both counts are smoothed by adding one.
    """
    inside = np.asarray(occurs.T @ of_class.astype(float)).ravel()
    outside = np.asarray(occurs.sum(0)).ravel() - inside
    ngrams = occurs.shape[1]
    return inside, (np.log((inside + 1) / (inside.sum() + ngrams)) - np.log((outside + 1) / (outside.sum() + ngrams)))


def with_values(features: Any, values: np.ndarray) -> Any:
    """A sparse matrix with the places of another one."""
    return scipy.sparse.csr_matrix((values, features.indices, features.indptr), features.shape)
