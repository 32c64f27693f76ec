"""The networks, the loss, the optimizer and the wide part agree with plain NumPy implementations of their equations."""
from dataclasses import replace
from typing import Any, Dict, List

import numpy as np
import pytest
import references
import tensorflow as tf

import models
from models import layers
from textjob.flags import from_flags
from textjob.settings import Settings
from textjob.training.classifier import Classifier
from textjob.training.optimizer import Optimizer
from textjob.training.step import Step, _Noise

TEXTS = [[5], [2, 7], [1, 3, 8, 4, 2, 6], [6, 6, 2, 3, 9, 1, 4, 5], [9, 8, 7, 5]]
"""Of different lengths: shorter than each filter, as long as the longest, with an unknown word (id 1)."""

VOCABULARY, CLASSES = 10, 3
SIZES = {"cnn": {"embedding": 4, "filters": 3, "widths": [2, 4, 3]}, "rnn": {"embedding": 4, "units": 3},
         "rcnn": {"embedding": 4, "units": 3, "hidden": 5}}
FEATURES = {"cnn": 9, "rnn": 6, "rcnn": 5}
MODELS = sorted(references.POOLED)


def padded(texts: List[List[int]], columns: int = 0) -> np.ndarray:
    columns = columns or max(map(len, texts))
    return np.array([text + [0] * (columns - len(text)) for text in texts], np.int32)


def weights(model: str, seed: int = 0) -> Dict[str, np.ndarray]:
    """Random values for every weight, also for the biases and the padding's row of the embedding."""
    rng = np.random.RandomState(seed)
    initial = models.module(model).weights(rng, VOCABULARY, CLASSES, SIZES[model])
    return {name: rng.normal(size=value.shape).astype(np.float32) * 0.7 for name, value in initial.items()}


