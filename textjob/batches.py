"""Ids made once, and batches of similar length from them.

A batch is padded only to its own longest text; on short texts that alone doubles the speed of a step.
"""
import collections
from pathlib import Path
from typing import Callable, Counter, Iterator, List, NamedTuple, Sequence

import numpy as np
import tensorflow as tf

from textjob import text
from textjob.data import Dataset, Examples
from textjob.settings import Settings

_CHUNK = 1024
_POOL = 50
"""Batches are sorted by length within this many batches: long enough to be alike, short enough to stay random."""


class Encoded(NamedTuple):
    """One part of the data as ids."""

    ids: np.ndarray      # int32, all texts one after the other
    starts: np.ndarray   # int64 [texts]
    lengths: np.ndarray  # int64 [texts], each at least 1
    labels: np.ndarray   # int32 [texts]; at or above the number of classes where train lacks the label

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """The ids of some texts, padded with 0 to the longest: int32 ``[rows, longest]``."""
        lengths = self.lengths[rows]
        column = np.arange(lengths.max())
        position = np.minimum(self.starts[rows][:, None] + column, len(self.ids) - 1)
        return np.where(column < lengths[:, None], self.ids[position], text.PADDING)


class Inputs(NamedTuple):
    """What every model of a job trains on."""

    vocabulary: List[bytes]
    labels: List[str]  # the classes, in the order of the model's outputs
    names: List[str]   # the classes, then the labels of dev and test that train lacks
    train: Encoded
    dev: Encoded
    test: Encoded
    ids: Callable[[Sequence[str]], np.ndarray]
    """Texts to padded ids, int32 ``[texts, longest]``: the very function that the exported graph holds."""


def prepare(data: Dataset, settings: Settings, vocabulary_file: Path) -> Inputs:
    """Count the training part's words, write the vocabulary, and turn every text into ids."""
    words = _vocabulary(data.train.texts, settings)
    vocabulary_file.write_bytes(b"".join(word + b"\n" for word in words))
    table = text.table(str(vocabulary_file))
    # Labels that train lacks get numbers of their own: no model predicts them, so they count as wrong.
    unseen = sorted(set(data.dev.labels + data.test.labels) - set(data.labels))
    names = data.labels + unseen
    number = {label: i for i, label in enumerate(names)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def in_graph(texts):  # type: ignore[no-untyped-def]
        return text.ids(texts, table, settings.max_length)

    def ids(texts: Sequence[str]) -> np.ndarray:
        return in_graph(_utf8(texts)).numpy()  # type: ignore[no-any-return]

    def encoded(part: Examples) -> Encoded:
        rows = [row[:max(1, np.count_nonzero(row))] for chunk in _chunks(part.texts) for row in ids(chunk)]
        lengths = np.array([len(row) for row in rows], np.int64)
        return Encoded(np.concatenate(rows) if rows else np.zeros(0, np.int32), np.cumsum(lengths) - lengths, lengths,
                       np.array([number[label] for label in part.labels], np.int32))

    return Inputs(words, data.labels, names, encoded(data.train), encoded(data.dev), encoded(data.test), ids)


def _vocabulary(texts: Sequence[str], settings: Settings) -> List[bytes]:
    """The training part's most frequent words; equally frequent ones by their bytes."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def words(chunk):  # type: ignore[no-untyped-def]
        return text.tokens(chunk, settings.max_length)[0]

    counts: Counter[bytes] = collections.Counter()
    for chunk in _chunks(texts):
        counts.update(words(_utf8(chunk)).numpy().tolist())
    frequent = [word for word, count in counts.items() if count >= settings.min_count]
    return sorted(frequent, key=lambda word: (-counts[word], word))[:settings.vocabulary_size]


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[first:first + _CHUNK] for first in range(0, len(texts), _CHUNK))


def _utf8(texts: Sequence[str]) -> tf.Tensor:
    return tf.constant([t.encode("utf-8") for t in texts], tf.string)


def epoch(part: Encoded, batch_size: int, rng: np.random.RandomState) -> List[np.ndarray]:
    """The rows of each batch of one pass over ``part``: every row once, similar lengths together, random order."""
    order = rng.permutation(len(part.lengths))
    batches = []
    for first in range(0, len(order), batch_size * _POOL):
        pool = order[first:first + batch_size * _POOL]
        pool = pool[np.argsort(part.lengths[pool], kind="stable")]
        batches += [pool[i:i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def in_order_of_length(part: Encoded, batch_size: int = 256) -> List[np.ndarray]:
    """The rows of each batch, shortest texts first: the cheapest way through a part once."""
    order = np.argsort(part.lengths, kind="stable")
    return [order[i:i + batch_size] for i in range(0, len(order), batch_size)]
