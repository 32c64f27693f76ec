"""The report on the models of a run, and the times of a job's phases."""
import time
from typing import Dict, List

import pytest

from textjob import metrics
from textjob.job.phases import Phases
from textjob.report import comparison
from textjob.results import DataFacts, EpochRow, Evaluation, ModelCard, TrainingFacts

ROWS = 500


def card(wrong: List[int]) -> ModelCard:
    correct = ROWS - len(wrong)
    share = correct / ROWS
    dev = Evaluation(ROWS, share, metrics.wilson_interval(correct, ROWS), share, share, share, [], [], wrong)
    return ModelCard(1, "cnn", ["a", "b"], DataFacts("0", 4000, ROWS, 0, ["a note"]), {}, 1, {},
                     TrainingFacts(1.0, 1, [EpochRow(1, 1.0, 1.0, share, share, 1.0)]), dev, None, [])


def differences(cards: Dict[str, ModelCard], best: str) -> Dict[str, str]:
    table = comparison.side_by_side(cards, dict.fromkeys(cards, 10 ** 6), best, {}, "test")
    return {row[0]: row[table.header.index("McNemar p (dev)")] for row in table.rows}


def test_a_small_difference_is_called_not_significant_and_a_large_one_significant() -> None:
    cards = {"one": card(list(range(50))), "two": card(list(range(5, 57))), "three": card(list(range(110)))}
    shown = differences(cards, "one")
    assert shown["one (best)"] == ""
    assert shown["two"] == "0.77 (not significant)"
    assert shown["three"].endswith(" (significant)") and float(shown["three"].split()[0]) < 1e-9


def test_the_report_states_the_confidence_interval_of_its_figures() -> None:
    stated = comparison.uncertainty(card(list(range(50))))
    assert "95 % confidence interval 87.1 to 92.3 % (Wilson, 500 rows)" in stated


def test_the_table_that_the_job_prints_has_the_figures_of_the_report() -> None:
    cards = {"one": card(list(range(50))), "two": card(list(range(5, 57)))}
    printed = comparison.table(cards, {"one": 10 ** 6, "two": 2 * 10 ** 6}, "one").splitlines()
    shown = comparison.side_by_side(cards, {"one": 10 ** 6, "two": 2 * 10 ** 6}, "one", {}, "test").rows
    for line, row in zip(printed[2:], shown):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells == row[:len(comparison.HEADER)]


def test_the_phases_of_a_job_add_up_to_its_time() -> None:
    phases = Phases(time.time() - 2.5)
    for name in ("start", "training", "export", "training"):
        time.sleep(0.01)
        phases.end(name)
    total, parts = str(phases).split(" s: ")
    assert [part.split()[0] for part in parts.split(", ")] == ["start", "training", "export"]
    assert sum(phases.seconds.values()) == pytest.approx(float(total), abs=0.06)
    assert phases.seconds["start"] > 2.5 and phases.seconds["training"] > 0.02
