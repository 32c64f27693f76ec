"""How sure a figure is."""
import numpy as np
import pytest
from scipy.stats import binomtest

from textjob import metrics


@pytest.mark.parametrize("right, rows", [(0, 1), (1, 1), (8, 10), (50, 100), (903, 926), (0, 50), (99999, 100000)])
def test_an_accuracys_interval_is_wilsons(right: int, rows: int) -> None:
    expected = binomtest(right, rows).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(metrics.interval(right, rows), [expected.low, expected.high], atol=1e-6)


def test_no_rows_say_nothing() -> None:
    assert metrics.interval(0, 0) == (0.0, 1.0)


def test_figures_carry_the_interval_of_their_accuracy() -> None:
    found = metrics.evaluate([0, 1, 1, 0], [0, 1, 0, 0], ["a", "b"])
    assert found["accuracy_interval"] == pytest.approx(metrics.interval(3, 4))


@pytest.mark.parametrize("one, other", [(0, 0), (3, 3), (1, 9), (0, 5), (40, 60)])
def test_the_chance_of_a_difference_is_mcnemars(one: int, other: int) -> None:
    both = list(range(1000, 1030))
    wrong, wrong_of_other = [*both, *range(one)], [*both, *range(100, 100 + other)]
    expected = binomtest(one, one + other).pvalue if one + other else 1.0
    assert metrics.chance(wrong, wrong_of_other) == pytest.approx(expected)
    assert metrics.chance(wrong_of_other, wrong) == pytest.approx(expected)
