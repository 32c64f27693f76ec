"""Nodes that divide the tokenizing of data in files; this file is also the program of each node.

A node prints one line of JSON: hashes of the vocabulary and of all ids, and the number of texts per exchange of ids.
"""
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

from free_ports import free_addresses

PROJECT = Path(__file__).resolve().parents[2]


class Node(NamedTuple):
    """A node of a job on data in files; ``memory_mb`` decides whether the data are in files."""

    data_url: str
    scratch: str
    memory_mb: float = 0.01
    number: int = 0
    addresses: Sequence[str] = ()
    fault: str = ""
    """At the first exchange of ids, the node kills itself (``kill``), or its files cannot become larger (``disk``)."""


def write_data(folder: Path) -> None:
    """10,800 rows with words of very different frequencies."""
    rng = random.Random(1)
    for part, rows in (("train", 9000), ("dev", 700), ("test", 1100)):
        lines = [f"{' '.join(f'w{int(rng.paretovariate(0.5))}' for _ in range(rng.randint(1, 9)))}\t{rng.choice('abc')}"
                 for _ in range(rows)]
        (folder / f"{part}.tsv").write_text("text\tlabel\n" + "\n".join(lines) + "\n", encoding="utf-8")


def nodes(data: Path, scratch: Path, faults: Sequence[str]) -> List[Node]:
    """The nodes of one job, each with its fault; the folders below ``scratch`` are created."""
    addresses = free_addresses(len(faults))
    folders = [scratch / f"node{number}" for number in range(len(faults))]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return [Node(str(data), str(folder), number=number, addresses=addresses, fault=fault)
            for number, (folder, fault) in enumerate(zip(folders, faults))]


class Ended(NamedTuple):
    """The exit code of a node, its line of JSON, and its messages."""

    code: int
    output: Dict[str, Any]
    messages: str


def run(started: Sequence[Node], python: str = sys.executable) -> List[Ended]:
    """Start nodes at once, and wait until all have ended."""
    processes = [subprocess.Popen([python, str(Path(__file__).resolve()), json.dumps(node._asdict())],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                                  env=dict(os.environ, PYTHONPATH=str(PROJECT), PYTHONDONTWRITEBYTECODE="1"))
                 for node in started]
    try:
        ended = []
        for process in processes:
            out, messages = process.communicate(timeout=300)
            output = {} if process.returncode else json.loads(out.splitlines()[-1])
            ended.append(Ended(process.returncode, output, messages))
        return ended
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _main(node: Node) -> int:
    from textjob import process

    process.import_tensorflow(starts_runtime=False)
    from textjob.data.dataset import read_dataset
    from textjob.flags import from_flags
    from textjob.training.connected import Connected
    from textjob.training.inputs import prepare
    from textjob.training.workers import Workers

    sent: List[List[int]] = []

    class Counting(Connected):
        def gathered(self, arrays: List[Any]) -> List[List[Any]]:
            sent.append([len(array) for array in arrays])
            if len(sent) == 3 and node.fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if len(sent) == 3 and node.fault == "disk":
                resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
            return super().gathered(arrays)

    settings = from_flags(["--data_url", node.data_url, "--train_url", "unused", "--scratch", node.scratch,
                           "--memory_mb", str(node.memory_mb), "--min_count", "2"])[0]
    workers = Counting(node.number, tuple(node.addresses)) if node.addresses else Workers()
    vocabulary = Path(node.scratch) / "vocabulary.txt"
    lines: List[str] = []
    inputs = prepare(read_dataset(node.data_url, settings), settings, vocabulary, lines.append, workers)[0]
    arrays = [array for part in (inputs.train, inputs.dev, inputs.test)
              for array in (part.ids.astype("int32"), part.lengths, part.starts, part.labels, *(part.spelling or ()))]
    hashes = [hashlib.sha256(content).hexdigest()
              for content in (vocabulary.read_bytes(), *(array.tobytes() for array in arrays))]
    print(json.dumps({"hashes": hashes, "in_file": inputs.train.in_file, "lines": lines,
                      "rows": [len(part.labels) for part in (inputs.train, inputs.dev, inputs.test)],
                      "tokenized": [lengths[1] for lengths in sent if len(lengths) == 4]}))
    workers.wait()
    return 0


if __name__ == "__main__":
    from textjob import errors

    sys.exit(errors.run(lambda: _main(Node(**json.loads(sys.argv[1])))))
