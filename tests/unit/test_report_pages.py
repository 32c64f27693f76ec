"""How a report is written: the HTML page and the Markdown hold the same content, and texts of the data stay texts."""
import html as html_module
import re
from html.parser import HTMLParser
from typing import Any, List, Tuple

import numpy as np
import pytest

from textjob.data.examples import Examples
from textjob.report import data_findings, evaluation, html, markdown, plots
from textjob.report.blocks import (
    Bars,
    Confusion,
    Fold,
    Items,
    Paragraph,
    Report,
    Section,
    Table,
    shortened,
)
from textjob.report.mistakes import Shown
from textjob.report.predictions import Predictions, Rows
from textjob.results import EpochRow

HOSTILE = ["<script>alert(1)</script>", "a | b || c", "![x](http://example.com/x.png)", "**bold** _it_ `code` $x$",
           "</td></tr></table><h1>x", "\"><img src=x onerror=alert(1)>", "&lt;b&gt; &amp;", "{style} {content}", "体育"]


class Parsed(HTMLParser):
    """The tags, the attributes and the cells of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: List[str] = []
        self.attributes: List[Tuple[str, str]] = []
        self.text: List[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def report_of(*blocks: Any) -> Report:
    return Report("A report", "A summary.", [Section("A section", list(blocks))])


def predictions() -> Predictions:
    labels, predicted = ["a", "b"] * 10, ["a", "a"] * 10
    return Predictions(labels, predicted, np.linspace(0.5, 0.99, 20), np.linspace(0.5, 0.01, 20))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_of_the_data_is_shown_as_it_is_in_html(text: str) -> None:
    page = html.write(report_of(
        Paragraph(text), Items([text]), Table([text], [[text]]), Bars((text, "n"), [(text, 1)]),
        Confusion([text, "x"], [[1, 2], [3, 4]]), Fold(text, [Paragraph(text)])))
    parsed, harmless = Parsed(page), Parsed(html.write(report_of(
        Paragraph("t"), Items(["t"]), Table(["t"], [["t"]]), Bars(("t", "n"), [("t", 1)]),
        Confusion(["t", "x"], [[1, 2], [3, 4]]), Fold("t", [Paragraph("t")]))))
    assert parsed.tags == harmless.tags
    assert [name for name, _ in parsed.attributes] == [name for name, _ in harmless.attributes]
    assert "".join(parsed.text).count(text) >= 7


def plain(source: str) -> str:
    """Markdown without its escapes, as a renderer shows it."""
    return html_module.unescape(re.sub(r"\\([\\`*_\[\]|~$#+>=.)-])", r"\1", source))


@pytest.mark.parametrize("text", [*HOSTILE, "# heading", "- item", "1. first", "> quote", "=== line", "12.5 percent"])
def test_a_text_of_the_data_is_shown_as_it_is_in_markdown(text: str) -> None:
    source = markdown.escape(text)
    assert plain(source) == text
    assert not re.search(r"(?<!\\)[|`*_\[\]$~]", source) and "<" not in source
    assert not re.match(r"[#>=+-]|\d+[.)]\s", source)


def test_a_cell_of_a_table_in_markdown_never_adds_a_column() -> None:
    table = markdown.write(report_of(Table(["text", "n"], [["a | b", "1"], ["c\\", "2"]])))
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert [len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows] == [3, 3, 3]


def test_both_forms_hold_the_same_tables_texts_and_headings() -> None:
    rows = Rows("test", [f"text {i}" for i in range(20)], ["a", "b"] * 10)
    shown = Shown(rows, {i: f"test.tsv:{i + 1}" for i in range(20)})
    report = Report("A report", "A summary.", evaluation.sections({"cnn": predictions()}, "cnn", shown))
    page, source = "".join(Parsed(html.write(report)).text), plain(markdown.write(report))

    def check(blocks: List[Any]) -> int:
        cells = 0
        for block in blocks:
            if isinstance(block, Table):
                for cell in [*block.header, *(cell for row in block.rows for cell in row)]:
                    assert cell in page and cell in source
                    cells += 1
            elif isinstance(block, Paragraph):
                assert block.text in page and block.text in source
            elif isinstance(block, Fold):
                cells += check(block.blocks)
        return cells

    assert sum(check(section.blocks) for section in report.sections) > 100
    for section in report.sections:
        assert section.title in page and f"## {section.title}" in source


def test_the_page_has_no_reference_to_another_file() -> None:
    page = html.write(report_of(plots.calibration_and_coverage({"cnn": predictions()}), Paragraph("x")))
    parsed = Parsed(page)
    references = [value for name, value in parsed.attributes if name in ("src", "srcset", "href", "data", "action")]
    assert references and all(value.startswith(("data:image/png;base64,", "#")) for value in references)
    assert not {"script", "link", "iframe", "object", "embed"} & set(parsed.tags)
    style = page[page.index("<style>"):page.index("</style>")]
    assert "url(" not in style and "@import" not in style


def test_plots_are_png_files_for_a_light_and_for_a_dark_background() -> None:
    history = [EpochRow(1, 1.0, 0.9, 0.5, 0.5, 1.0), EpochRow(2, 0.8, 0.8, 0.6, 0.6, 1.0)]
    for picture in (plots.learning_curves({"cnn": history}), plots.calibration_and_coverage({"cnn": predictions()})):
        assert picture.light != picture.dark
        assert all(png.startswith(b"\x89PNG") for png in (picture.light, picture.dark))


def test_a_matrix_of_many_classes_is_in_the_page_and_named_in_the_markdown() -> None:
    labels, counts = [f"class {i}" for i in range(77)], np.eye(77, dtype=int).tolist()
    report = report_of(Confusion(labels, counts))
    assert "".join(Parsed(html.write(report)).text).count("class 76") == 2
    assert "The matrix of the 77 classes is in report.html." in markdown.write(report)


def test_without_texts_only_the_place_of_a_row_is_shown() -> None:
    rows = Rows("test", [f"secret {i}" for i in range(20)], ["a", "b"] * 10)
    shown = Shown(rows, {i: f"test.tsv:{i + 1}" for i in range(20)}, with_texts=False)
    report = Report("A report", "A summary.", evaluation.sections(
        {"cnn": predictions(), "rnn": predictions()._replace(predicted=["b", "b"] * 10)}, "cnn", shown))
    for written in (html.write(report), markdown.write(report)):
        assert "test.tsv:20" in written and "secret" not in written


def test_long_texts_are_cut_and_control_characters_are_replaced() -> None:
    assert shortened("a\n\tb") == "a b"
    assert shortened("a\x1b[31mb\ud800") == "a\ufffd[31mb\ufffd"
    assert len(shortened("x" * 1000)) == 401 and shortened("x" * 1000).endswith("…")


def test_scripts_are_counted_by_letters_and_texts() -> None:
    blocks = data_findings.scripts(Examples(["好天气很", "abc好", "еж", "12"], list("abcd")))
    table = next(block for block in blocks if isinstance(block, Table))
    assert table.rows == [["Han", "5", "0.5000", "1"], ["Latin", "3", "0.3000", "1"], ["Cyrillic", "2", "0.2000", "1"],
                          ["no letter", "0", "0.0000", "1"]]


