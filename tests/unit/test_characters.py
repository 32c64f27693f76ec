"""The n-grams of the characters of words: their spelling in the graph, and the part of the wide part that uses them."""
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models import wide
from textjob.text import spelling, tokenizer, vocabulary
from textjob.text.encoding import Encoded, TextEncoder
from textjob.training import characters, wide_part

KNOWN = ["good", "film", "banana"]


def spelled(words: List[str]) -> List[int]:
    """The code points of the words of at least two characters, each with its marks and its separator."""
    return [ord(char) for word in words if len(word) > 1 for char in f"|{word}|\x01"][:spelling.MOST]


# Traced once, because its operations one by one take a hundred times as long.
_words = tf.function(lambda texts: tokenizer.tokens(texts, 256)[0], [tf.TensorSpec([None], tf.string)], autograph=False)


def tokens_of(text: str) -> List[str]:
    return [word.decode("utf-8") for word in _words(tf.constant([text.encode("utf-8")])).numpy()]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    file = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    vocabulary.write([word.encode() for word in KNOWN], file)
    return TextEncoder(file, 256)


def check(encoder: TextEncoder, texts: List[str]) -> None:
    rows = encoder.inputs(texts)[1]
    assert rows.dtype == np.int32
    for text, row in zip(texts, rows.tolist()):
        expected = spelled([word for word in tokens_of(text)[:256] if word not in KNOWN])
        assert row == expected + [0] * (len(row) - len(expected))


@pytest.mark.parametrize("text", [
    "", "good film", "a goodish film", "The UNKNOWN don't na\u00efve \u0130stanbul", "x" * 3000,
    "\u4eca\u5929\u5f88\u597d", "\u82f9\u679ciphone\u624b\u673a", "\U0001f44d\U0001f3fd wow \u2764\ufe0f",
    "nul\0 | \x01 \ufffd", "many unknown words " * 100, "\ud55c\uad6d\uc5b4 \u0928\u092e\u0938\u094d\u0924\u0947",
], ids=["empty", "known", "one unknown", "folded", "a long word", "chinese", "mixed", "emoji", "separators", "many",
        "scripts"])
def test_the_spelling_of_a_text_is_that_of_its_unknown_words_in_plain_python(encoder: TextEncoder, text: str) -> None:
    check(encoder, [text])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_the_spelling_of_random_unicode_is_that_of_plain_python(encoder: TextEncoder, texts: List[str]) -> None:
    check(encoder, [text.encode("utf-8", "replace").decode("utf-8") for text in texts])


def test_chinese_has_no_spelling(encoder: TextEncoder) -> None:
    part = encoder.encode(["\u4eca\u5929\u5f88\u597d", "\u6ca1\u6709\uff01"], [0, 1])
    assert part.spelling is not None and part.spelling.values.tolist() == [0, 0]


# The wide part


def part_of(tmp_path: Path, texts: List[str], labels: List[int], least: int) -> Tuple[Encoded, List[bytes]]:
    words = vocabulary.count(texts, 256).most_frequent(least, 1000)
    vocabulary.write(words, tmp_path / "vocabulary.txt")
    return TextEncoder(tmp_path / "vocabulary.txt", 256).encode(texts, labels), words


ROOTS = ["wonder", "terrib", "delight", "horrib", "charm", "aweful"]


def reviews(rows: int = 300, seed: int = 0) -> Tuple[List[str], List[int]]:
    """The root of one word decides; its ending is random, so most words occur once."""
    rng = np.random.RandomState(seed)
    texts, labels = [], []
    for _ in range(rows):
        root = rng.randint(len(ROOTS))
        ending = "".join(chr(97 + code) for code in rng.randint(26, size=3))
        filler = " ".join(["the", "film", "is", "plot"][code] for code in rng.randint(4, size=3))
        texts.append(f"{filler} {ROOTS[root]}{ending}")
        labels.append(root % 2)
    return texts, labels


def logits(w: Dict[str, np.ndarray], part: Encoded, rows: np.ndarray) -> Any:
    return wide.logits(w, tf.constant(part.padded(rows)), lambda x: x, tf.constant(part.padded_spelling(rows))).numpy()


def fitted(part: Encoded, words: List[bytes], max_bytes: int = 10 ** 6) -> wide_part.Fitted:
    return wide_part.fit(part, np.ones(2), 2, max_bytes, 0.1, words)


