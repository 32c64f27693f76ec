"""A report as one HTML page without any external file: styles and pictures are inside."""
import base64
from html import escape
from typing import List

from textjob.paths import PROJECT
from textjob.report.blocks import Bars, Block, Confusion, Fold, Items, Paragraph, Picture, Report, Table

_MOST_CLASSES = 100
"""The matrix of more classes is left out, because it would be larger than a screen and the page too large."""
_MANY = 20
"""From this number of classes on, the cells of a matrix are small."""
_LONG = 40
"""A column with a text of at least this many characters gets a wide column."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="fingerprint" content="{fingerprint}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{content}
</main>
</body>
</html>
"""


def write(report: Report, fingerprint: str = "") -> str:
    """The report as a page that opens without a network; ``fingerprint`` tells what it was made from."""
    style = (PROJECT / "textjob" / "report" / "page.css").read_text(encoding="utf-8")
    links = "".join(f'<a href="#s{number}">{escape(section.title)}</a>'
                    for number, section in enumerate(report.sections, 1))
    lines = [f"<h1>{escape(report.title)}</h1>", f'<p class="summary">{escape(report.summary)}</p>',
             f'<nav aria-label="Sections">{links}</nav>']
    for number, section in enumerate(report.sections, 1):
        lines.append(f'<h2 id="s{number}">{escape(section.title)}</h2>')
        lines += [_block(block) for block in section.blocks]
    return _filled(fingerprint=escape(fingerprint), title=escape(report.title), style=style, content="\n".join(lines))


def _filled(**parts: str) -> str:
    page = _PAGE
    for name, part in parts.items():  # the content is last, because a text of the data may contain {style}
        page = page.replace("{" + name + "}", part)
    return page


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Items):
        return "<ul>" + "".join(f"<li>{_isolated(text)}</li>" for text in block.texts) + "</ul>"
    if isinstance(block, Picture):
        return _picture(block)
    if isinstance(block, Fold):
        content = "\n".join(_block(each) for each in block.blocks)
        state = " open" if block.is_open else ""
        return f"<details{state}><summary>{escape(block.title)}</summary>\n{content}\n</details>"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Bars):
        return _bars(block)
    return _confusion(block)


def _isolated(text: str) -> str:
    """A text that does not change the direction of the text around it."""
    return f"<bdi>{escape(text)}</bdi>"


def _picture(block: Picture) -> str:
    light, dark = [f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}" for png in block[2:]]
    return ('<div class="scroll" tabindex="0"><picture>'
            f'<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
            f'<img src="{light}" alt="{escape(block.description)}"></picture></div>')


def _table(block: Table) -> str:
    kinds = []
    for column in range(len(block.header)):
        longest = max((len(row[column]) for row in block.rows), default=0)
        kinds.append("n" if column not in block.wide else "t" if longest >= _LONG else "w")
    head = "".join(f'<th scope="col" class="{kind}">{escape(cell)}</th>' for kind, cell in zip(kinds, block.header))
    texts = "t" in kinds  # on a narrow screen, such a row becomes a paragraph with the names of its cells
    lines = [f'<div class="scroll" tabindex="0"><table{" class=texts" if texts else ""}>'
             f"<thead><tr>{head}</tr></thead><tbody>"]
    for number, row in enumerate(block.rows):
        cells = "".join(
            f'<td class="{kind}"' + (f' data-name="{escape(name)}"' if texts else "") + f">{_isolated(cell)}</td>"
            for kind, cell, name in zip(kinds, row, block.header))
        lines.append(f'<tr class="best">{cells}</tr>' if number == block.best else f"<tr>{cells}</tr>")
    return "\n".join(lines) + "</tbody></table></div>"


def _bars(block: Bars) -> str:
    most = max((count for _, count in block.rows), default=1) or 1
    lines = ['<div class="scroll" tabindex="0"><table class="bars"><thead><tr>'
             f'<th scope="col">{escape(block.header[0])}</th><th scope="col" class="n">{escape(block.header[1])}</th>'
             "<th></th></tr></thead><tbody>"]
    lines += [f'<tr><td class="w">{_isolated(name)}</td><td class="n">{count:,}</td>'
              f'<td><div style="width:{100 * count / most:.1f}%"></div></td></tr>' for name, count in block.rows]
    return "\n".join(lines) + "</tbody></table></div>"


def _confusion(block: Confusion) -> str:
    """A heat map: the shade of a cell is its share of the rows of its true class."""
    if len(block.labels) > _MOST_CLASSES:
        return f"<p>A matrix of {len(block.labels)} classes is too large for a page.</p>"
    many = len(block.labels) > _MANY
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in block.labels)
    lines = [f'<div class="scroll" tabindex="0"><table class="confusion{" many" if many else ""}">'
             f'<thead><tr><td></td>{head}</tr></thead><tbody>']
    for row, (label, counts) in enumerate(zip(block.labels, block.counts)):
        cells: List[str] = []
        rows = sum(counts)
        for column, count in enumerate(counts):
            if not count:
                cells.append('<td class="d">' if row == column else "<td>")
                continue
            kind = ' class="d"' if row == column else ""
            note = escape(f"{label} predicted as {block.labels[column]}: {count}")
            cells.append(f'<td{kind} style="--a:{0.1 + 0.7 * count / rows:.2f}" title="{note}">{count}')
        lines.append(f'<tr><th scope="row" title="{escape(label)}">{escape(label)}</th>{"".join(cells)}</tr>')
    return "\n".join(lines) + "</tbody></table></div>"
