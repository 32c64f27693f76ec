"""Texts to ids, by the tokenizer of the exported graph."""
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np
import tensorflow as tf

from textjob.text import tokenizer

_CHUNK = 1024


class Encoded(NamedTuple):
    """One part of the data as ids."""

    ids: np.ndarray      # int32, the ids of all texts, concatenated
    starts: np.ndarray   # int64 [texts], the index of each text's first id
    lengths: np.ndarray  # int64 [texts], each at least 1
    labels: np.ndarray   # int32 [texts]; at least the number of classes if the training part lacks the label

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """The ids of some texts, padded with 0 to the longest: int32 ``[rows, longest]``."""
        lengths = self.lengths[rows]
        column = np.arange(lengths.max())
        position = np.minimum(self.starts[rows][:, None] + column, len(self.ids) - 1)
        return np.where(column < lengths[:, None], self.ids[position], tokenizer.PADDING)


class TextEncoder:
    """Converts texts to ids with the same function that the exported graph contains."""

    def __init__(self, vocabulary_file: Path, max_length: int) -> None:
        table = tokenizer.table(str(vocabulary_file))
        self._ids = tf.function(lambda texts: tokenizer.ids(texts, table, max_length),
                                [tf.TensorSpec([None], tf.string)], autograph=False)

    def padded(self, texts: Sequence[str]) -> np.ndarray:
        """The ids of each text, padded with 0: int32 ``[texts, longest]``."""
        return self._ids(_utf8(texts)).numpy()  # type: ignore[no-any-return]

    def encode(self, texts: Sequence[str], labels: Sequence[int]) -> Encoded:
        """A part of the data from its texts and the class numbers of their labels."""
        rows = [row[:max(1, np.count_nonzero(row))] for chunk in in_chunks(texts) for row in self._ids(chunk).numpy()]
        lengths = np.array([len(row) for row in rows], np.int64)
        return Encoded(np.concatenate(rows) if rows else np.zeros(0, np.int32), np.cumsum(lengths) - lengths, lengths,
                       np.array(labels, np.int32))


def in_chunks(texts: Sequence[str]) -> Iterator[Any]:
    """The texts as UTF-8, string tensors of limited length."""
    return (_utf8(texts[first:first + _CHUNK]) for first in range(0, len(texts), _CHUNK))


def _utf8(texts: Sequence[str]) -> Any:
    return tf.constant([text.encode("utf-8") for text in texts], tf.string)
