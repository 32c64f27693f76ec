"""infer.py batch: order, bad rows in place, the columns of the input, and the same output after a kill."""
import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest

import infer
from models import MODELS
from textjob.errors import INTERRUPTED, PackageError, RefusedError
from textjob.paths import PROJECT
from textjob.rehearsal import batch, rows
from textjob.rehearsal.client import Rehearsal
from textjob.rehearsal.output import Options
from textjob.settings import DataSettings

WORDS = ["soup", "bread", "goal", "team", "good", "rain"]


@pytest.fixture(scope="module")
def model(packages: Dict[str, Path]) -> Path:
    """The package of the first model."""
    return packages[MODELS[0]]


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of 16 rows and calls of 5 texts, so that a small file has many."""
    monkeypatch.setattr(rows, "ROWS", 16)
    monkeypatch.setattr(batch, "TEXTS", 5)


def texts(count: int) -> List[str]:
    return [" ".join(WORDS[(number + each) % 6] for each in range(1 + number * 7 % 13)) for number in range(count)]


def write_csv(path: Path, content: List[List[str]]) -> Path:
    with open(str(path), "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(content)
    return path


def read_csv(path: Path) -> List[List[str]]:
    with open(str(path), encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.usefixtures("small_windows")
def test_each_row_has_the_answer_to_its_own_text_in_the_order_of_the_file(model: Path, tmp_path: Path) -> None:
    content = texts(75)
    (tmp_path / "in.txt").write_text("\n".join(content), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    assert infer.main(["batch", "--model", str(model), "--data_url", str(tmp_path / "in.txt"),
                       "--output_url", str(out)]) == 0
    answers = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [answer["line"] for answer in answers] == list(range(1, 76))
    rehearsal = Rehearsal(model)
    for text, answer in zip(content, answers):
        alone = rehearsal.classify([text])[0]
        assert answer["predicted_label"] == alone["predicted_label"]
        assert answer["score"] == pytest.approx(alone["score"], abs=1e-6)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_an_output_that_was_cut_anywhere_is_continued_to_the_same_bytes(
        form: str, model: Path, tmp_path: Path) -> None:
    content = [["id", "text", "label"], *([f'{number} "{number}"', f"{text}\n{text}" if number % 3 else text, "x"]
                                          for number, text in enumerate(texts(60)))]
    content[20] = ["only one cell"]
    command = ["batch", "--model", str(model), "--data_url", str(write_csv(tmp_path / "in.csv", content)),
               "--text_column", "text", "--keep", "--output_url"]
    assert infer.main([*command, str(tmp_path / f"whole.{form}")]) == 0
    whole = (tmp_path / f"whole.{form}").read_bytes()
    part = tmp_path / f"part.{form}"
    for cut in (0, 1, 19, *range(40, len(whole), len(whole) // 4), len(whole) - 1, len(whole)):
        part.write_bytes(whole[:cut])
        assert infer.main([*command, str(part)]) == 0
        assert part.read_bytes() == whole


def test_a_table_keeps_the_columns_of_the_input_beside_the_prediction(
        model: Path, tmp_path: Path, capsys: Any) -> None:
    data = write_csv(tmp_path / "in.csv", [
        ["label", "text", "Score"], ["old, one", 'soup "hot"\nbread', "1"], ["b", "goal", "2", "3"], ["c", "team", ""]])
    assert infer.main(["batch", "--model", str(model), "--data_url", str(data), "--text_column", "text", "--format",
                       "csv", "--output_url", f"{tmp_path}/"]) == 0
    header, *found = read_csv(tmp_path / "in.csv.csv")
    assert header == ["label", "text", "Score", "predicted_label", "score", "error"]
    assert [row[:3] for row in found] == [
        ["old, one", 'soup "hot"\nbread', "1"], ["b", "goal", "2,3"], ["c", "team", ""]]
    assert [bool(row[3]) for row in found] == [True, False, True]
    assert "4 cells where 3 were expected" in found[1][5] and found[0][5] == ""
    assert "2 rows answered, 1 bad rows" in capsys.readouterr().out
    assert infer.main(["batch", "--model", str(model), "--data_url", str(data), "--text_column", "text", "--columns",
                       "score,label", "--output_url", str(tmp_path / "two.tsv")]) == 0
    lines = (tmp_path / "two.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "label\ttext\tScore\tscore\tpredicted_label" and len(lines) == 4


def test_an_output_with_more_rows_than_the_data_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("soup\nbread\n", encoding="utf-8")
    command = ["batch", "--model", str(model), "--data_url", str(tmp_path / "in.txt"), "--output_url",
               str(tmp_path / "out.jsonl")]
    assert infer.main(command) == 0
    with open(str(tmp_path / "out.jsonl"), "a", encoding="utf-8") as file:
        file.write("a note\n")
    with pytest.raises(RefusedError, match="1 rows more than the data"):
        infer.main(command)


def test_half_of_a_surrogate_pair_is_a_bad_row_that_can_be_written(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "soup"}\n{"text": "\\ud83d"}\n', encoding="utf-8")
    out = tmp_path / "out.jsonl"
    assert infer.main(["batch", "--model", str(model), "--data_url", str(tmp_path / "in.jsonl"), "--keep",
                       "--output_url", str(out)]) == 0
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert found[1]["input"] == {"text": "\ud83d"} and found[1]["error"]["code"] == "bad_row"


def test_a_service_with_too_few_answers_or_answers_that_are_not_json_stops_the_run(
        model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("soup\nbread\n", encoding="utf-8")
    rehearsal = Rehearsal(model)

    def run(answers: List[Any]) -> None:
        rehearsal.service.inference = lambda data: {"data": {"resp_data": answers}}
        source = rows.read(str(tmp_path / "in.txt"), DataSettings())
        batch.run(rehearsal, source, DataSettings(), Options(), tmp_path / "out", tmp_path / "record", overwrite=True)

    with pytest.raises(PackageError, match="2 texts with status 200"):
        run([{"predicted_label": "a"}])
    with pytest.raises(PackageError, match=r"in\.txt:2: the service's answer is not JSON"):
        run([{"predicted_label": "a"}, {"predicted_label": b"a"}])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_in_the_middle_is_continued_to_the_same_bytes(
        number: int, model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("\n".join(texts(20000)), encoding="utf-8")
    out = tmp_path / "out.csv"
    command = [sys.executable, str(PROJECT / "infer.py"), "batch", "--model", str(model), "--data_url",
               str(tmp_path / "in.txt"), "--output_url"]
    stopped = subprocess.Popen([*command, str(out)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while stopped.poll() is None and (not out.exists() or out.stat().st_size < 100000):
        time.sleep(0.005)
    stopped.send_signal(number)
    _, errors = stopped.communicate(timeout=120)
    assert stopped.returncode == (INTERRUPTED if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        assert errors.splitlines()[-1] == f"error: interrupted; the same command continues {out}"
        assert "Traceback" not in errors
    done = out.read_bytes().count(b"\n")
    assert 0 < done < 20001
    assert subprocess.run([*command, str(out)], stdout=subprocess.DEVNULL, timeout=500).returncode == 0
    whole = tmp_path / "whole.csv"
    assert subprocess.run([*command, str(whole)], stdout=subprocess.DEVNULL, timeout=500).returncode == 0
    assert out.read_bytes() == whole.read_bytes()
