"""A job whose data and output are in an object store: sent as it goes, gone on from elsewhere, never half a package."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List

import jobs
import pytest
from fault_server import FOREVER, FaultServer
from jobs import contents, is_complete

import infer
import train
from textjob import errors
from textjob.job import storage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tiny_data: Path) -> Path:
    return tiny_data


@pytest.fixture
def sent(data: Path, s3: str, mox: Any) -> str:
    """The URL of the data in the store."""
    mox.file.copy_parallel(str(data), s3 + "/data")
    return s3 + "/data/"


def fetched(mox: Any, url: str, folder: Path) -> Path:
    mox.file.copy_parallel(url, str(folder))
    return folder


def test_a_job_with_both_sides_in_the_store_leaves_there_what_a_local_one_leaves(
        data: Path, sent: str, s3: str, mox: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(jobs.flags(Path("x"), Path("y"), "--data_url", sent, "--train_url", s3 + "/out/",
                                 "--num_gpus=1", "--job_name=worker", "--task_index=0")) == 0
    assert f"copied to {s3}/out/model" in capsys.readouterr().out
    there = fetched(mox, s3 + "/out", tmp_path / "there")
    assert sorted(path.name for path in there.iterdir()) == ["cnn", "logs", "metric.json", "model", "report"]
    assert is_complete(there / "cnn" / "model") and contents(there / "cnn") == {
        "model/" + name: content for name, content in contents(there / "model").items()}
    assert train.main(jobs.flags(data, tmp_path / "local")) == 0
    for part in ("assets/labels.txt", "assets/vocabulary.txt", "variables/variables.data-00000-of-00001"):
        assert (there / "model" / part).read_bytes() == (tmp_path / "local" / "model" / part).read_bytes()
    assert train.main(jobs.flags(Path("x"), Path("y"), "--data_url", sent, "--train_url", s3 + "/out/")) == 0
    assert "finished before" in capsys.readouterr().out


def test_infer_takes_models_and_texts_from_the_store_and_leaves_answers_there(
        data: Path, s3: str, mox: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(jobs.flags(data, tmp_path / "run")) == 0
    mox.file.copy_parallel(str(tmp_path / "run"), s3 + "/run")
    mox.file.copy(str(data / "dev.tsv"), s3 + "/texts.tsv")
    capsys.readouterr()
    assert infer.main(["predict", "--model", s3 + "/run/cnn", "soup"]) == 0
    assert json.loads(capsys.readouterr().out)["predicted_label"]
    command = ["batch", "--model", s3 + "/run/model", "--data_url", s3 + "/texts.tsv", "--output_url", s3 + "/answers/"]
    assert infer.main(command) == 0
    answers = mox.file.read(s3 + "/answers/texts.tsv.jsonl")
    assert len(answers.splitlines()) == 6
    assert infer.main(command) == 0 and mox.file.read(s3 + "/answers/texts.tsv.jsonl") == answers
    assert infer.main(["evaluate", "--model", s3 + "/run/model", "--data_url", s3 + "/texts.tsv", "--json"]) == 0


def command(data: str, out: str) -> List[str]:
    return [sys.executable, "-W", "ignore", str(ROOT / "train.py"), *jobs.flags(
        Path("x"), Path("y"), "--data_url", data, "--train_url", out, "--epochs", "40", "--patience", "40",
        "--batch_size", "4", "--cnn_filters", "8")]


def test_a_killed_job_goes_on_on_another_machine_from_what_the_store_has(
        data: Path, sent: str, s3: str, mox: Any, tmp_path: Path) -> None:
    first = subprocess.Popen(command(sent, s3 + "/out"), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not mox.file.exists(s3 + "/out/checkpoints/cnn"):
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(1)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert not mox.file.exists(s3 + "/out/cnn/model/saved_model.pb")
    # Another machine: nothing but the store is there.
    elsewhere = dict(os.environ, TMPDIR=str(tmp_path))
    again = subprocess.run(command(sent, s3 + "/out"), env=elsewhere, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "resumes at epoch" in again.stdout
    assert train.main(command(str(data), str(tmp_path / "local"))[4:]) == 0
    there = fetched(mox, s3 + "/out", tmp_path / "there")
    variables = "cnn/model/variables/variables.data-00000-of-00001"
    assert (there / variables).read_bytes() == (tmp_path / "local" / variables).read_bytes()
    assert not (there / "checkpoints").exists() and not list(tmp_path.glob("text-classifier-job-*/*"))


def test_a_package_whose_upload_was_killed_at_any_step_is_invisible_and_the_next_run_completes_it(
        data: Path, s3: str, mox: Any, tmp_path: Path) -> None:
    """Also one that replaces another: for a moment there is none, never half of one."""
    runs = []
    for seed in ("1", "2"):
        assert train.main(jobs.flags(data, tmp_path / seed, "--seed", seed)) == 0
        runs.append(tmp_path / seed / "cnn")
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from textjob.job import storage\n"
        "mox, left = storage.moxing(), [int(sys.argv[3])]\n"
        "def counted(call):\n"
        "    def counting(*arguments, **named):\n"
        "        left[0] -= 1\n"
        "        if left[0] < 0:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return call(*arguments, **named)\n"
        "    return counting\n"
        "mox.copy, mox.remove = counted(mox.copy), counted(mox.remove)\n"
        "work = storage.Workspace(sys.argv[2], Path(sys.argv[1]))\n"
        "work.send('model')\n")

    def send(run: Path, url: str, steps: int) -> int:
        return subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(run), url, str(steps)],
                              cwd=str(ROOT)).returncode

    assert send(runs[0], s3 + "/out", 1000) == 0
    ended = []
    for steps in (0, 1, 2, 5, 8, 1000):  # it is nine files and two marks to remove
        ended.append(send(runs[1], s3 + "/out", steps))
        there = fetched(mox, s3 + "/out/model", tmp_path / f"there{steps}")
        if (there / "saved_model.pb").exists():
            assert is_complete(there) and contents(there) in [contents(run / "model") for run in runs]
    assert ended == [-9] * 5 + [0]
    assert contents(there) == contents(runs[1] / "model")


@pytest.mark.parametrize("fault, said", [("403", "403"), ("404", "no such")])
def test_what_the_store_refuses_ends_the_job_with_a_sentence_and_its_own_code(
        server: FaultServer, fault: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for method in ("GET", "HEAD") if fault == "403" else ():
        server.fail("status", method=method, status=403, code="AccessDenied", times=FOREVER)
    code = errors.run(lambda: train.main(jobs.flags(Path("x"), tmp_path / "out", "--data_url", "obs://bucket/data/")))
    told = capsys.readouterr().err
    assert code == errors.StorageError.exit_code == 8
    assert told.startswith("error: obs://bucket/data/") and told.count("\n") == 1


def test_local_paths_never_touch_the_storage_library(tmp_path: Path) -> None:
    with storage.fetched(str(tmp_path)) as found, storage.workspace(str(tmp_path)) as work:
        assert found == str(tmp_path) and work.root == tmp_path
        work.send()
