"""Converts texts to the ids that a foreign model was trained on, inside the graph.

A tokenizer is a table of code points for :func:`textjob.text.tokenizer.tokens`, because that function makes the same
tokens on every engine; :mod:`textjob.adopt.bert` has that of BERT. The id of a token is the number of its line in the
vocabulary file.
"""
import abc
import string
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np
import tensorflow as tf

from textjob.adopt.options import TOKENIZERS, AdoptOptions
from textjob.adopt.roles import IDS, MASK, SEGMENTS, Row
from textjob.errors import DataError, UsageError, nearest
from textjob.text import tokenizer

PADDING_LINES = ("", "<pad>", "<PAD>", "[PAD]", "_PAD", "PAD")
UNKNOWN_LINES = ("[UNK]", "<unk>", "<UNK>", "_UNK", "UNK", "<oov>", "<OOV>")

Table = Tuple[np.ndarray, np.ndarray]


def _plain(blank: Callable[[int], bool], kind: int, lower: str = "") -> Table:
    """All code points except the blanks have one kind; the letters in ``lower`` are folded to lower case.

    No blank is beyond U+FFFF.
    """
    kinds = np.full(0x110000, kind, np.int32)
    kinds[[code for code in range(0x10000) if blank(code)]] = tokenizer.BLANK
    folded = np.arange(0x110000, dtype=np.int32)
    for letter in lower:
        folded[ord(letter)] = ord(letter.lower())
    return kinds, folded


def _ascii_blank(code: int) -> bool:
    return code < 0x80 and ((chr(code).isspace() and code < 0x1C) or code in (0, 0x20))


def _python_blank(code: int) -> bool:
    return code == 0 or chr(code).isspace()


TABLES: Dict[str, Callable[[], Table]] = {  # TOKENIZERS describes them
    "template": tokenizer.code_points,
    "whitespace": lambda: _plain(_python_blank, tokenizer.WORD),
    "char": lambda: _plain(_python_blank, tokenizer.SINGLE),
    "keras": lambda: _plain(_ascii_blank, tokenizer.WORD, string.ascii_uppercase),
}
REMOVED = {"keras": "[!\"#$%&()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~']"}  # before splitting; only ASCII, so engines agree


class Vocabulary(NamedTuple):
    """The tokens in the order of their lines, and the ids with a special meaning."""

    tokens: List[str]
    first_id: int
    padding_id: int
    unknown_id: int


def read_vocabulary(options: AdoptOptions) -> Vocabulary:
    """Read the vocabulary file.

    Raises:
        DataError: it cannot be read, contains a token twice, or the id of unknown tokens is not known.
    """
    flag = f"--vocabulary {options.vocabulary}"
    try:
        lines = Path(options.vocabulary).read_bytes().decode("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{flag} cannot be read: {error}")
    tokens = [line[:-1] if line.endswith("\r") else line for line in (lines if lines[-1] else lines[:-1])]
    line_numbers: Dict[str, int] = {}
    for number, token in enumerate(tokens, 1):
        if token in line_numbers:
            raise DataError(f"{flag}: the token {token!r} is on line {line_numbers[token]} and on line {number}, but a "
                            "token has one id; remove one of the lines or give the vocabulary of the source's training")
        line_numbers[token] = number
    padding = [options.first_id + line_numbers[line] - 1 for line in PADDING_LINES if line in line_numbers]
    unknown = [options.first_id + line_numbers[line] - 1 for line in UNKNOWN_LINES if line in line_numbers]
    if options.unknown_id < 0 and not unknown:
        raise DataError(f"{flag} contains no line {' or '.join(UNKNOWN_LINES[:3])}; give the id of tokens that are not "
                        "in the vocabulary as --unknown_id")
    return Vocabulary(tokens, options.first_id, padding[0] if padding else 0,
                      options.unknown_id if options.unknown_id >= 0 else unknown[0])


