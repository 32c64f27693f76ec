"""What follows when one of two nodes is killed: seconds to the end of the other node, and the result after resuming.

    python benchmarks/node_failures.py
    python benchmarks/node_failures.py --moments "dev evaluation" --nodes 2

The nodes are processes of this machine. The data are generated: 800 texts for training and 20,000 for dev, so that the
evaluation of dev takes seconds. Every step writes a checkpoint, whose position shows when a moment has come. After the
kill the same command runs again on both nodes; "equal" means that the figures of all epochs and the golden answers are
those of a run without a failure.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from several_nodes import free_addresses

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

ROWS, BATCH, EPOCHS = {"train": 800, "dev": 20_000, "test": 200}, 16, 3
STEPS = ROWS["train"] // BATCH
POSITIONS = {"first step": (1, 1), "within an epoch": (2, STEPS // 2), "dev evaluation": (2, STEPS)}  # epoch, batches
MOMENTS = ("before the meeting", *POSITIONS, "export")


class Job:
    """A job on two nodes; a later job in the same folder resumes it."""

    def __init__(self, folder: Path, data: Path, *flags: str) -> None:
        self.out, self._scratch = folder / "out", folder / "scratch"
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._logs = [folder / f"{number}.log" for number in (0, 1)]
        command = [sys.executable, "train.py", "--data_url", str(data), "--train_url", str(self.out), "--models", "cnn",
                   "--wide", "false", "--epochs", str(EPOCHS), "--patience", str(EPOCHS), "--batch_size", str(BATCH),
                   "--checkpoint_seconds", "0", "--worker_hosts", ",".join(free_addresses(2)), *flags]
        self.nodes = []
        for number, log in enumerate(self._logs):
            with log.open("w") as file:
                self.nodes.append(subprocess.Popen(
                    [*command, "--task_index", str(number)], cwd=str(PROJECT), stdout=file, stderr=subprocess.STDOUT,
                    env=dict(os.environ, TMPDIR=str(self._scratch))))

    def log(self, number: int) -> str:
        return self._logs[number].read_text()

    def wait_for(self, moment: str, number: int) -> None:
        """Wait until the job has come to a moment; ``number`` is the node that will be killed."""
        while not self._has_come(moment, number):
            if any(node.poll() is not None for node in self.nodes):
                raise SystemExit(f"a node ended before the moment: {moment}\n{self.log(0)}\n{self.log(1)}")
            time.sleep(0.005)

    def _has_come(self, moment: str, number: int) -> bool:
        if moment == "before the meeting":
            return ("takes part in the training" if number else "waits for the other nodes") in self.log(number)
        if moment == "export":  # the SavedModel is written to a temporary folder
            return bool(list(self._scratch.glob("tmp*/cnn")))
        return self._position() == POSITIONS[moment]

    def _position(self) -> Tuple[int, int]:
        positions = [(0, 0)]
        for file in (self.out / "checkpoints" / "cnn").glob("ckpt-*/facts.json"):
            try:
                facts = json.loads(file.read_text())
            except FileNotFoundError:  # an old checkpoint, which the job has just removed
                continue
            positions.append((facts["epoch"], facts["batch"]))
        return max(positions)

    def result(self) -> Dict[str, Any]:
        """The figures of each epoch without times, and the golden answers; ends this script if a node has failed."""
        if [node.wait() for node in self.nodes] != [0, 0]:
            raise SystemExit(self.log(0) + self.log(1))
        card = json.loads((self.out / "cnn" / "model" / "model_card.json").read_text())
        history = [dict(row, seconds=0) for row in card["training"]["history"]]
        return {"history": history, "golden": card["golden"]}


def main(argv: Sequence[str]) -> int:
    """Kill the nodes, and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--moments", default=",".join(MOMENTS), help="(default: %(default)s)")
    parser.add_argument("--nodes", default="1,2", help="the nodes to kill, one per run (default: %(default)s)")
    options = parser.parse_args(argv)
    from textjob.tables import markdown_table

    with tempfile.TemporaryDirectory() as folder:
        data = _data(Path(folder) / "data")
        expected = Job(Path(folder) / "whole", data).result()
        table = []
        for moment in options.moments.split(","):
            for node in map(int, options.nodes.split(",")):
                table.append([moment, str(node), *_killed(Path(folder) / "killed", data, moment, node - 1, expected)])
                print(table[-1], file=sys.stderr, flush=True)
    print(markdown_table(["moment", "node killed", "exit code of the other node", "seconds to its end",
                          "the same command again", "result equal"], table))
    return 0


def _killed(folder: Path, data: Path, moment: str, number: int, expected: Dict[str, Any]) -> List[str]:
    shutil.rmtree(str(folder), ignore_errors=True)
    job = Job(folder, data, "--worker_start_seconds", "15")
    job.wait_for(moment, number)
    job.nodes[number].kill()
    killed = time.monotonic()
    code = job.nodes[1 - number].wait()
    seconds = time.monotonic() - killed
    job.nodes[number].wait()
    again = Job(folder, data)
    equal = again.result() == expected
    begins = [line for line in again.log(0).splitlines() if "resumes" in line or "finished before" in line]
    return [str(code), f"{seconds:.1f}", begins[0].partition(";")[0] if begins else "starts",
            "yes" if equal else "NO"]


def _data(folder: Path) -> Path:
    """Texts of two classes, which have a third of their words from different sets."""
    rng, own = random.Random(1), {"a": ["good", "fine", "nice"], "b": ["bad", "poor", "ugly"]}
    folder.mkdir()
    for part, rows in ROWS.items():
        with (folder / f"{part}.tsv").open("w") as file:
            file.write("text\tlabel\n")
            for _ in range(rows):
                label = rng.choice("ab")
                words = (rng.choice(own[label]) if rng.random() < 0.3 else f"w{rng.randint(0, 300)}" for _ in range(12))
                file.write(f"{' '.join(words)}\t{label}\n")
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
