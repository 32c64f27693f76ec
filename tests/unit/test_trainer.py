"""The trainer on eleven short texts: every number of its result follows from the documented loop."""
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from models import wide
from textjob import metrics
from textjob.errors import JobError, TerminatedError
from textjob.flags import from_flags
from textjob.results import EpochRow, TrainingResult
from textjob.settings import Settings
from textjob.text.encoding import Encoded
from textjob.training import batches, classifier, dev_weight, feed, trainer
from textjob.training.checkpoints import Checkpoints
from textjob.training.inputs import Inputs, class_weights, with_wide_part
from textjob.training.optimizer import Optimizer
from textjob.training.step import Step
from textjob.training.workers import Workers

pytestmark = pytest.mark.trains

CLASSES = ["a", "b", "c"]
EPOCHS, STEPS = 2, 3  # per epoch: batches of 4, 4 and 3 texts


def part(rows: int, seed: int) -> Encoded:
    rng = np.random.RandomState(seed)
    texts = [rng.randint(1, 10, size=rng.randint(1, 7)) for _ in range(rows)]
    lengths = np.array([len(text) for text in texts])
    return Encoded(np.concatenate(texts).astype(np.int32), np.cumsum(lengths) - lengths, lengths,
                   rng.randint(3, size=rows).astype(np.int32))


INPUTS = Inputs([b"w%d" % i for i in range(8)], CLASSES, CLASSES, part(11, 0), part(7, 1), part(3, 2), {})


def job(*flags: str) -> Settings:
    return from_flags(["--data_url", "unused", "--train_url", "unused", "--cnn_filters", "2", "--cnn_embedding", "4",
                       "--batch_size", "4", "--epochs", str(EPOCHS), "--class_weights", "balanced", *flags])[0]


