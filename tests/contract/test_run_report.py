"""The report that a job writes."""
import csv
import html
import io
import re
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List

import browser as chromium
import jobs
import pytest
from sample_data import write_rows

import train
from textjob.report import markdown

MISTAKE = "<b>goal</b> team | player score win league"
NAMES = ["calibration.png", "curves.png", "figures.csv", "report.html", "report.md"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data with a test part, a wrong label, a repeated row, and a text that looks like HTML."""
    folder = tmp_path_factory.mktemp("data")
    write_rows(folder / "train.tsv", 120, 1)
    write_rows(folder / "dev.tsv", 30, 2)
    write_rows(folder / "test.tsv", 40, 3)
    rows = (folder / "train.tsv").read_text(encoding="utf-8").splitlines()
    with open(str(folder / "train.tsv"), "a", encoding="utf-8") as file:
        file.write(rows[-1] + "\n")
    with open(str(folder / "test.tsv"), "a", encoding="utf-8") as file:
        file.write(f"food\t{MISTAKE}\n")
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    assert train.main(jobs.flags(data, out, "--models", "cnn,rnn", "--rnn_units", "4")) == 0
    return out


def text_of(run: Path, name: str) -> str:
    return (run / "report" / name).read_text(encoding="utf-8")


def confusion_of(run: Path, title: str) -> List[List[int]]:
    """The first confusion matrix of a section of the Markdown."""
    lines = text_of(run, "report.md").split(f"## {title}")[1].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("| true class"))
    rows = lines[first + 2:lines.index("", first)]
    return [[int(cell) for cell in row.split("|")[2:-1]] for row in rows]


def figures(run: Path) -> Dict[str, float]:
    """The figures of the CSV by model, part, class and name."""
    return {"/".join(row[:4]): float(row[4]) for row in list(csv.reader(io.StringIO(text_of(run, "figures.csv"))))[1:]}


def test_a_job_writes_a_page_the_same_as_markdown_the_figures_and_the_plots(run: Path) -> None:
    assert sorted(path.name for path in (run / "report").iterdir()) == NAMES
    headings = re.findall(r"^## (.*)$", text_of(run, "report.md"), re.M)
    assert headings == [
        "Models", "Learning curves", "Figures per class (test)", "Confusions (test)", "Calibration and coverage (test)",
        "Most confident mistakes (test)", "Texts on which the models disagree (test)", headings[7],
        "Training rows whose label is probably wrong", "Data", "Settings and versions"]
    assert headings[7].startswith("N-grams with the largest weights")
    page = text_of(run, "report.html")
    assert [re.sub("<.*?>", "", line) for line in re.findall(r"<h2 .*?</h2>", page)] == headings


def test_the_figures_are_those_of_the_model_cards(run: Path) -> None:
    found = figures(run)
    for name in ("cnn", "rnn"):
        card = jobs.read_json(run / name / "model" / "model_card.json")
        for part in ("dev", "test"):
            assert found[f"{name}/{part}//accuracy"] == pytest.approx(card[part]["accuracy"], abs=1e-5)
            assert found[f"{name}/{part}//macro_f1"] == pytest.approx(card[part]["macro_f1"], abs=1e-5)
            assert f"{card[part]['accuracy']:.4f}" in text_of(run, "report.md")
        assert 0 <= found[f"{name}/test//expected_calibration_error"] <= 1
        assert 0 <= found[f"{name}/test//coverage_at_precision_0.9"] <= 1
        assert found[f"{name}///milliseconds_per_request"] > 0


def test_the_confusions_of_the_packages_are_those_of_the_model_cards(run: Path) -> None:
    best = re.search(r"by macro-F1 on dev, is (\w+)\.", text_of(run, "report.md"))
    assert best is not None
    confusion = jobs.read_json(run / best[1] / "model" / "model_card.json")["test"]["confusion"]
    assert confusion_of(run, "Confusions (test)") == confusion


def test_the_data_findings_count_the_repeated_row_and_the_files(run: Path) -> None:
    lines = text_of(run, "report.md").split("## Data")[1].splitlines()
    part = next(line for line in lines if line.startswith("| train"))
    repeated = jobs.read_json(run / "cnn" / "model" / "model_card.json")["data"]["notes"]
    assert any("repeat the text of an earlier row" in note for note in repeated)
    assert [cell.strip() for cell in part.split("|")][2] == "121"


def test_the_command_of_the_report_repeats_the_settings_of_the_run(run: Path) -> None:
    command = next(line for line in text_of(run, "report.md").splitlines() if line.startswith("Command: "))
    for flag in ("--models cnn,rnn", "--epochs 1", "--max", "--min"):
        assert flag in command.replace("\\", "")


def test_a_finished_job_keeps_its_report_and_writes_a_missing_one_again(run: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(str(run), str(out))
    flags = jobs.flags(data, out, "--models", "cnn,rnn", "--rnn_units", "4")
    before = (out / "report" / "report.html").stat().st_mtime_ns
    assert train.main(flags) == 0
    assert (out / "report" / "report.html").stat().st_mtime_ns == before
    shutil.rmtree(str(out / "report"))
    assert train.main(flags) == 0
    assert sorted(path.name for path in (out / "report").iterdir()) == NAMES
    measured = re.compile(r"milliseconds_per_request,.*")
    assert measured.sub("", text_of(out, "figures.csv")) == measured.sub("", text_of(run, "figures.csv"))


def test_a_report_without_texts_holds_no_text_and_no_word_of_the_data(run: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(str(run), str(out))
    assert train.main(jobs.flags(data, out, "--models", "cnn,rnn", "--rnn_units", "4", "--report_texts", "false")) == 0
    texts = [line.split("\t")[1] for part in ("train", "dev", "test")
             for line in (data / f"{part}.tsv").read_text(encoding="utf-8").splitlines() if "\t" in line]
    for name in ("report.html", "report.md", "figures.csv"):
        written = text_of(out, name)
        assert "N-grams" not in written
        assert not [text for text in texts if text in written or html.escape(text) in written]
    assert html.escape(MISTAKE) in text_of(run, "report.html") and markdown.escape(MISTAKE) in text_of(run, "report.md")


def test_without_a_test_part_the_sections_are_of_dev_before_the_last_fit(tiny_run: Path) -> None:
    assert "Figures per class (dev)" in text_of(tiny_run, "report.md")
    card = jobs.read_json(tiny_run / "cnn" / "model" / "model_card.json")
    counts = confusion_of(tiny_run, "Confusions (dev)")
    assert sum(row[i] for i, row in enumerate(counts)) == round(card["dev"]["accuracy"] * card["dev"]["rows"])


def test_the_report_of_an_earlier_run_without_predictions_for_dev_leaves_their_sections_out(
        tiny_run: Path, tiny_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(str(tiny_run), str(out))
    shutil.rmtree(str(out / "report"))
    (out / "logs" / "cnn" / "dev_predictions.npz").unlink()
    assert train.main(jobs.flags(tiny_data, out)) == 0
    written = text_of(out, "report.md")
    assert "The sections on predictions are left out" in written and "## Confusions" not in written
    assert "## Data" in written


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium.chromium() as started:
        yield started


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_without_a_request_and_fits_the_screen(
        browser: Any, run: Path, width: int, scheme: str) -> None:
    page = chromium.Page(browser, (run / "report" / "report.html").as_uri(), width, color_scheme=scheme)
    assert [url for url in page.requests if not url.startswith("data:")] == [page.page.url]
    assert page.errors == []
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    shown: List[int] = page.page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(shown) == 2 and all(shown)
    background = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
