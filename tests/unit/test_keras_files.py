"""Keras files: conversion of an old configuration, the meaning of the scores, errors."""
import json
from pathlib import Path
from typing import Any, Callable, Dict

import h5py
import numpy as np
import pytest
import tensorflow as tf

from textjob.adopt import keras_content, keras_files, keras_scores
from textjob.errors import PackageError, UsageError

K = tf.keras.layers
IDS = np.random.RandomState(0).randint(0, 20, (3, 6))

pytestmark = [pytest.mark.trains, pytest.mark.filterwarnings("ignore::UserWarning")]  # Keras 3 warns about HDF5


def of_ids(*layers: Any) -> Any:
    """A Sequential model with weights that make clear predictions."""
    model = tf.keras.Sequential([tf.keras.Input((6,)), K.Embedding(20, 8), *layers])
    random = np.random.RandomState(1)
    model.set_weights([random.normal(0, 0.7, weight.shape) for weight in model.get_weights()])
    return model


def old_file(path: Path, model: Any, change: Callable[[Dict[str, Any]], None], version: str = "2.6.0") -> Path:
    """Save a model as a Keras of this version would: ``change`` edits the configurations of the layers by name."""
    model.save(str(path))
    with h5py.File(str(path), "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layers = config["config"]["layers"]
        layers[1]["config"]["batch_input_shape"] = layers.pop(0)["config"]["batch_shape"]
        change({layer["class_name"]: layer["config"] for layer in layers})
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(config), version
    return path


def load(path: Path) -> Any:
    return keras_files.load(path, keras_content.read(path), path.parent)


def test_keywords_that_keras_3_dropped_are_left_out_if_they_have_no_effect(tmp_path: Path) -> None:
    model = of_ids(K.SpatialDropout1D(0.2), K.LSTM(4), K.Dense(3, activation="softmax"))

    def change(layers: Dict[str, Any]) -> None:
        layers["LSTM"].update(time_major=False, implementation=1)
        layers["Embedding"]["input_length"] = 6
        layers["Embedding"]["embeddings_initializer"] = {"class_name": "RandomUniform", "config": {
            "minval": -0.05, "maxval": 0.05, "seed": None, "dtype": "float32"}}
        layers["SpatialDropout1D"].update(trainable=True, noise_shape=None)
    loaded = load(old_file(tmp_path / "m.h5", model, change))
    assert np.allclose(loaded(IDS), model(IDS), atol=1e-6)


def test_a_keyword_that_changes_predictions_is_refused_with_its_layer_and_value(tmp_path: Path) -> None:
    path = old_file(tmp_path / "m.h5", of_ids(K.LSTM(4, name="reader"), K.Dense(2)),
                    lambda layers: layers["LSTM"].update(time_major=True))
    with pytest.raises(PackageError, match=r"'reader' \(LSTM\) has the keyword time_major=True.*tf.saved_model.save"):
        load(path)


def test_a_gru_without_reset_after_resets_before_as_in_keras_1(tmp_path: Path) -> None:
    model = of_ids(K.GRU(4, reset_after=False), K.Dense(3, activation="softmax"))
    loaded = load(old_file(tmp_path / "m.h5", model, lambda layers: layers["GRU"].pop("reset_after")))
    assert np.allclose(loaded(IDS), model(IDS), atol=1e-6)


@pytest.mark.parametrize("version, slope, offset", [("2.6.0", 0.2, 0.5), ("3.0.0", 1 / 6, 0.5)])
def test_the_hard_sigmoid_of_a_file_is_that_of_its_keras(
        version: str, slope: float, offset: float, tmp_path: Path) -> None:
    model = of_ids(K.Flatten(), K.Dense(3, activation="hard_sigmoid"))
    if version < "3":
        loaded = load(old_file(tmp_path / "m.h5", model, lambda layers: None, version))
    else:
        model.save(str(tmp_path / "m.h5"))
        loaded = load(tmp_path / "m.h5")
    embedding, kernel, bias = model.get_weights()
    expected = np.clip(slope * (embedding[IDS].reshape(3, -1) @ kernel + bias) + offset, 0, 1)
    assert np.allclose(loaded(IDS), expected, atol=1e-6)


@pytest.mark.parametrize("version, applies_masks", [("2.6.0", False), ("2.10.0", True)])
def test_attention_heads_apply_masks_as_the_keras_of_the_file(
        version: str, applies_masks: bool, tmp_path: Path) -> None:
    def build(mask_zero: bool) -> Any:
        ids, random = tf.keras.Input((6,)), np.random.RandomState(1)
        x = K.Embedding(20, 8, mask_zero=mask_zero, name="embedding")(ids)
        x = K.GlobalAveragePooling1D()(K.MultiHeadAttention(2, 4, name="heads")(x, x))
        model = tf.keras.Model(ids, K.Dense(3, activation="softmax")(x))
        model.set_weights([random.normal(0, 0.7, weight.shape) for weight in model.get_weights()])
        return model
    path = tmp_path / "m.h5"
    build(False).save(str(path))
    with h5py.File(str(path), "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layers = {layer["name"]: layer for layer in config["config"]["layers"]}
        layers["embedding"]["config"]["mask_zero"] = True
        layers["heads"]["config"]["query_shape"] = [None, 6, 8]
        layers["heads"]["inbound_nodes"] = [[["embedding", 0, 0, {"value": ["embedding", 0, 0]}]]]
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(config), version
    padded = np.concatenate([IDS[:, :3], np.zeros_like(IDS[:, :3])], 1)
    assert np.allclose(load(path)(padded), build(applies_masks)(padded), atol=1e-6)


def test_a_model_whose_predictions_depended_on_the_device_is_refused(tmp_path: Path) -> None:
    model = of_ids(K.Bidirectional(K.LSTM(4, return_sequences=True)), K.GlobalMaxPooling1D(), K.Dense(2))
    path = old_file(tmp_path / "m.h5", model, lambda layers: layers["Embedding"].update(mask_zero=True), "2.2.4-tf")
    with pytest.raises(PackageError, match="differently on a CPU and on a GPU"):
        load(path)


def test_the_error_contains_the_whole_cause(tmp_path: Path) -> None:
    def change(layers: Dict[str, Any]) -> None:
        layers["Dense"]["activation"] = {"class_name": "Unknown" + "n" * 2000, "config": {}}
    path = old_file(tmp_path / "m.h5", of_ids(K.Flatten(), K.Dense(2)), change)
    with pytest.raises(PackageError, match=r"n{2000}.*Run the command with the version of TensorFlow that wrote"):
        load(path)


BINARY, SPARSE = tf.keras.losses.BinaryCrossentropy, tf.keras.losses.SparseCategoricalCrossentropy


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("last, loss, expected", [
    ([K.Dense(3, activation="softmax")], None, "probabilities"),
    ([K.Dense(3), K.Softmax()], None, "probabilities"),
    ([K.Dense(1), K.Activation("sigmoid")], "mse", "probabilities"),
    ([K.Dense(1)], BINARY(from_logits=True), "sigmoid"),
    ([K.Dense(3)], SPARSE(from_logits=True), "softmax"),
])
def test_the_activation_and_the_loss_decide_the_meaning_of_the_scores(
        last: Any, loss: Any, expected: str, suffix: str, tmp_path: Path) -> None:
    model = of_ids(K.Flatten(), *[type(layer).from_config(layer.get_config()) for layer in last])
    if loss:
        model.compile("adam", loss)
    path = tmp_path / ("m" + suffix)
    model.save(str(path))
    assert keras_scores.meaning(load(path), keras_content.read(path).training, "m") == expected


@pytest.mark.parametrize("units, loss, reason", [
    (1, None, "not in the file"), (1, "binary_crossentropy", "takes probabilities"), (1, "mse", "regression"),
    (3, "mae", "regression"), (3, BINARY(), "takes probabilities")])
def test_linear_scores_that_the_loss_does_not_explain_are_refused_and_the_flag_decides(
        units: int, loss: Any, reason: str, tmp_path: Path) -> None:
    model = of_ids(K.Flatten(), K.Dense(units))
    if loss:
        model.compile("adam", loss)
    model.save(str(tmp_path / "m.keras"))
    with pytest.raises(UsageError, match=f"{reason}.*--scores"):
        keras_files.save_as_saved_model(tmp_path / "m.keras", tmp_path / "out", tmp_path, "")
    assert keras_files.save_as_saved_model(tmp_path / "m.keras", tmp_path / "out", tmp_path, "sigmoid") == "sigmoid"


def test_a_stateful_model_is_refused(tmp_path: Path) -> None:
    model = tf.keras.Sequential([tf.keras.Input((6,), batch_size=2), K.Embedding(20, 8),
                                 K.LSTM(4, stateful=True, name="memory"), K.Dense(2, activation="softmax")])
    model.save(str(tmp_path / "m.keras"))
    with pytest.raises(PackageError, match=r"'memory' .* stateful"):
        keras_files.save_as_saved_model(tmp_path / "m.keras", tmp_path / "out", tmp_path, "")
