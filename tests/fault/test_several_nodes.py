"""Training on several nodes: the result of one, and what follows when a node is killed, stopped or asked to stop."""
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

import jobs
import pytest
from asking import PROJECT
from free_ports import free_addresses
from jobs import read_json

from textjob.errors import TerminatedError, UsageError

EPOCHS = 25
LOST, RUN_AGAIN = "has ended or does not respond", "Run the same command again on all nodes"


class Nodes:
    """The processes of one job on several nodes of this machine."""

    def __init__(self, data: Path, out: Path, nodes: int, *flags: str, others_data: Path = Path()) -> None:
        hosts = ",".join(free_addresses(nodes))
        self._logs = [out.with_name(f"{out.name}.{number}.log") for number in range(nodes)]
        command = [sys.executable, "train.py", *jobs.flags(data, out), "--epochs", str(EPOCHS), "--patience",
                   str(EPOCHS), "--batch_size", "8", "--worker_hosts", hosts, *flags]
        self.processes = []
        for number, log in enumerate(self._logs):
            with open(str(log), "w") as file:
                self.processes.append(subprocess.Popen(
                    [*command, "--task_index", str(number), *(["--data_url", str(others_data)] if number and
                     others_data != Path() else [])], cwd=str(PROJECT), stdout=file, stderr=subprocess.STDOUT))

    def wait_for(self, text: str, number: int = 0) -> None:
        """Wait until the log of a node has a text."""
        while text not in self.log(number):
            assert self.processes[number].poll() is None, self.log(number)
            time.sleep(0.02)

    def log(self, number: int) -> str:
        return self._logs[number].read_text()

    def codes(self) -> List[int]:
        """The exit codes of all nodes."""
        return [process.wait(timeout=400) for process in self.processes]

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def started() -> Any:
    made: List[Nodes] = []

    def start(*arguments: Any, **more: Any) -> Nodes:
        made.append(Nodes(*arguments, **more))
        return made[-1]

    yield start
    for nodes in made:
        nodes.end()


def result(out: Path) -> Dict[str, Any]:
    """The figures of each epoch, without times, and the golden answers."""
    card = read_json(out / "cnn" / "model" / "model_card.json")
    history = [{key: value for key, value in row.items() if key != "seconds"} for row in card["training"]["history"]]
    return {"history": history, "golden": card["golden"]}


def finished(nodes: Nodes, out: Path) -> Dict[str, Any]:
    try:
        assert set(nodes.codes()) == {0}, nodes.log(0)
        return result(out)
    finally:
        nodes.end()


