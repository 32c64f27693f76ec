"""Jobs with data and output in an object store: uploaded while they run, resumed elsewhere, no partial packages."""
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


@pytest.fixture
def uploaded(tiny_data: Path, s3: str, mox: Any) -> str:
    """The URL of the uploaded data."""
    mox.file.copy_parallel(str(tiny_data), s3 + "/data")
    return s3 + "/data/"


def fetched(mox: Any, url: str, folder: Path) -> Path:
    mox.file.copy_parallel(url, str(folder))
    return folder


def test_a_job_with_data_and_output_in_the_store_has_the_results_of_a_local_job(
        tiny_run: Path, uploaded: str, s3: str, mox: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(jobs.flags(Path("x"), Path("y"), "--data_url", uploaded, "--train_url", s3 + "/out/",
                                 "--num_gpus=1", "--job_name=worker", "--task_index=0")) == 0
    assert f"copied to {s3}/out/model" in capsys.readouterr().out
    there = fetched(mox, s3 + "/out", tmp_path / "there")
    assert sorted(path.name for path in there.iterdir()) == ["cnn", "logs", "metric.json", "model", "report"]
    assert is_complete(there / "cnn" / "model") and contents(there / "cnn") == {
        "model/" + name: content for name, content in contents(there / "model").items()}
    for part in ("assets/labels.txt", "assets/vocabulary.txt", "variables/variables.data-00000-of-00001"):
        assert (there / "model" / part).read_bytes() == (tiny_run / "model" / part).read_bytes()
    assert train.main(jobs.flags(Path("x"), Path("y"), "--data_url", uploaded, "--train_url", s3 + "/out/")) == 0
    assert "finished before" in capsys.readouterr().out


def test_infer_reads_models_and_texts_from_the_store_and_writes_results_to_it(
        tiny_data: Path, tiny_run: Path, s3: str, mox: Any, capsys: pytest.CaptureFixture[str]) -> None:
    mox.file.copy_parallel(str(tiny_run), s3 + "/run")
    mox.file.copy(str(tiny_data / "dev.tsv"), s3 + "/texts.tsv")
    capsys.readouterr()
    assert infer.main(["predict", "--model", s3 + "/run/cnn", "soup"]) == 0
    assert json.loads(capsys.readouterr().out)["predicted_label"]
    command = ["batch", "--model", s3 + "/run/model", "--data_url", s3 + "/texts.tsv", "--output_url", s3 + "/results/"]
    assert infer.main(command) == 0
    results = mox.file.read(s3 + "/results/texts.tsv.jsonl")
    assert len(results.splitlines()) == 6
    assert infer.main(command) == 0 and mox.file.read(s3 + "/results/texts.tsv.jsonl") == results
    assert infer.main(["evaluate", "--model", s3 + "/run/model", "--data_url", s3 + "/texts.tsv", "--json"]) == 0


def command(data: str, out: str) -> List[str]:
    return [sys.executable, "-W", "ignore", str(ROOT / "train.py"), *jobs.flags(
        Path("x"), Path("y"), "--data_url", data, "--train_url", out, "--epochs", "20", "--patience", "20",
        "--batch_size", "4", "--cnn_filters", "8")]


def test_another_machine_resumes_a_killed_job_from_the_store(
        tiny_data: Path, uploaded: str, s3: str, mox: Any, tmp_path: Path) -> None:
    first = subprocess.Popen(command(uploaded, s3 + "/out"), stdout=subprocess.DEVNULL)
    try:
        while not mox.file.glob(s3 + "/out/checkpoints/cnn/*/manifest.json"):  # the last file of a checkpoint
            assert first.poll() is None
            time.sleep(0.2)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert not mox.file.exists(s3 + "/out/cnn/model/saved_model.pb")
    # Another TMPDIR, as on another machine: all that remains of the first job is in the store.
    environment = dict(os.environ, TMPDIR=str(tmp_path))
    second = subprocess.run(command(uploaded, s3 + "/out"), env=environment, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr[-2000:]
    assert "resumes at epoch" in second.stdout
    assert train.main(command(str(tiny_data), str(tmp_path / "local"))[4:]) == 0
    there = fetched(mox, s3 + "/out", tmp_path / "there")
    variables = "cnn/model/variables/variables.data-00000-of-00001"
    assert (there / variables).read_bytes() == (tmp_path / "local" / variables).read_bytes()
    assert not (there / "checkpoints").exists() and not list(tmp_path.glob("text-classifier-job-*/*"))


def test_a_package_whose_upload_was_killed_is_incomplete_until_the_next_run_completes_it(
        tiny_data: Path, tiny_run: Path, s3: str, mox: Any, tmp_path: Path) -> None:
    """Also while it replaces another package: the store may have no package for a moment, never a partial one."""
    assert train.main(jobs.flags(tiny_data, tmp_path / "other", "--seed", "2")) == 0
    runs = [tiny_run / "cnn", tmp_path / "other" / "cnn"]
    assert contents(runs[0] / "model") != contents(runs[1] / "model")
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
    exit_codes = []
    for steps in (0, 1, 2, 5, 8, 1000):  # nine files to send, two marker files to remove first
        exit_codes.append(send(runs[1], s3 + "/out", steps))
        there = fetched(mox, s3 + "/out/model", tmp_path / f"there{steps}")
        if (there / "saved_model.pb").exists():
            assert is_complete(there) and contents(there) in [contents(run / "model") for run in runs]
    assert exit_codes == [-9] * 5 + [0]
    assert contents(there) == contents(runs[1] / "model")


@pytest.mark.parametrize("fault, expected", [("403", "403"), ("404", "no such")])
def test_a_refused_request_ends_the_job_with_one_sentence_and_the_storage_exit_code(
        server: FaultServer, fault: str, expected: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for method in ("GET", "HEAD") if fault == "403" else ():
        server.fail("status", method=method, status=403, code="AccessDenied", times=FOREVER)
    code = errors.run(lambda: train.main(jobs.flags(Path("x"), tmp_path / "out", "--data_url", "obs://bucket/data/")))
    message = capsys.readouterr().err
    assert code == errors.StorageError.exit_code == 8
    assert message.startswith("error: obs://bucket/data/") and expected in message and message.count("\n") == 1


def test_local_paths_are_used_in_place(tmp_path: Path) -> None:
    with storage.fetched(str(tmp_path)) as folder, storage.workspace(str(tmp_path)) as work:
        assert folder == str(tmp_path) and work.root == tmp_path
        work.send()


def test_each_shard_of_a_batch_is_uploaded_and_the_missing_ones_are_completed(
        tiny_data: Path, tiny_run: Path, s3: str, mox: Any) -> None:
    mox.file.copy(str(tiny_data / "train.tsv"), s3 + "/texts/train.tsv")
    mox.file.copy(str(tiny_data / "dev.tsv"), s3 + "/texts/dev.tsv")
    command = ["batch", "--model", str(tiny_run / "model"), "--data_url", s3 + "/texts/", "--output_url", s3 + "/out/",
               "--shard_size", "0.0003"]
    assert infer.main(command) == 0
    names = sorted(name for name in mox.file.list_directory(s3 + "/out") if name.startswith("part-"))
    shards = {name: mox.file.read(f"{s3}/out/{name}") for name in names}
    assert len(names) > 2 and sum(len(text.splitlines()) for text in shards.values()) == 30
    mox.file.remove(f"{s3}/out/{names[1]}")
    mox.file.remove(f"{s3}/out/_SUCCESS")
    assert infer.main(command) == 0
    assert {name: mox.file.read(f"{s3}/out/{name}") for name in names} == shards
    assert json.loads(mox.file.read(s3 + "/out/_SUCCESS"))["rows"] == 30
