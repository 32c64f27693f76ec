"""The uncertainty of figures."""
import pytest
from scipy.stats import binomtest

from textjob import metrics


@pytest.mark.parametrize("correct, rows, low, high", [
    (0, 10, 0.0, 0.2775), (8, 10, 0.4902, 0.9433), (50, 100, 0.4038, 0.5962), (1, 1, 0.2065, 1.0)])
def test_the_interval_of_an_accuracy_is_that_of_published_tables(
        correct: int, rows: int, low: float, high: float) -> None:
    # R: binom::binom.confint(x, n, methods = "wilson")
    assert metrics.wilson_interval(correct, rows) == pytest.approx((low, high), abs=5e-5)


def test_without_rows_the_interval_is_everything() -> None:
    assert metrics.wilson_interval(0, 0) == (0.0, 1.0)


def test_figures_carry_the_interval_of_their_accuracy() -> None:
    evaluation = metrics.evaluate([0, 1, 1, 0], [0, 1, 0, 0], ["a", "b"])
    assert evaluation.accuracy_interval == pytest.approx(metrics.wilson_interval(3, 4))


def test_wrong_rows_are_numbered_and_kept_on_request_alone() -> None:
    assert metrics.evaluate([0, 1, 1, 0], [1, 1, 0, 0], ["a", "b"], keep_wrong_rows=True).wrong_rows == [0, 2]
    assert metrics.evaluate([0, 1, 1, 0], [1, 1, 0, 0], ["a", "b"]).wrong_rows is None


@pytest.mark.parametrize("one, other", [(0, 0), (3, 3), (1, 9), (0, 5), (40, 60)])
def test_the_p_value_of_a_difference_counts_only_the_discordant_rows(one: int, other: int) -> None:
    both = list(range(1000, 1030))
    wrong, wrong_of_other = [*both, *range(one)], [*both, *range(100, 100 + other)]
    expected = binomtest(one, one + other).pvalue if one + other else 1.0
    assert metrics.mcnemar(wrong, wrong_of_other) == pytest.approx(expected)
    assert metrics.mcnemar(wrong_of_other, wrong) == pytest.approx(expected)
