"""What the comparison of the models says, and how a job tells where its time went."""
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest

from textjob import metrics
from textjob.job.phases import Phases
from textjob.report import comparison

ROWS = 500


def card(wrong: List[int]) -> Dict[str, Any]:
    right = ROWS - len(wrong)
    dev = {"rows": ROWS, "accuracy": right / ROWS, "macro_f1": right / ROWS, "wrong_rows": wrong,
           "accuracy_interval": list(metrics.interval(right, ROWS))}
    history = [{"epoch": 1, "loss": 1.0, "val_loss": 1.0, "val_macro_f1": right / ROWS}]
    return {"dev": dev, "test": {}, "training": {"history": history, "seconds": 1.0},
            "data": {"train": 4000, "dev": ROWS, "test": 0, "notes": ["a note"]}}


def table_rows(folder: Path, cards: Dict[str, Dict[str, Any]], best: str) -> Dict[str, List[str]]:
    comparison.write(folder, cards, dict.fromkeys(cards, 10 ** 6), best)
    lines = (folder / "comparison.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {row[0]: row[comparison.HEADER.index("as good as the best")] for row in rows[1:]}  # type: ignore[misc]


def test_a_difference_that_chance_makes_is_marked_and_a_real_one_too(tmp_path: Path) -> None:
    cards = {"one": card(list(range(50))), "two": card(list(range(5, 57))), "three": card(list(range(110)))}
    found = table_rows(tmp_path, cards, "one")
    assert found["one (best)"] == ""
    assert found["two"].startswith("yes (chance 7") and found["three"] == "no (chance 0 %)"


def test_the_report_says_how_sure_its_figures_are(tmp_path: Path) -> None:
    comparison.write(tmp_path, {"one": card(list(range(50)))}, {"one": 1}, "one")
    assert "With 500 dev rows the best model's accuracy lies between 87.1 and 92.3 %" in (
        tmp_path / "comparison.md").read_text(encoding="utf-8")


def test_the_phases_of_a_job_add_up_to_its_time() -> None:
    phases = Phases(time.time() - 2.5)
    for name in ("start", "training", "export", "training"):
        time.sleep(0.01)
        phases.end(name)
    total, parts = str(phases).split(" s: ")
    assert [part.split()[0] for part in parts.split(", ")] == ["start", "training", "export"]
    assert sum(phases.seconds.values()) == pytest.approx(float(total), abs=0.06)
    assert phases.seconds["start"] > 2.5 and phases.seconds["training"] > 0.02
