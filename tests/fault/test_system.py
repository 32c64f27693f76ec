"""What the operating system refuses becomes a sentence and an exit code, never a traceback."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest

from textjob.paths import PROJECT

ROWS = "".join(f"{label}\t{label} text number {i}\n" for i in range(40) for label in ("good", "bad"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "train.tsv").write_text(ROWS, encoding="utf-8")
    return folder


def run(command: str, *argv: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run([sys.executable, str(PROJECT / command), *argv], capture_output=True, text=True, check=False,
                          **options)
    assert "Traceback" not in done.stderr
    return done


def error(done: "subprocess.CompletedProcess[str]") -> str:
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.parametrize("out, reason", [("/proc/self/out", "/proc/self is read-only"), ("/dev/null/out", "is a file")])
def test_an_output_that_cannot_be_written_is_refused_before_the_data_are_read(out: str, reason: str) -> None:
    done = run("train.py", "--data_url", "no/such/data", "--train_url", out)
    assert done.returncode == 2 and f"--train_url {out} cannot be written" in error(done) and reason in error(done)


def test_an_answer_file_that_cannot_be_written_is_refused_before_the_model_is_loaded(data: Path) -> None:
    done = run("infer.py", "batch", "--model", "no/such/model", "--data_url", str(data / "train.tsv"),
               "--output_url", "/dev/null/answers.jsonl")
    assert done.returncode == 2 and "--output_url /dev/null/answers.jsonl cannot be written" in error(done)


def test_a_tilde_is_the_home_folder(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    environment = dict(os.environ, HOME=str(tmp_path))
    done = run("train.py", "--data_url", str(data), "--train_url", "~/file/out", env=environment)
    assert f"{tmp_path}/file is a file" in error(done)


def test_standard_input_that_is_not_utf_8_is_refused_by_its_line(packages: Dict[str, Path]) -> None:
    package = next(iter(packages.values()))
    done = subprocess.run([sys.executable, str(PROJECT / "infer.py"), "predict", "--model", str(package)],
                          input="a text\n电影".encode("gb18030"), capture_output=True, check=False)
    assert done.returncode == 3 and b"standard input, line 2: byte 0xB5 is not UTF-8" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_ends_early_ends_the_command_quietly(data: Path) -> None:
    command = f"{sys.executable} {PROJECT / 'infer.py'} data --data_url {data} --json; echo code $? >&2"
    done = subprocess.run(["bash", "-c", f"( {command} ) | true"], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] in ("code 0", "code 141") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.05, 0.1, 0.3, 1.0, 2.0, 4.0])
def test_ctrl_c_ends_a_job_with_130_at_any_moment(moment: float, data: Path, tmp_path: Path) -> None:
    argv: List[str] = ["--data_url", str(data), "--train_url", str(tmp_path / "out"), "--models", "cnn",
                       "--epochs", "10000", "--patience", "10000"]
    # The first line of train.py runs before this program prints.
    program = ("import runpy, sys; sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv[0].rsplit('/', 1)[0]); "
               "from textjob import process; process.exit_on_interrupt(); print('started', flush=True); "
               "runpy.run_path(sys.argv[0], run_name='__main__')")
    job = subprocess.Popen([sys.executable, "-c", program, str(PROJECT / "train.py"), *argv], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    assert job.stdout is not None and job.stdout.readline() == "started\n"
    time.sleep(moment)
    job.send_signal(signal.SIGINT)
    _, err = job.communicate()
    assert job.returncode == 130 and "Traceback" not in err and "error: interrupted by Ctrl-C" in err


@pytest.mark.parametrize("rows, reason", [
    ("good\tone\nbad\ttwo\n" + "".join(f"good\tword{i}\nbad\tother{i}\n" for i in range(30)), "--min_count")])
def test_a_vocabulary_without_words_is_refused_with_the_setting_that_decides(
        rows: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text(rows, encoding="utf-8")
    done = run("train.py", "--data_url", str(tmp_path), "--train_url", str(tmp_path / "out"), "--min_count", "2")
    assert done.returncode == 3 and reason in error(done)
