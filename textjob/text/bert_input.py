"""The three inputs of BERT from the tokens of a text or of a pair of texts: ids, mask and segments."""
from typing import Any, NamedTuple, Tuple

import tensorflow as tf


class Special(NamedTuple):
    """The ids of the tokens that frame a text."""

    start: int      # [CLS]
    separator: int  # [SEP]
    padding: int    # [PAD]


class BertInput(NamedTuple):
    """Three tensors int32 ``[batch, columns]``."""

    ids: Any
    mask: Any      # 1 for the tokens of a text, 0 for padding
    segments: Any  # 1 for the second text of a pair and its [SEP], else 0


OVERHEAD, PAIR_OVERHEAD = 2, 3  # special tokens of a text and of a pair


def divided(texts: Any, separator: str) -> Tuple[Any, Any]:
    """Divide texts at the first ``separator``.

    Returns:
        the parts, string ``[2 * batch]``: all first parts, then all second ones; and bool ``[batch]``: whether the text
        contains the separator.
    """
    literal = "".join(f"\\x{{{ord(char):x}}}" for char in separator)
    anything = r"\C*"  # any bytes, also those that are not UTF-8
    first = tf.strings.regex_replace(texts, f"{literal}{anything}", "", replace_global=False)
    paired = tf.not_equal(first, texts)
    second = tf.strings.regex_replace(texts, rf"^{anything}?{literal}", "", replace_global=False)
    return tf.concat([first, tf.where(paired, second, tf.fill(tf.shape(texts), ""))], 0), paired


def packed(values: Any, splits: Any, special: Special, most: int, length: int = 0, least: int = 1,
           paired: Any = None) -> BertInput:
    """``[CLS] text [SEP]`` or, for a pair, ``[CLS] first [SEP] second [SEP]``, with padding at the end.

    A text is cut at its end. Of a pair, the longer part is cut until both are equally long, then both (the strategy
    ``longest_first`` of the reference).

    Args:
        values: the ids of all texts, int32 ``[n]``.
        splits: the bounds of the texts in them.
        most: the number of columns that is not exceeded.
        length: the number of columns; 0 means that of the longest row, but at least ``least``.
        paired: from :func:`divided`, if the texts are its result.
    """
    starts, lengths = splits[:-1], splits[1:] - splits[:-1]
    if paired is None:
        starts, lengths = tf.stack([starts, tf.zeros_like(starts)]), tf.stack([lengths, tf.zeros_like(lengths)])
        pair = tf.zeros_like(starts[0])
    else:
        starts, lengths = tf.reshape(starts, [2, -1]), tf.reshape(lengths, [2, -1])
        pair = tf.cast(paired, tf.int64)
    first, second = _cut(lengths[0], lengths[1], most - OVERHEAD - pair * (PAIR_OVERHEAD - OVERHEAD), pair)
    total = first + OVERHEAD + pair * (second + 1)
    columns = tf.constant(length, tf.int64) if length else tf.reduce_max(tf.concat([total, [least]], 0))

    column = tf.range(columns)[None, :]
    first_end, end = first[:, None] + 1, total[:, None] - 1  # the places of the two [SEP]
    is_second = column > first_end
    size = tf.size(values, out_type=tf.int64)  # behind the values: [CLS], [SEP], [PAD]
    place = tf.where(is_second, starts[1][:, None] + column - first_end - 1, starts[0][:, None] + column - 1)
    place = tf.where(tf.equal(column, 0), size, place)
    place = tf.where(tf.logical_or(tf.equal(column, first_end), tf.equal(column, end)), size + 1, place)
    place = tf.where(column > end, size + 2, place)
    ids = tf.gather(tf.concat([values, list(special)], 0), place)
    mask = column <= end
    return BertInput(ids, tf.cast(mask, tf.int32), tf.cast(tf.logical_and(mask, is_second), tf.int32))


def _cut(first: Any, second: Any, most: Any, pair: Any) -> Tuple[Any, Any]:
    """The lengths of both parts, so that their sum is at most ``most``."""
    shorter, longer = tf.minimum(first, second), tf.maximum(first, second)
    both_long = shorter * 2 > most
    half = most // 2
    cut_shorter = tf.where(both_long, half, shorter)
    cut_longer = tf.minimum(longer, tf.where(both_long, most - half, most - shorter))
    fits = first + second <= most
    swapped = first > second
    cut_first = tf.where(fits, first, tf.where(swapped, cut_longer, cut_shorter))
    cut_second = tf.where(fits, second, tf.where(swapped, cut_shorter, cut_longer))
    alone = tf.equal(pair, 0)
    return tf.where(alone, tf.minimum(first, most), cut_first), tf.where(alone, tf.zeros_like(second), cut_second)
