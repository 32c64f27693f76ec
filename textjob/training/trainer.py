"""The training of one model: epochs, early stopping, checkpoints, resume.

The order of the batches follows from the seed and the epoch, and the noise in a step from the seed and the step
(``step.py``). Therefore one seed repeats a run bit for bit on one machine, and a run can resume at any step.
"""
import math
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import tensorflow as tf

from models import wide
from textjob.errors import JobError, TerminatedError, WorkerLostError
from textjob.results import EpochRow, TrainingResult, as_json
from textjob.settings import Settings
from textjob.training import batches, classifier, feed
from textjob.training.checkpoints import Checkpoint, Checkpoints
from textjob.training.classifier import Classifier
from textjob.training.dev_weight import DevEvaluation
from textjob.training.inputs import Inputs, class_weights
from textjob.training.optimizer import Optimizer
from textjob.training.progress import Estimate, Progress
from textjob.training.step import STEPS_PER_CALL, Step
from textjob.training.workers import Workers

# tf.summary.scalar needs the package tensorboard, which TensorFlow no longer installs; this is the metadata it writes.
_SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})


class Run:
    """The training of one model, at its beginning or at its newest checkpoint.

    A checkpoint contains the complete state, because the order of the batches and the noise follow from the seed and
    the step. Of several nodes the chief has the checkpoints and the figures of dev, and sends them to the others.
    """

    def __init__(self, name: str, inputs: Inputs, settings: Settings, checkpoints: Optional[Checkpoints],
                 workers: Optional[Workers] = None) -> None:
        self.name, self._inputs, self._settings, self._checkpoints = name, inputs, settings, checkpoints
        self._workers = workers or Workers()
        rows, weights = len(inputs.train.lengths), class_weights(inputs, settings)
        self.classifier = classifier.new(name, inputs, settings)
        self.epochs, self._patience = planned_epochs(rows, settings), planned_patience(rows, settings)
        steps = self.epochs * batches.count(rows, settings.batch_size)
        self._step = Step(self.classifier, feed.of(inputs.train),
                          Optimizer(self.classifier.variables, settings.learning_rate, steps), weights, settings,
                          self._workers)
        # The logits of the wide part are computed once, because no step changes them.
        self._dev = DevEvaluation(inputs.dev.labels, inputs.names, weights,
                                  self.classifier.wide_logits(inputs.dev) if inputs.wide else None)
        self.history: List[EpochRow] = []
        self.weights: Dict[str, np.ndarray] = {}      # of the best epoch
        self.epoch, self.batch, self.step = 1, 0, 0   # of the next batch; epochs count from 1, the others from 0
        self.loss = 0.0                               # sum over the rows of this epoch
        self.seconds = 0.0                            # of this epoch and all finished ones
        self.epoch_seconds = 0.0
        self._since = time.time()
        self._restore()
        self._estimate = Estimate(name, steps - self.step, self.epochs - self.epoch + 1)

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept, 0 before the first.

        Of equally good epochs it is the latest, because the noise falls with the learning rate.
        """
        return max(self.history, key=lambda row: (*_rank(row), row.epoch)).epoch if self.history else 0

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or neither macro-F1 nor the loss has improved for some epochs (``patience``).

        On a few hundred dev rows macro-F1 changes by chance from epoch to epoch; the loss changes less.
        """
        if not self.history:
            return False
        lowest_loss = min(self.history, key=lambda row: row.val_loss).epoch
        stale = len(self.history) - max(self.best_epoch, lowest_loss) >= self._patience
        return self.epoch > self.epochs or stale

    def train_epoch(self) -> None:
        """Train the rest of this epoch.

        Raises:
            TerminatedError: the job was interrupted; a checkpoint has been written.
            JobError: the loss is not finite.
        """
        settings = self._settings
        order = batches.of_part(self._inputs.train, settings.batch_size,
                                np.random.RandomState([settings.seed, self.epoch]))
        progress = Progress(f"{self.name} epoch {self.epoch}/{self.epochs}", len(order), sys.stdout)
        saved = time.time()
        # 0 seconds mean a checkpoint after each step.
        steps = STEPS_PER_CALL if settings.checkpoint_seconds else 1
        while self.batch < len(order):
            self._workers.before_step()
            self._train(order[self.batch:self.batch + steps], progress)
            stops = self._workers.stops()
            if stops or time.time() - saved > settings.checkpoint_seconds:
                self.save()
                saved = time.time()
            if stops:
                raise _terminated()
        progress.clear()

    def _train(self, some: List[np.ndarray], progress: Progress) -> None:
        try:
            losses = self._step.run(some, self.step)
        except WorkerLostError:
            self._count(some, self._step.finished(), progress)
            raise
        self._count(some, losses, progress)
        if self._workers.is_chief:
            for line in self._estimate.line(len(some)):
                progress.clear()
                print(line, flush=True)

    def _count(self, some: List[np.ndarray], losses: np.ndarray, progress: Progress) -> None:
        """Count the steps that have been made: those with a loss."""
        for rows, loss in zip(some, losses):
            if not np.isfinite(loss):
                raise JobError(f"the loss became {loss} at step {self.step} (epoch {self.epoch}, batch {self.batch}); "
                               f"set --learning_rate below {self._settings.learning_rate:g}")
            self.loss, self.step, self.batch = self.loss + float(loss) * len(rows), self.step + 1, self.batch + 1
            progress.show(self.batch, float(loss))

    def end_epoch(self) -> None:
        """Evaluate on dev, append a row to the history, and keep the weights if they are the best."""
        row = EpochRow.from_json(self._workers.same(lambda: as_json(self._evaluated())))
        self.history.append(row)
        if self.best_epoch == self.epoch:
            self.weights = self.classifier.weights()
        self.epoch, self.batch, self.loss, self.epoch_seconds = self.epoch + 1, 0, 0.0, 0.0

    def _evaluated(self) -> EpochRow:
        figures = self._dev.figures(self.classifier.network_logits(self._inputs.dev))
        if "network_weight" in figures:
            self.classifier.set_network_weight(figures["network_weight"])
        self._measure()
        return EpochRow(epoch=self.epoch, loss=self.loss / len(self._inputs.train.lengths),
                        seconds=self.epoch_seconds, **figures)

    def stop_if_interrupted(self) -> None:
        """Stop the job after a checkpoint.

        Raises:
            TerminatedError: the job was interrupted.
        """
        if self._workers.agree_to_stop():
            raise _terminated()

    def _measure(self) -> None:
        now = time.time()
        self.seconds, self.epoch_seconds = self.seconds + now - self._since, self.epoch_seconds + now - self._since
        self._since = now

    def save(self) -> None:
        """Write a checkpoint of the current state, on the chief."""
        if self._checkpoints is None:
            return
        self._measure()
        arrays = {"state/" + key: value for key, value in self._step.state().items()}
        arrays.update({"best/" + key: value for key, value in self.weights.items()})
        # The number also grows at the end of an epoch, so that no checkpoint overwrites another.
        self._checkpoints.write(self.step + self.epoch, Checkpoint(arrays, self._facts()))

    def _restore(self) -> None:
        newest = self._checkpoints.newest() if self._checkpoints is not None else None
        if newest is not None:
            self._set_facts(newest.facts)
            self._step.restore(_below("state/", newest.arrays))
            self.weights = _below("best/", newest.arrays)
            print(f"{self.name}: resumes at epoch {self.epoch}, batch {self.batch}", flush=True)
        if self._workers.several:
            self._set_facts(self._workers.same(self._facts))
            self._step.restore(self._workers.same_arrays(self._step.state()))

    def _facts(self) -> Dict[str, Any]:
        return dict({name: getattr(self, name) for name in _FACTS}, history=[as_json(row) for row in self.history])

    def _set_facts(self, facts: Dict[str, Any]) -> None:
        for name in _FACTS:
            setattr(self, name, facts[name])
        self.history = [EpochRow.from_json(row) for row in facts["history"]]


