"""Raw text to token ids, inside the graph: the only tokenizer of the template.

The same lines make the ids for training and the ids in the exported graph, so training and serving cannot differ.

All ops exist since TensorFlow 1.15, and none of them reads the Unicode data of an engine, which differs from engine to
engine (``\\p{L}`` of RE2 on thousands of code points, ``lower`` on dozens). Instead the graph contains a table with two
values for each code point: the code point to which it is folded (lower case, full width to half width, ...), and its
kind:

==========  ======================================================================================
``BLANK``   white space, controls, most punctuation, modifiers of emoji, U+FFFD
``WORD``    part of a word or number
``SINGLE``  a token of one character: CJK characters, kana, Thai, emoji, ``! ? $``, brackets, colons, double quotes
``JOINER``  the apostrophe: part of a word between two letters, otherwise a blank
==========  ======================================================================================

The table is made from ``unicodedata.ucd_3_2_0``, which is identical in every CPython, and from the literal ranges below
for later characters. Therefore every Python makes the same table.
"""
import functools
import itertools
import unicodedata
from typing import Any, Dict, Optional, Tuple

import numpy as np
import tensorflow as tf

PADDING, UNKNOWN = 0, 1
"""Reserved ids; the first word of the vocabulary has the id 2."""

BYTES_PER_TOKEN = 64
"""A text is cut at ``max_length`` times this many bytes before it is decoded, which limits the time per text."""

_CODE_POINTS = 0x110000
_BLOCK = 256
BLANK, WORD, SINGLE, JOINER = range(4)

# Scripts without blanks between words: each character is a token.
_SINGLE = [
    (0x0E01, 0x0EFF),    # Thai, Lao
    (0x1000, 0x109F),    # Myanmar
    (0x1780, 0x17DD),    # Khmer
    (0x2E80, 0x2FDF),    # CJK and Kangxi radicals
    (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x303C),  # ideographic marks and numerals
    (0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF),  # kana
    (0x3105, 0x312F), (0x3190, 0x31FF), (0x3200, 0x33FF),  # bopomofo, kanbun, small kana, enclosed CJK
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),  # Han: extension A, unified, compatibility
    (0xFF66, 0xFF9D),    # half-width kana
    (0x16FE0, 0x18DFF), (0x1AFF0, 0x1B2FF),  # Tangut, Khitan, kana supplements, Nushu
    (0x20000, 0x3FFFD),  # Han: extension B and every later one
]
# Symbols that matter for the class of a short text. Whole blocks, so that future emoji are tokens too.
_SYMBOLS = [
    (0x21, 0x21), (0x3F, 0x3F),  # ! ?
    (0x28, 0x29), (0x3A, 0x3A), (0x201C, 0x201D), (0x3008, 0x3011),  # ( ) : and quotes, brackets of CJK
    (0x24, 0x24), (0xA2, 0xA5), (0x20A0, 0x20CF),  # currencies
    (0x2190, 0x21FF), (0x2300, 0x23FF), (0x2460, 0x27BF), (0x2900, 0x297F), (0x2B00, 0x2BFF),
    (0x1F000, 0x1FAFF),
]
# Modifiers of the previous character (skin tone, variation, tags), and code points that are not text.
_BLANK = [
    (0x20D0, 0x20FF), (0xFE00, 0xFE0F), (0x1F3FB, 0x1F3FF), (0xE0000, 0x10FFFF),
    (0xD800, 0xF8FF), (0xFFF0, 0xFFFF),
    (0x2E00, 0x2E7F), (0xFE10, 0xFE1F),  # punctuation that the database lacks
    (0x061C, 0x061C), (0x2064, 0x2069),  # invisible marks of direction that the database lacks
    # Noncharacters, which older engines treat as invalid UTF-8.
    (0xFDD0, 0xFDEF), *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0, 0x110000, 0x10000)),
]
_APOSTROPHES = (0x27, 0x2019, 0xFF07)
_FOLD = {"\u0130": "i", "\u03c2": "\u03c3"}  # dotted capital I, final sigma


def code_points() -> Tuple[np.ndarray, np.ndarray]:
    """The kind and the fold of every code point: two arrays int32 ``[0x110000]``, the same on every Python."""
    kind = np.full(_CODE_POINTS, WORD, np.int32)
    folded = np.arange(_CODE_POINTS, dtype=np.int32)
    # The database has no other assigned code points; the others are treated as letters.
    for code in itertools.chain(range(0x20000), range(0x2F800, 0x2FA20)):
        kind[code], folded[code] = _known(chr(code))
    for first, last in _SINGLE:
        kind[first:last + 1][kind[first:last + 1] == WORD] = SINGLE
    for first, last in _SYMBOLS:
        kind[first:last + 1] = SINGLE
    for first, last in _BLANK:
        kind[first:last + 1] = BLANK
    for code in (0xFF01, 0xFF04, 0xFF08, 0xFF09, 0xFF1A, 0xFF1F):  # full-width ! $ ( ) : ?
        kind[code], folded[code] = SINGLE, code - 0xFEE0
    kind[list(_APOSTROPHES)], folded[list(_APOSTROPHES)] = JOINER, _APOSTROPHES[0]
    return kind, np.where(kind == BLANK, np.arange(_CODE_POINTS, dtype=np.int32), folded)


def _known(char: str) -> Tuple[int, int]:
    """The kind and the fold of a character, by the database."""
    ucd = unicodedata.ucd_3_2_0
    code, category = ord(char), ucd.category(char)
    if category[0] not in "LNM" and category != "Cn":
        return BLANK, code
    plain = char
    if ucd.decomposition(char):
        plain = ucd.normalize("NFKC", char)
        if len(plain) != 1 or ucd.category(plain)[0] not in "LNM":
            plain = char
    # Only for letters of this database, because their lower case is stable.
    lower = plain.lower() if ucd.category(plain) in ("Lu", "Lt") else plain
    lower = _FOLD.get(plain, lower)
    return WORD, ord(lower if len(lower) == 1 else plain)