def test_character_ngrams_classify_words_that_the_training_part_does_not_contain(tmp_path: Path) -> None:
    texts, labels = reviews()
    part, words = part_of(tmp_path, texts, labels, 2)
    new = TextEncoder(tmp_path / "vocabulary.txt", 256).encode(*reviews(200, seed=1))
    rows = np.arange(200)
    without = wide_part.fit(part, np.ones(2), 2, 10 ** 6, 0.1).weights
    assert np.mean(logits(fitted(part, words).weights, new, rows).argmax(1) == new.labels) > 0.95
    assert np.mean(logits(without, new, rows).argmax(1) == new.labels) < 0.75


def test_a_known_and_an_unknown_word_have_the_same_character_weights(tmp_path: Path) -> None:
    """The rows of the known words are the sums of the rows of their n-grams."""
    texts, labels = reviews()
    part, words = part_of(tmp_path, texts, labels, 1)
    w = fitted(part, words).weights
    only_characters = dict(w, **{wide.BIAS: w[wide.BIAS] * 0, wide.SCALE: w[wide.SCALE] * [0, 0, 1]})
    known = logits(only_characters, part, np.arange(50))
    vocabulary.write([b"none"], tmp_path / "other.txt")
    unknown = TextEncoder(tmp_path / "other.txt", 256).encode(texts, labels)
    found = logits(only_characters, unknown, np.arange(50))
    assert np.abs(known).max() > 0.3
    np.testing.assert_allclose(known, found, atol=0.05 * np.abs(known).max())  # two quantisations


def test_the_exact_features_are_counts_times_frequency_normalised_per_text(tmp_path: Path) -> None:
    texts, labels = reviews(60)
    part, words = part_of(tmp_path, texts + ["banana bandana"] * 2, labels + [0, 1], 2)
    counted = characters.count(part, words, 2)
    plain: List[Dict[str, int]] = []
    for text in texts + ["banana bandana"] * 2:
        row: Dict[str, int] = {}
        for word in text.split():
            for n in (3, 4, 5):
                for i in range(len(word) + 3 - n):
                    ngram = f"|{word}|"[i:i + n]
                    row[ngram] = row.get(ngram, 0) + 1
        plain.append(row)
    texts_with: Dict[str, int] = {}
    for row in plain:
        for ngram in row:
            texts_with[ngram] = texts_with.get(ngram, 0) + 1
    kept = {ngram: np.log(len(plain) / number) + 1 for ngram, number in texts_with.items() if number > 1}
    assert len(kept) == len(counted.mark)
    np.testing.assert_allclose(np.sort(list(kept.values())), np.sort(counted.frequency))
    features = counted.features()
    for number, row in enumerate(plain):
        values = [(row[ngram], kept[ngram]) for ngram in row if ngram in kept]
        length = max(1.0, np.sqrt(sum(count * value ** 2 for count, value in values)))
        np.testing.assert_allclose(np.sort(features[number].data),
                                   np.sort([count * value / length for count, value in values]))


@pytest.mark.parametrize("max_bytes", [400, 2000, 6000, 20000])
def test_the_wide_part_with_characters_fits_the_size_limit(tmp_path: Path, max_bytes: int) -> None:
    texts, labels = reviews()
    part, words = part_of(tmp_path, texts, labels, 2)
    w = fitted(part, words, max_bytes).weights
    zero_rows_and_scales = 200
    assert sum(each.nbytes for each in w.values()) <= max_bytes + zero_rows_and_scales
    assert (wide.WORDS in w) == ((len(words) + 2) * 3 <= max_bytes // 2)


def test_the_choice_of_an_earlier_fit_is_kept(tmp_path: Path) -> None:
    texts, labels = reviews()
    part, words = part_of(tmp_path, texts, labels, 2)
    choice = wide_part.Choice(1, 1.0, 3.0)
    again = wide_part.fit(part, np.ones(2), 2, 10 ** 6, 0.1, words, choice)
    assert again.choice == choice
    doubled = wide_part.fit(part, np.ones(2), 2, 10 ** 6, 0.1, words, choice._replace(factor=6.0))
    np.testing.assert_allclose(logits(doubled.weights, part, np.arange(20)),
                               2 * logits(again.weights, part, np.arange(20)), rtol=1e-4)


@pytest.mark.parametrize("tokens, kept", [(7, 14), (8, 0)])
def test_ngrams_that_occur_once_are_kept_in_texts_of_less_than_8_words(tmp_path: Path, tokens: int, kept: int) -> None:
    texts = [" ".join(f"{word}{number}" for number in range(tokens)) for word in ("soup", "goal")]
    part, words = part_of(tmp_path, texts, [0, 1], 1)
    w = wide_part.fit(part, np.ones(2), 1, 10 ** 6, 0.1, words, wide_part.Choice(0, 1.0, 1.0)).weights
    assert len(w.get(wide.keys(1), [])) == kept
