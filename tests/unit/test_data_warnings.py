"""Warnings about the texts before the training: given at a limit, and not just beside it."""
import random
from pathlib import Path
from typing import List, Sequence

import numpy as np
import pytest
from sample_data import write_rows

from textjob.data.dataset import read_dataset
from textjob.flags import from_flags
from textjob.settings import Settings
from textjob.text.encoding import Encoded, flat
from textjob.training import data_warnings, source_test
from textjob.training.inputs import Inputs, prepare

pytestmark = pytest.mark.trains

WORDS = [b"w%d" % i for i in range(98)]


def job(*flags: str) -> Settings:
    return from_flags(["--data_url", "unused", "--train_url", "unused", *flags])[0]


def part(texts: Sequence[Sequence[int]], labels: Sequence[int] = ()) -> Encoded:
    return Encoded(*flat([np.array(text, np.int32) for text in texts]), np.array(labels or [0] * len(texts), np.int32))


def inputs(train: Encoded, dev: Encoded) -> Inputs:
    return Inputs(WORDS, ["a", "b"], ["a", "b"], train, dev, dev, {})


def texts(rows: int, seed: int, first: int = 2, last: int = 100) -> List[List[int]]:
    rng = np.random.RandomState(seed)
    return [rng.randint(first, last, size=rng.randint(5, 20)).tolist() for _ in range(rows)]


# Unknown tokens


def unknown(dev: Sequence[Sequence[int]], train: Sequence[Sequence[int]], *flags: str) -> List[str]:
    return data_warnings.unknown_tokens(inputs(part(train), part(dev)), job(*flags))


def test_dev_with_more_than_a_third_of_unknown_tokens_gets_a_warning() -> None:
    (warning,) = unknown([[1, 1, 2], [3, 4, 5, 1, 0, 0, 1]], [[2, 3]])  # the padding is not a token
    assert warning.startswith("50 % of the tokens of dev are unknown") and "98 words of train" in warning
    assert unknown([[1, 2, 3], [1, 4, 5]], [[2, 3]]) == []
    assert unknown([[1, 2, 3], [1, 1, 5]], [[2, 3]]) != []
    assert unknown([], [[2, 3]]) == []


def test_the_remedy_for_unknown_tokens_is_the_setting_that_makes_them_unknown() -> None:
    dev = [[1, 1]]
    assert "raise --vocabulary_size (it is 98), or give more" in unknown(dev, [[1, 1]], "--vocabulary_size", "98")[0]
    assert "lower --min_count (it is 4), or give more" in unknown(dev, [[1, 2, 3]], "--min_count", "4")[0]
    assert "lower --min_count (it is 2), or give more" in unknown(dev, [[1, 2, 3]])[0]
    (other_language,) = unknown(dev, [[1] + [2] * 9], "--min_count", "4")
    assert "--min_count" not in other_language and "of the language and the topics of dev" in other_language


# Cut texts


def cut(words: Sequence[int], max_length: int) -> List[str]:
    """The warning for training texts of these numbers of words."""
    train = part([[2] * min(count, max_length) for count in words])
    return data_warnings.cut_texts(["word " * count for count in words], inputs(train, train),
                                   job("--max_length", str(max_length)))


def test_mostly_cut_texts_get_a_warning_with_the_length_that_keeps_95_percent() -> None:
    (warning,) = cut([5] * 9 + [30] * 90 + [321], 20)
    assert warning.startswith("91 % of the training texts are longer than --max_length 20, ")
    assert "--max_length 30 keeps 95 %" in warning


def test_half_of_the_texts_may_be_cut_and_texts_of_just_the_length_are_not_cut() -> None:
    assert cut([5] * 50 + [30] * 50, 20) == []
    assert cut([5] * 49 + [30] * 51, 20) != []
    assert cut([20] * 100, 20) == []


def test_the_length_is_measured_in_tokens() -> None:
    train = part([[2] * 4] * 10)
    (warning,) = data_warnings.cut_texts(["好吃的米饭和面包很好"] * 10, inputs(train, train), job("--max_length", "4"))
    assert "100 % of" in warning and "--max_length 10 keeps" in warning


# Different sources