class Preprocessing(abc.ABC):
    """Converts texts to the inputs of one source."""

    def __init__(self, options: AdoptOptions, length: int = 0) -> None:
        """``length``: the number of ids that the source takes, 0 for any number."""
        self.vocabulary = read_vocabulary(options)
        self.length = options.length or length
        self.least = 1            # minimum number of ids, where the length is free
        self.framed = 0           # number of special tokens that each text gets
        self.never_empty = False  # an empty text becomes one unknown token
        self._most = self.length or options.max_length

    def write(self, file: Path) -> None:
        """Write the vocabulary file that the graph's lookup table reads."""
        # The table rejects an empty line; a blank replaces it, because no token is a blank.
        file.write_bytes("".join((token or " ") + "\n" for token in self.vocabulary.tokens).encode("utf-8"))

    @abc.abstractmethod
    def inputs(self, texts: Any, vocabulary_file: Path) -> Dict[str, Any]:
        """Convert texts, string ``[batch]``, to role → values, each int32 ``[batch, length]``."""

    @abc.abstractmethod
    def row(self, tokens: int, columns: int) -> Row:
        """The inputs for a text of unknown tokens: so many tokens, and padding up to the number of columns."""

    @abc.abstractmethod
    def known(self) -> List[str]:
        """Texts of words of the vocabulary; they detect a lookup table that fails to find any word."""


class TablePreprocessing(Preprocessing):
    """The tokenizers of ``TABLES``."""

    def __init__(self, options: AdoptOptions, length: int = 0) -> None:
        super().__init__(options, length)
        self._removed = REMOVED.get(options.tokenizer, "")
        self._table = tokenizer.two_stage_table(*TABLES[options.tokenizer]())
        self._left = options.pad_left

    def inputs(self, texts: Any, vocabulary_file: Path) -> Dict[str, Any]:
        if self._removed:
            texts = tf.strings.regex_replace(texts, self._removed, "")
        # Cutting at the beginning of a text requires all its tokens.
        words, splits = tokenizer.tokens(texts, 1 << 20 if self._left else self._most, self._table)
        line = tf.cast(tokenizer.table(str(vocabulary_file)).lookup(words), tf.int32)
        unknown = tf.fill(tf.shape(line), self.vocabulary.unknown_id)
        ids = tf.where(line < 0, unknown, line + self.vocabulary.first_id)
        rows, mask = (tokenizer.rows(values, splits, self._most, padding, self.length, self._left, self.least)
                      for values, padding in ((ids, self.vocabulary.padding_id), (tf.ones_like(ids), 0)))
        if self.never_empty:
            columns = tf.range(tf.shape(rows)[1])
            first = tf.equal(columns, tf.shape(rows)[1] - 1 if self._left else 0)[None, :]
            empty = tf.logical_and(tf.equal(splits[1:], splits[:-1])[:, None], first)
            rows = tf.where(empty, tf.fill(tf.shape(rows), self.vocabulary.unknown_id), rows)
            mask = tf.where(empty, tf.ones_like(mask), mask)
        return {IDS: rows, MASK: mask, SEGMENTS: tf.zeros_like(rows)}

    def row(self, tokens: int, columns: int) -> Row:
        ids, mask = [self.vocabulary.unknown_id] * tokens, [1] * tokens
        padding, unmasked = [self.vocabulary.padding_id] * (columns - tokens), [0] * (columns - tokens)
        return {IDS: padding + ids if self._left else ids + padding,
                MASK: unmasked + mask if self._left else mask + unmasked, SEGMENTS: [0] * columns}

    def known(self) -> List[str]:
        words = [token for token in self.vocabulary.tokens if token not in PADDING_LINES + UNKNOWN_LINES]
        return [" ".join(words[:12]), " ".join(words[12:60] or words[-3:])]


def preprocessing_of(options: AdoptOptions, length: int = 0) -> Preprocessing:
    """The preprocessing of ``--tokenizer``; ``length``: the number of ids that the source takes, 0 for any number."""
    from textjob.adopt.bert import BertPreprocessing  # a subclass of Preprocessing
    if options.tokenizer not in TOKENIZERS:
        raise UsageError(f"--tokenizer {options.tokenizer!r} is not a tokenizer; expected one of "
                         f"{', '.join(TOKENIZERS)}{nearest(options.tokenizer, TOKENIZERS)}")
    if options.tokenizer == "wordpiece":
        return BertPreprocessing(options, length)
    if options.lower or options.pair_separator:
        raise UsageError("--lower and --pair_separator belong to --tokenizer wordpiece; leave them out")
    return TablePreprocessing(options, length)
