"""``infer.py evaluate``: figures, calibration, mistakes, a page, and the comparison of two packages."""
import json
import re
from pathlib import Path
from typing import Any, Dict

import pytest

import infer
from textjob import metrics

pytestmark = pytest.mark.usefixtures("packages")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """The first rows of the test part, a row with a wrong label, and a bad row."""
    file = tmp_path_factory.mktemp("rows") / "rows.tsv"
    lines = (small_data / "test.tsv").read_text(encoding="utf-8").splitlines()[:30]
    file.write_text("\n".join([*lines, "food\t<i>goal</i> team player score", "food\t"]) + "\n", encoding="utf-8")
    return file


def evaluated(capsys: Any, *flags: str) -> str:
    assert infer.main(["evaluate", *flags]) == 0
    return str(capsys.readouterr().out)


def test_the_figures_have_calibration_coverage_and_the_places_of_confident_mistakes(
        packages: Dict[str, Path], rows: Path, capsys: Any) -> None:
    found = json.loads(evaluated(capsys, "--model", str(packages["cnn"]), "--data_url", str(rows), "--json"))
    assert found["rows"] == 31 and 0 <= found["expected_calibration_error"] <= 1
    assert sum(each["rows"] for each in found["calibration"]) == 31
    assert [each["precision"] for each in found["coverage"]] == [0.9, 0.95, 0.99]
    mistake = found["confident_mistakes"][0]
    assert (mistake["place"], mistake["label"], mistake["text"]) == (
        "rows.tsv:31", "food", "<i>goal</i> team player score")
    assert mistake["predicted"] != "food" and 0 < mistake["confidence"] <= 1


def test_two_packages_are_compared_on_the_same_rows(packages: Dict[str, Path], rows: Path, capsys: Any) -> None:
    names = [str(packages["cnn"]), str(packages["rnn"])]
    one, other = [json.loads(evaluated(capsys, "--model", name, "--data_url", str(rows), "--json")) for name in names]
    both = json.loads(evaluated(
        capsys, "--model", names[0], "--against", names[1], "--data_url", str(rows), "--json"))
    against = both.pop("against")
    assert both == one and against["accuracy"] == other["accuracy"]
    only_first, only_second = against["right_only_first"], against["right_only_second"]
    assert (only_first - only_second) / 31 == pytest.approx(one["accuracy"] - other["accuracy"])
    assert against["mcnemar_p"] == pytest.approx(metrics.mcnemar(range(only_second), range(100, 100 + only_first)))
    for each in against["changed"]:
        assert each["first"] != each["second"] and re.match(r"rows\.tsv:\d+$", each["place"])


def test_a_package_does_not_differ_from_itself(packages: Dict[str, Path], rows: Path, capsys: Any) -> None:
    name = str(packages["cnn"])
    printed = evaluated(capsys, "--model", name, "--against", name, "--data_url", str(rows))
    assert "Both packages predict the same class for every row." in printed
    assert "McNemar p = 1 (not significant)" in printed


def test_the_page_of_an_evaluation_has_its_figures_and_no_texts_where_they_are_left_out(
        packages: Dict[str, Path], rows: Path, tmp_path: Path, capsys: Any) -> None:
    page = tmp_path / "page.html"
    flags = ["--model", str(packages["cnn"]), "--against", str(packages["rnn"]), "--data_url", str(rows)]
    printed = evaluated(capsys, *flags, "--html", str(page))
    assert printed.endswith(f"page: {page}\n")
    written = page.read_text(encoding="utf-8")
    accuracy = re.search(r"accuracy ([0-9.]+),", printed)
    assert accuracy is not None and accuracy[1] in written
    assert "&lt;i&gt;goal&lt;/i&gt;" in written and "<i>goal" not in written and "rows.tsv:31" in written
    printed = evaluated(capsys, *flags, "--html", str(page), "--report_texts", "false")
    written = page.read_text(encoding="utf-8")
    assert "goal" not in written and "rows.tsv:31" in written
    assert "<i>goal" not in printed and "rows.tsv:31" in printed
