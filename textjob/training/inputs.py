"""What the models of a job train on: the vocabulary, every text as ids, the wide part's first weights."""
import collections
from pathlib import Path
from typing import Callable, Counter, Dict, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np
import tensorflow as tf

from models import wide
from textjob.data.dataset import Dataset, Examples
from textjob.settings import Settings
from textjob.text import tokenizer
from textjob.text.vectors import Vectors
from textjob.training import wide_part
from textjob.training.batches import Encoded

_CHUNK = 1024


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
    wide: Dict[str, np.ndarray]
    """The weights of the wide part (``textjob/wide_part.py``); empty where there is none."""

    vectors: Optional[Vectors] = None
    """Of words, trained elsewhere."""

    @property
    def ngrams(self) -> int:
        """How many the wide part has."""
        return sum(len(self.wide[wide.keys(n)]) for n in wide.orders(self.wide))


def prepare(data: Dataset, settings: Settings, vocabulary_file: Path) -> Inputs:
    """Count the training part's words, write the vocabulary, and turn every text into ids."""
    words = _vocabulary(data.train.texts, settings)
    vocabulary_file.write_bytes(b"".join(word + b"\n" for word in words))
    table = tokenizer.table(str(vocabulary_file))
    # Labels that train lacks get numbers of their own: no model predicts them, so they count as wrong.
    unseen = sorted(set(data.dev.labels + data.test.labels) - set(data.labels))
    names = data.labels + unseen
    number = {label: i for i, label in enumerate(names)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def in_graph(texts):  # type: ignore[no-untyped-def]
        return tokenizer.ids(texts, table, settings.max_length)

    def ids(texts: Sequence[str]) -> np.ndarray:
        return in_graph(_utf8(texts)).numpy()  # type: ignore[no-any-return]

    def encoded(part: Examples) -> Encoded:
        rows = [row[:max(1, np.count_nonzero(row))] for chunk in _chunks(part.texts) for row in ids(chunk)]
        lengths = np.array([len(row) for row in rows], np.int64)
        return Encoded(np.concatenate(rows) if rows else np.zeros(0, np.int32), np.cumsum(lengths) - lengths, lengths,
                       np.array([number[label] for label in part.labels], np.int32))

    return Inputs(words, data.labels, names, encoded(data.train), encoded(data.dev), encoded(data.test), ids, {})


def with_wide_part(inputs: Inputs, settings: Settings) -> Inputs:
    """The same with the wide part's weights, unless the settings want none."""
    if not settings.wide:
        return inputs
    longest = settings.wide_ngrams or _longest(inputs.vocabulary, inputs.train)
    return inputs._replace(wide=wide_part.fit(
        inputs.train, class_weights(inputs, settings), longest, _room(inputs.vocabulary), settings.label_smoothing))


def class_weights(inputs: Inputs, settings: Settings) -> np.ndarray:
    """What a text of each class weighs while training: float32 ``[classes]``, 1 on average over the texts."""
    classes = len(inputs.labels)
    if settings.class_weights == "none":
        return np.ones(classes, np.float32)
    counts = np.maximum(np.bincount(inputs.train.labels, minlength=classes), 1)
    return np.asarray(counts.sum() / (classes * counts), np.float32)


def _longest(vocabulary: List[bytes], part: Encoded) -> int:
    """Of how many tokens an n-gram may be: more where most tokens are single characters, as in Chinese."""
    single = np.array([False, False] + [len(word) > 1 and len(word.decode("utf-8")) == 1 for word in vocabulary])
    return 3 if single[part.ids].mean() > 0.5 else 2


def _room(vocabulary: List[bytes]) -> int:
    """Bytes of the wide part in a package: less than half of what a network with its embedding takes."""
    return 448 * 1024 + 224 * len(vocabulary)


def _vocabulary(texts: Sequence[str], settings: Settings) -> List[bytes]:
    """The training part's most frequent words; equally frequent ones by their bytes."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def words(chunk):  # type: ignore[no-untyped-def]
        return tokenizer.tokens(chunk, settings.max_length)[0]

    counts: Counter[bytes] = collections.Counter()
    for chunk in _chunks(texts):
        counts.update(words(_utf8(chunk)).numpy().tolist())
    frequent = [word for word, count in counts.items() if count >= settings.min_count]
    return sorted(frequent, key=lambda word: (-counts[word], word))[:settings.vocabulary_size]


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[first:first + _CHUNK] for first in range(0, len(texts), _CHUNK))


def _utf8(texts: Sequence[str]) -> tf.Tensor:
    return tf.constant([t.encode("utf-8") for t in texts], tf.string)
