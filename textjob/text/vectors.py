"""Word vectors that were trained elsewhere, in the text form of word2vec and GloVe: a word and its values a line.

The rows of the vocabulary's words begin from them instead of from random values, and are trained on. A first line with
two numbers (word2vec's) is skipped. Words are sought as the tokenizer makes them, which is in lower case; a vector of
another spelling is taken where there is none of that one.
"""
import gzip
from typing import Dict, Iterable, List, NamedTuple, Tuple

import numpy as np

from textjob.errors import DataError


class Vectors(NamedTuple):
    """``values`` float32 ``[found, size]`` are those of the vocabulary's words ``words`` int64 ``[found]``."""

    words: np.ndarray
    values: np.ndarray


def read(path: str, vocabulary: List[bytes]) -> Vectors:
    """The vectors of a file (also ``.gz``) for the words of a vocabulary.

    Raises:
        DataError: the file cannot be read, a line has another number of values, or no word is in the vocabulary.
    """
    place = {word.decode("utf-8"): i for i, word in enumerate(vocabulary)}
    found: Dict[int, np.ndarray] = {}
    exact = set()
    size = 0
    try:
        with (gzip.open(path, "rt", encoding="utf-8", errors="replace") if path.endswith(".gz")
              else open(path, encoding="utf-8", errors="replace")) as file:
            for number, word, values in _lines(file):
                size = size or len(values)
                if len(values) != size:
                    raise DataError(f"{path}, line {number}: {len(values)} values, {size} in the lines before; expected a word and its values, "
                                    "separated by blanks")
                at = place.get(word, place.get(word.lower()))
                if at is not None and (at not in found or (word in place and at not in exact)):
                    found[at] = _numbers(path, number, values)
                    if word in place:
                        exact.add(at)
    except (OSError, EOFError) as error:
        raise DataError(f"--vectors {path} cannot be read: {error}")
    if not found:
        raise DataError("--vectors {}: none of the {:,} words of the vocabulary ({}, ...) is in it".format(
            path, len(vocabulary), ", ".join(sorted(place, key=lambda word: place[word])[:5])))
    words = np.array(sorted(found), np.int64)
    return Vectors(words, np.stack([found[word] for word in words.tolist()]))


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
        # A few words of GloVe's largest file have blanks inside.
        yield number, " ".join(fields[:-size]) if len(fields) > size else fields[0], fields[max(1, len(fields) - size):]


def _numbers(path: str, number: int, values: List[str]) -> np.ndarray:
    try:
        row = np.array(values, np.float32)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {error}; expected a word and its values, separated by blanks")
    if not np.all(np.isfinite(row)):
        raise DataError(f"{path}, line {number}: a value is no finite number")
    return row
