"""The plots of a report, each for a light and for a dark background.

Their texts are names of models and English words; labels and texts of the data are in the tables of the page, because
matplotlib's own font has no Chinese glyphs.
"""
import io
from typing import Any, Callable, List, Mapping, NamedTuple, Tuple

from textjob.report import calibration
from textjob.report.blocks import Picture
from textjob.report.predictions import Predictions
from textjob.results import EpochRow

_DPI = 110
_LEAST_ROWS = 10
"""The precision of fewer rows is left out, because it says nothing."""


class _Theme(NamedTuple):
    paper: str
    ink: str
    grid: str
    lines: Tuple[str, ...]


_LIGHT = _Theme("#ffffff", "#3a424c", "#d8dee6", ("#2f6fb5", "#cc5814", "#2c8a4b", "#8a4fb0", "#7a6a3a", "#a83256"))
_DARK = _Theme("#14181d", "#c3cbd4", "#323a44", ("#5b9bdd", "#f0883e", "#56b877", "#bb8ae0", "#c2ae72", "#e0708f"))


def learning_curves(histories: Mapping[str, List[EpochRow]]) -> Picture:
    """Loss and macro-F1 per epoch."""
    from matplotlib.ticker import MaxNLocator

    panels = [("loss", "training loss"), ("val_loss", "dev loss"), ("val_macro_f1", "dev macro-F1")]

    def draw(axes: List[Any], theme: _Theme) -> None:
        for each, (key, title) in zip(axes, panels):
            for (name, history), colour in zip(histories.items(), _colours(theme, len(histories))):
                each.plot([row.epoch for row in history], [getattr(row, key) for row in history], marker="o",
                          markersize=4, label=name, color=colour)
            each.set_title(title)
            each.set_xlabel("epoch")
            each.xaxis.set_major_locator(MaxNLocator(integer=True))

    return _picture("curves.png", "Learning curves: training loss, dev loss and dev macro-F1 per epoch", 3, draw)


def calibration_and_coverage(models: Mapping[str, Predictions]) -> Picture:
    """The calibration curve, and the precision of the answers over their share of the rows."""

    def draw(axes: List[Any], theme: _Theme) -> None:
        axes[0].plot([0, 1], [0, 1], linestyle="--", color=theme.ink, linewidth=1, label="perfect")
        for (name, predictions), colour in zip(models.items(), _colours(theme, len(models))):
            bins = calibration.curve(predictions)
            axes[0].plot([each.confidence for each in bins], [each.accuracy for each in bins], marker="o", markersize=4,
                         label=name, color=colour)
            _, rows, reached = calibration.accuracy_by_threshold(predictions)
            enough = rows >= min(_LEAST_ROWS, len(predictions.labels))
            axes[1].plot(rows[enough] / max(1, len(predictions.labels)), reached[enough], label=name, color=colour)
        for each, title, x, y in (
                (axes[0], "calibration", "mean confidence", "accuracy"),
                (axes[1], "precision by coverage", "share of the rows that are answered", "precision")):
            each.set_title(title)
            each.set_xlabel(x)
            each.set_ylabel(y)
            each.set_xlim(0, 1.02)
        axes[0].set_ylim(0, 1.02)

    return _picture("calibration.png", "Calibration curve, and precision by coverage", 2, draw, "lower right")


def _colours(theme: _Theme, count: int) -> List[str]:
    return [theme.lines[i % len(theme.lines)] for i in range(count)]


def _picture(file: str, description: str, panels: int, draw: Callable[[List[Any], _Theme], None],
             legend_place: str = "best") -> Picture:
    return Picture(file, description, *(_png(panels, draw, theme, legend_place) for theme in (_LIGHT, _DARK)))


def _png(panels: int, draw: Callable[[List[Any], _Theme], None], theme: _Theme, legend_place: str) -> bytes:
    # Not by pyplot, because it has global state and looks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), facecolor=theme.paper)
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(1, panels, place) for place in range(1, panels + 1)]
    draw(axes, theme)
    for each in axes:
        each.set_facecolor(theme.paper)
        each.grid(color=theme.grid, linewidth=0.6)
        each.tick_params(colors=theme.ink)
        for text in (each.title, each.xaxis.label, each.yaxis.label):
            text.set_color(theme.ink)
        for side, spine in each.spines.items():
            spine.set_color(theme.grid)
            spine.set_visible(side in ("left", "bottom"))
    legend = axes[0].legend(loc=legend_place, facecolor=theme.paper, edgecolor=theme.grid)
    for text in legend.get_texts():
        text.set_color(theme.ink)
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.16, top=0.9, wspace=0.28)
    content = io.BytesIO()
    figure.savefig(content, dpi=_DPI, facecolor=theme.paper)
    return content.getvalue()


