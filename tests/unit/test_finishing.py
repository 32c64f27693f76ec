"""The last step of a training: the temperature, and the wide part that is fitted to the training and the dev part."""
import numpy as np
import pytest

from models import wide
from textjob import metrics
from textjob.data.dataset import read_dataset
from textjob.flags import from_flags
from textjob.results import EpochRow, TrainingResult
from textjob.training import classifier, finishing
from textjob.training.inputs import Inputs, joined, prepare, with_final_wide_part, with_wide_part

TARGETS = np.eye(3)[np.arange(300) % 3]


def calibrated(rows: int = 300, seed: int = 0) -> np.ndarray:
    """Logits whose probabilities are right as often as they say."""
    rng = np.random.RandomState(seed)
    logits = rng.normal(size=(rows, 3)) * 2
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    drawn = (rng.rand(rows, 1) > p.cumsum(1)).sum(1)
    shift = np.arange(rows) % 3 - drawn  # so that the targets of the first rows fit any number of rows
    return np.array([np.roll(row, by) for row, by in zip(logits, shift)])


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5])
def test_the_temperature_corrects_the_confidence(factor: float) -> None:
    found = finishing.best_temperature(calibrated(3000) * factor, np.eye(3)[np.arange(3000) % 3])
    assert found == pytest.approx(factor, rel=0.15)


@pytest.mark.parametrize("rows", [0, 1])
def test_without_dev_rows_or_with_one_the_temperature_is_near_1(rows: int) -> None:
    assert finishing.best_temperature(10 * TARGETS[:rows], TARGETS[:rows]) == pytest.approx(1.0, rel=0.3)


def test_the_temperature_has_the_lowest_cross_entropy_with_a_log_normal_prior() -> None:
    logits = calibrated() * 1.7
    losses = {t: metrics.cross_entropy(logits / t, TARGETS) + 5 * np.log(t) ** 2 for t in np.geomspace(0.25, 4, 81)}
    assert finishing.best_temperature(logits, TARGETS) == min(losses, key=lambda t: losses[t])


WORDS = {"a": ["soup", "bread", "salt"], "b": ["match", "goal", "team"]}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder, rng = tmp_path_factory.mktemp("data"), np.random.RandomState(0)
    for part, rows in (("train", 200), ("dev", 60), ("test", 60)):
        lines = []
        for number in range(rows):
            label = "ab"[number % 2]
            topic = label if rng.rand() < 0.8 else "ab"[1 - number % 2]  # a fifth of the labels is wrong
            lines.append(f"{label}\tthe {WORDS[topic][rng.randint(3)]}{rng.randint(9)} is {number} here\n")
        (folder / f"{part}.tsv").write_text("".join(lines), encoding="utf-8")
    settings = from_flags(["--data_url", str(folder), "--train_url", "unused"])[0]
    data = read_dataset(str(folder), settings)
    return with_wide_part(prepare(data, settings, folder / "vocabulary.txt")[0], settings)


SETTINGS = from_flags(["--data_url", "unused", "--train_url", "unused"])[0]


def trained(inputs: Inputs) -> classifier.Classifier:
    model = classifier.new("cnn", inputs, SETTINGS)
    model.set_network_weight(0.35)
    return model


def result(model: classifier.Classifier, inputs: Inputs) -> TrainingResult:
    return TrainingResult(dict(model.weights(), **inputs.wide), [EpochRow(1, 0.0, 0.0, 0.0, 0.0, 0.0)], 1, 1.0)


def test_the_logits_are_divided_by_the_temperature_and_the_labels_do_not_change(inputs: Inputs) -> None:
    model = trained(inputs)
    exported, found = finishing.finish(model, result(model, inputs), inputs, inputs)
    before, after = model.predict(inputs.test), exported.predict(inputs.test)
    assert found.temperature is not None and abs(np.log(found.temperature)) > 0.05
    assert (before.argmax(1) == after.argmax(1)).all()
    np.testing.assert_allclose(np.log(before[:, 0] / before[:, 1]) / found.temperature,
                               np.log(after[:, 0] / after[:, 1]), rtol=1e-3, atol=1e-4)
    assert found.weights[wide.NETWORK] == np.float32(np.float32(0.35) / found.temperature)
    assert found.wide_rows == 200


def test_the_cross_entropy_on_dev_does_not_grow(inputs: Inputs) -> None:
    model = trained(inputs)
    exported, _ = finishing.finish(model, result(model, inputs), inputs, inputs)
    before, after = (-np.log(each.predict(inputs.dev)[np.arange(60), inputs.dev.labels]).sum()
                     for each in (model, exported))
    assert after <= before


def test_the_exported_wide_part_is_fitted_to_the_training_and_the_dev_part(inputs: Inputs) -> None:
    model, final = trained(inputs), with_final_wide_part(inputs, SETTINGS)
    exported, found = finishing.finish(model, result(model, inputs), inputs, final)
    assert found.wide_rows == 260 and final.choice == inputs.choice
    whole = inputs._replace(train=joined(inputs.train, inputs.dev, np.arange(60)))
    assert (whole.train.lengths.sum(), len(whole.train.labels)) == (len(whole.train.ids), 260)
    again = with_wide_part(whole, SETTINGS)
    assert again.wide.keys() == final.wide.keys()
    assert all(np.array_equal(again.wide[name], final.wide[name]) for name in final.wide)
    assert final.ngrams > inputs.ngrams
    assert exported.predict(inputs.test).shape == (60, 2)


def test_dev_rows_with_a_label_that_the_training_part_lacks_are_left_out(inputs: Inputs) -> None:
    labels = inputs.dev.labels.copy()
    labels[:10] = 2
    final = with_final_wide_part(inputs._replace(dev=inputs.dev._replace(labels=labels)), SETTINGS)
    rest = joined(inputs.train, inputs.dev, np.arange(10, 60))
    expected = with_wide_part(inputs._replace(train=rest), SETTINGS)
    assert all(np.array_equal(expected.wide[name], final.wide[name]) for name in final.wide)


def test_a_network_without_a_wide_part_has_a_temperature_too(inputs: Inputs) -> None:
    plain = inputs._replace(wide={}, choice=None)
    model = classifier.new("cnn", plain, SETTINGS)
    weights = model.weights()
    model.set_weights(dict(weights, **{"output/kernel": 300 * weights["output/kernel"]}))  # certain without a reason
    exported, found = finishing.finish(model, result(model, plain), plain, with_final_wide_part(plain, SETTINGS))
    assert found.temperature is not None and abs(np.log(found.temperature)) > 0.05 and found.wide_rows is None
    before, after = model.predict(inputs.test), exported.predict(inputs.test)
    np.testing.assert_allclose(np.log(before[:, 0] / before[:, 1]) / found.temperature,
                               np.log(after[:, 0] / after[:, 1]), rtol=1e-3, atol=1e-4)
