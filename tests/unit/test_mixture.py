"""What a network counts beside the wide part."""
import numpy as np
import pytest

from textjob.training import dev_weight

TARGETS = np.eye(3)[np.arange(300) % 3]
RIGHT = 2.0 * TARGETS
SILENT = np.zeros((300, 3))
NOISE = np.random.RandomState(1).normal(size=(300, 3)) * 2


def weight(own: np.ndarray, wide: np.ndarray, rows: int = 300) -> float:
    return dev_weight.network_weight(own[:rows], wide[:rows], TARGETS[:rows])


def test_a_network_that_knows_more_than_the_wide_part_counts_more_and_one_that_knows_nothing_least() -> None:
    assert weight(RIGHT, SILENT) > dev_weight.DEFAULT > weight(NOISE, RIGHT) == 0.125


def test_a_network_that_is_sure_and_often_wrong_counts_less_than_one_that_is_as_right_and_less_sure() -> None:
    often = np.where(np.arange(300)[:, None] % 4 > 0, RIGHT, np.roll(RIGHT, 1, 1))
    assert weight(often * 3, SILENT) < weight(often, SILENT)


@pytest.mark.parametrize("rows", [0, 1])
def test_without_rows_or_with_one_it_stays_at_or_near_the_usual(rows: int) -> None:
    assert weight(RIGHT, SILENT, rows) == pytest.approx(dev_weight.DEFAULT, rel=0.5)
    assert weight(NOISE, RIGHT, rows) == pytest.approx(dev_weight.DEFAULT, rel=0.5)


def test_more_rows_move_it_further() -> None:
    found = [weight(RIGHT, SILENT, rows) for rows in (0, 3, 300)]
    assert found == sorted(found) and found[0] == dev_weight.DEFAULT < found[-1]


def test_texts_that_weigh_more_decide() -> None:
    half = np.arange(300) < 150
    own = np.where(half[:, None], RIGHT, np.roll(RIGHT, 1, 1))  # right on the first half, wrong on the other
    first, other = (dev_weight.network_weight(own, SILENT, TARGETS * np.where(half == side, 1.9, 0.1)[:, None])
                    for side in (True, False))
    assert first > other == 0.125
