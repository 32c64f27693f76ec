"""One model's training: batches in, the best epoch's weights out.

The order of the batches follows from the job's seed and the epoch, and nothing random in a step from hidden state
(``classifier.py``). One seed repeats a run bit for bit on one machine, and a run can go on from any step.
"""
import sys
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

import numpy as np
import tensorflow as tf

from models import wide
from textjob.errors import JobError
from textjob.job import interruption
from textjob.settings import Settings
from textjob.training import batches
from textjob.training.checkpoints import Checkpoint, Checkpoints
from textjob.training.classifier import Network
from textjob.training.inputs import Inputs

AT_ONCE = 8
"""Batches of a call of ``Network.run``; a job can be interrupted between two calls."""

# tf.summary.scalar wants the package tensorboard, which today's TensorFlow no longer brings; this is what it writes.
_SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})


class Trained(NamedTuple):
    """What training leaves behind."""

    weights: Dict[str, np.ndarray]   # of the best epoch, with those of the wide part
    history: List[Dict[str, float]]  # a row for each epoch
    best_epoch: int                  # from 1
    seconds: float                   # of the epochs, evaluation on dev included


class Run:
    """One model's training, from wherever it stands: at the beginning, or where a checkpoint was made.

    What a checkpoint holds is all there is: the order of the batches and the noise follow from the seed and the step.
    """

    def __init__(self, name: str, inputs: Inputs, settings: Settings, checkpoints: Checkpoints) -> None:
        self.name, self.inputs, self.settings, self.checkpoints = name, inputs, settings, checkpoints
        self.network = Network(name, inputs, settings)
        self.history: List[Dict[str, float]] = []
        self.weights: Dict[str, np.ndarray] = {}  # of the best epoch
        self.epoch, self.batch, self.step = 1, 0, 0   # of the next batch; epochs count from 1, the others from 0
        self.loss = 0.0                           # summed over the epoch's rows so far
        self.seconds = 0.0                        # in this epoch and in all finished ones
        self.epoch_seconds = 0.0
        self._since = time.time()
        self._restore()

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept, 0 before the first; of equals the later: the noise falls with the rate."""
        best = max(self.history, key=lambda row: (*_rank(row), row["epoch"]), default={"epoch": 0})
        return int(best["epoch"])

    @property
    def finished(self) -> bool:
        """No epoch is left, or none has been better for long enough, neither by macro-F1 nor by the loss.

        On a few hundred dev rows macro-F1 moves by chance from epoch to epoch; the loss moves less.
        """
        least = min(self.history, key=lambda row: row["val_loss"], default={"epoch": 0})["epoch"]
        stale = bool(self.history) and len(self.history) - max(self.best_epoch, least) >= self.settings.patience
        return self.epoch > self.network.epochs or stale

    def train_epoch(self) -> None:
        """The rest of this epoch; its row is in the history, and in a checkpoint, afterwards."""
        part, settings, seed = self.inputs.train, self.settings, [self.settings.seed, self.epoch]
        order = batches.epoch(part, settings.batch_size, np.random.RandomState(seed))
        # A job's log is a file: a bar would fill it with control characters.
        bar = tf.keras.utils.Progbar(len(order)) if sys.stdout.isatty() else None
        saved = time.time()
        at_once = AT_ONCE if settings.checkpoint_seconds else 1  # 0: a checkpoint after each
        while self.batch < len(order):
            some = order[self.batch:self.batch + at_once]
            for rows, loss in zip(some, self.network.run(some, self.step)):
                if not np.isfinite(loss):
                    raise JobError(f"the loss became {loss} at step {self.step} (epoch {self.epoch}, batch {self.batch}): try a smaller --learning_rate "
                                   f"than {settings.learning_rate:g}")
                self.loss, self.step, self.batch = self.loss + float(loss) * len(rows), self.step + 1, self.batch + 1
                if bar is not None:
                    bar.add(1, [("loss", loss)])
            if interruption.asked() or time.time() - saved > settings.checkpoint_seconds:
                self.save()
                interruption.stop_if_asked()
                saved = time.time()
        row = dict(self.network.on_dev(), epoch=self.epoch, loss=self.loss / len(part.lengths))
        self._tick()
        self.history.append(dict(row, seconds=self.epoch_seconds))
        if self.best_epoch == self.epoch:
            self.weights = self.network.values()
        self.epoch, self.batch, self.loss, self.epoch_seconds = self.epoch + 1, 0, 0.0, 0.0

    def _tick(self) -> None:
        now = time.time()
        self.seconds, self.epoch_seconds = self.seconds + now - self._since, self.epoch_seconds + now - self._since
        self._since = now

    def save(self) -> None:
        """A checkpoint of the state as it is now."""
        self._tick()
        arrays = {"state/" + key: value for key, value in self.network.state().items()}
        arrays.update({"best/" + key: value for key, value in self.weights.items()})
        facts = {name: getattr(self, name) for name in _FACTS}
        # A number that grows at an epoch's end, too: no checkpoint is written over another.
        self.checkpoints.write(self.step + self.epoch, Checkpoint(arrays, facts))

    def _restore(self) -> None:
        found = self.checkpoints.newest()
        if found is None:
            return
        for name in _FACTS:
            setattr(self, name, found.facts[name])
        self.network.restore({key[len("state/"):]: value for key, value in found.arrays.items()
                              if key.startswith("state/")})
        self.weights = {key[len("best/"):]: value for key, value in found.arrays.items() if key.startswith("best/")}
        print(f"{self.name}: goes on at epoch {self.epoch}, batch {self.batch}", flush=True)


_FACTS = ("history", "epoch", "batch", "step", "loss", "seconds", "epoch_seconds")


def _rank(row: Dict[str, float]) -> Tuple[float, float, float]:
    return row["val_macro_f1"], row["val_accuracy"], -row["val_loss"]


def train(name: str, inputs: Inputs, settings: Settings, logs: Path, checkpoints: Checkpoints
          ) -> Tuple[Network, Trained]:
    """Train one model of the table, from its newest checkpoint where there is one.

    Prints a line an epoch and writes TensorBoard events to ``logs``. The line comes after the checkpoint: a run that
    goes on never prints it again.
    """
    run = Run(name, inputs, settings, checkpoints)
    writer = tf.summary.create_file_writer(str(logs))
    with interruption.deferred():
        while not run.finished:
            run.train_epoch()
            row = run.history[-1]
            with writer.as_default():
                for key in ("loss", "val_loss", "val_accuracy", "val_macro_f1"):
                    tf.summary.write(key, np.float32(row[key]), step=int(row["epoch"]), metadata=_SCALAR)
            writer.flush()
            run.save()
            print("{} epoch {epoch}/{} loss={loss:.4f} val_loss={val_loss:.4f} val_accuracy={val_accuracy:.4f} "
                  "val_macro_f1={val_macro_f1:.4f} seconds={seconds:.1f}".format(name, run.network.epochs, **row),
                  flush=True)
            interruption.stop_if_asked()
    writer.close()
    run.network.take_over(run.weights)
    if inputs.wide:
        print(f"{name}: the network's logits count {float(run.weights[wide.NETWORK]):.2f}, the wide part's 1 (best on dev)", flush=True)
    return run.network, Trained(dict(run.weights, **inputs.wide), run.history, run.best_epoch, run.seconds)
