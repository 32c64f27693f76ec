"""Compares ``infer.py batch`` with a bare Session at batch 64 in the order of the file.

    python benchmarks/batch.py out/cnn/model titles.tsv reviews.tsv --rounds 5

The bare Session reads the lines of a file (LABEL<TAB>TEXT), runs the package's signature on 64 texts at a time, and
writes nothing. Each side has a process of its own, with the threads that it has by default; the sides run in turns, and
the table shows the ratios of their times, because other work on the machine changes the times themselves.
"""
import argparse
import contextlib
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, List, Sequence, Tuple

if __name__ in ("__main__", "__mp_main__"):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from textjob import process
from textjob.settings import DataSettings
from textjob.tables import markdown_table

BATCH = 64
_PROCESSES = multiprocessing.get_context("spawn")  # TensorFlow does not work after a fork

Times = Tuple[float, float]  # wall-clock and CPU seconds


class Bare:
    """A Session on the package's signature."""

    def __init__(self, package: str) -> None:
        process.import_tensorflow()
        import tensorflow as tf

        graph = tf.Graph()
        with graph.as_default():
            self._session = tf.compat.v1.Session(graph=graph)
            model = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], package)
        signature = model.signature_def["serving_default"]
        self._input = signature.inputs["input_x"].name
        self._outputs = [signature.outputs[alias].name for alias in ("output", "label")]

    def run(self, file: str) -> None:
        """Classify the texts of a file."""
        with open(file, encoding="utf-8", newline="\n") as lines:
            texts = [line.rstrip("\n").split("\t")[-1] for line in lines]
        for first in range(0, len(texts), BATCH):
            self._session.run(self._outputs, {self._input: texts[first:first + BATCH]})


class Command:
    """What ``infer.py batch`` runs after its start."""

    def __init__(self, package: str) -> None:
        process.limit_threads()
        process.import_tensorflow()
        from textjob.rehearsal.client import Rehearsal

        self._rehearsal = Rehearsal(Path(package))

    def run(self, file: str) -> None:
        """Classify the rows of a file, and write a JSON line for each."""
        from textjob.rehearsal import batch, output, rows

        settings = DataSettings(header="no", text_column="1")
        with tempfile.TemporaryDirectory() as folder:
            batch.run(self._rehearsal, rows.read(file, settings), settings, output.Options(),
                      Path(folder) / "out.jsonl", Path(folder) / "out.run.json")


class Side:
    """An object ``make(package)`` in a process of its own."""

    def __init__(self, make: Callable[[str], Any], package: str) -> None:
        self._pipe, end = _PROCESSES.Pipe()
        _PROCESSES.Process(target=_serve, args=(end, make, package), daemon=True).start()
        end.close()
        self._pipe.recv()

    def run(self, file: str) -> Times:
        """The times of one run."""
        self._pipe.send(file)
        times: Times = self._pipe.recv()
        return times


def _serve(pipe: Any, make: Callable[[str], Any], package: str) -> None:
    side = make(package)
    pipe.send(None)
    with contextlib.suppress(EOFError):  # the other end is closed
        while True:
            file = pipe.recv()
            wall, cpu = time.perf_counter(), time.process_time()
            side.run(file)
            pipe.send((time.perf_counter() - wall, time.process_time() - cpu))


def compare(package: str, file: str, sides: Sequence[Side], rounds: int) -> List[str]:
    """A row of the table: rows per second of both sides, and how many times faster the command is."""
    times: List[List[Times]] = []
    for number in range(rounds + 1):
        order = sides if number % 2 else sides[::-1]
        taken = {id(side): side.run(file) for side in order}
        times.append([taken[id(side)] for side in sides])
    times = times[1:]  # without the first calls of the models
    with open(file, "rb") as lines:
        rows = sum(1 for _ in lines)
    speeds = [f"{rows / statistics.median(each[side][0] for each in times):,.0f}" for side in (0, 1)]
    ratios = []
    for clock in (0, 1):
        ratio = [bare[clock] / command[clock] for bare, command in times]
        ratios.append(f"{statistics.median(ratio):.2f} ({min(ratio):.2f} to {max(ratio):.2f})")
    path = Path(package)
    return [path.parent.name if path.name == "model" else path.name, f"{Path(file).parent.name}/{Path(file).name}",
            f"{rows:,}", *speeds, *ratios]


def main(argv: Sequence[str]) -> None:
    """Print a table with a row per file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("package", help="the folder of a package")
    parser.add_argument("files", nargs="+", metavar="FILE", help="texts: LABEL<TAB>TEXT, without a header")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each side (default 5)")
    args = parser.parse_args(argv)
    sides = [Side(Bare, args.package), Side(Command, args.package)]
    rows = [compare(args.package, file, sides, args.rounds) for file in args.files]
    print(markdown_table(["model", "file", "rows", "bare Session, rows/s", "batch, rows/s", "ratio of wall-clock times",
                          "ratio of CPU times"], rows))


if __name__ == "__main__":
    main(sys.argv[1:])
