"""docs/reference.md has a row for every setting, exit code, error code, metric and line in the log, and no others."""
import ast
import re
from pathlib import Path
from typing import Dict, Iterator, List, Set

import log_lines
import pytest
from documents import CODE, Document

from textjob import errors
from textjob.paths import PROJECT
from textjob.settings import FIELDS

REFERENCE = Document(PROJECT / "docs" / "reference.md")


def sources(*patterns: str) -> List[Path]:
    files = [file for pattern in patterns for file in sorted(PROJECT.glob(pattern))]
    assert files
    return files


def table(*head: str) -> List[List[str]]:
    """The rows of the table whose head begins with these cells."""
    (rows,) = [table for table in REFERENCE.tables if table[0][:len(head)] == list(head)]
    return rows[2:]


def names(*head: str) -> List[str]:
    """The code in the first cell of each row."""
    return [name for row in table(*head) for name in CODE.findall(row[0])]


def calls(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def test_every_setting_has_a_row() -> None:
    assert names("setting") == list(FIELDS)


def test_every_exit_code_has_a_row() -> None:
    documented = {int(row[0]) for row in table("code", "when")}
    kinds = [errors.JobError, *errors.JobError.__subclasses__()]
    assert documented == {0, errors.INTERRUPTED, errors.BROKEN_PIPE} | {kind.exit_code for kind in kinds}
    for kind in kinds:
        assert re.search(rf"{kind.__name__} +{kind.exit_code} ", errors.__doc__ or ""), kind


def test_every_variable_of_the_platform_has_a_row() -> None:
    from textjob.job import nodes

    assert {CODE.findall(name)[0]: meaning for name, meaning in table("variable", "meaning")} == nodes.VARIABLES
    source = "".join((PROJECT / "textjob" / "job" / name).read_text(encoding="utf-8")
                     for name in ("nodes.py", "tf_config.py"))
    assert set(re.findall(r'environment\.get\("(\w+)"', source)) | {"data_url", "train_url"} == set(nodes.VARIABLES)


def test_every_error_code_has_a_row() -> None:
    """Codes are the first string that an error gets, the value of a key ``code``, and the platform's numbers."""
    raised: Set[str] = set()
    for file in sources("customize_service.py", "textjob/**/*.py"):
        raised.update(re.findall(r"\b(?:MR|ModelArts)\.\d{4}\b", file.read_text(encoding="utf-8")))
        for call in calls(file):
            if getattr(call.func, "id", "") in ("RequestError", "RefusedError"):
                text = [each.value for each in call.args[:2] if isinstance(each, ast.Constant) and
                        isinstance(each.value, str) and re.fullmatch("[a-z_]+", each.value)]
                raised.update(text[:1])
        raised.update(re.findall(r'"code": "(\w+)"', file.read_text(encoding="utf-8")))
    assert {"bad_request", "overloaded", "bad_row", "MR.0105"} <= raised
    conditional = {"missing_text", "wrong_type"}  # also raised as a choice between the two
    assert raised | conditional == set(names("code", "of"))


def test_every_metric_has_a_row() -> None:
    pytest.importorskip("prometheus_client")
    from textjob.serving.metrics import Metrics

    families = list(Metrics()._registry.collect())
    assert len(families) > 10
    exposed = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert exposed == set(names("metric"))


JOB = ("train.py", "textjob/errors.py", "textjob/process.py", "textjob/job/*.py", "textjob/data/*.py",
       "textjob/training/*.py", "textjob/packaging/*.py", "textjob/report/*.py")
SERVER = ("textjob/serving/**/*.py", "customize_service.py")


@pytest.mark.parametrize("head, patterns", [("line", JOB), ("message", SERVER)], ids=["job", "server"])
def test_every_line_in_the_log_has_a_row(head: str, patterns: List[str]) -> None:
    printed: Dict[str, str] = log_lines.lines(sources(*patterns))
    assert len(printed) > 10
    rows = names(head)
    assert {place: pattern for pattern, place in printed.items()
            if not any(re.fullmatch(pattern, row) for row in rows)} == {}
    assert [row for row in rows if not any(re.fullmatch(pattern, row) for pattern in printed)] == []
