"""The models of a run, or two packages, side by side."""
from typing import List, Mapping, NamedTuple, Optional

from textjob import metrics
from textjob.report import calibration
from textjob.report.blocks import SIGNIFICANT, Table, p_value, share
from textjob.report.predictions import Predictions
from textjob.results import Evaluation, ModelCard
from textjob.tables import markdown_table

HEADER = ["model", "dev accuracy", "dev macro-F1", "test accuracy", "test macro-F1", "McNemar p (dev)", "epochs",
          "training s", "package MB"]


class Answers(NamedTuple):
    """What the package of a model has answered."""

    predictions: Predictions
    milliseconds: Optional[float]
    """The median time of a request with one text, on the machine of the job; None if no request was sent."""


def table(cards: Mapping[str, ModelCard], sizes: Mapping[str, int], best: str) -> str:
    """The table that the job prints, as Markdown; the arguments are those of :func:`side_by_side`."""
    return markdown_table(HEADER, [_row(name, card, sizes[name], best, cards[best]) for name, card in cards.items()])


def side_by_side(cards: Mapping[str, ModelCard], sizes: Mapping[str, int], best: str, answers: Mapping[str, Answers],
                 part: str) -> Table:
    """The models of a run.

    Args:
        cards: the model card of each package, by the name of its model.
        sizes: the size of each package in bytes.
        best: the name of the model that is published.
        answers: those of each package to the rows of ``part``; a model without answers has empty cells.
        part: ``test`` or ``dev``.
    """
    header = [*HEADER, f"ECE ({part})", "ms per request"]
    differs = part == "test" and best in answers
    if differs:
        header.insert(6, "McNemar p (test)")
    rows = []
    for name, card in cards.items():
        row = _row(name, card, sizes[name], best, cards[best])
        known = answers.get(name)
        if differs:
            row.insert(6, p_value(metrics.mcnemar(known.predictions.wrong_rows, answers[best].predictions.wrong_rows))
                       if known and name != best else "")
        row.append(f"{calibration.expected_error(calibration.curve(known.predictions)):.3f}" if known else "")
        row.append(f"{known.milliseconds:.1f}" if known and known.milliseconds is not None else "")
        rows.append(row)
    return Table(header, rows, best=list(cards).index(best))


def uncertainty(card: ModelCard) -> str:
    """How far the figures of the dev part may be off because it is a sample, in two sentences."""
    low, high = card.dev.accuracy_interval
    return (f"The dev accuracy of the best model has the 95 % confidence interval {100 * low:.1f} to {100 * high:.1f} "
            f"% (Wilson, {card.dev.rows:,} rows). Differences between models with McNemar p > {SIGNIFICANT:g} are not "
            "significant.")


def difference(one: Predictions, other: Predictions) -> str:
    """The result of McNemar's test, in one sentence."""
    only_one, only_other = int((one.right & ~other.right).sum()), int((other.right & ~one.right).sum())
    return (f"{only_one:,} rows are right only in the first package and {only_other:,} only in the second: McNemar p = "
            f"{p_value(metrics.mcnemar(one.wrong_rows, other.wrong_rows))}.")


def _row(name: str, card: ModelCard, size: int, best: str, best_card: ModelCard) -> List[str]:
    return [name + (" (best)" if name == best else ""), *_figures(card.dev),
            *(_figures(card.test) if card.test else ["-", "-"]), _difference(card, best_card) if name != best else "",
            str(len(card.training.history)), f"{card.training.seconds:.1f}", f"{size / 1e6:.1f}"]


def _figures(evaluation: Evaluation) -> List[str]:
    return [share(evaluation.accuracy), share(evaluation.macro_f1)]


def _difference(card: ModelCard, best: ModelCard) -> str:
    return p_value(metrics.mcnemar(card.dev.wrong_rows or [], best.dev.wrong_rows or []))
