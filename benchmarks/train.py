"""The speed of training: ours, Keras, PyTorch in several ways, and the limit of the arithmetic.

    python benchmarks/train.py --data_url data/                      # all models, ten minutes
    python benchmarks/train.py --data_url data/ --models cnn --examples 2000 --rounds 5
    python benchmarks/train.py --data_url data/ --examples 1000000 --rounds 8     # whole epochs: time to the best score
    python benchmarks/train.py --data_url data/ --ours               # without Keras and PyTorch

Every other flag is one of train.py; sizes, batch size, learning rate and dropout are the same for all sides (only ours
has word dropout and a falling learning rate). PyTorch is measured if it is installed (``pip install torch``).

Each side runs in its own process, with its default number of threads. A round is one pass of each side over the same
examples, drawn at random, in batches of one size; the sides take turns at going first. One more round runs before the
others and is not measured, so the times exclude tracing and compiling; they also exclude reading, tokenising and
export. They include the work for each batch: sorting, padding, fetching the loss. After each round the accuracy on dev
is measured, untimed: the last column is the time of the passes up to the best accuracy, the first pass included. On a
busy machine all speeds change; the ratio of two sides in one round changes less, so read the ratios.

The floor is the time of the network's matrix products at the true lengths of the texts, once forwards and twice
backwards, at the speed of a large matrix product on this machine in this run. The wide part is not trained by steps;
its time, which a job spends once for all models, is printed.
"""
import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, List, Mapping, Sequence, Tuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # set before importing TensorFlow; hides its start-up banner
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

try:
    import peers_torch  # before TensorFlow, because PyTorch 2.14 crashes otherwise
except ImportError:
    peers_torch = None  # type: ignore[assignment]

import numpy as np
import peers_keras
import tensorflow as tf
from sides import Side, alternate, ratios

from textjob import errors, process
from textjob.data.dataset import read_dataset
from textjob.flags import from_flags
from textjob.settings import Settings
from textjob.tables import markdown_table
from textjob.text.encoding import Encoded
from textjob.training import trainer
from textjob.training.checkpoints import Checkpoints
from textjob.training.inputs import Inputs, prepare, with_wide_part


