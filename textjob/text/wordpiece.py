"""BERT's tokenizer, WordPiece (Devlin et al. 2019), inside the graph: text to ids.

The ids equal those of the reference implementation (``BertWordPieceTokenizer`` of the package ``tokenizers``) for any
text, with one exception: ``[SEP]`` and the other special tokens have no meaning in a text, as in Devlin's code.

All ops exist since TensorFlow 1.15. None of them reads the Unicode data of an engine: what happens to a code point is
in a table of the graph, which ``tools/wordpiece_table.py`` made from the answers of the reference. An entry of the
table is ``value * 8 + kind``:

==========  ==================================================  ==========================================
kind        result                                              value
==========  ==================================================  ==========================================
``DROP``    nothing: controls, stripped accents                 0
``BLANK``   white space                                         0
``WORD``    a character of a word                               difference to the resulting character
``SINGLE``  a word of one character: punctuation, Chinese       difference to the resulting character
``TWO``     two characters of a word: decomposed ones           place in the table of expansions
``THREE``   three characters of a word: Korean syllables, ...   place in the table of expansions
``MARK``    a combining character that is not stripped          rank of its combining class
``BREAK``   nothing, but marks do not move across it            0
==========  ==================================================  ==========================================

Words that are not in the vocabulary are divided into their longest known pieces (:mod:`textjob.text.trie`).
"""
from pathlib import Path
from typing import Any, NamedTuple, Tuple

import numpy as np
import tensorflow as tf

from textjob.text.trie import Trie, divide

LONGEST_WORD = 100
"""A longer word is one unknown token, as in the reference."""

DROP, BLANK, WORD, SINGLE, TWO, THREE, MARK, BREAK = range(8)
_KIND_BITS = 3
_COUNTS = (0, 1, 1, 1, 2, 3, 1, 0)  # of resulting characters, per kind
_BLOCK = 256


class CodeTable(NamedTuple):
    """The entries of all code points in two stages, and the characters of the expansions."""

    block_of: np.ndarray    # the block of every 256 code points
    blocks: np.ndarray      # concatenated blocks of 256 entries
    expansions: np.ndarray


def code_table(lower: bool) -> CodeTable:
    """The table that lower-cases and strips accents, or the one that does neither."""
    name = "uncased" if lower else "cased"
    with np.load(str(Path(__file__).with_name("wordpiece_table.npz"))) as content:
        return CodeTable(*(content[f"{name}_{part}"].astype(np.int32) for part in CodeTable._fields))


class Words(NamedTuple):
    """The normalized words of a batch."""

    chars: Any       # int32 [n]: the characters of all words
    splits: Any      # int64 [words + 1]: the bounds of the words in ``chars``
    text_splits: Any  # int64 [batch + 1]: the bounds of the texts in the words


def words(texts: Any, table: CodeTable, most: int = 0) -> Words:
    """Normalize texts and split them into words.

    Args:
        texts: string ``[batch]``, any bytes; invalid UTF-8 is dropped.
        table: from :func:`code_table`.
        most: the number of words of a text that are needed; 0 means all.
    """
    # A blank at the end of every text separates the texts in the flat arrays below.
    decoded = tf.raw_ops.UnicodeDecode(
        input=tf.strings.join([texts, " "]), input_encoding="UTF-8", errors="replace", replacement_char=0xFFFD)
    codes = decoded.char_values
    entry = _entries(codes, table)
    kind, value = _kind(entry), _value(entry)
    # The results of all characters, before the dropped ones are left out; behind them, the expansions.
    code = tf.where(tf.logical_or(tf.equal(kind, WORD), tf.equal(kind, SINGLE)), codes + value, codes)
    size = tf.size(codes)
    several = tf.logical_or(tf.equal(kind, TWO), tf.equal(kind, THREE))
    first = tf.where(several, size + value, tf.range(size))
    chosen, chosen_splits = _ranges(first, first + tf.gather(tf.constant(_COUNTS), kind))
    chars = tf.gather(tf.concat([code, tf.constant(table.expansions)], 0), chosen)
    kinds = tf.gather(tf.concat([kind, tf.fill([len(table.expansions)], WORD)], 0), chosen)
    if (table.blocks % (1 << _KIND_BITS) == MARK).any():
        chars = _reordered(chars, kind, chosen_splits, table)

    single, blank = tf.equal(kinds, SINGLE), tf.equal(kinds, BLANK)
    word = tf.logical_not(tf.logical_or(single, blank))
    before = tf.concat([tf.zeros_like(word[:1]), word[:-1]], 0)
    begins = tf.logical_or(single, tf.logical_and(word, tf.logical_not(before)))
    kept = tf.logical_not(blank)
    starts = tf.where(tf.boolean_mask(begins, kept))[:, 0]
    chars = tf.boolean_mask(chars, kept)
    splits = tf.concat([starts, tf.size(chars, out_type=tf.int64)[None]], 0)
    words_before = tf.concat([[0], tf.cumsum(tf.cast(begins, tf.int64))], 0)
    text_splits = tf.gather(words_before, tf.gather(chosen_splits, decoded.row_splits))
    everything = Words(chars, splits, text_splits)
    return _first_words(everything, most) if most else everything


