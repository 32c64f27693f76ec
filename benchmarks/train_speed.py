"""Examples a second of our training beside the same network in plain Keras, in one process.

    python benchmarks/train_speed.py --data_url data/                      # cnn, rnn and rcnn, a few minutes
    python benchmarks/train_speed.py --data_url data/ --models cnn --examples 1000 --rounds 5

Every other flag is one of train.py's; sizes, batch size and dropout hold for both sides (ours alone drops words).

Ours is what a job runs: ``batches.epoch`` puts similar lengths together, each batch is padded to its own longest
text, and ``Network.step`` trains on it; sorting, padding and fetching the loss are timed. Keras is what a tutorial
shows: a functional model, ``compile`` with Adam and defaults, ``fit`` without a progress bar on ids in memory, padded
beforehand to the longest text of the whole training part. Both train on the same examples, drawn at random, in
batches of the same size; that both have the same number of weights is checked.

A round is one pass of each over the examples; the two take turns at going first. One more round, before the others,
does not count: so tracing and compiling are not measured, nor are reading, tokenizing, evaluation on dev and
export, nor how good the models get. Ours does more a step in that it drops words and keeps padding out of every
maximum; Keras' Adam does more in that it walks the whole embedding. On a busy machine both speeds move, and
the ratio of a pair less so: that is the figure to read.
"""
import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: its banner is no news
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import tensorflow as tf

from textjob import batches, data, errors, settings, training
from textjob.batches import Encoded
from textjob.encoding import Inputs, prepare
from textjob.report import markdown_table
from textjob.settings import Settings

layers = tf.keras.layers


def main(argv: Sequence[str]) -> int:
    """Measure every model of ``--models`` and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="pairs measured of each model (default: 3)")
    parser.add_argument("--examples", type=int, default=4000, metavar="N", help="trained on a round (default: 4000)")
    given, flags = parser.parse_known_args(argv)
    if min(given.rounds, given.examples) < 1:
        parser.error("--rounds and --examples: expected at least 1")
    job, unknown = settings.from_flags([*flags, "--train_url", "not used"])
    if unknown:
        parser.error("unknown: {}".format(" ".join(unknown)))

    inputs = _inputs(job)
    rows = np.random.RandomState(job.seed).permutation(len(inputs.train.lengths))[:given.examples]
    part = inputs.train._replace(**{key: getattr(inputs.train, key)[rows] for key in ("starts", "lengths", "labels")})
    fixed = inputs.train.padded(np.arange(len(inputs.train.lengths)))[rows]
    print("TensorFlow {}, {} cores; {:,} examples a round of {:.1f} tokens on average, {} for Keras; batches of {}; "
          "{:,} words, {} classes\n".format(tf.__version__, os.cpu_count(), len(rows), part.lengths.mean(),
                                          fixed.shape[1], job.batch_size, len(inputs.vocabulary), len(inputs.labels)))
    table = []
    for name in job.models:
        print("measuring {}".format(name), file=sys.stderr, flush=True)
        seconds = alternate(_sides(name, inputs, part, fixed, job), given.rounds)
        ours, keras = (len(rows) / statistics.median(side) for side in zip(*seconds))
        ratios = [theirs / own for own, theirs in seconds]
        table.append([name, "{:,.0f}".format(ours), "{:,.0f}".format(keras), "{:.2f} ({:.2f}-{:.2f})".format(
            statistics.median(ratios), min(ratios), max(ratios))])
    print(markdown_table(["model", "ours, ex/s", "Keras, ex/s", "ratio, median (min-max)"], table))
    return 0


def alternate(sides: Sequence[Callable[[], None]], rounds: int) -> List[List[float]]:
    """The seconds of each side in each round, after a round that does not count; who goes first changes."""
    seconds = []
    for number in range(rounds + 1):
        taken = [0.0] * len(sides)
        for i in sorted(range(len(sides)), reverse=number % 2 == 0):
            began = time.perf_counter()
            sides[i]()
            taken[i] = time.perf_counter() - began
        seconds.append(taken)
    return seconds[1:]


def _inputs(job: Settings) -> Inputs:
    dataset = data.read(job.data_url, job.label_column, job.text_column, job.max_bad_rows)
    with tempfile.TemporaryDirectory() as scratch:
        return prepare(dataset, job, Path(scratch) / "vocabulary.txt")


def _sides(name: str, inputs: Inputs, part: Encoded, fixed: np.ndarray, job: Settings) -> List[Callable[[], None]]:
    """What makes one pass over the examples: ours, then Keras with the examples as ``fixed``, one length for all."""
    network = training.Network(name, inputs, job)
    model = keras_model(name, len(inputs.vocabulary) + 2, fixed.shape[1], len(inputs.labels), job)
    size = sum(int(np.prod(variable.shape)) for variable in network.variables.values())
    if size != model.count_params():
        raise AssertionError("{}: {:,} weights, {:,} in Keras".format(name, size, model.count_params()))
    targets = np.eye(len(inputs.labels), dtype=np.float32)[part.labels]
    rng, step = np.random.RandomState(job.seed), [0]

    def ours() -> None:
        for rows in batches.epoch(part, job.batch_size, rng):
            float(network.step(part.padded(rows), part.labels[rows], np.int32(step[0])))
            step[0] += 1

    return [ours, lambda: model.fit(fixed, targets, batch_size=job.batch_size, epochs=1, verbose=0)]


def keras_model(name: str, vocabulary: int, columns: int, classes: int, job: Settings) -> Any:
    """The network of ``name`` as the Keras documentation would write it, compiled."""
    ids = layers.Input((columns,), dtype="int32")
    x = layers.Embedding(vocabulary, job.model[name]["embedding"])(ids)
    pooled = layers.Dropout(1 - job.keep_prob)(_POOLED[name](x, job.model[name]))
    model = tf.keras.Model(ids, layers.Dense(classes)(pooled))
    model.compile(tf.keras.optimizers.Adam(job.learning_rate), tf.keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=job.label_smoothing))
    return model


def _cnn(x: Any, sizes: Mapping[str, Any]) -> Any:
    windows = [layers.Conv1D(sizes["filters"], width, activation="relu")(x) for width in sizes["widths"]]
    return layers.Concatenate()([layers.GlobalMaxPooling1D()(each) for each in windows])


def _rnn(x: Any, sizes: Mapping[str, Any]) -> Any:
    return layers.GlobalMaxPooling1D()(layers.Bidirectional(layers.LSTM(sizes["units"], return_sequences=True))(x))


def _rcnn(x: Any, sizes: Mapping[str, Any]) -> Any:
    lstm = layers.LSTM(sizes["units"], return_sequences=True)
    forward, backward = layers.Bidirectional(lstm, merge_mode=None)(x)
    left = layers.ZeroPadding1D((1, 0))(layers.Cropping1D((0, 1))(forward))
    right = layers.ZeroPadding1D((0, 1))(layers.Cropping1D((1, 0))(backward))
    hidden = layers.Dense(sizes["hidden"], activation="tanh")(layers.Concatenate()([left, x, right]))
    return layers.GlobalMaxPooling1D()(hidden)


_POOLED: Dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {"cnn": _cnn, "rnn": _rnn, "rcnn": _rcnn}


if __name__ == "__main__":
    sys.exit(errors.run(lambda: main(sys.argv[1:])))
