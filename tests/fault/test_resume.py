"""Training after kills, with damaged checkpoints, full disks, SIGTERM, and two jobs on one output (T1-T8)."""
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import jobs
import numpy as np
import pytest
from asking import PROJECT
from jobs import contents, read_json

from textjob import errors
from textjob.training import checkpoints as checkpoints_module
from textjob.training.checkpoints import Checkpoint, Checkpoints

KILLS = int(os.environ.get("KILLS", "10"))  # make soak: 50


class Jobs:
    """Child processes that run jobs (tests/fault/resuming.py)."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(Path(__file__).with_name("resuming.py")), str(log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, argv: List[str], **how: Any) -> Dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(dict(how, argv=argv)) + "\n")
        self._process.stdin.flush()
        result: Dict[str, Any] = json.loads(self._process.stdout.readline())
        return result

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    made = Jobs(tmp_path_factory.mktemp("children") / "log.txt")
    yield made
    made.close()


@pytest.fixture(scope="module")
def data(tiny_data: Path) -> Path:
    return tiny_data


def flags(data: Path, out: Path, *more: str) -> List[str]:
    """A job of two models and a few hundred steps, with a checkpoint after each step."""
    return jobs.flags(data, out, "--models", "cnn,rnn", "--rnn_units", "2", "--rnn_embedding", "4", "--epochs", "6",
                      "--batch_size", "4", "--patience", "3", "--checkpoint_seconds", "0", *more)


@pytest.fixture(scope="module")
def undisturbed(children: Jobs, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    out = tmp_path_factory.mktemp("undisturbed")
    result = children.run(flags(data, out))
    assert result["code"] == 0, children.log.read_text(encoding="utf-8")[-2000:]
    return dict(result, out=out)


def job_result(out: Path) -> Any:
    """The result of a run without times: the bits of the weights, figures, history, golden answers."""
    found = {}
    for name in ("cnn", "rnn"):
        card = read_json(out / name / "model" / "model_card.json")
        for row in card["training"]["history"]:
            del row["seconds"]
        del card["training"]["seconds"]
        weights = (out / name / "model" / "variables" / "variables.data-00000-of-00001").read_bytes()
        found[name] = weights, card
    return found


def epochs_printed(log: str) -> List[str]:
    return re.findall(r"^(\w+ epoch \d+)/", log, re.M)


# T1, T2: kills

def test_a_job_that_is_killed_at_any_time_resumes_to_the_same_result_bit_for_bit(
        children: Jobs, data: Path, undisturbed: Dict[str, Any], tmp_path: Path) -> None:
    rng, kills, rounds = random.Random(1), 0, 0
    while kills < KILLS:
        out, before = tmp_path / str(rounds), children.log.stat().st_size
        for _ in range(40):
            result = children.run(flags(data, out), kill_after=rng.uniform(0.3, 1.0) * undisturbed["seconds"])
            if result["code"] != -9:
                break
            kills += 1
        else:
            result = children.run(flags(data, out))
        log = children.log.read_bytes()[before:].decode("utf-8")
        assert result["code"] == 0, log[-2000:]
        assert job_result(out) == job_result(undisturbed["out"])
        assert sorted(path.name for path in out.iterdir()) == ["cnn", "logs", "metric.json", "model", "report", "rnn"]
        printed = epochs_printed(log)
        assert len(printed) == len(set(printed))  # the line of a finished epoch is not printed again
        rounds += 1


def test_a_kill_before_any_file_operation_of_a_checkpoint_leaves_a_complete_one(
        children: Jobs, data: Path, tmp_path: Path) -> None:
    steps = []
    for n in range(1, KILLS + 6):  # a checkpoint consists of about a dozen operations
        out = tmp_path / str(n)
        result = children.run(flags(data, out, "--models", "cnn", "--epochs", "1"), kill_at=n)
        if result["code"] == 0:
            break
        assert result["code"] == -9
        newest = Checkpoints(out / "checkpoints" / "cnn", {}).newest()
        if newest is None:  # removed, because the model is finished
            assert (out / "cnn" / "model" / "saved_model.pb").exists()
            continue
        steps.append(newest.facts["step"])
        assert len(Checkpoints(out / "checkpoints" / "cnn", {}).all()) <= checkpoints_module.KEPT + 1
    assert len(steps) > 10 and steps == sorted(steps)  # each kill lost at most the checkpoint that was being written


# T3: damaged

def state(step: int) -> Checkpoint:
    return Checkpoint({"a": np.full(1000, step)}, {"step": step})


@pytest.fixture
def three(tmp_path: Path) -> Checkpoints:
    made = Checkpoints(tmp_path / "checkpoints" / "x", {"model": "x"})
    for step in (9, 10, 100):
        made.write(step, state(step))
    return made


def test_the_last_two_checkpoints_are_kept_in_the_order_of_their_numbers(three: Checkpoints) -> None:
    assert [path.name for path in three.all()] == ["ckpt-10", "ckpt-100"]
    newest = three.newest()
    assert newest is not None and newest.facts == {"step": 100, "model": "x"}
    assert np.array_equal(newest.arrays["a"], np.full(1000, 100))


def test_an_empty_folder_that_a_kill_left_is_removed_by_the_next_run(three: Checkpoints) -> None:
    shutil.rmtree(three.folder)
    three.clear()
    assert not three.folder.parent.exists()


@pytest.mark.parametrize("file", ["state.npz", "facts.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["swapped", "cut", "flipped", "missing"])
def test_a_damaged_checkpoint_is_detected_by_its_hashes_and_the_previous_one_is_used(
        three: Checkpoints, file: str, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = (three.folder / name / file for name in ("ckpt-10", "ckpt-100"))
    content = new.read_bytes()
    if damage == "missing":
        new.unlink()
    else:
        new.write_bytes({"swapped": old.read_bytes(), "cut": content[:-3],
                         "flipped": content[:5] + bytes([content[5] ^ 1]) + content[6:]}[damage])
    newest = three.newest()
    assert newest is not None and newest.facts["step"] == 10
    assert "ckpt-100" in capsys.readouterr().out
    assert three.facts()["step"] == 10


def test_without_a_complete_checkpoint_the_newest_is_none(three: Checkpoints) -> None:
    for path in three.all():
        (path / "state.npz").write_bytes(b"")
    assert three.newest() is None and three.facts() == {}


# T4: disk full

def test_a_full_disk_leaves_the_previous_checkpoint_and_the_error_names_the_sizes(three: Checkpoints) -> None:
    before = contents(three.folder)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, limit[1]))  # raises the same error as a disk quota
    try:
        with pytest.raises(errors.DiskFullError, match=r"8,000,000 bytes .* bytes are free"):
            three.write(101, Checkpoint({"a": np.zeros(10 ** 6)}, {}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert contents(three.folder) == before
    assert errors.DiskFullError.exit_code == 7


# T5: SIGTERM

def test_sigterm_writes_a_checkpoint_and_the_job_resumes_to_the_same_result(
        children: Jobs, data: Path, undisturbed: Dict[str, Any], tmp_path: Path) -> None:
    command = flags(data, tmp_path, "--checkpoint_seconds", "86400")
    result = children.run(command, kill_after=undisturbed["seconds"] * 0.6, signal="SIGTERM")
    assert result["code"] == errors.TerminatedError.exit_code == 6
    assert "stopped by SIGTERM" in children.log.read_text(encoding="utf-8")
    assert children.run(command)["code"] == 0
    assert job_result(tmp_path) == job_result(undisturbed["out"])


# T6: a loss that is not finite

def test_a_loss_that_is_not_finite_ends_the_job_and_keeps_the_last_good_checkpoint(
        children: Jobs, data: Path, tmp_path: Path) -> None:
    command = flags(data, tmp_path, "--models", "cnn", "--learning_rate", "1e30", "--epochs", "50")
    before = children.log.stat().st_size
    assert children.run(command)["code"] == 1
    message = children.log.read_bytes()[before:].decode("utf-8").strip().splitlines()[-1]
    assert re.match(r"error: the loss became (nan|inf) at step \d+ \(epoch \d+, batch \d+\)", message)
    newest = Checkpoints(tmp_path / "checkpoints" / "cnn", {}).newest()
    assert newest is not None and all(np.isfinite(array).all() for key, array in newest.arrays.items() if "best" in key)


# T7: two jobs

def test_a_second_job_on_one_output_is_refused_and_names_the_first(data: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(PROJECT / "train.py"), *flags(data, tmp_path / "out", "--epochs", "200",
                                                                 "--patience", "200", "--models", "cnn")]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not (tmp_path / "out" / "checkpoints").exists():
            assert first.poll() is None
            time.sleep(0.05)
        second = subprocess.run(command, capture_output=True, text=True, timeout=120)
    finally:
        first.kill()
        first.wait()
    assert second.returncode == 4 and f'"pid": {first.pid}' in second.stderr
    assert "Traceback" not in second.stderr and "epoch" not in second.stdout


# T8: other settings, other data

@pytest.fixture(scope="module")
def begun(children: Jobs, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output with checkpoints and no package."""
    out = tmp_path_factory.mktemp("begun")
    assert children.run(flags(data, out, "--models", "cnn", "--epochs", "1"), kill_at=20)["code"] == -9
    assert Checkpoints(out / "checkpoints" / "cnn", {}).newest() is not None
    return out


