"""The documents agree with the code."""
import json
import re
from pathlib import Path

import pytest
from documents import Document

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [path.relative_to(ROOT).as_posix() for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_in_a_document_exists(document: str) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    text = (ROOT / document).read_text(encoding="utf-8")
    assert set(re.findall(r"\bmake (\w+)\b(?= +#|`)", text)) <= set(targets)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_has_a_target(document: str) -> None:
    """Files exist, and the part after # is a heading of the file, as GitHub writes it."""
    here = ROOT / document
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", here.read_text(encoding="utf-8")):
        target = here.parent / path if path else here
        assert target.exists(), path
        if anchor:
            assert anchor in [_anchor(heading) for heading in Document(target).headings], f"{path}#{anchor}"


def _anchor(heading: str) -> str:
    """Lower case; punctuation is removed; a hyphen for each blank."""
    return re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower()).replace(" ", "-")


def test_the_tables_of_accuracy_agree_with_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import tables

    results = (ROOT / "benchmarks" / "results" / "accuracy.jsonl").read_text(encoding="utf-8").splitlines()
    table = tables.accuracy([json.loads(line) for line in results], "test")
    for document in ("README.md", "README.zh-CN.md", "docs/accuracy.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        assert table in text.split(tables.BEGIN)[1].split(tables.END)[0], document


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md"])
def test_the_files_in_the_readmes_tree_exist(document: str) -> None:
    (tree,) = [block.text for block in Document(ROOT / document).of("text") if "customize_service.py" in block.text]
    for name in re.findall(r"^([\w./]+\.py|[\w]+/(?:[\w]+/)?)", tree, re.M):
        assert (ROOT / name).exists(), name


def test_the_changelog_names_every_command() -> None:
    from infer import COMMANDS

    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert all(command in changelog for command in COMMANDS)


def test_every_test_that_the_faults_document_names_exists() -> None:
    document = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([LRC]\d+) \|(.*)$", document, re.M))
    assert {f"L{i}" for i in range(1, 15)} | {f"R{i}" for i in range(1, 11)} <= set(rows)
    assert {f"C{i}" for i in (1, 2, 3, 5, 6, 10, 11, 12)} <= set(rows)
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", document)
    assert all("`tests/" in row for row in rows.values()) and len(named) == document.count("::")
    assert [test for file, test in named if not re.search(
        rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.M)] == []