def main(argv: Sequence[str]) -> int:
    """Measure every model of ``--models`` and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="measured rounds per model (default: 3)")
    parser.add_argument("--examples", type=int, default=4000, metavar="N", help="examples per round (default: 4000)")
    parser.add_argument("--ours", action="store_true", help="measure ours without Keras and PyTorch")
    given, flags = parser.parse_known_args(argv)
    if min(given.rounds, given.examples) < 1:
        parser.error("--rounds and --examples: expected at least 1")
    job, unknown = from_flags([*flags, "--train_url", "not used"])
    if unknown:
        parser.error("unknown flags: {}".format(" ".join(unknown)))

    inputs, wide_seconds = _inputs(job)
    all_rows = len(inputs.train.lengths)
    rows = np.random.RandomState(job.seed).permutation(all_rows)[:given.examples]
    inputs = inputs._replace(train=_subset(inputs.train, rows))
    lengths = inputs.train.lengths
    peak = _peak()
    print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, {peak / 1e9:.0f} GFLOP/s; {len(rows):,} examples per "
          f"round with {lengths.mean():.1f} tokens on average; batches of {job.batch_size}; "
          f"{len(inputs.vocabulary):,} words, {len(inputs.labels)} classes; wide part: {wide_seconds:.1f} s\n")
    table = []
    for name in job.models:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        sides = _sides(name, inputs, job, given.ours)
        seconds, to_best = alternate(sides, given.rounds)
        floor = len(rows) * peak / _OPERATIONS[name](lengths, job.model[name]) if name in _OPERATIONS else None
        for i, side in enumerate(sides):
            side.close()
            speed = len(rows) / statistics.median(taken[i] for taken in seconds)
            table.append([name, side.title, f"{speed:,.0f}", f"{100 * speed / floor:.0f} %" if floor else "",
                          ratios(seconds, i), "{:.1f} ({:.1f} %)".format(*to_best[i])])
        if floor:
            table.append([name, "floor", f"{floor:,.0f}", "100 %", "", ""])
        epoch = statistics.median(taken[0] for taken in seconds) / len(rows) * all_rows
        epochs = trainer.planned_epochs(all_rows, job)
        print(f"{name}: the wide part adds {100 * wide_seconds / (epoch * epochs):.1f} % to {epochs} epochs")
    print("\n" + markdown_table(
        ["model", "side", "examples/s", "of the floor", "ours is faster by", "s to the best dev accuracy"], table))
    return 0


class Ours:
    """The epochs of a job."""

    def __init__(self, name: str, inputs: Inputs, job: Settings) -> None:
        process.limit_threads()
        with tempfile.TemporaryDirectory() as empty:
            self._run = trainer.Run(name, inputs, job, Checkpoints(Path(empty), {}))
        self.weights = sum(int(np.prod(variable.shape)) for variable in self._run.classifier.variables.values())

    def train(self) -> None:
        """Train for one epoch."""
        self._run.train_epoch()

    def dev(self) -> float:
        """Evaluate on dev; returns the accuracy."""
        self._run.end_epoch()
        return self._run.history[-1].val_accuracy


def _inputs(job: Settings) -> Tuple[Inputs, float]:
    dataset = read_dataset(job.data_url, job)
    with tempfile.TemporaryDirectory() as scratch:
        inputs, _ = prepare(dataset, job, Path(scratch) / "vocabulary.txt")
    began = time.perf_counter()
    return with_wide_part(inputs, job), time.perf_counter() - began


def _subset(part: Encoded, rows: np.ndarray) -> Encoded:
    lengths = part.lengths[rows]
    ids = [part.ids[start:start + length] for start, length in zip(part.starts[rows], lengths)]
    return Encoded(np.concatenate(ids), np.cumsum(lengths) - lengths, lengths, part.labels[rows])


def _sides(name: str, inputs: Inputs, job: Settings, ours_only: bool) -> List[Side]:
    sides = [Side("ours", Ours, name, inputs._replace(wide={}), job),
             Side("ours, wide part", Ours, name, inputs, job)]
    if not ours_only and name in peers_keras.POOLED:
        sides.append(Side("Keras fit", peers_keras.Keras, name, inputs, job))
    if not ours_only and peers_torch is not None:
        sides += [Side("PyTorch, " + way, peers_torch.Torch, name, inputs, job, way)
                  for way in peers_torch.WAYS.get(name, [])]
    sizes = {side.title: side.weights for side in sides}
    # The LSTM of PyTorch has two biases, which are equivalent to one.
    if max(sizes.values()) - min(sizes.values()) > 0.01 * min(sizes.values()):
        raise AssertionError(f"the networks have different numbers of weights: {sizes}")
    return sides


def _peak() -> float:
    """The operations per second of a large matrix product; the best of several."""
    x = tf.random.stateless_uniform([1536, 1536], [1, 2])
    multiply = tf.function(lambda y: tf.matmul(y, y))
    seconds = []
    for _ in range(15):
        began = time.perf_counter()
        multiply(x).numpy()
        seconds.append(time.perf_counter() - began)
    return 2 * 1536 ** 3 / min(seconds)


# The operations of one epoch, each text at its own length: every matrix product once forwards and twice backwards.


def _cnn(lengths: np.ndarray, sizes: Mapping[str, Any]) -> float:
    return float(3 * sum(2.0 * np.maximum(lengths - width + 1, 1).sum() * width * sizes["embedding"] * sizes["filters"]
                         for width in sizes["widths"]))


def _rnn(lengths: np.ndarray, sizes: Mapping[str, Any]) -> float:
    return float(3 * 2 * 2.0 * lengths.sum() * (sizes["embedding"] + sizes["units"]) * 4 * sizes["units"])


def _rcnn(lengths: np.ndarray, sizes: Mapping[str, Any]) -> float:
    hidden = 3 * 2.0 * lengths.sum() * (2 * sizes["units"] + sizes["embedding"]) * sizes["hidden"]
    return _rnn(lengths, sizes) + float(hidden)


_OPERATIONS = {"cnn": _cnn, "rnn": _rnn, "rcnn": _rcnn}


if __name__ == "__main__":
    sys.exit(errors.run(lambda: main(sys.argv[1:])))
