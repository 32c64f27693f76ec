"""The inputs that all models of a job share: the vocabulary, every part as ids, the wide part, word vectors."""
import sys
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from models import wide
from textjob.data import hashes
from textjob.data.dataset import Dataset
from textjob.data.progress import printed
from textjob.settings import Settings
from textjob.text import vocabulary
from textjob.text.encoding import Encoded, TextEncoder, joined
from textjob.text.vectors import Vectors
from textjob.training import row_sample, stored_ids, wide_part
from textjob.training.row_sample import Sample
from textjob.training.workers import Workers

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

    sample: Optional[Sample] = None
    """Of data larger than memory, the rows that the wide part is fitted to."""

    @property
    def wide_parts(self) -> Tuple[Encoded, Encoded]:
        """The training and the dev part that the wide part is fitted to."""
        return (self.sample.train, self.sample.dev) if self.sample else (self.train, self.dev)

    @property
    def sampled(self) -> List[str]:
        """A note if the wide part is fitted to a sample of the training part."""
        rows, of = len(self.wide_parts[0].labels), len(self.train.labels)
        if rows == of:
            return []
        return [f"the wide part is fitted to {rows:,} of {of:,} training rows, chosen by the hash of the text, because "
                "the data are larger than memory"]

    @property
    def ngrams(self) -> int:
        """The number of n-grams in the wide part, of tokens and of characters."""
        return sum(len(self.wide[wide.keys(n, prefix)]) for prefix in (wide.KEYS, wide.CHARACTER_KEYS)
                   for n in wide.orders(self.wide, prefix))


def prepare(data: Dataset, settings: Settings, vocabulary_file: Path, show: Callable[[str], None] = printed,
            workers: Optional[Workers] = None) -> Tuple[Inputs, TextEncoder]:
    """Count the words of the training part, write the vocabulary, and encode every part.

    The ids of data larger than memory are written to files, unless an earlier job has left them. ``show`` prints the
    progress. ``workers`` divide the work, if the data are larger than memory.

    Returns:
        the inputs without a wide part and without word vectors; and the encoder, for other texts.
    """
    # Labels that the training part lacks get numbers above the classes: no model predicts them, so they count as wrong.
    unseen = sorted({*hashes.counts(data.dev.labels), *hashes.counts(data.test.labels)} - set(data.labels))
    names = data.labels + unseen
    if not data.in_files:
        stored_ids.write_vocabulary(data, settings, vocabulary_file, sys.maxsize, show, Workers())
        encoder = TextEncoder(vocabulary_file, settings.tokens_read)
        train, dev, test = (encoder.encode(part.texts, stored_ids.numbers(part, names).tolist())
                            for part in (data.train, data.dev, data.test))
        return Inputs(vocabulary.read(vocabulary_file), data.labels, names, train, dev, test, {}), encoder
    parts = stored_ids.open_or_make(data, names, settings, vocabulary_file, show, workers or Workers())
    sample = row_sample.choose(data, parts["train"], parts["dev"])
    inputs = Inputs(vocabulary.read(vocabulary_file), data.labels, names, parts["train"], parts["dev"], parts["test"],
                    {}, sample=sample)
    return inputs, TextEncoder(vocabulary_file, settings.tokens_read)


def with_wide_part(inputs: Inputs, settings: Settings) -> Inputs:
    """The inputs with a wide part fitted to the training part; unchanged if the settings disable the wide part.

    Of data larger than memory it is fitted to a sample.
    """
    if not settings.wide:
        return inputs
    fitted = _fitted(inputs.wide_parts[0], inputs, settings)
    return inputs._replace(wide=fitted.weights, choice=fitted.choice)


def with_final_wide_part(inputs: Inputs, settings: Settings) -> Inputs:
    """The inputs with the wide part fitted once more, to the training and the dev part.

    What held-out texts and dev have chosen stays. Rows whose label the training part lacks are left out.
    """
    train, dev = inputs.wide_parts
    known = np.flatnonzero(dev.labels < len(inputs.labels))
    if not inputs.wide or not len(known):
        return inputs
    fitted = _fitted(joined(train, dev, known), inputs, settings)
    return inputs._replace(wide=fitted.weights)


def _fitted(part: Encoded, inputs: Inputs, settings: Settings) -> wide_part.Fitted:
    few = len(inputs.train.labels) < _FEW
    characters = _most_are_characters(inputs.vocabulary, inputs.wide_parts[0])
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
    single = np.array([False, False] + [vocabulary.is_character(word) for word in words])
    return bool(single[part.ids].mean() > 0.5)


def _max_bytes(words: List[bytes]) -> int:
    """The size limit of the wide part in a package: less than half the size of a network with its embedding."""
    return 448 * 1024 + 224 * len(words)