def train(folder: Path, settings: Settings, inputs: Inputs = INPUTS, **more: Any
          ) -> Tuple[classifier.Classifier, TrainingResult]:
    return trainer.train("cnn", inputs, settings, folder / "logs", Checkpoints(folder / "checkpoints" / "cnn", {}),
                         **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Tuple[classifier.Classifier, TrainingResult]:
    """A run without interruption, whose logs and checkpoints are in ``folder``."""
    return train(folder, job())


def test_an_epoch_is_one_step_per_batch_and_its_loss_is_the_mean_over_the_rows(trained: Any) -> None:
    network, result = trained
    settings = job()
    expected = classifier.new("cnn", INPUTS, settings)
    weights = class_weights(INPUTS, settings)
    step = Step(expected, feed.in_memory(INPUTS.train), Optimizer(expected.variables, 0.002, EPOCHS * STEPS), weights,
                settings)
    after = []
    for epoch, row in enumerate(result.history, 1):
        order = batches.epoch(INPUTS.train.lengths, 4, np.random.RandomState([settings.seed, epoch]))
        losses = step.run(order, (epoch - 1) * STEPS)
        after.append(expected.weights())
        probabilities = expected.predict(INPUTS.dev)
        figures = metrics.evaluate(INPUTS.dev.labels, probabilities.argmax(1), CLASSES)
        assert row.epoch == epoch and len(order) == STEPS
        assert row.loss == pytest.approx(np.dot(losses, [len(rows) for rows in order]) / 11, rel=1e-6)
        assert (row.val_accuracy, row.val_macro_f1) == (figures.accuracy, figures.macro_f1)
        assert row.val_loss == pytest.approx(-np.mean(np.log(probabilities[np.arange(7), INPUTS.dev.labels])), rel=1e-5)
        assert row.network_weight is None
    assert len(after) == EPOCHS
    best = after[result.best_epoch - 1]
    assert result.weights.keys() == network.weights().keys() == best.keys()
    for name, value in best.items():
        assert np.array_equal(result.weights[name], value) and np.array_equal(network.weights()[name], value)


def test_the_events_contain_the_figures_of_each_epoch_as_scalars(trained: Any, folder: Path) -> None:
    (file,) = (folder / "logs").glob("events*")
    records = [event_pb2.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]
    values = [(event.step, value) for event in records for value in event.summary.value]
    assert {value.metadata.plugin_data.plugin_name for _, value in values} == {"scalars"}
    assert {(step, value.tag): float(tf.make_ndarray(value.tensor)) for step, value in values} == {
        (row.epoch, key): float(np.float32(getattr(row, key))) for row in trained[1].history
        for key in ("loss", "val_loss", "val_accuracy", "val_macro_f1")}


def test_the_seconds_of_a_run_are_those_of_its_epochs_and_of_the_last_checkpoint(trained: Any, folder: Path) -> None:
    result = trained[1]
    facts = Checkpoints(folder / "checkpoints" / "cnn", {}).facts()
    assert all(row.seconds > 0 for row in result.history)
    assert result.seconds == facts["seconds"]
    assert result.seconds == pytest.approx(sum(row.seconds for row in result.history) + facts["epoch_seconds"])


def test_a_run_that_is_interrupted_after_each_step_has_the_result_of_an_uninterrupted_one(
        trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = job("--checkpoint_seconds", "0")
    checkpoints, facts, lines = Checkpoints(tmp_path / "checkpoints" / "cnn", {}), [], []
    for _ in range(EPOCHS * (STEPS + 1)):
        with pytest.raises(TerminatedError, match="run the same command again"):
            train(tmp_path, settings, workers=Workers(lambda: True))
        facts.append(checkpoints.facts())
        lines += capsys.readouterr().out.splitlines()
    _, result = train(tmp_path, settings, workers=Workers(lambda: True))
    assert [(each["epoch"], each["batch"], each["step"]) for each in facts] == [
        (1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 0, 3), (2, 1, 4), (2, 2, 5), (2, 3, 6), (3, 0, 6)]
    assert [line for line in lines if "resumes" in line] == [
        f"cnn: resumes at epoch {each['epoch']}, batch {each['batch']}" for each in facts[:-1]]
    assert [line.split(" seconds=")[0] for line in lines if "resumes" not in line] == [
        f"cnn epoch {row.epoch}/{EPOCHS} loss={row.loss:.4f} val_loss={row.val_loss:.4f} "
        f"val_accuracy={row.val_accuracy:.4f} val_macro_f1={row.val_macro_f1:.4f}" for row in trained[1].history]
    assert [replace(row, seconds=0) for row in result.history] == [
        replace(row, seconds=0) for row in trained[1].history]
    assert all(np.array_equal(result.weights[key], value) for key, value in trained[1].weights.items())
    seconds = [each["seconds"] for each in facts]
    assert seconds == sorted(set(seconds)) and result.seconds == seconds[-1]
    assert all(row.seconds > facts[i]["epoch_seconds"] > 0 for i, row in zip((2, 6), result.history))


def test_without_an_interruption_the_checkpoints_are_checkpoint_seconds_apart(tmp_path: Path) -> None:
    def written(seconds: str) -> List[Dict[str, Any]]:
        facts: List[Dict[str, Any]] = []
        checkpoints = Checkpoints(tmp_path / seconds / "cnn", {}, lambda: facts.append(checkpoints.facts()))
        trainer.train("cnn", INPUTS, job("--checkpoint_seconds", seconds), tmp_path / "logs", checkpoints)
        return facts

    assert [each["step"] for each in written("1000")] == [3, 6]
    assert [each["step"] for each in written("0")] == [1, 2, 3, 3, 4, 5, 6, 6]


def test_a_loss_that_is_not_finite_is_an_error_with_its_step_epoch_and_batch(tmp_path: Path) -> None:
    with pytest.raises(JobError) as caught:
        train(tmp_path, job("--learning_rate", "1e38"))
    # The first batch is finite, the second step uses weights of 1e38.
    assert str(caught.value) in [f"the loss became {loss} at step 1 (epoch 1, batch 1); set --learning_rate below 1e+38"
                                 for loss in ("nan", "inf")]


def test_the_result_with_a_wide_part_has_its_weights_and_the_factor_of_the_best_epoch(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = job()
    inputs = with_wide_part(INPUTS._replace(dev=part(300, 1)), settings)  # enough rows to outweigh the prior
    network, result = train(tmp_path, settings, inputs)
    assert inputs.wide and inputs.wide.keys() < result.weights.keys()
    best = result.history[result.best_epoch - 1]
    factor = best.network_weight
    assert factor != dev_weight.DEFAULT
    assert result.weights[wide.NETWORK] == network.weights()[wide.NETWORK] == np.float32(factor)
    logits = factor * network.network_logits(inputs.dev) + network.wide_logits(inputs.dev)
    assert best.val_loss == pytest.approx(metrics.cross_entropy(logits, np.eye(3)[inputs.dev.labels]) / 300, rel=1e-5)
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"cnn: logits = {factor:.2f} x network + wide part (weight chosen on dev)")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_run_on_a_terminal_shows_the_progress_of_each_epoch_and_removes_it(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    train(tmp_path, job())
    shown = terminal.getvalue()
    for epoch in (1, 2):
        assert f"\r\033[Kcnn epoch {epoch}/2: 1 of 3 batches, loss " in shown
        assert f"\r\033[Kcnn epoch {epoch}/2 loss=" in shown


# The best epoch and the end


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> trainer.Run:
    return trainer.Run("cnn", INPUTS, job("--patience", "2", "--epochs", "4"),
                       Checkpoints(tmp_path_factory.mktemp("checkpoints") / "cnn", {}))


def history(*rows: Tuple[float, float, float]) -> List[EpochRow]:
    """From macro-F1, accuracy and loss of each epoch."""
    return [EpochRow(epoch, 0.0, loss, accuracy, macro_f1, 0.0)
            for epoch, (macro_f1, accuracy, loss) in enumerate(rows, 1)]


@pytest.mark.parametrize("rows, best", [
    ([], 0), ([(0.5, 0.5, 1.0)], 1), ([(0.6, 0.5, 2.0), (0.5, 0.9, 1.0)], 1), ([(0.5, 0.6, 2.0), (0.5, 0.5, 1.0)], 1),
    ([(0.5, 0.5, 1.0), (0.5, 0.5, 2.0)], 1), ([(0.5, 0.5, 1.0), (0.5, 0.5, 1.0)], 2),
], ids=["no epoch", "one epoch", "macro-F1", "accuracy", "loss", "latest"])
def test_the_best_epoch_has_the_best_macro_f1_then_accuracy_then_loss_and_is_the_latest(
        run: trainer.Run, rows: List[Tuple[float, float, float]], best: int) -> None:
    run.history = history(*rows)
    assert run.best_epoch == best


GOOD, POOR, LOW_LOSS = (0.9, 0.9, 1.0), (0.5, 0.5, 2.0), (0.5, 0.5, 0.5)


@pytest.mark.parametrize("rows, finished", [
    ([], False), ([GOOD, POOR], False), ([GOOD, POOR, POOR], True), ([GOOD, LOW_LOSS, POOR], False),
    ([LOW_LOSS, GOOD, POOR], False), ([POOR, POOR, GOOD, GOOD], True),
], ids=["no epoch", "one stale epoch", "two stale epochs", "a lower loss", "a better macro-F1", "all epochs"])
def test_a_run_ends_after_all_epochs_or_patience_epochs_without_a_better_macro_f1_or_loss(
        run: trainer.Run, rows: List[Tuple[float, float, float]], finished: bool) -> None:
    run.history, run.epoch = history(*rows), len(rows) + 1
    assert run.finished is finished
