"""Training: batches, seeds, and the settings that steer it."""
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import MODELS
from textjob.data.dataset import DataSettings, read_dataset
from textjob.errors import JobError
from textjob.settings import Settings, from_flags
from textjob.training import batches, dev_weight, trainer
from textjob.training.checkpoints import Checkpoints
from textjob.training.classifier import planned_epochs
from textjob.training.inputs import Inputs, class_weights, prepare, with_wide_part

pytestmark = pytest.mark.trains


def job(small_data: Path, *flags: str) -> Settings:
    return from_flags(["--data_url", str(small_data), "--train_url", "unused", "--min_count", "1", *flags])[0]


def train(model: str, inputs: Inputs, settings: Settings, folder: Path) -> Any:
    """The trained network and what training left behind."""
    return trainer.train(model, inputs, settings, folder, Checkpoints(folder / "checkpoints", {}))


@pytest.fixture(scope="module")
def inputs(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Without the wide part: these tests are of the networks."""
    return prepare(read_dataset(str(small_data)), job(small_data), tmp_path_factory.mktemp("v") / "vocabulary.txt")


def test_an_epoch_holds_every_row_once_and_little_padding(inputs: Inputs) -> None:
    order = batches.epoch(inputs.train, 16, np.random.RandomState(1))
    assert sorted(np.concatenate(order)) == list(range(len(inputs.train.lengths)))
    cells = sum(inputs.train.padded(rows).size for rows in order)
    assert cells < 1.2 * inputs.train.lengths.sum()


def test_padded_rows_are_the_ids_that_the_graph_makes(inputs: Inputs, small_data: Path) -> None:
    texts = read_dataset(str(small_data)).train.texts[:20]
    assert np.array_equal(inputs.train.padded(np.arange(20)), inputs.ids(texts))


def test_the_vocabulary_is_of_the_training_part_alone_by_frequency_then_bytes(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("x\tb a a c\ny\td d b\nx\te\n", encoding="utf-8")
    (tmp_path / "dev.tsv").write_text("x\tunseen a\n", encoding="utf-8")
    found = prepare(read_dataset(str(tmp_path), DataSettings("0")), job(tmp_path), tmp_path / "vocabulary.txt")
    assert found.vocabulary == [b"a", b"b", b"d", b"c", b"e"]
    assert (tmp_path / "vocabulary.txt").read_bytes() == b"a\nb\nd\nc\ne\n"


@pytest.mark.parametrize("model", MODELS)
def test_one_seed_repeats_a_run_bit_for_bit_and_another_does_not(
        model: str, inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    runs = [train(model, inputs, job(small_data, "--epochs", "2", "--seed", seed), tmp_path / str(i))[1]
            for i, seed in enumerate(["1", "1", "2"])]
    same = [all(np.array_equal(runs[0].weights[key], run.weights[key]) for key in runs[0].weights) for run in runs]
    assert same == [True, True, False]


@pytest.mark.parametrize("model", ["cnn", "rnn"])
def test_how_many_steps_a_call_makes_changes_no_bit_of_the_result(
        model: str, inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    flags = ["--epochs", "2", "--batch_size", "16", "--checkpoint_seconds"]
    runs = [train(model, inputs, job(small_data, *flags, seconds), tmp_path / seconds)[1]
            for seconds in ("0", "300")]  # after each step, after eight
    assert all(np.array_equal(runs[0].weights[key], runs[1].weights[key]) for key in runs[0].weights)
    assert [row["loss"] for row in runs[0].history] == [row["loss"] for row in runs[1].history]


def test_training_learns_what_a_linear_model_would(inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    _, trained = train("cnn", inputs, job(small_data, "--epochs", "20"), tmp_path)
    assert max(row["val_accuracy"] for row in trained.history) > 0.9
    assert list(tmp_path.glob("events*"))


def test_the_best_epochs_weights_are_kept(inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    network, trained = train("cnn", inputs, job(small_data, "--epochs", "6"), tmp_path)
    best = max(trained.history, key=lambda row: (
        row["val_macro_f1"], row["val_accuracy"], -row["val_loss"], row["epoch"]))
    assert trained.best_epoch == best["epoch"]
    assert np.mean(network.predict(inputs.dev).argmax(1) == inputs.dev.labels) == pytest.approx(best["val_accuracy"])


def test_the_best_epochs_figures_are_those_of_the_network_with_the_wide_part_at_the_weight_that_is_kept(
        inputs: Inputs, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev_weight, "_DOUBT", 0.0)  # 60 rows would not move it
    settings = job(small_data, "--epochs", "3")
    network, trained = train("cnn", with_wide_part(inputs, settings), settings, tmp_path)
    best, found, labels = trained.history[trained.best_epoch - 1], network.predict(inputs.dev), inputs.dev.labels
    assert np.mean(found.argmax(1) == labels) == pytest.approx(best["val_accuracy"])
    assert -np.mean(np.log(found[np.arange(len(found)), labels])) == pytest.approx(best["val_loss"], rel=1e-5)
    assert trained.weights["wide/network"] == np.float32(best["network_weight"]) != dev_weight.USUAL


def test_patience_ends_a_run_that_no_longer_gets_better(
        inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    _, trained = train("cnn", inputs, job(small_data, "--epochs", "200", "--patience", "2",
                                                   "--learning_rate", "0.02"), tmp_path)
    least = min(trained.history, key=lambda row: row["val_loss"])["epoch"]
    assert len(trained.history) == max(trained.best_epoch, least) + 2 < 200


def test_balanced_class_weights_make_each_class_weigh_the_same(inputs: Inputs, small_data: Path) -> None:
    rare = inputs._replace(train=inputs.train._replace(labels=np.array([0] * 30 + [1] * 60 + [2] * 150, np.int32)))
    weights = class_weights(rare, job(small_data, "--class_weights", "balanced"))
    assert np.allclose(weights * [30, 60, 150], 80)
    assert np.array_equal(class_weights(rare, job(small_data)), np.ones(3))


def test_label_smoothing_keeps_probabilities_from_the_ends(
        inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    surest = [train("cnn", inputs, job(small_data, "--epochs", "20", "--label_smoothing", smoothing),
                             tmp_path / smoothing)[0].predict(inputs.train).max() for smoothing in ("0", "0.3")]
    assert surest[1] < surest[0]


def test_small_data_gets_enough_steps(inputs: Inputs, small_data: Path) -> None:
    assert planned_epochs(inputs.train, job(small_data)) == 250  # 4 batches an epoch
    assert planned_epochs(inputs.train, job(small_data, "--epochs", "3")) == 3


def test_a_loss_that_explodes_ends_the_run_and_names_the_step(
        inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"loss became (nan|inf) at step \d+ .*--learning_rate"):
        train("cnn", inputs, job(small_data, "--epochs", "50", "--learning_rate", "1e30"), tmp_path)


def test_labels_that_train_lacks_count_as_wrong(small_data: Path, tmp_path: Path) -> None:
    for part in ("train", "dev"):
        (tmp_path / (part + ".tsv")).write_bytes((small_data / (part + ".tsv")).read_bytes())
    (tmp_path / "test.tsv").write_text("food\tsoup bread\nmystery\tsoup bread\n", encoding="utf-8")
    found = prepare(read_dataset(str(tmp_path)), job(tmp_path), tmp_path / "vocabulary.txt")
    assert found.names == [*found.labels, "mystery"]
    assert found.test.labels.tolist() == [found.labels.index("food"), 3]


def test_a_bar_is_drawn_on_a_terminal_alone(
        inputs: Inputs, small_data: Path, tmp_path: Path, capsys: Any) -> None:
    train("cnn", inputs, job(small_data, "--epochs", "1"), tmp_path)
    out = capsys.readouterr().out
    assert "\r" not in out and "\b" not in out
    assert len(out.splitlines()) == 1 and "val_accuracy=0." in out
