"""Pretrained word vectors, in the text form of word2vec and GloVe: one word and its values per line.

The embedding of the vocabulary's words starts from these vectors instead of random values; training changes it. A first
line with two numbers (word2vec) is skipped. The words of the vocabulary are in lower case; a vector of another spelling
is used if the file has no vector of the exact spelling.
"""
import gzip
from typing import Dict, Iterable, List, NamedTuple, Tuple

import numpy as np

from textjob.errors import DataError

_EXPECTED = "expected a word and its values, separated by blanks; correct the line or remove it"


class Vectors(NamedTuple):
    """``values``, float32 ``[n, size]``, are the vectors of the vocabulary's words number ``words``, int64 ``[n]``."""

    words: np.ndarray
    values: np.ndarray


def read(path: str, vocabulary: List[bytes]) -> Vectors:
    """The vectors in a file (also ``.gz``) of the words of a vocabulary.

    Raises:
        DataError: the file cannot be read, a line has another number of values, or no word is in the vocabulary.
    """
    number_of = {word.decode("utf-8"): i for i, word in enumerate(vocabulary)}
    vectors: Dict[int, np.ndarray] = {}
    exact = set()
    size = 0
    try:
        with (gzip.open(path, "rt", encoding="utf-8", errors="replace") if path.endswith(".gz")
              else open(path, encoding="utf-8", errors="replace")) as file:
            for number, word, values in _lines(file):
                size = size or len(values)
                if len(values) != size:
                    raise DataError(f"{path}, line {number}: the line has {len(values)} values, the lines before it "
                                    f"have {size}; {_EXPECTED}")
                at = number_of.get(word, number_of.get(word.lower()))
                if at is not None and (at not in vectors or (word in number_of and at not in exact)):
                    vectors[at] = _numbers(path, number, values)
                    if word in number_of:
                        exact.add(at)
    except (OSError, EOFError) as error:
        raise DataError(f"--vectors {path} cannot be read: {error}")
    if not vectors:
        examples = b", ".join(vocabulary[:5]).decode("utf-8")
        raise DataError(f"--vectors {path} contains none of the {len(vocabulary):,} words of the vocabulary "
                        f"({examples}, ...); choose a file for the language of the data")
    words = np.array(sorted(vectors), np.int64)
    return Vectors(words, np.stack([vectors[word] for word in words.tolist()]))


def _lines(file: Iterable[str]) -> Iterable[Tuple[int, str, List[str]]]:
    size = 0
    for number, line in enumerate(file, 1):
        fields = line.rstrip("\n").rstrip(" ").split(" ")
        if number == 1 and len(fields) == 2:
            size = int(fields[1]) if fields[1].isdigit() else 0
            continue
        if len(fields) < 2:
            continue
        size = size or len(fields) - 1
        # Some words in the largest GloVe file contain blanks.
        yield number, " ".join(fields[:-size]) if len(fields) > size else fields[0], fields[max(1, len(fields) - size):]


def _numbers(path: str, number: int, values: List[str]) -> np.ndarray:
    try:
        row = np.array(values, np.float32)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {error}; {_EXPECTED}")
    if not np.all(np.isfinite(row)):
        value = values[int(np.argmin(np.isfinite(row)))]
        raise DataError(f"{path}, line {number}: the value {value!r} is not finite; {_EXPECTED}")
    return row
