"""A vocabulary of word pieces as a trie, and the division of words into their longest known pieces.

The trie is walked from every character of every word at once, so that the number of steps depends on the longest token
and not on the number of words.
"""
from collections import deque
from typing import Any, Deque, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import tensorflow as tf

CONTINUATION = "##"
"""Prefix of the tokens that continue a word."""

_CODE_BITS = 21
_ROOTS = _START, _INSIDE = 0, 1  # at the start of a word, inside a word


class Trie(NamedTuple):
    """The vocabulary as a trie. The child of edge ``i`` is node ``i + 2``; nodes 0 and 1 are the roots."""

    keys: np.ndarray   # int64 [edges], ascending: parent node * 2 ** 21 + code point
    lines: np.ndarray  # int32 [nodes]: line of the token that ends at a node, or -1
    depths: np.ndarray  # int32 [nodes]: number of characters from the root


def trie(vocabulary: Sequence[str]) -> Trie:
    """The trie of a vocabulary; nodes are numbered by breadth, so that the keys ascend."""
    starts: List[Tuple[str, int]] = []
    continuations: List[Tuple[str, int]] = []
    for line, token in enumerate(vocabulary):
        if token.startswith(CONTINUATION):
            continuations.append((token[len(CONTINUATION):], line))
        else:
            starts.append((token, line))
    keys: List[int] = []
    lines, depths = [-1, -1], [0, 0]
    waiting: Deque[Tuple[int, List[Tuple[str, int]]]] = deque([(_START, starts), (_INSIDE, continuations)])
    while waiting:
        node, words = waiting.popleft()
        children: Dict[str, List[Tuple[str, int]]] = {}
        for rest, line in words:
            if rest:
                children.setdefault(rest[0], []).append((rest[1:], line))
        for char in sorted(children):
            keys.append((node << _CODE_BITS) + ord(char))
            waiting.append((len(lines), children[char]))
            lines.append(next((line for rest, line in children[char] if not rest), -1))
            depths.append(depths[node] + 1)
    return Trie(np.array(keys, np.int64), np.array(lines, np.int32), np.array(depths, np.int32))


def divide(chars: Any, splits: Any, pieces: Trie, unknown: int) -> Any:
    """Divide words into pieces: the longest known one, then the longest known one behind it, and so on.

    Args:
        chars: int32 ``[n]``, the characters of all words.
        splits: int64 ``[words + 1]``, the bounds of the words in them.
        unknown: the line of the unknown token, which stands for a word that cannot be divided.

    Returns:
        int32 ``[n]``: the line of the token that begins at a character, or -1.
    """
    size = tf.size(chars, out_type=tf.int64)
    starts, places = splits[:-1], tf.range(size)
    begins = tf.tensor_scatter_nd_update(tf.zeros([size], tf.int64), starts[:, None], tf.ones_like(starts))
    word = tf.cumsum(begins) - 1
    end = tf.gather(splits, word + 1)
    keys, line_of = tf.constant(pieces.keys), tf.constant(pieces.lines)

    def walk(step: Any, at: Any, node: Any, longest: Any) -> Tuple[Any, Any, Any, Any]:
        """Walks that began ``at`` these places read one more character; ``longest``: the last nodes with a token."""
        place = at + step
        char = tf.cast(tf.gather(chars, tf.minimum(place, size - 1)), tf.int64)
        key = node * (1 << _CODE_BITS) + char
        edge = tf.searchsorted(keys, key, out_type=tf.int64)
        known = tf.equal(tf.gather(keys, tf.minimum(edge, len(pieces.keys) - 1)), key)
        going = tf.where(tf.logical_and(known, place < tf.gather(end, at)))[:, 0]
        at, node = tf.gather(at, going), tf.gather(edge, going) + len(_ROOTS)
        ending = tf.where(tf.gather(line_of, node) >= 0)[:, 0]
        return step + 1, at, node, tf.tensor_scatter_nd_update(
            longest, tf.gather(at, ending)[:, None], tf.gather(node, ending))

    free, flat = tf.TensorShape([]), tf.TensorShape([None])
    longest = tf.while_loop(
        lambda step, at, node, longest: tf.size(at) > 0, walk,
        [tf.constant(0, tf.int64), places, 1 - begins, tf.zeros_like(places)], [free, flat, flat, flat])[-1]
    after = places + tf.cast(tf.gather(tf.constant(pieces.depths), longest), tf.int64)

    def jump(at: Any, used: Any) -> Tuple[Any, Any]:
        """From the beginning of a piece to the beginning of the next one."""
        used = tf.tensor_scatter_nd_update(used, at[:, None], tf.ones_like(at))
        behind = tf.gather(after, at)
        return tf.boolean_mask(behind, tf.logical_and(behind > at, behind < tf.gather(end, at))), used

    used = tf.while_loop(lambda at, used: tf.size(at) > 0, jump, [starts, tf.zeros_like(places)], [flat, flat])[-1]
    used = tf.equal(used, 1)
    stuck = tf.cast(tf.logical_and(used, tf.equal(longest, 0)), tf.int32)
    failed = tf.gather(tf.math.unsorted_segment_max(stuck, word, tf.size(splits) - 1) > 0, word)
    nothing = tf.fill([size], -1)
    whole = tf.where(tf.equal(begins, 1), tf.fill([size], unknown), nothing)
    return tf.where(failed, whole, tf.where(used, tf.gather(line_of, longest), nothing))