@functools.lru_cache(maxsize=1)
def _own_table() -> Tuple[np.ndarray, np.ndarray]:
    return two_stage_table(*code_points())


def two_stage_table(kind: np.ndarray, folded: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The number of the block of every 256 code points, and the concatenated distinct blocks.

    An entry is ``4 * (folded - code point) + kind``. Most blocks are equal then, which reduces 4.4 MB to 0.2 MB.
    """
    entries = ((folded - np.arange(_CODE_POINTS)) * 4 + kind).astype(np.int32)
    numbers: Dict[bytes, int] = {}  # of the distinct blocks; np.unique would take 0.3 seconds
    index = [numbers.setdefault(block.tobytes(), len(numbers)) for block in entries.reshape(-1, _BLOCK)]
    return np.array(index, np.int32), np.frombuffer(b"".join(numbers), np.int32)


def tokens(texts: Any, max_length: int, code_table: Optional[Tuple[np.ndarray, np.ndarray]] = None) -> Tuple[Any, Any]:
    """Split texts into tokens.

    Args:
        texts: string ``[batch]``, any bytes. NUL and invalid UTF-8 count as blanks.
        max_length: the number of tokens that the caller keeps; used to cut long texts early.
        code_table: kinds and folds from :func:`two_stage_table`, instead of those of :func:`code_points`.

    Returns:
        the tokens of all texts, string ``[n]``; and the bounds of each text in them, int64 ``[batch + 1]``.
    """
    texts = tf.strings.substr(texts, 0, max_length * BYTES_PER_TOKEN)
    # A blank at the end of every text separates the texts in the flat arrays below.
    decoded = tf.raw_ops.UnicodeDecode(
        input=tf.strings.join([texts, " "]), input_encoding="UTF-8", errors="replace", replacement_char=32)
    codes = decoded.char_values
    index, blocks = code_table or _own_table()
    entry = tf.gather(blocks, tf.gather(index, codes // _BLOCK) * _BLOCK + codes % _BLOCK)
    kind = entry % 4

    letter = tf.equal(kind, WORD)
    joined = tf.logical_and(tf.equal(kind, JOINER), tf.logical_and(_before(letter), _after(letter)))
    word = tf.logical_or(letter, joined)
    single = tf.equal(kind, SINGLE)
    begins = tf.logical_or(single, tf.logical_and(word, tf.logical_not(_before(word))))

    kept = tf.logical_or(single, word)
    chars = tf.boolean_mask(codes + entry // 4, kept)
    bounds = tf.concat([tf.where(tf.boolean_mask(begins, kept))[:, 0], [tf.size(chars, out_type=tf.int64)]], 0)
    words = tf.raw_ops.UnicodeEncode(input_values=chars, input_splits=bounds, output_encoding="UTF-8")
    tokens_before = tf.concat([[0], tf.cumsum(tf.cast(begins, tf.int64))], 0)
    return words, tf.gather(tokens_before, decoded.row_splits)


def _before(flags: Any) -> Any:
    """The flag of the previous character, for each character."""
    return tf.concat([tf.zeros_like(flags[:1]), flags[:-1]], 0)


def _after(flags: Any) -> Any:
    """The flag of the next character, for each character."""
    return tf.concat([flags[1:], tf.zeros_like(flags[:1])], 0)


def ids(texts: Any, vocabulary: Any, max_length: int) -> Any:
    """The ids of each text's first ``max_length`` tokens: int32 ``[batch, longest]``, padded with 0.

    ``longest`` is at least 1, so that a batch of empty texts has a column too.
    ``vocabulary`` is a :func:`table`.
    """
    words, splits = tokens(texts, max_length)
    return rows(known(words, vocabulary), splits, max_length, PADDING)


def known(words: Any, vocabulary: Any) -> Any:
    """The id of each word, int32, by a :func:`table`."""
    return tf.cast(vocabulary.lookup(words), tf.int32) + (UNKNOWN + 1)  # -1 becomes UNKNOWN


def rows(values: Any, splits: Any, most: int, padding: int, length: int = 0, left: bool = False,
         least: int = 1) -> Any:
    """The values of each text as a row, int32 ``[batch, columns]``, from flat values ``[n]`` and the bounds of texts.

    Args:
        most: the number of values of a text that are kept: the first ones, or with ``left`` the last ones.
        length: the number of columns; 0 means the length of the longest text, but at least ``least``.
        left: pad before the values instead of after them.
    """
    flat = tf.concat([values, [padding]], 0)  # the last element fills the places without a value
    lengths = tf.minimum(splits[1:] - splits[:-1], most)
    columns = tf.constant(length, tf.int64) if length else tf.reduce_max(tf.concat([lengths, [least]], 0))
    column = tf.range(columns)[None, :] - (columns - lengths[:, None] if left else 0)
    first = (splits[1:] - lengths if left else splits[:-1])[:, None]
    position = tf.where(tf.logical_and(column >= 0, column < lengths[:, None]), first + column,
                        tf.zeros_like(lengths)[:, None] + tf.zeros_like(column) + tf.size(values, out_type=tf.int64))
    return tf.gather(flat, position)


def table(vocabulary_file: str) -> Any:
    """The lookup table of a vocabulary file with one word per line: from a word to the number of its line, or -1."""
    line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    initializer = tf.lookup.TextFileInitializer(vocabulary_file, tf.string, line, tf.int64, number)
    return tf.lookup.StaticHashTable(initializer, default_value=-1)
