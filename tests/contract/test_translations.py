"""The Chinese documents have the headings, commands and tables of the English ones."""
import re
from pathlib import Path
from typing import List

import pytest
from documents import Document, code_cells, commands

from textjob.paths import PROJECT

PAGES = {"README.md": "README.zh-CN.md", **{
    f"docs/{path.name}": f"docs/zh/{path.name}" for path in sorted((PROJECT / "docs" / "zh").glob("*.md"))}}
COMPARED = ("bash", "sh", "console", "python", "yaml", "json", "diff")
"""The languages of blocks that are equal but for comments. Other blocks are prose."""


@pytest.fixture(params=PAGES, ids=PAGES)
def pages(request: pytest.FixtureRequest) -> List[Document]:
    """A page in English and in Chinese."""
    return [Document(PROJECT / request.param), Document(PROJECT / PAGES[request.param])]


def test_three_pages_and_the_readme_exist_in_both_languages() -> None:
    assert len(PAGES) >= 4
    assert all((PROJECT / page).exists() for page in [*PAGES, *PAGES.values()])


def test_both_have_headings_of_the_same_levels(pages: List[Document]) -> None:
    english, chinese = ([len(heading.split(" ")[0]) for heading in page.headings] for page in pages)
    assert english == chinese


def test_both_have_the_same_commands(pages: List[Document]) -> None:
    english, chinese = ([(block.language, commands(block)) for block in page.of(*COMPARED)] for page in pages)
    assert english == chinese
    first, second = ([block.language for block in page.blocks] for page in pages)
    assert first == second


def test_both_have_tables_of_the_same_shape_with_the_same_code_and_figures(pages: List[Document]) -> None:
    english, chinese = (page.tables for page in pages)
    assert [(len(table), {len(row) for row in table}) for table in english] == [
        (len(table), {len(row) for row in table}) for table in chinese]
    for first, second in zip(english, chinese):
        assert code_cells(first) == code_cells(second)
        assert [_figures(row) for row in first] == [_figures(row) for row in second]


def test_both_name_the_same_flags_and_files(pages: List[Document]) -> None:
    """Outside blocks: each flag, key, file name and address in code, in any order."""
    english, chinese = (set(re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", page.text, flags=re.M | re.S)))
                        for page in pages)
    assert english - chinese == set() and chinese - english == set()


def test_the_chinese_pages_are_in_chinese_and_link_to_chinese_pages_where_they_exist(pages: List[Document]) -> None:
    chinese = pages[1]
    paragraphs = [part for part in re.sub(r"^ *```.*?^ *```", "", chinese.text, flags=re.M | re.S).split("\n\n")
                  if len(part) > 60 and not part.startswith(("|", "<!--"))]
    assert [part for part in paragraphs if len(re.findall("[\u4e00-\u9fff]", part)) < 10] == []
    translated = {Path(page).name for page in PAGES.values()} | {"README.zh-CN.md"}
    for target in re.findall(r"\]\(([\w./-]+\.md)", chinese.text):
        path = (chinese.path.parent / target).resolve()
        english = path.parent.name == "docs"
        assert not (english and path.name in translated), f"{chinese.path.name} links to the English page {target}"


def _figures(row: List[str]) -> List[List[str]]:
    return [sorted(re.findall(r"\d+(?:\.\d+)?", cell)) for cell in row]
