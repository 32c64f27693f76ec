"""The vocabulary: the most frequent words of the training part, one per line of a file.

The id of a word is the number of its line plus 2; ``tokenizer.table`` reads the file inside the graph.
"""
import collections
import sys
from pathlib import Path
from typing import Callable, Counter, Iterable, List, Mapping, Sequence, Union

import tensorflow as tf

from textjob.data.progress import Progress
from textjob.text import tokenizer
from textjob.text.encoding import CHUNK, in_chunks

MOST = 2_000_000
"""Different words that are counted at once, which need 300 MB."""

SHORT = 8
"""Tokens per text on average; in shorter texts, words and n-grams that occur once are kept (docs/accuracy.md)."""

TWICE = 2
"""How often a word of longer texts has to occur."""


class WordCounts:
    """The counts of words in bounded memory.

    The counts are exact until there are more than ``most`` different words. Then the rarest words are removed, so
    that at most half of ``most`` stay (lossy counting, Manku and Motwani 2002): a word that occurs again starts from 0.
    """

    def __init__(self, most: int = sys.maxsize) -> None:
        self._most = most
        self.counts: Counter[bytes] = collections.Counter()
        self.error = 0
        """The count of each word is at most this much too low; words that are not counted occur at most so often."""

    def add(self, words: Union[Iterable[bytes], Mapping[bytes, int]]) -> None:
        """Count words, or add their counts."""
        self.counts.update(words)
        if len(self.counts) > self._most:
            self._remove_rarest()

    def most_frequent(self, min_count: int, size: int) -> List[bytes]:
        """The words that occur at least ``min_count`` times, at most ``size`` of them.

        The most frequent word comes first; words of equal frequency are in the order of their bytes.
        """
        words = [word for word, number in self.counts.items() if number >= min_count]
        return sorted(words, key=lambda word: (-self.counts[word], word))[:size]

    def usual_min_count(self, texts: int) -> int:
        """How often a word has to occur if no setting decides it: once in short texts, otherwise twice.

        It is twice where most tokens are single characters, as in Chinese, because few characters are rare.
        """
        tokens = sum(self.counts.values())
        characters = sum(number for word, number in self.counts.items() if is_character(word))
        return 1 if tokens < SHORT * texts and characters <= tokens / 2 else TWICE

    def _remove_rarest(self) -> None:
        limit = sorted(self.counts.values())[-(self._most // 2)]  # words with this count or less are removed
        self.counts = collections.Counter({word: number for word, number in self.counts.items() if number > limit})
        self.error += limit


def count(texts: Sequence[str], max_length: int, most: int = sys.maxsize,
          show: Callable[[str], None] = lambda line: None, node: int = 0, nodes: int = 1) -> WordCounts:
    """The counts of the words, or of those in the chunks of one of several nodes.

    ``most`` is the number of different words from which on the counts are not exact. ``show`` prints the progress.
    """
    words = tf.function(lambda chunk: tokenizer.tokens(chunk, max_length)[0],
                        [tf.TensorSpec([None], tf.string)], autograph=False)
    counted = WordCounts(most)
    progress = Progress("counting the words", len(texts), show, len(texts))
    for number, chunk in enumerate(in_chunks(texts, node, nodes)):
        counted.add(words(chunk).numpy().tolist())
        progress.at(number * nodes * CHUNK, number * nodes * CHUNK)
    return counted


def is_character(word: bytes) -> bool:
    """Whether a token is a single character of a script without blanks between words, or a symbol outside ASCII."""
    return len(word) > 1 and len(word.decode("utf-8")) == 1


def write(words: Sequence[bytes], file: Path) -> None:
    """Write one word per line."""
    file.write_bytes(b"".join(word + b"\n" for word in words))


def read(file: Path) -> List[bytes]:
    """The words that :func:`write` wrote."""
    return file.read_bytes().split(b"\n")[:-1]