def _entries(codes: Any, table: CodeTable) -> Any:
    block = tf.gather(tf.constant(table.block_of), codes // _BLOCK)
    return tf.gather(tf.constant(table.blocks), block * _BLOCK + codes % _BLOCK)


def _kind(entry: Any) -> Any:
    return tf.bitwise.bitwise_and(entry, (1 << _KIND_BITS) - 1)


def _value(entry: Any) -> Any:
    return tf.bitwise.right_shift(entry, _KIND_BITS)  # keeps the sign


def _reordered(chars: Any, kind: Any, splits: Any, table: CodeTable) -> Any:
    """The characters with consecutive marks in the canonical order, which is that of their combining classes.

    ``kind`` and ``splits`` are those of the source's code points: their kinds, and the bounds of their results.
    """
    entry = _entries(chars, table)
    rank = tf.where(tf.equal(_kind(entry), MARK), _value(entry), tf.zeros_like(entry))
    wrong = tf.reduce_any(tf.logical_and(rank[1:] > 0, rank[:-1] > rank[1:]))

    def sort() -> Any:
        # A run is a character of class 0 and the marks behind it; a BREAK begins a run too.
        breaks = tf.concat([[0], tf.cumsum(tf.cast(tf.equal(kind, BREAK), tf.int64))], 0)
        source = tf.searchsorted(splits, tf.range(tf.size(chars, out_type=tf.int64)), "right")
        run = tf.cumsum(tf.cast(tf.equal(rank, 0), tf.int64)) + tf.gather(breaks, source)
        return tf.gather(chars, tf.argsort(run * len(_COUNTS) + tf.cast(rank, tf.int64), stable=True))
    return tf.cond(wrong, sort, lambda: tf.identity(chars))


def _first_words(all_words: Words, most: int) -> Words:
    """The first ``most`` words of each text."""
    starts = all_words.text_splits[:-1]
    kept, text_splits = _ranges(starts, tf.minimum(all_words.text_splits[1:], starts + most))
    chars, splits = _ranges(tf.gather(all_words.splits, kept), tf.gather(all_words.splits, kept + 1))
    return Words(tf.gather(all_words.chars, chars), splits, text_splits)


def _ranges(starts: Any, limits: Any) -> Tuple[Any, Any]:
    """The integers from each start to its limit, and the bounds of each range in them, int64."""
    ranges = tf.raw_ops.RaggedRange(starts=starts, limits=limits, deltas=tf.ones([], starts.dtype))
    return ranges.rt_dense_values, ranges.rt_nested_splits


def lines(found: Words, vocabulary: Any, pieces: Trie, unknown: int) -> Tuple[Any, Any]:
    """The tokens of words, as lines of the vocabulary.

    Args:
        found: from :func:`words`.
        vocabulary: the lookup table from a token to its line or -1.
        pieces: the :func:`textjob.text.trie.trie` of the same vocabulary.
        unknown: the line of the unknown token.

    Returns:
        the lines of all texts, int32 ``[n]``; and the bounds of each text in them, int64 ``[batch + 1]``.
    """
    strings = tf.raw_ops.UnicodeEncode(input_values=found.chars, input_splits=found.splits, output_encoding="UTF-8")
    line = tf.cast(vocabulary.lookup(strings), tf.int32)
    starts, lengths = found.splits[:-1], found.splits[1:] - found.splits[:-1]
    divisible = tf.logical_and(line < 0, tf.logical_and(lengths > 1, lengths <= LONGEST_WORD))
    missed = tf.where(divisible)[:, 0]
    first = tf.where(tf.logical_or(line < 0, lengths > LONGEST_WORD), tf.fill(tf.shape(line), unknown), line)
    # The line of a token stands at its first character; the other characters have -1.
    at_chars = tf.tensor_scatter_nd_update(tf.fill(tf.shape(found.chars), -1), starts[:, None], first)
    places, splits = _ranges(tf.gather(starts, missed), tf.gather(found.splits, missed + 1))
    divided = divide(tf.gather(found.chars, places), splits, pieces, unknown)
    at_chars = tf.tensor_scatter_nd_update(at_chars, places[:, None], divided)
    tokens = at_chars >= 0
    tokens_before = tf.concat([[0], tf.cumsum(tf.cast(tokens, tf.int64))], 0)
    return (tf.boolean_mask(at_chars, tokens),
            tf.gather(tokens_before, tf.gather(found.splits, found.text_splits)))
