"""Texts compared by 8 bytes of their hash, so that notes and the split need no set of all texts.

Two different texts of n have an equal hash with a probability of n^2 / 2^65: 1 in 1.5 million for 5 million texts. They
would be counted as one repeated text and get the same part.
"""
import hashlib
from collections import Counter
from typing import Dict, List, Sequence, Tuple

import numpy as np

# Data may already have been split by a plain hash of the text: train would then hold no text that the same hash
# assigns to dev. The salt makes this split independent of other splits.
SALT = "textjob dev and test split\n"


def of_text(text: str) -> int:
    """The hash of a text, of 64 bits."""
    return int.from_bytes(hashlib.sha256((SALT + text).encode("utf-8", "surrogatepass")).digest()[:8], "big")


def of_texts(texts: Sequence[str]) -> np.ndarray:
    """The hash of each text, uint64 ``[texts]``."""
    stored = getattr(texts, "hashes", None)  # of textjob/data/store.py
    return stored() if stored else np.fromiter(map(of_text, texts), np.uint64, len(texts))


def numbered(labels: Sequence[str]) -> Tuple[np.ndarray, List[str]]:
    """The number of each label, int32 ``[labels]``, and the label of each number, in the order of its first row."""
    stored = getattr(labels, "numbered", None)  # of textjob/data/store.py
    if stored:
        numbers, names = stored()
        return np.asarray(numbers), list(names)
    number: Dict[str, int] = {}
    return np.fromiter((number.setdefault(label, len(number)) for label in labels), np.int32, len(labels)), list(number)


def counts(labels: Sequence[str]) -> "Counter[str]":
    """The number of rows of each label."""
    numbers, names = numbered(labels)
    found = np.bincount(numbers, minlength=len(names)).tolist()
    return Counter({name: rows for name, rows in zip(names, found) if rows})


def pairs(texts: np.ndarray, labels: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Each combination of a text and a label once, in ascending order: two arrays of numbers."""
    classes = int(labels.max()) + 1 if len(labels) else 1
    combined = np.unique(texts.astype(np.int64) * classes + labels)
    return combined // classes, combined % classes


def repeated(texts: np.ndarray, labels: np.ndarray) -> Tuple[int, int]:
    """The rows that repeat the text of an earlier row, and the texts with several labels; of hashes and numbers."""
    different, number = np.unique(texts, return_inverse=True)
    of_pairs, _ = pairs(number.reshape(-1), labels)
    return len(texts) - len(different), int((np.bincount(of_pairs, minlength=len(different)) > 1).sum())


def shared(texts: np.ndarray, others: np.ndarray) -> int:
    """The number of rows whose text is among the others; of hashes."""
    known = np.unique(others)
    if not len(known):
        return 0
    place = np.minimum(np.searchsorted(known, texts), len(known) - 1)
    return int((known[place] == texts).sum())
