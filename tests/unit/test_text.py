"""The tokenizer: the tokens of any bytes."""
import hashlib
import unicodedata
from pathlib import Path
from typing import List

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from textjob.packaging import golden
from textjob.text import tokenizer

# Traced once, because its operations one by one take a hundred times as long.
_tokens = tf.function(tokenizer.tokens, [tf.TensorSpec([None], tf.string), tf.TensorSpec([], tf.int32)],
                      autograph=False)


def tokens(*texts: object, max_length: int = 50) -> List[List[str]]:
    """The tokens of each text."""
    raw = [t.encode("utf-8") if isinstance(t, str) else t for t in texts]
    words, splits = _tokens(tf.constant(raw, tf.string), tf.constant(max_length))
    found = [word.decode("utf-8") for word in words.numpy()]
    return [found[a:b] for a, b in zip(splits.numpy()[:-1], splits.numpy()[1:])]


@pytest.mark.parametrize(("raw", "expected"), [
    ("", []),
    (" \t\r\n\u3000", []),
    ("The FILM is good.", ["the", "film", "is", "good"]),
    ("don't 'quote' rock'n'roll dogs' O\u2019Neill", ["don't", "quote", "rock'n'roll", "dogs", "o'neill"]),
    ("100% of 3.14, 1,000", ["100", "of", "3", "14", "1", "000"]),
    ("stop! why? $5", ["stop", "!", "why", "?", "$", "5"]),
    ("note: (two) 'one'", ["note", ":", "(", "two", ")", "one"]),
    ("\u300a\u4e66\u300b\uff08\u4e00\uff09\uff1a\u201c\u4e8c\u201d",
     ["\u300a", "\u4e66", "\u300b", "(", "\u4e00", ")", ":", "\u201c", "\u4e8c", "\u201d"]),
    ("\u4e2d\u6587ABC\uff0c\u6d4b\u8bd5\u3002", ["\u4e2d", "\u6587", "abc", "\u6d4b", "\u8bd5"]),
    ("\uff21\uff42\uff43\uff11\uff12\uff13\uff01", ["abc123", "!"]),
    ("\uff76\uff85 \u30ab\u30ca \u3072\u3089", ["\u30ab", "\u30ca", "\u30ab", "\u30ca", "\u3072", "\u3089"]),
    ("\ud55c\uad6d\uc5b4 \ubb38\uc7a5", ["\ud55c\uad6d\uc5b4", "\ubb38\uc7a5"]),
    ("\u0e44\u0e17\u0e22", ["\u0e44", "\u0e17", "\u0e22"]),
    ("\u00c0\u00c9 \u0416\u0417 \u03a3\u03a4\u03a3 \u03c3\u03c4\u03c2 \u0130",
     ["\u00e0\u00e9", "\u0436\u0437", "\u03c3\u03c4\u03c3", "\u03c3\u03c4\u03c3", "i"]),
    ("\U0001f44d\U0001f3fd\u2764\ufe0f", ["\U0001f44d", "\u2764"]),
    ("\U0001fae8 \U0001fadf", ["\U0001fae8", "\U0001fadf"]),
    ("a\0b", ["a", "b"]),
    ("\ufffd\ufffe x", ["x"]),
    (b"\xff\xfeab\xe4\xb8 \xed\xa0\x80c", ["ab", "c"]),
    ("\U00020bb7\u91ce", ["\U00020bb7", "\u91ce"]),
])
def test_a_text_becomes_these_tokens(raw: object, expected: List[str]) -> None:
    assert tokens(raw) == [expected]


def test_no_token_spans_two_texts_of_a_batch() -> None:
    assert tokens("ab", "cd'", "'ef", "\u4e2d") == [["ab"], ["cd"], ["ef"], ["\u4e2d"]]


def test_the_table_is_the_same_on_every_python() -> None:
    """It is made from the frozen database; the hash is equal on Python 3.6 to 3.13."""
    kind, folded = tokenizer.code_points()
    assert hashlib.sha256(kind.tobytes() + folded.tobytes()).hexdigest()[:16] == "8cf80a2564956626"
    assert unicodedata.ucd_3_2_0.unidata_version == "3.2.0"


def test_letters_of_scripts_with_case_are_lowered() -> None:
    for first, last in [(0x41, 0x5A), (0xC0, 0xD6), (0x391, 0x3A1), (0x410, 0x42F), (0x531, 0x556), (0x10400, 0x10425)]:
        upper = "".join(map(chr, range(first, last + 1)))
        assert tokens(upper) == [[upper.lower()]]


def test_folding_twice_changes_nothing() -> None:
    kind, folded = tokenizer.code_points()
    assert np.array_equal(folded[folded], folded)
    assert np.all((kind[folded] == kind) | (kind == tokenizer.SINGLE))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_any_bytes_make_tokens_without_blanks_that_are_equal_alone_and_in_a_batch(texts: List[bytes]) -> None:
    together = tokens(*texts)
    assert together == [tokens(one)[0] for one in texts]
    assert all(token and not any(char.isspace() or char == "\0" for char in token) for row in together for token in row)


@pytest.fixture
def table(tmp_path: Path) -> object:
    """A vocabulary of three words."""
    path = tmp_path / "vocabulary.txt"
    path.write_bytes("good\n\u4e2d\n!\n".encode())
    return tokenizer.table(str(path))


def test_ids_are_padded_with_0_and_unknown_words_have_the_id_1(table: object) -> None:
    ids = tokenizer.ids(tf.constant(["good \u4e2d!", "bad", ""]), table, 50)
    assert ids.dtype == tf.int32
    assert ids.numpy().tolist() == [[2, 3, 4], [1, 0, 0], [0, 0, 0]]


def test_a_batch_of_empty_texts_and_an_empty_batch_have_one_column(table: object) -> None:
    assert tokenizer.ids(tf.constant(["", " "]), table, 50).numpy().tolist() == [[0], [0]]
    assert tokenizer.ids(tf.zeros([0], tf.string), table, 50).shape == (0, 1)


def test_a_long_text_is_cut_before_it_is_decoded(table: object) -> None:
    assert tokenizer.ids(tf.constant(["good " * 1000]), table, 7).shape == (1, 7)
    words, _ = tokenizer.tokens(tf.constant(["x" * 10_000_000]), 7)
    assert len(words.numpy()[0]) == 7 * tokenizer.BYTES_PER_TOKEN


def test_the_golden_texts_exercise_every_branch() -> None:
    kind, folded = tokenizer.code_points()
    used = [ord(char) for t in golden.TEXTS for char in t]
    assert set(kind[used]) == {tokenizer.BLANK, tokenizer.WORD, tokenizer.SINGLE, tokenizer.JOINER}
    assert any(folded[code] != code for code in used)
    rows = tokens(*golden.TEXTS)
    assert [] in rows and max(map(len, rows)) > 256
    assert any("'" in token for row in rows for token in row), "an apostrophe inside a word"
    assert any(len(token) == 1 and ord(token) > 0x20000 for row in rows for token in row), "beyond the first two planes"
