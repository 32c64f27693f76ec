"""The content of a report as data: sections of blocks, which ``html.py`` and ``markdown.py`` write.

Every figure becomes a string here, once, so that both forms of a report hold the same figures.
"""
import unicodedata
from typing import List, NamedTuple, Sequence, Tuple, Union

SHOWN_CHARACTERS = 400
"""A longer text is cut in a report."""


class Paragraph(NamedTuple):
    """Plain text."""

    text: str


class Items(NamedTuple):
    """A list of plain texts."""

    texts: List[str]


class Table(NamedTuple):
    """A table; every row has as many cells as the header."""

    header: List[str]
    rows: List[List[str]]
    wide: Tuple[int, ...] = (0,)
    """The columns that hold words or texts; the others hold numbers."""
    best: int = -1
    """The number of the row that is emphasised."""


class Confusion(NamedTuple):
    """A confusion matrix: a row for each true class, a column for each predicted class."""

    labels: List[str]
    counts: Sequence[Sequence[int]]


class Bars(NamedTuple):
    """Quantities as horizontal bars, one for each row; the length of a bar is its share of the largest quantity."""

    header: Tuple[str, str]
    rows: List[Tuple[str, int]]


class Picture(NamedTuple):
    """A plot as PNG files, for a light and for a dark background."""

    file: str
    description: str
    light: bytes
    dark: bytes


class Fold(NamedTuple):
    """Blocks that a reader of the page can hide; ``is_open`` is the state at first."""

    title: str
    blocks: "List[Block]"
    is_open: bool = False


Block = Union[Paragraph, Items, Table, Confusion, Bars, Picture, Fold]  # type: ignore[misc]


class Section(NamedTuple):
    """A part of a report with a heading."""

    title: str
    blocks: List[Block]


class Report(NamedTuple):
    """A whole report: its title, the sentence below it, and its sections."""

    title: str
    summary: str
    sections: List[Section]

    def pictures(self) -> List[Picture]:
        """The plots, which are files beside the Markdown."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Picture)]


def shortened(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """A text of the data in one line: without control characters, and cut if it is long."""
    text = " ".join(text[:4 * most].split())
    text = "".join("\ufffd" if unicodedata.category(char) in ("Cc", "Cs") else char for char in text)
    return text if len(text) <= most else text[:most] + "…"


def share(value: float) -> str:
    """A share of 1 with four digits, as all figures of the job's log."""
    return f"{value:.4f}"


def interval(bounds: Tuple[float, float]) -> str:
    """A 95 % confidence interval."""
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def p_value(p: float) -> str:
    """A p value with its meaning."""
    return f"{p:.2g} ({'significant' if p <= SIGNIFICANT else 'not significant'})"


SIGNIFICANT = 0.05
"""A difference with a larger p value is called not significant."""
