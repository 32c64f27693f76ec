"""The comparison of the models of a run: ``report/report.md`` and ``report/curves.png``."""
from pathlib import Path
from typing import Any, Dict, List

from textjob import metrics

HEADER = ["model", "dev accuracy", "dev macro-F1", "test accuracy", "test macro-F1", "as good as the best", "epochs",
          "training s", "package MB"]
_DIFFERENT = 0.05
"""A difference that chance makes more often than this is no difference."""


def write(folder: Path, cards: Dict[str, Dict[str, Any]], sizes: Dict[str, int], best: str) -> str:
    """Write the report of complete packages, by name; returns the table as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    table = markdown_table(HEADER, [_row(name, card, sizes[name], best, cards[best]) for name, card in cards.items()])
    data = next(iter(cards.values()))["data"]
    lines = ["# Comparison of the models", "",
             "{:,} training, {:,} dev and {:,} test rows. The best, by dev macro-F1, is **{}**.".format(
                 data["train"], data["dev"], data["test"], best),
             "", table, "", how_sure(cards[best]), "", "![learning curves](curves.png)", "", "## Notes on the data", ""]
    lines += ["- " + note.strip() for note in data["notes"]]
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _curves(folder / "curves.png", cards)
    return table


def markdown_table(header: List[str], rows: List[List[str]]) -> str:
    """A table whose source is as readable as its rendering."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def how_sure(card: Dict[str, Any]) -> str:
    """What the dev part's size lets one say, in a sentence or two."""
    least, most = card["dev"]["accuracy_interval"]
    return ("With {:,} dev rows the best model's accuracy lies between {:.1f} and {:.1f} % (95 % confidence, Wilson); "
            "a difference that chance makes in more than {:g} % of cases (McNemar) is called none.".format(
                card["dev"]["rows"], 100 * least, 100 * most, 100 * _DIFFERENT))


def _row(name: str, card: Dict[str, Any], size: int, best: str, best_card: Dict[str, Any]) -> List[str]:
    figures = [f"{card[part][key]:.4f}" if card[part] else "-"
               for part in ("dev", "test") for key in ("accuracy", "macro_f1")]
    chance = metrics.chance(card["dev"]["wrong_rows"], best_card["dev"]["wrong_rows"])
    same = "" if name == best else "{} (chance {:.0f} %)".format("no" if chance < _DIFFERENT else "yes", 100 * chance)
    return [name + (" (best)" if name == best else ""), *figures, same, str(len(card["training"]["history"])),
            "{:.1f}".format(card["training"]["seconds"]), f"{size / 1e6:.1f}"]


def _curves(path: Path, cards: Dict[str, Dict[str, Any]]) -> None:
    # Drawn without pyplot: no global state, and no display needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 4))
    FigureCanvasAgg(figure)
    panels = [("loss", "training loss"), ("val_loss", "dev loss"), ("val_macro_f1", "dev macro-F1")]
    for place, (key, title) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), place)
        for name, card in cards.items():
            history = card["training"]["history"]
            axes.plot([row["epoch"] for row in history], [row[key] for row in history], marker="o", label=name)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.axes[-1].legend()
    figure.tight_layout()
    figure.savefig(str(path), dpi=100)
