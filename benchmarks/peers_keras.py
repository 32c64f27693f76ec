"""The same networks in the style of the Keras documentation: ``fit`` with Adam on ids of one length."""
from typing import Any, Callable, Dict, Mapping

import numpy as np
import tensorflow as tf

from textjob.settings import Settings
from textjob.training.inputs import Inputs

layers = tf.keras.layers


class Keras:
    """A compiled model and its data, padded in advance to the longest text of the training part."""

    def __init__(self, name: str, inputs: Inputs, job: Settings) -> None:
        self._ids, self._batch_size = inputs.train.padded(np.arange(len(inputs.train.lengths))), job.batch_size
        columns, classes = self._ids.shape[1], len(inputs.labels)
        self._targets = np.eye(classes, dtype=np.float32)[inputs.train.labels]
        dev = inputs.dev.padded(np.arange(len(inputs.dev.lengths)))[:, :columns]
        self._dev = np.pad(dev, [[0, 0], [0, columns - dev.shape[1]]])
        self._dev_labels = inputs.dev.labels
        self._model = _model(name, len(inputs.vocabulary) + 2, columns, classes, job)
        self.weights = int(self._model.count_params())

    def train(self) -> None:
        """Train for one epoch."""
        self._model.fit(self._ids, self._targets, batch_size=self._batch_size, epochs=1, verbose=0)

    def dev(self) -> float:
        """Evaluate on dev; returns the accuracy."""
        predicted = self._model.predict(self._dev, batch_size=256, verbose=0).argmax(1)
        return float(np.mean(predicted == self._dev_labels))


def _model(name: str, vocabulary: int, columns: int, classes: int, job: Settings) -> Any:
    ids = layers.Input((columns,), dtype="int32")
    x = layers.Embedding(vocabulary, job.model[name]["embedding"])(ids)
    pooled = layers.Dropout(1 - job.keep_prob)(POOLED[name](x, job.model[name]))
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


POOLED: Dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {"cnn": _cnn, "rnn": _rnn, "rcnn": _rcnn}
