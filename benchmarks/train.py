"""How fast our training is: beside Keras, beside PyTorch at its plainest and its best, and beside the arithmetic.

    python benchmarks/train.py --data_url data/                      # cnn, rnn and rcnn, ten minutes
    python benchmarks/train.py --data_url data/ --models cnn --examples 2000 --rounds 5
    python benchmarks/train.py --data_url data/ --examples 1000000 --rounds 8     # whole passes: time to the best score

Every other flag is one of train.py's; sizes, batch size, rate and dropout hold for all sides (ours alone drops words,
and lets its rate fall). PyTorch takes part where ``pip install torch`` has been there.

Each side has a process of its own, with the threads that it has by default. A round is one pass of each over the same
examples, drawn at random, in batches of one size; the sides take turns at going first. One more round, before the
others, does not count for the speeds: so tracing and compiling are not measured, nor are reading, tokenizing and
export. What a job does for every batch is timed: sorting, padding, fetching the loss. After each round a side is asked
the dev part, untimed: "to the best" is the time of the passes until its best answer, the first pass included. On a busy
machine all speeds move, and the ratio of two in one round less so: read the ratios.

The floor is the time that the network's matrix products need at the texts' true lengths, forwards and twice that
backwards, at the speed of a large matrix product on this machine in this run: nothing that computes them can be faster.
The wide part is not trained by steps; it costs what is printed, once for all models of a job.
"""
import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, List, Mapping, Sequence, Tuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: its banner is no news
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

try:
    import peers_torch  # before TensorFlow: PyTorch 2.14 crashes after it
except ImportError:
    peers_torch = None  # type: ignore[assignment]

import numpy as np
import tensorflow as tf
from peers_keras import Keras
from sides import Side, alternate, ratios

from textjob import errors, settings
from textjob.data.dataset import DataSettings, read_dataset
from textjob.report.comparison import markdown_table
from textjob.settings import Settings
from textjob.training import batches, classifier, trainer
from textjob.training.inputs import Inputs, prepare, with_wide_part


def main(argv: Sequence[str]) -> int:
    """Measure every model of ``--models`` and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="measured of each model (default: 3)")
    parser.add_argument("--examples", type=int, default=4000, metavar="N", help="trained on a round (default: 4000)")
    given, flags = parser.parse_known_args(argv)
    if min(given.rounds, given.examples) < 1:
        parser.error("--rounds and --examples: expected at least 1")
    job, unknown = settings.from_flags([*flags, "--train_url", "not used"])
    if unknown:
        parser.error("unknown: {}".format(" ".join(unknown)))

    inputs, wide_seconds = _inputs(job)
    rows = np.random.RandomState(job.seed).permutation(len(inputs.train.lengths))[:given.examples]
    peak = _peak()
    print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, {peak / 1e9:.0f} GFLOP/s; {len(rows):,} examples a round of {inputs.train.lengths[rows].mean():.1f} tokens on average; batches of {job.batch_size}; "
          f"{len(inputs.vocabulary):,} words, {len(inputs.labels)} classes; the wide part took {wide_seconds:.1f} s\n")
    table = []
    for name in job.models:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        sides = _sides(name, inputs, rows, job)
        seconds, to_best = alternate(sides, given.rounds)
        floor = len(rows) * peak / _operations(name, inputs.train.lengths[rows], job.model[name])
        for i, side in enumerate(sides):
            side.close()
            speed = len(rows) / statistics.median(taken[i] for taken in seconds)
            table.append([name, side.title, f"{speed:,.0f}", f"{100 * speed / floor:.0f} %",
                          ratios(seconds, i), "{:.1f} ({:.1f} %)".format(*to_best[i])])
        table.append([name, "floor", f"{floor:,.0f}", "100 %", "", ""])
        steps = statistics.median(taken[0] for taken in seconds) / len(rows) * len(inputs.train.lengths)
        print(f"{name}: the wide part adds {100 * wide_seconds / (steps * classifier.planned_epochs(inputs.train, job)):.1f} % to {classifier.planned_epochs(inputs.train, job)} epochs", flush=True)
    print("\n" + markdown_table(
        ["model", "side", "examples/s", "of the floor", "ours is faster by", "s to the best dev accuracy"], table))
    return 0


class Ours:
    """What a job runs for each batch."""

    def __init__(self, name: str, inputs: Inputs, rows: np.ndarray, job: Settings) -> None:
        classifier.share_cores()
        self._network = classifier.Network(name, inputs, job)
        self._rows, self._batch_size = rows, job.batch_size
        self._part = inputs.train._replace(lengths=inputs.train.lengths[rows])
        self.weights = sum(int(np.prod(variable.shape)) for variable in self._network.variables.values())
        self._rng, self._step = np.random.RandomState(job.seed), 0

    def train(self) -> None:
        """One pass."""
        order = [self._rows[chosen] for chosen in batches.epoch(self._part, self._batch_size, self._rng)]
        for first in range(0, len(order), trainer.AT_ONCE):
            self._step += len(self._network.run(order[first:first + trainer.AT_ONCE], self._step))

    def dev(self) -> float:
        """Accuracy."""
        return self._network.on_dev()["val_accuracy"]


def _inputs(job: Settings) -> Tuple[Inputs, float]:
    dataset = read_dataset(job.data_url, DataSettings.of(job))
    with tempfile.TemporaryDirectory() as scratch:
        inputs = prepare(dataset, job, Path(scratch) / "vocabulary.txt")
    inputs = inputs._replace(ids=None)  # a function of a graph does not go into another process
    began = time.perf_counter()
    return with_wide_part(inputs, job), time.perf_counter() - began


def _sides(name: str, inputs: Inputs, rows: np.ndarray, job: Settings) -> List[Side]:
    common = rows, job
    sides = [Side("ours", Ours, name, inputs._replace(wide={}), *common),
             Side("ours, wide part", Ours, name, inputs, *common),
             Side("Keras fit", Keras, name, inputs, *common)]
    if peers_torch is not None:
        sides += [Side("PyTorch, " + way, peers_torch.Torch, name, inputs, *common, way)
                  for way in peers_torch.ways(name)]
    sizes = {side.title: side.weights for side in sides}
    # PyTorch's LSTM has two biases where one would do.
    if max(sizes.values()) - min(sizes.values()) > 0.01 * min(sizes.values()):
        raise AssertionError(f"not the same network: {sizes}")
    return sides


def _peak() -> float:
    """Operations a second of a large matrix product, the best of several."""
    x = tf.random.stateless_uniform([1536, 1536], [1, 2])
    multiply = tf.function(lambda y: tf.matmul(y, y))
    seconds = []
    for _ in range(15):
        began = time.perf_counter()
        multiply(x).numpy()
        seconds.append(time.perf_counter() - began)
    return 2 * 1536 ** 3 / min(seconds)


def _operations(name: str, lengths: np.ndarray, sizes: Mapping[str, Any]) -> float:
    """Of a step on all these texts, each at its own length: every product once forwards, twice backwards."""
    size = sizes["embedding"]
    if name == "cnn":
        forwards = sum(2.0 * np.maximum(lengths - width + 1, 1).sum() * width * size * sizes["filters"]
                       for width in sizes["widths"])
    else:
        units = sizes["units"]
        forwards = 2 * 2.0 * lengths.sum() * (size + units) * 4 * units
        if name == "rcnn":
            forwards += 2.0 * lengths.sum() * (2 * units + size) * sizes["hidden"]
    return float(3 * forwards)


if __name__ == "__main__":
    sys.exit(errors.run(lambda: main(sys.argv[1:])))
