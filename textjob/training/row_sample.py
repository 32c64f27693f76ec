"""The rows of data larger than memory that are looked at in memory: the wide part is fitted to them.

A row is in the sample if the hash of its text is below a limit, so that equal texts stay together, and the sample does
not depend on the order of the rows.
"""
from typing import NamedTuple

import numpy as np

from textjob.data import hashes
from textjob.data.dataset import Dataset, Examples
from textjob.text.encoding import Encoded

MOST = 1_000_000
"""Tokens in the sample, which limit the memory and the time of the fit (docs/large-data.md)."""


class Sample(NamedTuple):
    """The rows of the training part and of the dev part in the sample, in memory."""

    train: Encoded
    dev: Encoded


def choose(data: Dataset, train: Encoded, dev: Encoded, most: int = MOST) -> Sample:
    """A sample of about ``most`` tokens at most; all rows if they have fewer."""
    share = min(1.0, most / (len(train.ids) + len(dev.ids)))
    return Sample(train.take(_rows(data.train, share)), dev.take(_rows(data.dev, share)))


def _rows(part: Examples, share: float) -> np.ndarray:
    if share == 1:
        return np.arange(len(part.texts))
    # The last digit of the hash decides on the part of a row (textjob/data/split.py), and the first bits on the sample.
    return np.flatnonzero(hashes.of_texts(part.texts) < np.uint64(share * 2.0 ** 64))