def test_texts_with_other_words_are_distinguished_and_the_words_are_named() -> None:
    result = source_test.difference(part(texts(200, 0, 2, 60)), part(texts(200, 1, 40, 100)), 1, 100)
    assert result.auc > 0.95 and result.z > 10
    assert max(result.of_first[:10]) < 40 and min(result.of_second[:10]) >= 60


def test_texts_of_other_lengths_are_distinguished() -> None:
    long = [text * 3 for text in texts(200, 1)]
    assert source_test.difference(part(texts(200, 0)), part(long), 1, 100).auc > 0.9


@pytest.mark.parametrize("rows", [30, 300, 3000])
def test_random_splits_of_one_source_get_no_warning(rows: int) -> None:
    for seed in range(10):
        split = inputs(part(texts(rows, 2 * seed)), part(texts(rows // 3, 2 * seed + 1)))
        assert data_warnings.different_sources(split) == []


def test_repeated_texts_do_not_make_a_difference() -> None:
    """As after a split by hash: all rows with one text are in one part."""
    repeated = texts(10, 2) * 50
    result = source_test.difference(part(texts(400, 0)), part(texts(400, 1) + repeated), 1, 100)
    assert abs(result.z) < 4


def test_other_class_frequencies_alone_do_not_make_a_difference() -> None:
    """The texts of the two classes have no word in common."""
    def mixed(of_a: int, of_b: int, seed: int) -> Encoded:
        return part(texts(of_a, seed, 2, 50) + texts(of_b, seed + 1, 50, 100), [0] * of_a + [1] * of_b)

    assert abs(source_test.difference(mixed(900, 100, 0), mixed(100, 900, 2), 2, 100).z) < 4
    unlabelled = [mixed(*counts)._replace(labels=np.zeros(1000, np.int32)) for counts in ((900, 100, 0), (100, 900, 2))]
    assert source_test.difference(*unlabelled, 2, 100).auc > 0.8


def test_different_texts_of_unknown_words_are_different_texts() -> None:
    spelled = flat([np.array([i, i + 1], np.int32) for i in range(100)])
    unknown_words = part([[1] * 8] * 100)
    assert source_test.difference(part(texts(100, 0)), unknown_words, 1, 100) == source_test.NO_DIFFERENCE
    assert source_test.difference(part(texts(100, 0)), unknown_words._replace(spelling=spelled), 1, 100).auc > 0.95


def test_too_few_texts_are_not_compared() -> None:
    few = part(texts(19, 0, 2, 50)), part(texts(19, 1, 50, 100))
    assert source_test.difference(*few, 1, 100) == source_test.NO_DIFFERENCE
    assert source_test.difference(part(texts(40, 0)), part(texts(40, 1), [1] * 40), 2, 100).auc == 0.5


def test_a_comparison_has_the_same_result_at_every_call() -> None:
    parts = part(texts(300, 0)), part(texts(300, 1))
    assert source_test.difference(*parts, 1, 100) == source_test.difference(*parts, 1, 100)


# All of them


def warnings(folder: Path, *flags: str) -> List[str]:
    settings = job("--data_url", str(folder), *flags)
    data = read_dataset(str(folder), settings)
    return data_warnings.warnings(data, prepare(data, settings, folder / "vocabulary.out")[0], settings)


def test_a_healthy_data_set_gets_no_warning(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.tsv", 900, 0)
    write_rows(tmp_path / "dev.tsv", 300, 1)
    assert warnings(tmp_path) == []


def test_each_warning_is_one_line_with_a_prefix_and_comes_once(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.tsv", 900, 0)
    rng = random.Random(0)
    words = ["apple", "pear", "plum", "cherry", "grape", "the", "of"]
    rows = [f"food\t{' '.join(rng.choices(words, k=9))}\n" for _ in range(150)]
    (tmp_path / "dev.tsv").write_text("".join(rows), encoding="utf-8")
    found = warnings(tmp_path, "--max_length", "2")
    starts = ["dev has 150 rows", "train and dev have different class", "72 % of the tokens", "99 % of the training",
              "train and dev look like different"]
    assert len(found) == len(starts)
    for line, start in zip(found, starts):
        assert line.startswith("warning: " + start) and "\n" not in line
