"""The vocabulary, the ids of every part, and the size of the wide part, from the texts of a data set."""
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest

from textjob.data.dataset import Dataset, Examples
from textjob.errors import DataError
from textjob.flags import from_flags
from textjob.settings import Settings
from textjob.text import vocabulary
from textjob.text.encoding import Encoded, TextEncoder
from textjob.training import inputs

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def job(*flags: str) -> Settings:
    return from_flags(["--data_url", "unused", "--train_url", "unused", *flags])[0]


def prepare(folder: Path, *flags: str, **parts: Any) -> inputs.Inputs:
    """Parts are lists of pairs of label and text; the classes are those of the training part."""
    examples = {name: Examples([text for _, text in parts.get(name, [])], [label for label, _ in parts.get(name, [])])
                for name in ("train", "dev", "test")}
    data = Dataset(**examples, labels=sorted(set(examples["train"].labels)), notes=[], digest="")
    return inputs.prepare(data, job(*flags), folder / "vocabulary.txt")[0]


def texts_of(part: Encoded) -> List[List[int]]:
    return [part.ids[start:start + length].tolist() for start, length in zip(part.starts, part.lengths)]


# Vocabulary


def test_words_below_min_count_or_beyond_the_vocabulary_size_are_left_out() -> None:
    texts = ["b b b a a a c c", "d d e"]
    assert vocabulary.count(texts, 50).most_frequent(1, 10) == [b"a", b"b", b"c", b"d", b"e"]
    assert vocabulary.count(texts, 50).most_frequent(2, 10) == [b"a", b"b", b"c", b"d"]
    assert vocabulary.count(texts, 50).most_frequent(3, 10) == [b"a", b"b"]
    assert vocabulary.count(texts, 50).most_frequent(1, 3) == [b"a", b"b", b"c"]


@pytest.mark.parametrize("text, kept", [
    ("one two three four five six seven", True),
    ("one two three four five six seven eight", False),
    ("\u4eca\u5929 iphone", False),
    ("\u4eca\u5929 iphone good", True),
], ids=["7 words", "8 words", "most tokens are characters", "half of the tokens are characters"])
def test_words_that_occur_once_are_kept_by_default_in_texts_of_less_than_8_words(
        tmp_path: Path, text: str, kept: bool) -> None:
    texts = [("a", text)] * 10 + [("b", text + " once")]
    assert (b"once" in prepare(tmp_path, train=texts).vocabulary) == kept
    assert b"once" not in prepare(tmp_path, "--min_count", "2", train=texts).vocabulary


def test_the_words_of_a_long_part_are_counted_over_all_its_texts() -> None:
    texts = ["early"] * 3 + ["common"] * 3000 + ["late"] * 4
    assert vocabulary.count(texts, 50).most_frequent(3, 10) == [b"common", b"late", b"early"]


def test_max_length_limits_the_bytes_of_a_text_that_are_counted() -> None:
    assert vocabulary.count(["in" + " " * 61 + "out"], 1).most_frequent(1, 10) == [b"in", b"o"]  # 64 bytes


def test_a_training_part_without_a_frequent_word_is_an_error_that_names_min_count(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepare(tmp_path, "--min_count", "3", train=[("a", "one two"), ("b", "one two")])
    assert str(caught.value) == ("no word occurs at least 3 times in the training part, so the vocabulary is empty; "
                                 "lower --min_count, or give more data")


# Parts


def test_each_part_has_the_ids_and_the_class_numbers_of_its_texts(tmp_path: Path) -> None:
    found = prepare(tmp_path, "--min_count", "2", train=[("b", "one two"), ("a", "two three one")],
                    dev=[("z", "two"), ("a", "one")], test=[("y", "three four"), ("b", "")])
    assert (found.vocabulary, found.labels, found.names) == ([b"one", b"two"], ["a", "b"], ["a", "b", "y", "z"])
    assert texts_of(found.train) == [[2, 3], [3, 1, 2]] and found.train.labels.tolist() == [1, 0]
    assert texts_of(found.dev) == [[3], [2]] and found.dev.labels.tolist() == [3, 0]
    assert texts_of(found.test) == [[1, 1], [0]] and found.test.labels.tolist() == [2, 1]
    assert found.wide == {} and found.vectors is None and found.ngrams == 0


def test_max_length_and_vocabulary_size_limit_the_ids(tmp_path: Path) -> None:
    found = prepare(tmp_path, "--max_length", "2", "--wide", "false", "--vocabulary_size", "1",
                    train=[("a", "one one two two one"), ("b", "one two three")])
    assert found.vocabulary == [b"one"] and texts_of(found.train) == [[2, 2], [2, 1]]


@pytest.fixture
def encoder(tmp_path: Path) -> TextEncoder:
    vocabulary.write([word.encode() for word in NUMBERS], tmp_path / "vocabulary.txt")
    return TextEncoder(tmp_path / "vocabulary.txt", 5)


def test_a_long_part_keeps_the_order_of_its_texts(encoder: TextEncoder) -> None:
    texts = [NUMBERS[i % 10] * (i % 7 > 0) + " one" * (i % 3) for i in range(2500)]
    part = encoder.encode(texts, [i % 4 for i in range(2500)])
    expected = [[i % 10 + 2] * (i % 7 > 0) + [3] * (i % 3) for i in range(2500)]
    assert texts_of(part) == [row or [0] for row in expected]
    assert part.labels.tolist() == [i % 4 for i in range(2500)]
    assert [each.dtype for each in part[:4]] == [np.int32, np.int64, np.int64, np.int32]


def test_rows_in_any_order_are_padded_with_0_to_the_longest_of_them(encoder: TextEncoder) -> None:
    part = encoder.encode(["one two three four", "five", "", "six seven"], [0] * 4)
    assert part.padded(np.array([3, 1])).tolist() == [[8, 9], [7, 0]]
    assert part.padded(np.array([2])).tolist() == [[0]]
    assert part.padded(np.array([3, 0])).tolist() == [[8, 9, 0, 0], [3, 4, 5, 6]]
    assert part.padded(np.array([1, 3])).dtype == np.int32


def test_a_part_without_texts_has_no_ids(encoder: TextEncoder) -> None:
    part = encoder.encode([], [])
    assert [len(each) for each in part[:4]] == [0] * 4
    assert [each.dtype for each in part[:4]] == [np.int32, np.int64, np.int64, np.int32]


# Wide part


def test_the_size_limit_of_the_wide_part_is_448_kib_and_224_bytes_per_word() -> None:
    """As docs/accuracy.md states."""
    assert inputs._max_bytes([]) == 448 * 1024
    assert inputs._max_bytes([b"a", b"b"]) - inputs._max_bytes([]) == 448


@pytest.mark.parametrize("words, expected", [
    (["好", "吃", "the"], True), (["好", "the", "吃的"], False), (["a", "b", "c"], False),
    (["好", "吃", "the", "of"], False),
], ids=["most are characters", "one is a character", "letters", "half of the tokens"])
def test_most_tokens_are_characters_where_more_than_half_are(words: List[str], expected: bool) -> None:
    ids = np.arange(2, 2 + len(words), dtype=np.int32)
    part = Encoded(ids, np.array([0]), np.array([len(words)]), np.array([0]))
    assert inputs._most_are_characters([word.encode() for word in words], part) is expected


def test_padding_and_unknown_words_are_no_characters() -> None:
    ids = np.array([2, 1, 0], np.int32)
    assert not inputs._most_are_characters(["好".encode()], Encoded(ids, np.array([0]), np.array([3]), np.array([0])))
