"""Warnings that follow from the number of rows of each part and class: given at a limit, and not just beside it."""
import random
from collections import Counter
from pathlib import Path
from typing import Dict, List

import pytest

from textjob.data import count_warnings
from textjob.data.inspection import inspect
from textjob.settings import DataSettings


def test_a_dev_part_below_200_rows_gets_a_warning_with_the_interval_and_the_difference_that_cannot_be_seen() -> None:
    (warning,) = count_warnings.small_dev(199)
    assert "dev has 199 rows" in warning and "85.0 to 93.4 %" in warning and "below about 4 points" in warning
    assert count_warnings.small_dev(200) == []
    (warning,) = count_warnings.small_dev(1)
    assert "20.7 to 100.0 %" in warning and "below about 40 points" in warning


def test_classes_below_ten_training_rows_are_named_with_their_rows() -> None:
    (warning,) = count_warnings.rare_classes({"a": 9, "b": 10, "c": 2})
    assert "fewer than 10 training rows: 2 ('c' 2, 'a' 9);" in warning and "'b'" not in warning
    assert count_warnings.rare_classes({"a": 10, "b": 500}) == []


def test_of_many_rare_classes_ten_are_named() -> None:
    (warning,) = count_warnings.rare_classes({f"class {i:02}": 3 for i in range(45)})
    assert "training rows: 45 (" in warning and "'class 09' 3 and 35 more)" in warning and "class 10" not in warning


def test_classes_of_twenty_times_the_rows_are_uneven_and_the_effect_of_class_weights_is_named() -> None:
    (warning,) = count_warnings.uneven_classes({"common": 2000, "rare": 100, "other": 400})
    assert "'common' has 2,000 training rows (80.0 %), 'rare' 100" in warning
    assert "--class_weights balanced a row of 'rare' weighs 20 times as much as one of 'common'" in warning
    assert count_warnings.uneven_classes({"common": 1999, "rare": 100, "other": 400}) == []


def test_uneven_classes_get_no_warning_when_the_job_balances_them() -> None:
    labels = ["common"] * 2000 + ["rare"] * 100
    assert len(count_warnings.warnings(labels, labels)) == 1
    assert count_warnings.warnings(labels, labels, "balanced") == []


def test_other_class_frequencies_get_a_warning_with_the_class_that_differs_most() -> None:
    train = {"a": 5000, "b": 5000}
    (warning,) = count_warnings.other_frequencies(train, {"a": 701, "b": 299})
    assert "'a' is 50.0 % of train and 70.1 % of dev (total variation distance 0.20)" in warning
    assert count_warnings.other_frequencies(train, {"a": 699, "b": 301}) == []


def test_frequencies_that_differ_by_chance_get_no_warning() -> None:
    assert count_warnings.other_frequencies({"a": 5000, "b": 5000}, {"a": 14, "b": 6}) == []
    assert count_warnings.other_frequencies({"a": 5000, "b": 5000}, {"unknown": 500}) == []


@pytest.mark.parametrize("classes", [2, 77])
@pytest.mark.parametrize("dev_rows", [50, 300, 2000])
def test_random_splits_get_no_warning_of_other_frequencies(classes: int, dev_rows: int) -> None:
    rng = random.Random(classes * dev_rows)
    names, weights = [f"class {i}" for i in range(classes)], [1 / (i + 1) for i in range(classes)]
    for _ in range(20):
        labels = rng.choices(names, weights, k=dev_rows * 10)
        assert count_warnings.other_frequencies(Counter(labels[dev_rows:]), Counter(labels[:dev_rows])) == []


def write(folder: Path, parts: Dict[str, List[str]]) -> str:
    for part, labels in parts.items():
        rows = [f"{label}\ttext number {i} of {part}\n" for i, label in enumerate(labels)]
        (folder / f"{part}.tsv").write_text("".join(rows), encoding="utf-8")
    return str(folder)


def test_the_data_command_shows_the_warnings_of_a_job(tmp_path: Path) -> None:
    url = write(tmp_path, {"train": ["a", "b"] * 150 + ["c"] * 4, "dev": ["a", "b"] * 20})
    warnings = [note for note in inspect(url, DataSettings("0", "1")).notes if note.startswith("warning: ")]
    assert ["dev has 40 rows" in warnings[0], "('c' 4)" in warnings[1], "very uneven" in warnings[2]] == [True] * 3
    assert len(warnings) == 3


def test_even_data_of_enough_rows_get_no_warning(tmp_path: Path) -> None:
    url = write(tmp_path, {"train": ["a", "b", "c"] * 200, "dev": ["a", "b", "c"] * 70})
    assert not [note for note in inspect(url, DataSettings("0", "1")).notes if note.startswith("warning")]