@pytest.mark.parametrize("more, named", [
    (["--max_length", "19"], "max_length (was 20, is 19)"), (["--cnn_filters", "3"], "cnn_filters (was 2, is 3)"),
    (["--seed", "2", "--keep_prob", "0.9"], "seed (was 1, is 2)")], ids=str)
def test_checkpoints_of_other_settings_are_refused_and_the_keys_are_named(
        children: Jobs, data: Path, begun: Path, more: List[str], named: str) -> None:
    before, log = contents(begun), children.log.stat().st_size
    assert children.run(flags(data, begun, "--models", "cnn", "--epochs", "1", *more))["code"] == 4
    assert named in children.log.read_bytes()[log:].decode("utf-8") and contents(begun) == before


def test_checkpoints_of_other_data_are_refused(
        children: Jobs, data: Path, begun: Path, tmp_path: Path) -> None:
    shutil.copytree(str(data), str(tmp_path / "data"))
    with open(str(tmp_path / "data" / "train.tsv"), "a", encoding="utf-8") as file:
        file.write("food\tone more\n")
    assert children.run(flags(tmp_path / "data", begun, "--models", "cnn", "--epochs", "1"))["code"] == 4


def test_overwrite_starts_from_the_beginning(children: Jobs, data: Path, begun: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(str(begun), str(tmp_path / "out")))
    log = children.log.stat().st_size
    command = flags(data, out, "--models", "cnn", "--epochs", "1", "--seed", "2", "--overwrite")
    assert children.run(command)["code"] == 0
    assert "resumes" not in children.log.read_bytes()[log:].decode("utf-8") and not (out / "checkpoints").exists()
