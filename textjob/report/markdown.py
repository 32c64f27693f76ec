"""A report as Markdown."""
import re
from typing import List

from textjob.report.blocks import Bars, Block, Confusion, Fold, Items, Paragraph, Picture, Report, Table
from textjob.tables import markdown_table

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_AT_START = re.compile(r"^(\s*)([#+>=-]|\d+(?=[.)]\s))")
_MOST_CLASSES = 12
"""The matrix of more classes is left out; the table of the most frequent confusions holds the same counts."""


def write(report: Report) -> str:
    """The report as Markdown; a :class:`Picture` is a file beside it."""
    lines = [f"# {escape(report.title)}", "", escape(report.summary), ""]
    for section in report.sections:
        lines += [f"## {escape(section.title)}", ""]
        for block in section.blocks:
            lines += _block(block, 3)
    return "\n".join(lines)


def escape(text: str) -> str:
    """A plain text as Markdown that is shown as this text."""
    text = text.replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;")
    return _AT_START.sub(_escaped_start, _SPECIAL.sub(r"\\\1", text))


def _escaped_start(match: "re.Match[str]") -> str:
    """A heading, a list or a quotation begins with these characters only at the start of a line."""
    return f"{match[1]}{match[2]}\\" if match[2].isdigit() else f"{match[1]}\\{match[2]}"


def _block(block: Block, level: int) -> List[str]:
    if isinstance(block, Paragraph):
        return [escape(block.text), ""]
    if isinstance(block, Items):
        return ["- " + escape(text) for text in block.texts] + [""]
    if isinstance(block, Picture):
        return [f"![{escape(block.description)}]({block.file})", ""]
    if isinstance(block, Fold):
        lines = [f"{'#' * level} {escape(block.title)}", ""]
        for each in block.blocks:
            lines += _block(each, level + 1)
        return lines
    if isinstance(block, Table):
        return [_table(block.header, block.rows), ""]
    if isinstance(block, Bars):
        return [_table(list(block.header), [[name, f"{count:,}"] for name, count in block.rows]), ""]
    return _confusion(block)


def _confusion(block: Confusion) -> List[str]:
    if len(block.labels) > _MOST_CLASSES:
        return _block(Paragraph(f"The matrix of the {len(block.labels)} classes is in report.html."), 0)
    rows = [[label, *map(str, counts)] for label, counts in zip(block.labels, block.counts)]
    return [_table(["true class", *block.labels], rows), ""]


def _table(header: List[str], rows: List[List[str]]) -> str:
    return markdown_table([escape(cell) for cell in header], [[escape(cell) for cell in row] for row in rows])
