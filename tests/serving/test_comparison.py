"""The report of infer.py compare."""
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest
from processes import Start

from textjob.paths import PROJECT
from textjob.serving import comparison
from textjob.serving.metrics import Metrics


def report(served: Dict[str, int], other: Dict[str, int], role: str = "split") -> str:
    """The report of a server that gave these labels with version 1 (served) and version 2."""
    metrics = Metrics()
    metrics.use("serve", "1", {"2": role})
    for version, labels in (("1", served), ("2", other)):
        for label, count in labels.items():
            metrics.response(version, {"resp_data": [{"predicted_label": label}] * count})
            metrics.prediction(version, 0.002, count)
            metrics.request("/", 200, version)
    metrics.shadow("2", "1", 0.01, 200, 13)
    metrics.shadow_dropped("2")
    return comparison.report(comparison.parsed(metrics.text().decode("utf-8")))


def test_the_report_shows_shares_and_a_significant_shift_with_its_largest_label() -> None:
    text = report({"food": 300, 'a "quoted"\\ 体育\n': 100, "rare": 1}, {"food": 200, 'a "quoted"\\ 体育\n': 200})
    assert re.search(r"^\| 1 +\| served +\| 3 +\| 2\.0 +\| 401 ", text, re.M)
    assert re.search(r"^\| 2 +\| split +\| 2 +\| 2\.0 +\| 400 ", text, re.M)
    assert re.search(r"^\| food +\| 74\.8% +\| 50\.0% +\|$", text, re.M)
    assert "version 2 gives the labels in other shares than version 1 (chi-square = 53" in text
    assert "p < 0.001: significant at 5 %)" in text and "体育" in text
    assert re.search(r"largest shift is that of .*, from 24\.9% to 50\.0%", text)


def test_the_report_of_equal_shares_says_that_they_do_not_differ_significantly() -> None:
    text = report({"food": 300, "sport": 100}, {"food": 295, "sport": 105})
    assert "as far as this number of predictions shows" in text and "not significant at 5 %" in text


def test_the_report_of_a_shadow_has_the_share_of_other_labels_with_its_interval_and_the_dropped_requests() -> None:
    text = report({"food": 300, "sport": 100}, {"food": 300, "sport": 100}, "shadow")
    assert "another label for 13 of 200 items (6.5%, 95 % confidence interval 3.8% to 10.8%)" in text
    assert "version 2 did not get 1 requests in the shadow" in text


def test_few_predictions_are_not_tested() -> None:
    assert "too few predictions" in report({"food": 3, "sport": 1}, {"food": 2, "sport": 2})
    assert "too few predictions" in report({"food": 300}, {"food": 300})


@pytest.mark.parametrize("one, other, expected", [
    ({"a": 10, "b": 10, "c": 20}, {"a": 20, "b": 20, "c": 20}, (2.7778, 2, 0.2493)),  # the example in SciPy's manual
    ({"a": 50, "b": 50, "x": 1, "y": 1}, {"a": 50, "b": 50, "z": 1}, (0.0, 1, 1.0))], ids=["manual", "rare labels"])
def test_the_test_is_pearsons_and_rare_labels_are_left_out_if_they_are_too_few_together(
        one: Any, other: Any, expected: Any) -> None:
    assert comparison.chi_square(one, other) == pytest.approx(expected, abs=1e-4)


def test_rare_labels_count_together() -> None:
    few = {f"rare {number}": 1 for number in range(20)}
    assert comparison.chi_square({"a": 100, **few}, {"a": 100}) == pytest.approx(
        comparison.chi_square({"a": 100, "rest": 20}, {"a": 100}))


def test_a_server_without_an_experiment_compares_the_labels_since_its_start() -> None:
    metrics = Metrics()
    metrics.use("serve", "2", {})
    for version in ("1", "2"):
        metrics.response(version, {"resp_data": [{"predicted_label": "food"}] * 10})
    assert "no experiment is running" in comparison.report(comparison.parsed(metrics.text().decode("utf-8")))


def test_the_counts_of_an_experiment_begin_anew_when_it_changes() -> None:
    metrics = Metrics()
    metrics.use("serve", "1", {"2": "split"})
    metrics.response("1", {"predicted_label": "food"})
    metrics.use("serve", "1", {"2": "split"})
    assert b'textjob_experiment_labels_total{label="food",role="served",version="1"} 1.0' in metrics.text()
    metrics.use("serve", "1", {"2": "shadow"})
    assert b"textjob_experiment_labels_total{" not in metrics.text()
    metrics.response("1", {"predicted_label": "food"})
    assert b'textjob_experiment_labels_total{label="food",role="served",version="1"} 1.0' in metrics.text()


def compare(url: str, *flags: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(PROJECT / "infer.py"), "compare", "--metrics", url, *flags],
                          capture_output=True, text=True, check=False, env=dict(os.environ, no_proxy="*"))


def test_an_address_without_our_metrics_is_refused_with_a_sentence(echo_package: Path, start: Start, tmp_path: Path
                                                                   ) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret", encoding="utf-8")
    server = start(echo_package, "--token_file", str(token)).ready()
    address = f"127.0.0.1:{server.port}"
    for url, flags, words in ((f"http://{address}", [], "status 401; give the server's token"),
                              (f"{address}/health", [], "has no metrics of a loaded model"),
                              (f"{address}/nothing", ["--token_file", str(token)], "status 404"),
                              ("http://127.0.0.1:1", [], "cannot be read: [Errno 111]"),
                              ("ftp://[", [], "cannot be read")):
        done = compare(url, *flags)
        assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert "| 1       | served |" in compare(address, "--token_file", str(token)).stdout
