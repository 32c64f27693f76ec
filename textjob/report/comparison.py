"""The comparison of the models of a run: ``report/report.md`` and ``report/curves.png``."""
from pathlib import Path
from typing import List, Mapping

from textjob import metrics
from textjob.results import Evaluation, ModelCard
from textjob.tables import markdown_table

HEADER = ["model", "dev accuracy", "dev macro-F1", "test accuracy", "test macro-F1", "McNemar p (dev)", "epochs",
          "training s", "package MB"]
SIGNIFICANT = 0.05
"""A difference with a larger p value is called not significant."""


def write(folder: Path, cards: Mapping[str, ModelCard], sizes: Mapping[str, int], best: str) -> str:
    """Write the report on the packages of a run.

    Args:
        cards: the model card of each package, by the name of its model.
        sizes: the size of each package in bytes.
        best: the name of the model that is published.

    Returns:
        the table of the models, as Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = markdown_table(HEADER, [_row(name, card, sizes[name], best, cards[best]) for name, card in cards.items()])
    data = cards[best].data
    lines = ["# Comparison of the models", "",
             f"{data.train:,} training, {data.dev:,} dev and {data.test:,} test rows. The best model, by macro-F1 on "
             f"dev, is **{best}**.",
             "", table, "", uncertainty(cards[best]), "", "![learning curves](curves.png)", "",
             "## Notes on the data", ""]
    lines += ["- " + note.strip() for note in data.notes]
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _curves(folder / "curves.png", cards)
    return table


def uncertainty(card: ModelCard) -> str:
    """How far the figures of the dev part may be off because it is a sample, in two sentences."""
    low, high = card.dev.accuracy_interval
    return (f"The dev accuracy of the best model has the 95 % confidence interval {100 * low:.1f} to {100 * high:.1f} "
            f"% (Wilson, {card.dev.rows:,} rows). Differences between models with McNemar p > {SIGNIFICANT:g} are not "
            "significant.")


def _row(name: str, card: ModelCard, size: int, best: str, best_card: ModelCard) -> List[str]:
    return [name + (" (best)" if name == best else ""), *_figures(card.dev),
            *(_figures(card.test) if card.test else ["-", "-"]), _difference(card, best_card) if name != best else "",
            str(len(card.training.history)), f"{card.training.seconds:.1f}", f"{size / 1e6:.1f}"]


def _figures(evaluation: Evaluation) -> List[str]:
    return [f"{evaluation.accuracy:.4f}", f"{evaluation.macro_f1:.4f}"]


def _difference(card: ModelCard, best: ModelCard) -> str:
    p = metrics.mcnemar(card.dev.wrong_rows or [], best.dev.wrong_rows or [])
    return f"{p:.2g} ({'significant' if p <= SIGNIFICANT else 'not significant'})"


def _curves(path: Path, cards: Mapping[str, ModelCard]) -> None:
    # Not by pyplot, because it has global state and looks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 4))
    FigureCanvasAgg(figure)
    panels = [("loss", "training loss"), ("val_loss", "dev loss"), ("val_macro_f1", "dev macro-F1")]
    for place, (key, title) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), place)
        for name, card in cards.items():
            history = card.training.history
            axes.plot([row.epoch for row in history], [getattr(row, key) for row in history], marker="o", label=name)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.axes[-1].legend()
    figure.tight_layout()
    figure.savefig(str(path), dpi=100)