def compiled(model: str, w: Dict[str, np.ndarray], kept: Any) -> Any:
    """Logits and gradients as in training: inside a function, the batch and the number of columns unknown."""
    variables = {name: tf.Variable(value) for name, value in w.items()}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None])])
    def run(ids: Any, factors: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = models.logits(model, variables, ids, lambda x: x * kept)
            value = tf.reduce_sum(logits * factors)
        return logits, {name: tf.convert_to_tensor(g) for name, g in tape.gradient(value, variables).items()}

    return run


# Networks


@pytest.mark.parametrize("columns", [0, 11], ids=["longest text", "more padding"])
@pytest.mark.parametrize("model", MODELS)
def test_the_logits_of_a_network_are_those_of_the_papers_equations(model: str, columns: int) -> None:
    w = weights(model)
    logits = models.logits(model, w, tf.constant(padded(TEXTS, columns)), lambda x: x).numpy()
    np.testing.assert_allclose(logits, references.logits(model, w, TEXTS), atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_the_gradients_of_a_network_are_those_of_the_papers_equations(model: str) -> None:
    w, rng = weights(model, 1), np.random.RandomState(2)
    kept = rng.randint(2, size=(len(TEXTS), FEATURES[model])) / 0.5  # dropout of the pooled features
    factors = rng.normal(size=(len(TEXTS), CLASSES))
    logits, gradients = compiled(model, w, kept.astype(np.float32))(padded(TEXTS), factors.astype(np.float32))
    np.testing.assert_allclose(logits, references.logits(model, w, TEXTS, kept), atol=1e-5)
    assert gradients.keys() == w.keys()
    for name in w:
        expected = references.gradient(
            lambda moved: float(np.sum(references.logits(model, moved, TEXTS, kept) * factors)), w, name)
        np.testing.assert_allclose(gradients[name], expected, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_initial_values_have_the_documented_ranges(model: str) -> None:
    w = models.module(model).weights(np.random.RandomState(0), 1000, CLASSES, dict(SIZES[model], embedding=64))
    limit = 0.1 if model == "cnn" else 0.25
    assert not w["embedding"][0].any() and 0.99 * limit < np.abs(w["embedding"]).max() <= limit
    assert all(value.dtype == np.float32 for value in w.values())
    assert all(not value.any() for name, value in w.items() if name.endswith("bias"))


@pytest.mark.parametrize("shape", [(300, 200), (3, 100, 200)])
def test_glorots_limit_is_that_of_the_paper(shape: Any) -> None:
    """Equation 16: the root of 6 / (inputs + outputs)."""
    values = layers.glorot(np.random.RandomState(0), *shape)
    limit = np.sqrt(6 / (np.prod(shape[:-1]) + shape[-1]))
    assert 0.999 * limit < values.max() <= limit and -limit <= values.min() < -0.999 * limit
    assert values.shape == shape and abs(values.mean()) < 0.01 * limit


# Loss


def job(**changes: Any) -> Settings:
    settings = from_flags(["--data_url", "unused", "--train_url", "unused"])[0]
    return replace(settings, **{"keep_prob": 1.0, "word_dropout": 0.0, "label_smoothing": 0.0, **changes})


LABELS = [0, 2, 1, 1, 0]


def step(settings: Settings, class_weights: Any = (1, 1, 1)) -> Step:
    classifier = Classifier("cnn", weights("cnn"), {}, CLASSES)
    ids, labels = tf.constant(padded(TEXTS)), tf.constant(LABELS)
    return Step(classifier, lambda rows: (tf.gather(ids, rows), tf.gather(labels, rows)),
                Optimizer(classifier.variables, 0.01, 10), np.array(class_weights, np.float32), settings)


def loss(settings: Settings, class_weights: Any = (1, 1, 1)) -> float:
    return float(step(settings, class_weights).run([np.arange(5)], 0)[0])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("class_weights", [[1, 1, 1], [0.5, 2, 1.5]])
def test_the_loss_is_the_weighted_cross_entropy_with_smoothed_labels(smoothing: float, class_weights: Any) -> None:
    logits = references.logits("cnn", weights("cnn"), TEXTS)
    expected = references.cross_entropy(logits, LABELS, smoothing, np.array(class_weights))
    assert loss(job(label_smoothing=smoothing), class_weights=class_weights) == pytest.approx(expected, rel=1e-5)


def test_the_step_applies_the_gradients_of_the_loss() -> None:
    w, made, class_weights = weights("cnn"), step(job(label_smoothing=0.1), [0.5, 2, 1.5]), np.array([0.5, 2, 1.5])
    made.run([np.arange(5)], 0)
    for name in w:
        adam = references.Adam(w[name], 0.01, 10)
        adam.apply(references.gradient(lambda moved: references.cross_entropy(
            references.logits("cnn", moved, TEXTS), LABELS, 0.1, class_weights), w, name), 0)
        # Adam's first step hides the size of a gradient, its moments do not.
        np.testing.assert_allclose(made.state()["slot0/" + name], adam.m, atol=1e-7, err_msg=name)


def test_word_dropout_replaces_words_by_the_unknown_word_and_keeps_the_padding() -> None:
    unknown = [[1] * len(text) for text in TEXTS]
    expected = references.cross_entropy(references.logits("cnn", weights("cnn"), unknown), LABELS, 0.0, np.ones(3))
    assert loss(job(word_dropout=1 - 1e-9)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("noise", [{"keep_prob": 0.5}, {"word_dropout": 0.3}], ids=["dropout", "word dropout"])
def test_noise_depends_on_the_seed_and_the_step_alone(noise: Dict[str, float]) -> None:
    def loss_of(made: Step, number: int) -> float:
        return float(made.gradients(tf.constant(padded(TEXTS)), tf.constant(LABELS), number)[0])

    first, second = step(job(seed=1, **noise)), step(job(seed=2, **noise))
    assert loss_of(first, 3) == loss_of(first, 3)
    assert len({loss_of(first, 3), loss_of(first, 4), loss_of(second, 3), loss(job())}) == 4


@pytest.mark.parametrize("seed", [0, 2 ** 31 - 1], ids=["smallest seed", "greatest seed"])
def test_the_calls_of_one_step_have_different_noise(seed: int) -> None:
    noise = _Noise(seed, tf.constant(3))
    first, second = noise([1000]).numpy(), noise([1000]).numpy()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1 and 0 <= first.min() < 0.01 < 0.99 < first.max() < 1


# Optimizer


STEPS, RATE = 8, 0.05


def test_dense_weights_follow_textbook_adam_over_several_steps() -> None:
    rng = np.random.RandomState(0)
    scales = np.array([1e-6, 1e-3, 1, 100])  # the smallest ones show epsilon
    initial = rng.normal(size=(3, 4)).astype(np.float32)
    variable, expected = tf.Variable(initial), references.Adam(initial, RATE, STEPS)
    optimizer = Optimizer({"w": variable}, RATE, STEPS)
    for number in range(STEPS + 2):  # the learning rate is zero from step 8 on
        gradient = (rng.normal(size=(3, 4)) * scales).astype(np.float32)
        optimizer.apply({"w": tf.constant(gradient)}, tf.constant(number))
        expected.apply(gradient.astype(np.float64), number)
        np.testing.assert_allclose(variable.numpy(), expected.value, rtol=1e-5, atol=1e-6, err_msg=f"step {number}")
    np.testing.assert_allclose(optimizer.slots["w"][0].numpy(), expected.m, rtol=1e-4)
    np.testing.assert_allclose(optimizer.slots["w"][1].numpy(), expected.v, rtol=1e-4)


def test_rows_of_the_embedding_follow_textbook_adam_and_the_other_rows_do_not_change() -> None:
    rng = np.random.RandomState(0)
    initial = rng.normal(size=(6, 4)).astype(np.float32)
    scales = np.array([1e-6, 1e-3, 1, 100])
    variable, expected = tf.Variable(initial), references.Adam(initial, RATE, STEPS)
    optimizer = Optimizer({"embedding": variable}, RATE, STEPS)
    for number in range(STEPS + 2):
        rows = rng.randint(4, size=5)  # with repetitions, which are summed; rows 4 and 5 never occur
        values = (rng.normal(size=(5, 4)) * scales).astype(np.float32)
        optimizer.apply({"embedding": tf.IndexedSlices(tf.constant(values), tf.constant(rows))}, tf.constant(number))
        gradient = np.zeros((6, 4))
        np.add.at(gradient, rows, values.astype(np.float64))
        expected.apply(gradient, number, np.unique(rows))
        np.testing.assert_allclose(variable.numpy(), expected.value, rtol=1e-5, atol=1e-6, err_msg=f"step {number}")
    assert np.array_equal(variable.numpy()[4:], initial[4:])
    np.testing.assert_allclose(optimizer.slots["embedding"][0].numpy(), expected.m, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(optimizer.slots["embedding"][1].numpy(), expected.v, rtol=1e-4, atol=1e-18)
