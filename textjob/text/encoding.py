"""Texts to ids, by the tokenizer of the exported graph."""
from pathlib import Path
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from textjob.text import spelling, tokenizer

CHUNK = 1024
"""Texts per call of TensorFlow."""


class Flat(NamedTuple):
    """A row of numbers per text, without padding."""

    values: np.ndarray   # int32 (uint16 in a file), the rows of all texts, concatenated
    starts: np.ndarray   # int64 [texts], the index of the first value of each text
    lengths: np.ndarray  # int64 [texts]

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """The values of some texts, padded with 0 to the longest: int32 ``[rows, longest]``."""
        lengths = self.lengths[rows]
        column = np.arange(lengths.max())
        position = np.minimum(self.starts[rows][:, None] + column, len(self.values) - 1)
        padded = np.where(column < lengths[:, None], self.values[position], tokenizer.PADDING)
        return padded.astype(np.int32, copy=False)

    def take(self, rows: np.ndarray) -> "Flat":
        """The values of some texts, in memory."""
        lengths = np.asarray(self.lengths[rows])
        ends = np.cumsum(lengths)
        starts = ends - lengths
        position = np.arange(ends[-1] if len(ends) else 0) + np.repeat(self.starts[rows] - starts, lengths)
        return Flat(self.values[position].astype(np.int32, copy=False), starts, lengths)


class Encoded(NamedTuple):
    """One part of the data as ids."""

    ids: np.ndarray      # int32 (uint16 in a file), the ids of all texts, concatenated
    starts: np.ndarray   # int64 [texts], the index of each text's first id
    lengths: np.ndarray  # int64 [texts], each at least 1
    labels: np.ndarray   # int32 [texts]; at least the number of classes if the training part lacks the label
    spelling: Optional[Flat] = None  # the characters of the unknown words of each text, each row at least 1 long

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """The ids of some texts, padded with 0 to the longest: int32 ``[rows, longest]``."""
        return Flat(self.ids, self.starts, self.lengths).padded(rows)

    @property
    def in_file(self) -> bool:
        """Whether the ids are in a file (``id_files.py``)."""
        return isinstance(self.ids, np.memmap)

    def take(self, rows: np.ndarray) -> "Encoded":
        """Some texts, in memory."""
        spelled = None if self.spelling is None else self.spelling.take(rows)
        return Encoded(*Flat(self.ids, self.starts, self.lengths).take(rows), np.asarray(self.labels[rows]), spelled)

    def padded_spelling(self, rows: np.ndarray) -> np.ndarray:
        """The characters of the unknown words of some texts, padded with 0: int32 ``[rows, longest]``."""
        return np.zeros((len(rows), 1), np.int32) if self.spelling is None else self.spelling.padded(rows)


class TextEncoder:
    """Converts texts to ids with the same functions that the exported graph contains."""

    def __init__(self, vocabulary_file: Path, max_length: int) -> None:
        table = tokenizer.table(str(vocabulary_file))
        self._inputs = tf.function(lambda texts: model_inputs(texts, table, max_length),
                                   [tf.TensorSpec([None], tf.string)], autograph=False)

    def padded(self, texts: Sequence[str]) -> np.ndarray:
        """The ids of each text, padded with 0: int32 ``[texts, longest]``."""
        return self.inputs(texts)[0]

    def inputs(self, texts: Sequence[str]) -> Tuple[np.ndarray, np.ndarray]:
        """The ids and the spelling of each text, each padded with 0: the inputs of a classifier."""
        ids, spelled = self._inputs(_utf8(texts))
        return ids.numpy(), spelled.numpy()

    def encode(self, texts: Sequence[str], labels: Sequence[int]) -> Encoded:
        """A part of the data from its texts and the class numbers of their labels."""
        ids, spelled = Rows(), Rows()
        for first in range(0, len(texts), CHUNK):
            for rows, (values, lengths) in zip((ids, spelled), self.chunk(texts[first:first + CHUNK])):
                rows.append(values, lengths)
        return Encoded(*ids.flat(), np.array(labels, np.int32), spelled.flat())

    def chunk(self, texts: Sequence[str]) -> List[Tuple[np.ndarray, np.ndarray]]:
        """The ids and the spelling of at most ``CHUNK`` texts: values and lengths of each."""
        return [unpadded(padded.numpy()) for padded in self._inputs(_utf8(texts))]


class Rows:
    """Collects rows of numbers in memory."""

    def __init__(self) -> None:
        self._values, self._lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]

    def append(self, values: np.ndarray, lengths: np.ndarray) -> None:
        """Add rows: their concatenated values, and the length of each."""
        self._values.append(values)
        self._lengths.append(lengths)

    def flat(self) -> Flat:
        """All rows."""
        lengths = np.concatenate(self._lengths)
        return Flat(np.concatenate(self._values), np.cumsum(lengths) - lengths, lengths)


def joined(part: Encoded, other: Encoded, rows: np.ndarray) -> Encoded:
    """A part, followed by these rows of another part."""
    def both(first: Flat, second: Flat) -> Flat:
        added = second.take(rows)
        return Flat(np.concatenate([first.values, added.values]),
                    np.concatenate([first.starts, added.starts + len(first.values)]),
                    np.concatenate([first.lengths, added.lengths]))

    spelled = None if part.spelling is None or other.spelling is None else both(part.spelling, other.spelling)
    return Encoded(*both(Flat(*part[:3]), Flat(*other[:3])), np.concatenate([part.labels, other.labels[rows]]), spelled)


def model_inputs(texts: Any, vocabulary: Any, max_length: int) -> Tuple[Any, Any]:
    """The ids of texts and the spelling of their unknown words, inside a graph; ``vocabulary`` is a table."""
    words, splits = tokenizer.tokens(texts, max_length)
    ids = tokenizer.known(words, vocabulary)
    return (tokenizer.rows(ids, splits, max_length, tokenizer.PADDING),
            spelling.of_unknown(words, ids, splits, max_length))


def unpadded(rows: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The rows without their padding, concatenated, and the length of each; a row has at least its first number."""
    lengths = np.maximum(1, np.count_nonzero(rows, 1))
    return rows[np.arange(rows.shape[1]) < lengths[:, None]], lengths


def flat(rows: Sequence[np.ndarray]) -> Flat:
    """The rows, concatenated."""
    found = Rows()
    for row in rows:
        found.append(row, np.array([len(row)]))
    return found.flat()


def in_chunks(texts: Sequence[str], node: int = 0, nodes: int = 1) -> Iterator[Any]:
    """The texts as UTF-8, string tensors of limited length: all of them, or those of one of several nodes."""
    return (_utf8(texts[first:first + CHUNK]) for first in range(node * CHUNK, len(texts), nodes * CHUNK))


def _utf8(texts: Sequence[str]) -> Any:
    return tf.constant([text.encode("utf-8") for text in texts], tf.string)
