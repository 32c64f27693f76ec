"""The evaluation on the dev part, and the weight of the network beside the wide part."""
import numpy as np
import pytest

from textjob import metrics
from textjob.training import dev_weight

TARGETS = np.eye(3)[np.arange(300) % 3]
RIGHT = 2.0 * TARGETS
ZERO = np.zeros((300, 3))
NOISE = np.random.RandomState(1).normal(size=(300, 3)) * 2


def weight(own: np.ndarray, wide: np.ndarray, rows: int = 300) -> float:
    return dev_weight.network_weight(own[:rows], wide[:rows], TARGETS[:rows])


def test_the_weight_is_large_for_a_better_network_and_minimal_for_a_random_one() -> None:
    assert weight(RIGHT, ZERO) > dev_weight.DEFAULT > weight(NOISE, RIGHT) == 0.125


def test_of_two_networks_of_equal_accuracy_the_overconfident_one_gets_the_smaller_weight() -> None:
    often = np.where(np.arange(300)[:, None] % 4 > 0, RIGHT, np.roll(RIGHT, 1, 1))
    assert weight(often * 3, ZERO) < weight(often, ZERO)


@pytest.mark.parametrize("rows", [0, 1])
def test_without_dev_rows_or_with_one_the_weight_is_near_the_default(rows: int) -> None:
    assert weight(RIGHT, ZERO, rows) == pytest.approx(dev_weight.DEFAULT, rel=0.5)
    assert weight(NOISE, RIGHT, rows) == pytest.approx(dev_weight.DEFAULT, rel=0.5)


def test_more_dev_rows_move_the_weight_further_from_the_default() -> None:
    found = [weight(RIGHT, ZERO, rows) for rows in (0, 3, 300)]
    assert found == sorted(found) and found[0] == dev_weight.DEFAULT < found[-1]


def test_texts_with_a_greater_weight_decide() -> None:
    half = np.arange(300) < 150
    own = np.where(half[:, None], RIGHT, np.roll(RIGHT, 1, 1))  # right on the first half, wrong on the other
    first, other = (dev_weight.network_weight(own, ZERO, TARGETS * np.where(half == side, 1.9, 0.1)[:, None])
                    for side in (True, False))
    assert first > other == 0.125


def test_the_weight_has_the_lowest_cross_entropy_with_a_log_normal_prior() -> None:
    rng, factors = np.random.RandomState(7), 2.0 ** np.arange(-3, 1.5, 0.5)
    found = set()
    for quality in (0.0, 0.3, 0.6, 1.0, 2.0):
        own, wide = quality * TARGETS + rng.normal(size=(2, 300, 3)) * 0.8
        losses = []
        for factor in factors:
            logits = factor * own + wide
            losses.append(np.sum(np.log(np.exp(logits).sum(1)) - (logits * TARGETS).sum(1))
                          + 4 * np.log(factor / 2.0 ** -1.5) ** 2)
        assert weight(own, wide) == factors[int(np.argmin(losses))]
        found.add(weight(own, wide))
    assert len(found) > 2


def test_the_greatest_weight_of_a_network_is_2() -> None:
    assert weight(RIGHT, ZERO) == weight(TARGETS, ZERO) == 2.0


# The evaluation on the dev part


LABELS = np.array([0, 1, 2, 1, 3, 0])  # the training part lacks class 3
NAMES = ["a", "b", "c", "unseen"]
NETWORK, WIDE = np.random.RandomState(2).normal(size=(2, 6, 3)).astype(np.float32)
CLASS_WEIGHTS = np.array([0.5, 3.0, 1.0], np.float32)


def cross_entropy(logits: np.ndarray, weights: np.ndarray) -> float:
    """The sum over the texts whose class the training part has."""
    known = LABELS < 3
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return float(-np.sum(log_p[known, LABELS[known]] * weights[LABELS[known]]))


def test_the_dev_figures_without_a_wide_part_are_those_of_the_network() -> None:
    figures = dev_weight.DevEvaluation(LABELS, NAMES, CLASS_WEIGHTS, None).figures(NETWORK)
    expected = metrics.evaluate(LABELS, NETWORK.argmax(1), NAMES)
    assert figures.keys() == {"val_accuracy", "val_macro_f1", "val_loss"}
    assert (figures["val_accuracy"], figures["val_macro_f1"]) == (expected.accuracy, expected.macro_f1)
    assert figures["val_loss"] == pytest.approx(cross_entropy(NETWORK, np.ones(3)) / 5)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_the_dev_figures_with_a_wide_part_are_those_of_the_sum_with_the_chosen_weight(scale: float) -> None:
    network = scale * (NETWORK + np.float32(2) * np.eye(4, 3, dtype=np.float32)[LABELS])
    figures = dev_weight.DevEvaluation(LABELS, NAMES, CLASS_WEIGHTS, WIDE).figures(network)
    factors = 2.0 ** np.arange(-3, 1.5, 0.5)
    losses = [cross_entropy(factor * network + WIDE, CLASS_WEIGHTS) + 4 * np.log(factor / 2.0 ** -1.5) ** 2
              for factor in factors]
    assert figures["network_weight"] == factors[int(np.argmin(losses))]
    logits = figures["network_weight"] * network + WIDE
    expected = metrics.evaluate(LABELS, logits.argmax(1), NAMES)
    assert (figures["val_accuracy"], figures["val_macro_f1"]) == (expected.accuracy, expected.macro_f1)
    assert figures["val_loss"] == pytest.approx(cross_entropy(logits, np.ones(3)) / 5, rel=1e-5)


def test_the_loss_is_infinite_if_the_training_part_has_no_label_of_the_dev_part() -> None:
    figures = dev_weight.DevEvaluation(np.array([3, 3]), NAMES, CLASS_WEIGHTS, WIDE[:2]).figures(NETWORK[:2])
    assert figures == {"network_weight": 2.0 ** -1.5, "val_accuracy": 0.0, "val_macro_f1": 0.0,
                       "val_loss": float("inf")}
