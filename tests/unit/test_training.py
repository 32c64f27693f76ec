"""Training: batches, seeds, the step's seams, and the settings that steer training."""
import io
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import tensorflow as tf

import models
from textjob.data.dataset import read_dataset
from textjob.errors import JobError, TerminatedError
from textjob.flags import from_flags
from textjob.packaging import export
from textjob.settings import DataSettings, Settings
from textjob.text.encoding import TextEncoder
from textjob.text.vectors import Vectors
from textjob.training import batches, classifier, dev_weight, feed, trainer
from textjob.training.checkpoints import Checkpoint, Checkpoints
from textjob.training.inputs import Inputs, class_weights, prepare, with_wide_part
from textjob.training.optimizer import Optimizer
from textjob.training.progress import Progress
from textjob.training.step import Step
from textjob.training.workers import Gradients, Workers, share

pytestmark = pytest.mark.trains


def job(small_data: Path, *flags: str) -> Settings:
    return from_flags(["--data_url", str(small_data), "--train_url", "unused", "--min_count", "1", *flags])[0]


def train(model: str, inputs: Inputs, settings: Settings, folder: Path) -> Any:
    """The trained classifier and the result of training."""
    return trainer.train(model, inputs, settings, folder, Checkpoints(folder / "checkpoints", {}))


@pytest.fixture(scope="module")
def vocabulary_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("v") / "vocabulary.txt"


@pytest.fixture(scope="module")
def prepared(small_data: Path, vocabulary_file: Path) -> Tuple[Inputs, TextEncoder]:
    return prepare(read_dataset(str(small_data)), job(small_data), vocabulary_file)


@pytest.fixture(scope="module")
def inputs(prepared: Tuple[Inputs, TextEncoder]) -> Inputs:
    """Without a wide part."""
    return prepared[0]


# Batches and inputs


def test_an_epoch_contains_every_row_once_and_little_padding(inputs: Inputs) -> None:
    order = batches.epoch(inputs.train.lengths, 16, np.random.RandomState(1))
    assert sorted(np.concatenate(order)) == list(range(len(inputs.train.lengths)))
    assert len(order) == batches.count(len(inputs.train.lengths), 16)
    cells = sum(inputs.train.padded(rows).size for rows in order)
    assert cells < 1.2 * inputs.train.lengths.sum()


def test_padded_rows_are_the_ids_that_the_graph_makes(prepared: Tuple[Inputs, TextEncoder], small_data: Path) -> None:
    texts = read_dataset(str(small_data)).train.texts[:20]
    inputs, encoder = prepared
    assert np.array_equal(inputs.train.padded(np.arange(20)), encoder.padded(texts))