_FACTS = ("epoch", "batch", "step", "loss", "seconds", "epoch_seconds")


def _terminated() -> TerminatedError:
    return TerminatedError("stopped by SIGTERM after a checkpoint; run the same command again to resume")


def _below(prefix: str, arrays: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
    return {key[len(prefix):]: value for key, value in arrays.items() if key.startswith(prefix)}


def _rank(row: EpochRow) -> Tuple[float, float, float]:
    return row.val_macro_f1, row.val_accuracy, -row.val_loss


def planned_epochs(rows: int, settings: Settings) -> int:
    """The maximal number of epochs: the setting, else 8, and on small data as many as are needed for 1,000 steps."""
    return settings.epochs or max(8, math.ceil(1000 / batches.count(rows, settings.batch_size)))


def planned_patience(rows: int, settings: Settings) -> int:
    """The epochs without progress that end the training: the setting, else 3, or as many as make 200 steps.

    Before its first hundred steps a network often predicts one class only: with 200 rows that is thirty epochs.
    """
    return settings.patience or max(3, math.ceil(200 / batches.count(rows, settings.batch_size)))


def train(name: str, inputs: Inputs, settings: Settings, logs: Optional[Path], checkpoints: Optional[Checkpoints],
          workers: Optional[Workers] = None) -> Tuple[Classifier, TrainingResult]:
    """Train one model of ``models.MODELS``, from its newest checkpoint if it has one.

    Prints one line per epoch and writes TensorBoard events to ``logs``. The line is printed after the checkpoint, so
    that a resumed run does not print it again.

    Args:
        logs, checkpoints: None on a node that writes nothing; its result has no weights.
        workers: the nodes of the job, and whether they have to stop.

    Raises:
        TerminatedError: the job had to stop; a checkpoint has been written.
        WorkerLostError: another node has ended; a checkpoint has been written.
    """
    run = Run(name, inputs, settings, checkpoints, workers)
    writer = tf.summary.create_file_writer(str(logs)) if logs else None
    try:
        while not run.finished:
            run.train_epoch()
            run.end_epoch()
            if writer:
                _log(writer, run.history[-1])
            run.save()
            if writer:
                _print_epoch(name, run)
            run.stop_if_interrupted()
    except WorkerLostError:
        run.save()  # no step has been applied in part
        raise
    if writer:
        writer.close()
        run.classifier.set_weights(run.weights)
    if inputs.wide:
        print(f"{name}: logits = {float(run.weights[wide.NETWORK]):.2f} x network + wide part "
              "(weight chosen on dev)", flush=True)
    return run.classifier, TrainingResult(dict(run.weights, **inputs.wide), run.history, run.best_epoch, run.seconds)


def _print_epoch(name: str, run: Run) -> None:
    row = run.history[-1]
    print(f"{name} epoch {row.epoch}/{run.epochs} loss={row.loss:.4f} val_loss={row.val_loss:.4f} "
          f"val_accuracy={row.val_accuracy:.4f} val_macro_f1={row.val_macro_f1:.4f} seconds={row.seconds:.1f}",
          flush=True)


def _log(writer: Any, row: EpochRow) -> None:
    with writer.as_default():
        for key in ("loss", "val_loss", "val_accuracy", "val_macro_f1"):
            tf.summary.write(key, np.float32(getattr(row, key)), step=row.epoch, metadata=_SCALAR)
    writer.flush()
