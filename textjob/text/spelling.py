"""The characters of words, inside the graph, for the character n-grams of the wide part.

The characters are those of the tokens, so they are folded already (``tokenizer.py``). A boundary mark stands before and
after each word, and after it a separator, which no n-gram contains::

    unknown words "ab", "cde"  ->  | a b | 1 | c d e | 1

A word of one character has no spelling, so texts in Chinese have none.
"""
from typing import Any

import tensorflow as tf

from textjob.text import tokenizer

MOST = 512
"""The characters of a text that are kept, with the marks; the rest is cut, which limits the time per text."""

_BOUNDARY, _SEPARATOR = "|", "\x01"
"""The tokenizer makes no token that contains one of them. The separator has the number of an unknown word."""


def spelling(words: Any, spelled: Any) -> Any:
    """The characters of the words that are ``spelled``: int32 ``[batch, longest]``, padded with 0.

    Args:
        words: string ``[batch, columns]``, UTF-8.
        spelled: bool ``[batch, columns]``.
    """
    long = tf.strings.length(words, unit="UTF8_CHAR") > 1
    marked = tf.strings.join([_BOUNDARY, words, _BOUNDARY + _SEPARATOR])
    texts = tf.strings.reduce_join(
        tf.where(tf.logical_and(spelled, long), marked, tf.zeros_like(words)), axis=1)
    decoded = tf.raw_ops.UnicodeDecode(
        input=texts, input_encoding="UTF-8", errors="replace", replacement_char=tokenizer.UNKNOWN)
    return tokenizer.rows(decoded.char_values, decoded.row_splits, MOST, tokenizer.PADDING)
