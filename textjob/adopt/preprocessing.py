"""From text to the ids that a foreign model was trained on, inside the graph.

A tokenizer is a table of code points for :func:`textjob.text.tokens`, so that a foreign one, too, makes the same
tokens on every engine. A token's id is the number of its line in the vocabulary file.
"""
import string
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np
import tensorflow as tf

from textjob.adopt.wanted import Wanted
from textjob.errors import DataError, UsageError, nearest
from textjob.text import tokenizer

PADDING_LINES = ("", "<pad>", "<PAD>", "[PAD]", "_PAD", "PAD")
UNKNOWN_LINES = ("[UNK]", "<unk>", "<UNK>", "_UNK", "UNK", "<oov>", "<OOV>")

Table = Tuple[np.ndarray, np.ndarray]


def _plain(blank: Callable[[int], bool], kind: int, lower: str = "") -> Table:
    """Everything is of one kind but the blanks; the letters of ``lower`` are folded to lower case."""
    kinds = np.full(0x110000, kind, np.int32)
    kinds[[code for code in range(0x110000) if blank(code)]] = tokenizer.BLANK
    folded = np.arange(0x110000, dtype=np.int32)
    for letter in lower:
        folded[ord(letter)] = ord(letter.lower())
    return kinds, folded


def _ascii_blank(code: int) -> bool:
    return code < 0x80 and ((chr(code).isspace() and code < 0x1C) or code in (0, 0x20))


def _python_blank(code: int) -> bool:
    return code == 0 or (chr(code).isspace() and code < 0x10000)


TOKENIZERS: Dict[str, Callable[[], Table]] = {
    # this template's own: words, and characters of Chinese, folded (textjob/text/tokenizer.py)
    "template": tokenizer.code_points,
    # Python's text.split(), nothing folded: for texts that are split into words before they come
    "whitespace": lambda: _plain(_python_blank, tokenizer.WORD),
    # every character but white space
    "char": lambda: _plain(_python_blank, tokenizer.SINGLE),
    # Keras' TextVectorization by default: ASCII lower case, ASCII punctuation removed, split at white space
    "keras": lambda: _plain(_ascii_blank, tokenizer.WORD, string.ascii_uppercase),
}
REMOVED = {"keras": "[!\"#$%&()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~']"}  # before splitting; ASCII alone, so engines agree


class Vocabulary(NamedTuple):
    """Tokens by line, and what the ids around them mean."""

    tokens: List[str]
    first_id: int
    padding_id: int
    unknown_id: int


def read_vocabulary(wanted: Wanted) -> Vocabulary:
    """The vocabulary file.

    Raises:
        DataError: it cannot be read, holds a token twice, or nothing tells the id of unknown tokens.
    """
    try:
        lines = Path(wanted.vocabulary).read_bytes().decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--vocabulary {wanted.vocabulary} cannot be read: {error}")
    tokens = [line[:-1] if line.endswith("\r") else line for line in (lines if lines[-1] else lines[:-1])]
    seen: Dict[str, int] = {}
    for number, token in enumerate(tokens, 1):
        if token in seen:
            raise DataError(f"--vocabulary {wanted.vocabulary}: {token!r} stands on line {seen[token]} and on line {number}; a token has one id")
        seen[token] = number
    padding = [wanted.first_id + seen[line] - 1 for line in PADDING_LINES if line in seen]
    unknown = [wanted.first_id + seen[line] - 1 for line in UNKNOWN_LINES if line in seen]
    if wanted.unknown_id < 0 and not unknown:
        raise DataError("--vocabulary {} has no line {}: say with --unknown_id which id a token gets that is not in "
                        "it".format(wanted.vocabulary, " or ".join(UNKNOWN_LINES[:3])))
    return Vocabulary(tokens, wanted.first_id, padding[0] if padding else 0,
                      wanted.unknown_id if wanted.unknown_id >= 0 else unknown[0])


class Preprocessing:
    """Texts to ids, as one source wants them."""

    def __init__(self, wanted: Wanted, length: int = 0) -> None:
        """``length``: how many ids the source takes, 0 for any number."""
        if wanted.tokenizer not in TOKENIZERS:
            raise UsageError("--tokenizer {!r}: expected {}{}".format(
                wanted.tokenizer, ", ".join(TOKENIZERS), nearest(wanted.tokenizer, TOKENIZERS)))
        self.vocabulary = read_vocabulary(wanted)
        self._removed = REMOVED.get(wanted.tokenizer, "")
        self._table = tokenizer.two_stage_table(*TOKENIZERS[wanted.tokenizer]())
        self.length = wanted.length or length
        self.least = 1            # columns, where the length is free
        self.never_empty = False  # an empty text gets an unknown token
        self._most = self.length or wanted.max_length
        self.left = wanted.pad_left

    def write(self, file: Path) -> None:
        """The vocabulary as the asset that the graph's table reads."""
        # An empty line is an error there; a blank is no token, so it means as little.
        file.write_bytes("".join((token or " ") + "\n" for token in self.vocabulary.tokens).encode("utf-8"))

    def ids(self, texts: Any, vocabulary_file: Path) -> Any:
        """Texts, string ``[batch]``, to ids, int32 ``[batch, length]``."""
        if self._removed:
            texts = tf.strings.regex_replace(texts, self._removed, "")
        # A cut at the beginning needs the end of a text, however long it is.
        words, splits = tokenizer.tokens(texts, 1 << 20 if self.left else self._most, self._table)
        line = tf.cast(tokenizer.table(str(vocabulary_file)).lookup(words), tf.int32)
        unknown = tf.fill(tf.shape(line), self.vocabulary.unknown_id)
        ids = tf.where(line < 0, unknown, line + self.vocabulary.first_id)
        rows = tokenizer.rows(ids, splits, self._most, self.vocabulary.padding_id, self.length, self.left, self.least)
        if self.never_empty:
            columns = tf.range(tf.shape(rows)[1])
            first = tf.equal(columns, tf.shape(rows)[1] - 1 if self.left else 0)[None, :]
            empty = tf.equal(splits[1:], splits[:-1])[:, None]
            rows = tf.where(tf.logical_and(empty, first), tf.fill(tf.shape(rows), self.vocabulary.unknown_id), rows)
        return rows

    def known(self) -> List[str]:
        """Two texts of the vocabulary's own words: a table that finds nothing would go unnoticed otherwise."""
        words = [token for token in self.vocabulary.tokens if token not in PADDING_LINES + UNKNOWN_LINES]
        return [" ".join(words[:12]), " ".join(words[12:60] or words[-3:])]
