"""The vocabulary: the most frequent words of the training part, one per line of a file.

The id of a word is the number of its line plus 2; ``tokenizer.table`` reads the file inside the graph.
"""
import collections
from pathlib import Path
from typing import Counter, List, Sequence

import tensorflow as tf

from textjob.text import tokenizer
from textjob.text.encoding import in_chunks


def count(texts: Sequence[str], max_length: int, min_count: int, size: int) -> List[bytes]:
    """The words that occur at least ``min_count`` times, at most ``size`` of them.

    The most frequent word comes first; words of equal frequency are in the order of their bytes.
    """
    words = tf.function(lambda chunk: tokenizer.tokens(chunk, max_length)[0],
                        [tf.TensorSpec([None], tf.string)], autograph=False)
    counts: Counter[bytes] = collections.Counter()
    for chunk in in_chunks(texts):
        counts.update(words(chunk).numpy().tolist())
    frequent = [word for word, number in counts.items() if number >= min_count]
    return sorted(frequent, key=lambda word: (-counts[word], word))[:size]


def write(words: Sequence[bytes], file: Path) -> None:
    """Write one word per line."""
    file.write_bytes(b"".join(word + b"\n" for word in words))
