"""``infer.py data`` as a process: one JSON object, or exit code 3 and a sentence where the job would stop."""
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from textjob.paths import PROJECT


def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, str(PROJECT / "infer.py"), *arguments], capture_output=True, **options)


def test_json_is_one_object_with_the_fixed_keys(tmp_path: Path) -> None:
    rows = "".join(f"{'ab'[i % 2]};text no {i}\n" for i in range(30))
    (tmp_path / "train.csv").write_text("label;text\n" + rows + "a;\n", encoding="utf-8")
    process = run("data", "--data_url", str(tmp_path), "--json")
    printed = json.loads(process.stdout.decode("utf-8"))
    assert (process.returncode, process.stderr) == (0, b"")
    assert list(printed) == ["parts", "files", "bad_rows", "notes"]
    assert list(printed["parts"]) == ["train"]
    assert printed["parts"]["train"]["labels"] == {"a": 15, "b": 15}
    assert printed["files"] == [{
        "name": "train.csv", "part": "train", "form": "delimited", "encoding": "utf-8", "separator": ";",
        "columns": ["label", "text"], "rows": 30, "bad_rows": 1}]
    assert printed["bad_rows"] == 1


def test_data_that_stop_a_job_end_with_code_3_and_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("__label__a __label__b text\n" * 9, encoding="utf-8")
    process = run("data", "--data_url", str(tmp_path))
    assert (process.returncode, process.stdout) == (3, b"")
    assert process.stderr.startswith(b"error: train.txt:1: several labels (a, b); multi-label data are not supported")


def test_a_setting_of_the_job_is_a_flag_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("".join(f"x_!_text no {i}_!_{i % 2}\n" for i in range(30)), encoding="utf-8")
    process = run("data", "--data_url", str(tmp_path), "--separator", "_!_", "--label_column", "2", "--text_column=1")
    assert process.returncode == 0
    assert b"train: 30 rows, 2 classes: 0 15, 1 15" in process.stdout


def test_standard_input_that_is_not_utf8_is_named_by_its_line() -> None:
    process = run("predict", "--model", "nowhere", input=b"soup\nbread \xff\n")
    assert process.returncode == 3
    assert process.stderr.startswith(b"error: standard input, line 2: byte 0xFF is not UTF-8")
