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


def spelling(words: Any, spelled: Any, splits: Any) -> Any:
    """The characters of the words of each text that are ``spelled``: int32 ``[batch, longest]``, padded with 0.

    Args:
        words: string ``[n]``, UTF-8, the words of all texts.
        spelled: bool ``[n]``.
        splits: int64 ``[batch + 1]``, the bounds of each text in the words.
    """
    chosen = tf.logical_and(spelled, tf.strings.length(words, unit="UTF8_CHAR") > 1)
    marked = tf.strings.join([_BOUNDARY, tf.boolean_mask(words, chosen), _BOUNDARY + _SEPARATOR])
    decoded = tf.raw_ops.UnicodeDecode(
        input=marked, input_encoding="UTF-8", errors="replace", replacement_char=tokenizer.UNKNOWN)
    before = tf.concat([[0], tf.cumsum(tf.cast(chosen, tf.int64))], 0)  # chosen words before each word
    bounds = tf.gather(decoded.row_splits, tf.gather(before, splits))
    return tokenizer.rows(decoded.char_values, bounds, MOST, tokenizer.PADDING)


def of_unknown(words: Any, ids: Any, splits: Any, max_length: int) -> Any:
    """The :func:`spelling` of the unknown words among the first ``max_length`` of each text; ids int32 ``[n]``."""
    number = tf.range(tf.size(ids, out_type=tf.int64))
    text = tf.searchsorted(splits, number, side="right") - 1
    early = number - tf.gather(splits, text) < max_length
    return spelling(words, tf.logical_and(early, tf.equal(ids, tokenizer.UNKNOWN)), splits)
