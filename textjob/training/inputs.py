"""The inputs that all models of a job share: the vocabulary, every part as ids, the wide part, word vectors."""
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from models import wide
from textjob.data.dataset import Dataset, Examples
from textjob.errors import DataError
from textjob.settings import Settings
from textjob.text import vocabulary
from textjob.text.encoding import Encoded, TextEncoder, joined
from textjob.text.vectors import Vectors
from textjob.training import wide_part

_FEW = 5000  # training texts; below, n-grams that occur once are kept (docs/accuracy.md)


class Inputs(NamedTuple):
    """The inputs that all models of a job share."""

    vocabulary: List[bytes]
    labels: List[str]  # the classes, in the order of the model's outputs
    names: List[str]   # the classes, then those labels of the dev and test parts that the training part lacks
    train: Encoded
    dev: Encoded
    test: Encoded
    wide: Dict[str, np.ndarray]
    """The weights of the wide part (``wide_part.py``); empty without a wide part."""

    vectors: Optional[Vectors] = None
    """Pretrained word vectors."""

    choice: Optional[wide_part.Choice] = None
    """What held-out texts of the training part have decided about the wide part."""

    @property
    def ngrams(self) -> int:
        """The number of n-grams in the wide part, of tokens and of characters."""
        return sum(len(self.wide[wide.keys(n, prefix)]) for prefix in (wide.KEYS, wide.CHARACTER_KEYS)
                   for n in wide.orders(self.wide, prefix))


def prepare(data: Dataset, settings: Settings, vocabulary_file: Path) -> Tuple[Inputs, TextEncoder]:
    """Count the words of the training part, write the vocabulary, and encode every part.

    Returns:
        the inputs without a wide part and without word vectors; and the encoder, for other texts.
    """
    words = vocabulary.count(data.train.texts, settings.max_length, settings.min_count, settings.vocabulary_size)
    if not words:
        raise DataError(f"no word occurs at least {settings.min_count} times in the training part, so the vocabulary "
                        "is empty; lower --min_count, or give more data")
    vocabulary.write(words, vocabulary_file)
    encoder = TextEncoder(vocabulary_file, settings.max_length)
    # Labels that the training part lacks get numbers above the classes: no model predicts them, so they count as wrong.
    unseen = sorted(set(data.dev.labels + data.test.labels) - set(data.labels))
    names = data.labels + unseen
    number = {label: i for i, label in enumerate(names)}

    def encoded(part: Examples) -> Encoded:
        return encoder.encode(part.texts, [number[label] for label in part.labels])

    inputs = Inputs(words, data.labels, names, encoded(data.train), encoded(data.dev), encoded(data.test), {})
    return inputs, encoder


def with_wide_part(inputs: Inputs, settings: Settings) -> Inputs:
    """The inputs with a wide part fitted to the training part; unchanged if the settings disable the wide part."""
    if not settings.wide:
        return inputs
    fitted = _fitted(inputs.train, inputs, settings)
    return inputs._replace(wide=fitted.weights, choice=fitted.choice)


def with_final_wide_part(inputs: Inputs, settings: Settings) -> Inputs:
    """The inputs with the wide part fitted once more, to the training and the dev part.

    What held-out texts and dev have chosen stays. Rows whose label the training part lacks are left out.
    """
    known = np.flatnonzero(inputs.dev.labels < len(inputs.labels))
    if not inputs.wide or not len(known):
        return inputs
    fitted = _fitted(joined(inputs.train, inputs.dev, known), inputs, settings)
    return inputs._replace(wide=fitted.weights)


def _fitted(part: Encoded, inputs: Inputs, settings: Settings) -> wide_part.Fitted:
    characters, few = _most_are_characters(inputs.vocabulary, inputs.train), len(inputs.train.labels) < _FEW
    return wide_part.fit(
        part, class_weights(inputs, settings), settings.wide_ngrams or (3 if characters and not few else 2),
        _max_bytes(inputs.vocabulary), settings.label_smoothing, [] if characters else inputs.vocabulary,
        inputs.choice, few)


def class_weights(inputs: Inputs, settings: Settings) -> np.ndarray:
    """The weight of a training text of each class: float32 ``[classes]``, with mean 1 over the training texts."""
    classes = len(inputs.labels)
    if settings.class_weights == "none":
        return np.ones(classes, np.float32)
    counts = np.maximum(np.bincount(inputs.train.labels, minlength=classes), 1)
    return np.asarray(counts.sum() / (classes * counts), np.float32)


def _most_are_characters(words: List[bytes], part: Encoded) -> bool:
    """Whether most tokens are single characters, as in Chinese.

    Then the longest n-gram of many texts has 3 tokens by default, else 2, and words have no character n-grams.
    """
    single = np.array([False, False] + [len(word) > 1 and len(word.decode("utf-8")) == 1 for word in words])
    return bool(single[part.ids].mean() > 0.5)


def _max_bytes(words: List[bytes]) -> int:
    """The size limit of the wide part in a package: less than half the size of a network with its embedding."""
    return 448 * 1024 + 224 * len(words)