@pytest.fixture(scope="module")
def of_one_node(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    out = tmp_path_factory.mktemp("one") / "out"
    return finished(Nodes(small_data, out, 1), out)


@pytest.fixture(scope="module")
def output_of_two_nodes(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("two") / "out"
    nodes = Nodes(small_data, out, 2)
    finished(nodes, out)
    assert "takes part in the training" in nodes.log(1) and "epoch" not in nodes.log(1)
    return out


@pytest.fixture(scope="module")
def of_two_nodes(output_of_two_nodes: Path) -> Dict[str, Any]:
    return result(output_of_two_nodes)


def assert_close(one: Dict[str, Any], other: Dict[str, Any]) -> None:
    assert len(one["history"]) == len(other["history"]) == EPOCHS
    for row, expected in zip(one["history"], other["history"]):
        assert row["loss"] == pytest.approx(expected["loss"], abs=1e-4)
        assert row["val_loss"] == pytest.approx(expected["val_loss"], abs=1e-3)


def test_two_nodes_have_the_losses_of_one(of_one_node: Dict[str, Any], of_two_nodes: Dict[str, Any]) -> None:
    assert_close(of_two_nodes, of_one_node)


def test_three_nodes_that_come_late_and_keep_the_data_in_files_have_the_losses_of_one(
        of_one_node: Dict[str, Any], small_data: Path, tmp_path: Path, started: Any) -> None:
    nodes = started(small_data, tmp_path / "out", 3, "--memory_mb", "0.01", "--scratch", str(tmp_path))
    nodes.processes[0].send_signal(signal.SIGSTOP)  # the chief is the last to come
    time.sleep(3)
    nodes.processes[0].send_signal(signal.SIGCONT)
    assert nodes.codes() == [0, 0, 0], nodes.log(0)
    assert all("are kept in files" in nodes.log(number) for number in range(3))
    assert_close(result(tmp_path / "out"), of_one_node)


def assert_lost(nodes: Nodes, number: int) -> None:
    """The node ends with a sentence and the exit code for "run again"."""
    assert nodes.processes[number].wait(timeout=400) == TerminatedError.exit_code, nodes.log(number)
    assert LOST in nodes.log(number) and RUN_AGAIN in nodes.log(number) and "Traceback" not in nodes.log(number)


@pytest.mark.parametrize("number", [0, 1])
def test_a_node_that_is_killed_ends_the_other_and_the_same_command_resumes(
        number: int, of_two_nodes: Dict[str, Any], small_data: Path, tmp_path: Path, started: Any) -> None:
    nodes = started(small_data, tmp_path / "out", 2)
    nodes.wait_for("cnn epoch 3/")
    nodes.processes[number].kill()
    assert_lost(nodes, 1 - number)
    nodes.end()
    again = started(small_data, tmp_path / "out", 2)
    assert again.codes() == [0, 0], again.log(0) + again.log(1)
    assert "resumes at epoch" in again.log(0)
    assert result(tmp_path / "out") == of_two_nodes


def test_a_node_that_is_stopped_ends_the_other(small_data: Path, tmp_path: Path, started: Any) -> None:
    nodes = started(small_data, tmp_path / "out", 2)
    nodes.wait_for("cnn epoch 3/")
    nodes.processes[1].send_signal(signal.SIGSTOP)
    assert_lost(nodes, 0)


def test_sigterm_to_one_node_stops_all_after_a_checkpoint_and_the_same_command_resumes(
        of_two_nodes: Dict[str, Any], small_data: Path, tmp_path: Path, started: Any) -> None:
    nodes = started(small_data, tmp_path / "out", 2)
    nodes.wait_for("cnn epoch 2/")
    nodes.processes[1].send_signal(signal.SIGTERM)
    assert nodes.codes() == [TerminatedError.exit_code] * 2, nodes.log(0) + nodes.log(1)
    assert all("stopped by SIGTERM after a checkpoint" in nodes.log(each) for each in (0, 1))
    again = started(small_data, tmp_path / "out", 2)
    assert again.codes() == [0, 0], again.log(0) + again.log(1)
    assert "resumes at epoch" in again.log(0)
    assert result(tmp_path / "out") == of_two_nodes


def test_a_finished_job_ends_on_every_node_without_training(
        small_data: Path, output_of_two_nodes: Path, started: Any) -> None:
    again = started(small_data, output_of_two_nodes, 2)
    assert again.codes() == [0, 0], again.log(0) + again.log(1)
    assert "finished before" in again.log(0) and "every model is finished" in again.log(1)


def test_other_data_on_one_node_is_refused_on_both_before_the_training(
        small_data: Path, tmp_path: Path, started: Any) -> None:
    other = tmp_path / "data"
    other.mkdir()
    for file in small_data.iterdir():
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        (other / file.name).write_text("".join(lines[:-1]), encoding="utf-8")
    nodes = started(small_data, tmp_path / "out", 2, others_data=other)
    assert nodes.codes() == [UsageError.exit_code] * 2, nodes.log(0) + nodes.log(1)
    assert all("node 2 of 2" in nodes.log(each) and "differs from the first node in data" in nodes.log(each)
               for each in (0, 1))
    assert not (tmp_path / "out" / "cnn").exists()


def test_a_node_that_does_not_start_ends_the_job_after_the_limit(
        small_data: Path, tmp_path: Path, started: Any) -> None:
    nodes = started(small_data, tmp_path / "out", 2, "--worker_start_seconds", "1")
    nodes.processes[1].kill()
    assert nodes.processes[0].wait(timeout=400) == TerminatedError.exit_code
    assert re.search(r"node 2 of 2 \(.*\) did not connect .* 1 seconds", nodes.log(0)), nodes.log(0)
