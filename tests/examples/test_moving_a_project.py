"""docs/moving-a-tensorflow1-project.md: every block runs as written and prints what the document shows."""
from pathlib import Path

import pytest
from documents import Document, Reader, copy_project

from textjob.paths import PROJECT


@pytest.mark.trains
def test_the_document_moves_a_project_from_its_first_block_to_its_last(small_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    document = Document(PROJECT / "docs" / "moving-a-tensorflow1-project.md")
    reader = Reader(copy_project(folder), small_data)
    reader.follow(document.blocks)
    assert reader.exists("adopted/model/manifest.json") and reader.exists("out/plain/model/manifest.json")
