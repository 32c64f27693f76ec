"""The figures of a report as CSV: one figure per row, with the model, the part and the class that it belongs to."""
import csv
import io
from typing import List, Mapping, Optional, Tuple

from textjob.report import calibration
from textjob.report.comparison import Answers
from textjob.results import Evaluation, ModelCard

HEADER = ["model", "part", "class", "figure", "value"]
Row = Tuple[str, str, str, str, float]


def write(rows: List[Row]) -> str:
    """The rows as CSV (RFC 4180)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows([*row[:4], f"{row[4]:.6g}"] for row in rows)
    return text.getvalue()


def of_run(cards: Mapping[str, ModelCard], sizes: Mapping[str, int], answers: Mapping[str, Answers], part: str
           ) -> List[Row]:
    """The figures of the models of a run; the arguments are those of :func:`comparison.side_by_side`."""
    rows: List[Row] = []
    for name, card in cards.items():
        for of_part, evaluation in (("dev", card.dev), ("test", card.test)):
            rows += _of_evaluation(name, of_part, evaluation)
        known = answers.get(name)
        if known:
            rows += _of_answers(name, part, known)
        rows += [(name, "", "", "package_bytes", sizes[name]),
                 (name, "", "", "training_seconds", card.training.seconds)]
        for epoch in card.training.history:
            rows += [(name, "train", "", f"loss_epoch_{epoch.epoch}", epoch.loss),
                     (name, "dev", "", f"loss_epoch_{epoch.epoch}", epoch.val_loss),
                     (name, "dev", "", f"macro_f1_epoch_{epoch.epoch}", epoch.val_macro_f1)]
    return rows


def _of_evaluation(name: str, part: str, evaluation: Optional[Evaluation]) -> List[Row]:
    if evaluation is None:
        return []
    low, high = evaluation.accuracy_interval
    rows: List[Row] = [
        (name, part, "", "rows", evaluation.rows), (name, part, "", "accuracy", evaluation.accuracy),
        (name, part, "", "accuracy_low", low), (name, part, "", "accuracy_high", high),
        (name, part, "", "macro_f1", evaluation.macro_f1)]
    for each in evaluation.classes:
        rows += [(name, part, each.label, "precision", each.precision), (name, part, each.label, "recall", each.recall),
                 (name, part, each.label, "f1", each.f1), (name, part, each.label, "rows", each.rows)]
    return rows


def _of_answers(name: str, part: str, answers: Answers) -> List[Row]:
    error = calibration.expected_error(calibration.curve(answers.predictions))
    rows: List[Row] = [(name, part, "", "expected_calibration_error", error)]
    rows += [(name, part, "", f"coverage_at_precision_{each.precision:g}", each.share)
             for each in calibration.coverage(answers.predictions)]
    if answers.milliseconds is not None:
        rows.append((name, "", "", "milliseconds_per_request", answers.milliseconds))
    return rows