def test_the_vocabulary_holds_the_words_of_the_training_part_by_frequency_then_bytes(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("x\tb a a c\ny\td d b\nx\te\n", encoding="utf-8")
    (tmp_path / "dev.tsv").write_text("x\tunseen a\n", encoding="utf-8")
    found, _ = prepare(read_dataset(str(tmp_path), DataSettings("0")), job(tmp_path), tmp_path / "vocabulary.txt")
    assert found.vocabulary == [b"a", b"b", b"d", b"c", b"e"]
    assert (tmp_path / "vocabulary.txt").read_bytes() == b"a\nb\nd\nc\ne\n"


def test_labels_that_the_training_part_lacks_count_as_wrong(small_data: Path, tmp_path: Path) -> None:
    for part in ("train", "dev"):
        (tmp_path / (part + ".tsv")).write_bytes((small_data / (part + ".tsv")).read_bytes())
    (tmp_path / "test.tsv").write_text("food\tsoup bread\nmystery\tsoup bread\n", encoding="utf-8")
    found, _ = prepare(read_dataset(str(tmp_path)), job(tmp_path), tmp_path / "vocabulary.txt")
    assert found.names == [*found.labels, "mystery"]
    assert found.test.labels.tolist() == [found.labels.index("food"), 3]


def test_balanced_class_weights_give_each_class_the_same_total_weight(inputs: Inputs, small_data: Path) -> None:
    rare = inputs._replace(train=inputs.train._replace(labels=np.array([0] * 30 + [1] * 60 + [2] * 150, np.int32)))
    weights = class_weights(rare, job(small_data, "--class_weights", "balanced"))
    assert np.allclose(weights * [30, 60, 150], 80)
    assert np.array_equal(class_weights(rare, job(small_data)), np.ones(3))
    absent = inputs._replace(train=inputs.train._replace(labels=np.array([0] * 3 + [1] * 1, np.int32)))
    assert np.allclose(class_weights(absent, job(small_data, "--class_weights", "balanced")) * [3, 1, 1], 5 / 3)


@pytest.mark.parametrize("model", models.MODELS)
def test_pretrained_vectors_replace_the_rows_of_their_words_and_no_other_row(
        model: str, inputs: Inputs, small_data: Path) -> None:
    size = job(small_data).model[model]["embedding"]
    vectors = Vectors(np.array([0, 5]), np.arange(2 * size, dtype=np.float32).reshape(2, size))
    random = classifier.new(model, inputs, job(small_data)).variables["embedding"].numpy()
    random[[2, 7]] = vectors.values  # the ids 0 and 1 are the padding and the unknown word
    pretrained = classifier.new(model, inputs._replace(vectors=vectors), job(small_data))
    assert np.array_equal(pretrained.variables["embedding"].numpy(), random)


# Repeatability


@pytest.mark.parametrize("model", models.MODELS)
def test_one_seed_repeats_a_run_bit_for_bit_and_another_seed_does_not(
        model: str, inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    runs = [train(model, inputs, job(small_data, "--epochs", "2", "--seed", seed), tmp_path / str(i))[1]
            for i, seed in enumerate(["1", "1", "2"])]
    same = [all(np.array_equal(runs[0].weights[key], run.weights[key]) for key in runs[0].weights) for run in runs]
    assert same == [True, True, False]


@pytest.mark.parametrize("model", ["cnn", "rnn"])
def test_the_number_of_steps_per_call_changes_no_bit_of_the_result(
        model: str, inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    flags = ["--epochs", "2", "--batch_size", "16", "--checkpoint_seconds"]
    runs = [train(model, inputs, job(small_data, *flags, seconds), tmp_path / seconds)[1]
            for seconds in ("0", "300")]  # one step per call, eight steps per call
    assert all(np.array_equal(runs[0].weights[key], runs[1].weights[key]) for key in runs[0].weights)
    assert [row.loss for row in runs[0].history] == [row.loss for row in runs[1].history]


# The seams of the step: feed and reduce


def steps(inputs: Inputs, settings: Settings, source: feed.Feed, **seams: Any) -> Tuple[List[float], Dict[str, Any]]:
    """The losses of three batches, and the state afterwards."""
    network = classifier.new("cnn", inputs, settings)
    step = Step(network, source, Optimizer(network.variables, 0.01, 100), class_weights(inputs, settings), settings,
                **seams)
    order = batches.epoch(inputs.train.lengths, 16, np.random.RandomState(1))[:3]
    return step.run(order, 0).tolist(), step.state()


def test_a_feed_outside_of_the_graph_gives_the_same_bits_as_tensors_in_memory(
        inputs: Inputs, small_data: Path) -> None:
    settings, part = job(small_data), inputs.train

    def outside(rows: Any) -> Tuple[Any, Any]:
        ids, labels = tf.numpy_function(lambda r: (part.padded(r), part.labels[r]), [rows], [tf.int32, tf.int32])
        return tf.ensure_shape(ids, [None, None]), tf.ensure_shape(labels, [None])

    losses, state = steps(inputs, settings, feed.in_memory(part))
    other_losses, other_state = steps(inputs, settings, outside)
    assert losses == other_losses
    assert all(np.array_equal(state[key], other_state[key]) for key in state)


class Reducing(Workers):
    """One node whose gradients are multiplied by a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor

    def reduce(self, loss: Any, gradients: Gradients, ids: Any) -> Tuple[Any, Gradients]:
        return loss, {name: tf.IndexedSlices(g.values * self._factor, g.indices) if isinstance(g, tf.IndexedSlices)
                      else g * self._factor for name, g in gradients.items()}


def test_the_reduced_gradients_are_the_ones_that_are_applied(inputs: Inputs, small_data: Path) -> None:
    settings, source = job(small_data), feed.in_memory(inputs.train)
    single = steps(inputs, settings, source)[1]
    unchanged = steps(inputs, settings, source, workers=Reducing(1.0))[1]
    assert all(np.array_equal(unchanged[key], value) for key, value in single.items())
    still = steps(inputs, settings, source, workers=Reducing(0.0))[1]
    initial = classifier.new("cnn", inputs, settings).variables
    assert all(np.array_equal(still["weight/" + name], variable.numpy()) for name, variable in initial.items())


class OneOf(Workers):
    """A node of several, without a connection to the others."""

    def __init__(self, number: int, nodes: int) -> None:
        super().__init__()
        self.number, self.nodes = number, nodes


@pytest.mark.parametrize("model", models.MODELS)
@pytest.mark.parametrize("texts, nodes", [(16, 2), (15, 4), (7, 3), (2, 3), (1, 2)])
def test_the_losses_and_gradients_of_all_shares_add_up_to_those_of_the_batch(
        model: str, texts: int, nodes: int, inputs: Inputs, small_data: Path) -> None:
    """Dropout and the dropout of words, too: the noise of a text does not depend on the number of nodes."""
    settings = job(small_data)
    ids, labels = feed.in_memory(inputs.train)(tf.range(3, 3 + texts, dtype=tf.int64))
    network = classifier.new(model, inputs, settings)

    def gradients(workers: Workers) -> Tuple[float, Dict[str, np.ndarray]]:
        step = Step(network, feed.in_memory(inputs.train), Optimizer(network.variables, 0.01, 100),
                    class_weights(inputs, settings), settings, workers)
        loss, made = step.gradients(ids, labels, tf.constant(5))
        return float(loss), {name: tf.convert_to_tensor(value).numpy() for name, value in made.items()}

    loss, expected = gradients(Workers())
    parts = [gradients(OneOf(number, nodes)) for number in range(nodes)]
    assert sum(part[0] for part in parts) == pytest.approx(loss, rel=1e-5)
    for name, value in expected.items():
        np.testing.assert_allclose(sum(part[1][name] for part in parts), value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("texts", range(1, 12))
def test_the_shares_of_a_batch_are_every_text_once_and_differ_by_one_text_at_most(texts: int) -> None:
    shares = [share(tf.constant(texts), number, 3) for number in range(3)]
    rows = [list(range(int(each.first), int(each.first) + int(each.texts))) for each in shares]
    assert sum(float(each.weight) for each in shares) == pytest.approx(1)
    if texts < 3:
        assert rows == [list(range(texts))] * 3  # a share without a text would have no gradient
    else:
        assert [row for each in rows for row in each] == list(range(texts))
        assert max(map(len, rows)) - min(map(len, rows)) <= 1


# Epochs


def test_training_learns_a_linearly_separable_task_and_writes_events(
        inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    _, trained = train("cnn", inputs, job(small_data, "--epochs", "20"), tmp_path)
    assert max(row.val_accuracy for row in trained.history) > 0.9
    assert list(tmp_path.glob("events*"))


def test_the_weights_of_the_best_epoch_are_kept(inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    network, trained = train("cnn", inputs, job(small_data, "--epochs", "6"), tmp_path)
    best = max(trained.history, key=lambda row: (
        row.val_macro_f1, row.val_accuracy, -row.val_loss, row.epoch))
    assert trained.best_epoch == best.epoch
    assert np.mean(network.predict(inputs.dev).argmax(1) == inputs.dev.labels) == pytest.approx(best.val_accuracy)


def test_the_figures_of_the_best_epoch_are_those_of_the_kept_network_weight(
        inputs: Inputs, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev_weight, "_PRIOR", 0.0)  # 60 rows do not outweigh the prior
    settings = job(small_data, "--epochs", "3")
    network, trained = train("cnn", with_wide_part(inputs, settings), settings, tmp_path)
    best, found, labels = trained.history[trained.best_epoch - 1], network.predict(inputs.dev), inputs.dev.labels
    assert np.mean(found.argmax(1) == labels) == pytest.approx(best.val_accuracy)
    assert -np.mean(np.log(found[np.arange(len(found)), labels])) == pytest.approx(best.val_loss, rel=1e-5)
    assert trained.weights["wide/network"] == np.float32(best.network_weight) != dev_weight.DEFAULT


def test_patience_ends_a_run_that_no_longer_improves(inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    _, trained = train("cnn", inputs, job(small_data, "--epochs", "200", "--patience", "2",
                                          "--learning_rate", "0.02"), tmp_path)
    least = min(trained.history, key=lambda row: row.val_loss).epoch
    assert len(trained.history) == max(trained.best_epoch, least) + 2 < 200


def test_label_smoothing_lowers_the_greatest_probability(inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    greatest = [train("cnn", inputs, job(small_data, "--epochs", "20", "--label_smoothing", smoothing),
                      tmp_path / smoothing)[0].predict(inputs.train).max() for smoothing in ("0", "0.3")]
    assert greatest[1] < greatest[0]


def test_small_data_is_trained_for_at_least_1000_steps(small_data: Path) -> None:
    assert trainer.planned_epochs(240, job(small_data)) == 250  # 4 batches per epoch
    assert trainer.planned_epochs(64 * 3, job(small_data)) == 334
    assert trainer.planned_epochs(64 * 999, job(small_data)) == 8
    assert trainer.planned_epochs(240, job(small_data, "--epochs", "3")) == 3


def test_the_default_patience_is_200_steps_and_at_least_3_epochs(small_data: Path) -> None:
    assert trainer.planned_patience(240, job(small_data)) == 50  # 4 batches per epoch
    assert trainer.planned_patience(64 * 67, job(small_data)) == 3
    assert trainer.planned_patience(64 * 999, job(small_data)) == 3
    assert trainer.planned_patience(240, job(small_data, "--patience", "5")) == 5


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_step(
        inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"loss became (nan|inf) at step \d+ .*--learning_rate"):
        train("cnn", inputs, job(small_data, "--epochs", "50", "--learning_rate", "1e30"), tmp_path)


def test_an_interruption_ends_the_run_after_a_checkpoint_of_the_last_step(
        inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    settings = job(small_data, "--epochs", "2", "--batch_size", "16")  # 15 batches per epoch, 8 steps per call
    checkpoints = Checkpoints(tmp_path / "checkpoints", {})
    with pytest.raises(TerminatedError):
        trainer.train("cnn", inputs, settings, tmp_path, checkpoints, Workers(lambda: True))
    assert checkpoints.facts()["step"] == 8
    resumed = trainer.train("cnn", inputs, settings, tmp_path, checkpoints)[1]
    complete = train("cnn", inputs, settings, tmp_path / "complete")[1]
    assert all(np.array_equal(resumed.weights[key], complete.weights[key]) for key in complete.weights)


class Numbered(Checkpoints):
    """Records the numbers of the checkpoints."""

    def write(self, number: int, checkpoint: Checkpoint) -> None:
        self.numbers = [*getattr(self, "numbers", []), number]
        super().write(number, checkpoint)


def test_the_numbers_of_checkpoints_increase_within_epochs_and_between_them(
        inputs: Inputs, small_data: Path, tmp_path: Path) -> None:
    checkpoints = Numbered(tmp_path / "checkpoints", {})
    settings = job(small_data, "--epochs", "3", "--checkpoint_seconds", "0")
    trainer.train("cnn", inputs, settings, tmp_path, checkpoints)
    assert len(checkpoints.numbers) == 3 * (4 + 1)  # one per step and one per epoch
    assert checkpoints.numbers == sorted(set(checkpoints.numbers))


# The wide part alone


def test_the_wide_part_is_a_classifier_of_its_own_that_can_be_exported(
        prepared: Tuple[Inputs, TextEncoder], vocabulary_file: Path, small_data: Path, tmp_path: Path) -> None:
    data, settings = read_dataset(str(small_data)), job(small_data)
    inputs, encoder = with_wide_part(prepared[0], settings), prepared[1]
    alone = classifier.wide_alone(inputs)
    assert np.mean(alone.predict(inputs.dev).argmax(1) == inputs.dev.labels) > 0.9
    labels_file = tmp_path / "labels.txt"
    labels_file.write_text("".join(label + "\n" for label in data.labels), encoding="utf-8")
    export.export(tmp_path / "model", models.WIDE, inputs.wide, vocabulary_file, labels_file, data.labels,
                  settings.max_length, settings.tokens_read)
    texts = data.dev.texts[:20]
    export.verify(tmp_path / "model", texts, alone.probabilities(*encoder.inputs(texts)).numpy(), data.labels)


def test_the_network_reads_max_length_tokens_and_the_wide_part_four_times_as_many(
        small_data: Path, tmp_path: Path) -> None:
    data, settings = read_dataset(str(small_data)), job(small_data, "--max_length", "2")
    inputs, encoder = prepare(data, settings, tmp_path / "vocabulary.txt")
    inputs = with_wide_part(inputs, settings)
    made = classifier.new("cnn", inputs, settings)
    word, other = (word.decode("utf-8") for word in inputs.vocabulary[:2])
    texts = [f"{word} " * 2, f"{word} " * 2 + other, f"{word} " * 8, f"{word} " * 8 + other]
    encoded = encoder.encode(texts, [0] * len(texts))
    assert np.ptp(made.network_logits(encoded), axis=0).max() < 1e-6
    wide_logits = made.wide_logits(encoded)
    assert np.abs(wide_logits[0] - wide_logits[1]).max() > 1e-3
    assert np.abs(wide_logits[2] - wide_logits[3]).max() < 1e-6

    labels_file = tmp_path / "labels.txt"
    labels_file.write_text("".join(label + "\n" for label in data.labels), encoding="utf-8")
    export.export(tmp_path / "model", "cnn", dict(made.weights(), **inputs.wide), tmp_path / "vocabulary.txt",
                  labels_file, data.labels, settings.max_length, settings.tokens_read)
    export.verify(tmp_path / "model", texts, made.predict(encoded), data.labels)


def test_without_a_wide_part_a_text_is_cut_at_max_length(small_data: Path, tmp_path: Path) -> None:
    settings = job(small_data, "--max_length", "2", "--wide", "false")
    inputs, _ = prepare(read_dataset(str(small_data)), settings, tmp_path / "vocabulary.txt")
    assert inputs.train.lengths.max() == 2


# The progress line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_progress_line_is_shown_on_a_terminal_and_removed() -> None:
    terminal = Terminal()
    progress = Progress("cnn epoch 3/20", 137, terminal)
    progress.show(40, 0.43214)
    assert terminal.getvalue().endswith("cnn epoch 3/20: 40 of 137 batches, loss 0.4321")
    progress.clear()
    assert terminal.getvalue().endswith("\r\033[K") and "\n" not in terminal.getvalue()


def test_the_progress_line_is_not_rewritten_for_every_batch() -> None:
    terminal = Terminal()
    progress = Progress("cnn epoch 3/20", 10000, terminal)
    for batch in range(10000):
        progress.show(batch, 0.5)
    assert 1 <= terminal.getvalue().count("batches") < 5000


def test_a_log_file_gets_one_line_per_epoch_and_no_progress_line(
        inputs: Inputs, small_data: Path, tmp_path: Path, capsys: Any) -> None:
    train("cnn", inputs, job(small_data, "--epochs", "1"), tmp_path)
    out = capsys.readouterr().out
    assert "\r" not in out and "\b" not in out and "\033" not in out
    assert len(out.splitlines()) == 1 and "val_accuracy=0." in out
