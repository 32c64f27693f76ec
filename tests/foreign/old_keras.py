"""Writes Keras files (.h5) with the layers that classifiers use, and the predictions of each model.

    python old_keras.py FOLDER

It runs with TensorFlow 1.15 to 2.6: FOLDER/NAME.h5, and FOLDER/NAME.json with the inputs and outputs. Models that the
TensorFlow cannot build are left out. Python 3.6 grammar.
"""
import json
import os
import sys

import numpy as np
import tensorflow as tf

K = tf.keras.layers
LENGTH, WORDS = 12, 30


def sequence(*layers, **options):
    """A Sequential model of ids with three classes."""
    return tf.keras.Sequential([K.Embedding(WORDS, 8, input_length=LENGTH, **options)] + list(layers)
                               + [K.Dense(3, activation="softmax")])


def masked(body):
    """A functional model whose padding is masked; ``body`` makes vectors of the embedded words."""
    def build():
        ids = tf.keras.Input((LENGTH,))
        return tf.keras.Model(ids, K.Dense(3, activation="softmax")(body(K.Embedding(WORDS, 8, mask_zero=True)(ids))))
    return build


def mean(x):
    return K.GlobalAveragePooling1D()(x)


def convolved(x):
    return K.Conv1D(8, 3, padding="same")(x)


def branches():
    ids = tf.keras.Input((LENGTH,), dtype="int32")
    x = K.Embedding(WORDS, 8)(ids)
    pooled = [K.MaxPooling1D(LENGTH - k + 1)(K.Conv1D(4, k, activation="relu")(x)) for k in (2, 3)]
    x = K.BatchNormalization()(K.Flatten()(K.Concatenate()(pooled)))
    return tf.keras.Model(ids, K.Dense(3, activation="softmax")(x))


def nested():
    """Frozen layers come last in the weights of a nested model."""
    inner = tf.keras.Sequential([K.Embedding(WORDS, 8, input_length=LENGTH), K.BatchNormalization(), K.Conv1D(8, 3),
                                 K.BatchNormalization(), K.GlobalAveragePooling1D()])
    inner.layers[0].trainable = inner.layers[1].trainable = False
    return tf.keras.Sequential([inner, K.Dense(3, activation="softmax")])


def nested_functional():
    ids, more = tf.keras.Input((LENGTH,)), tf.keras.Input((LENGTH,))
    inner = tf.keras.Model(ids, K.Bidirectional(K.LSTM(4))(K.Embedding(WORDS, 8)(ids)))
    return tf.keras.Model(more, K.Dense(3, activation="softmax")(K.BatchNormalization()(inner(more))))


def heads():
    """The encoder of a transformer."""
    ids = tf.keras.Input((LENGTH,))
    x = K.Embedding(WORDS, 8)(ids)
    x = K.LayerNormalization()(K.add([x, K.MultiHeadAttention(2, 4, dropout=0.1)(x, x)]))
    return tf.keras.Model(ids, K.Dense(3, activation="softmax")(mean(x)))


def cross_heads():
    """Queries from one sequence, keys and values from a shorter one of a nested model; the scores are unused."""
    ids, inner = tf.keras.Input((LENGTH,)), tf.keras.Input((LENGTH, 8))
    x = K.Embedding(WORDS, 8)(ids)
    y = tf.keras.Model(inner, K.Conv1D(6, 3)(inner))(x)
    x, _ = K.MultiHeadAttention(2, 4, value_dim=3, output_shape=5, use_bias=False)(
        x, value=y, key=y, return_attention_scores=True)
    return tf.keras.Model(ids, K.Dense(3, activation="softmax")(mean(x)))


def logit():
    model = tf.keras.Sequential([K.Embedding(WORDS, 8, input_length=LENGTH), K.LSTM(6), K.Dense(1)])
    model.compile("adam", tf.keras.losses.BinaryCrossentropy(from_logits=True))
    return model


MODELS = {
    "activation": lambda: tf.keras.Sequential([K.Embedding(WORDS, 8, input_length=LENGTH), K.LSTM(6), K.Dense(3),
                                               K.Activation("softmax")]),
    "activations": lambda: sequence(*[K.Dense(8, activation=name) for name in (
        "selu", "hard_sigmoid", "softplus", "elu")], K.LeakyReLU(), K.PReLU(), K.GlobalAveragePooling1D()),
    "attention": masked(lambda x: mean(K.concatenate([K.Attention()([x, x]), K.AdditiveAttention()([x, x])]))),
    "bidirectional_gru": lambda: sequence(K.Bidirectional(K.GRU(6))),
    "bidirectional_lstm": lambda: sequence(K.Bidirectional(K.LSTM(6)), mask_zero=True),
    "bidirectional_max": masked(lambda x: K.GlobalMaxPooling1D()(K.Bidirectional(K.LSTM(6, return_sequences=True))(x))),
    "bidirectional_twice": lambda: sequence(K.Bidirectional(K.LSTM(6, return_sequences=True)), K.Dropout(0.1),
                                            K.Bidirectional(K.GRU(4), merge_mode="sum"), mask_zero=True),
    "branches": branches,
    "cells": lambda: sequence(K.RNN(K.LSTMCell(6))),
    "gru": lambda: sequence(K.GRU(6)),
    "gru_reset_after": lambda: sequence(K.GRU(6, reset_after=True)),
    "gru_reset_before": lambda: sequence(K.GRU(6, reset_after=False)),
    "heads": heads,
    "heads_cross": cross_heads,
    "heads_masked": masked(lambda x: mean(K.MultiHeadAttention(2, 4)(x, x))),
    "heads_masked_sum": masked(lambda x: mean(K.add([x, K.MultiHeadAttention(2, 4)(x, x)]))),
    "hard_lstm": lambda: sequence(K.LSTM(6, recurrent_activation="hard_sigmoid", implementation=1)),
    "lambda": lambda: sequence(K.Lambda(lambda x: x * 2), K.GRU(6)),
    "logit": logit,
    "lstm": lambda: sequence(K.LSTM(6)),
    "masked_add": masked(lambda x: mean(K.add([K.LSTM(8, return_sequences=True)(x), x]))),
    "masked_concatenation": masked(lambda x: mean(K.concatenate([convolved(x), x]))),
    "masked_convolution": masked(lambda x: mean(K.Conv1D(8, 3, padding="same")(x))),
    "masked_product": masked(lambda x: mean(K.multiply([convolved(x), x]))),
    "nested": nested,
    "nested_functional": nested_functional,
    "normalized": lambda: sequence(K.LayerNormalization(), K.BatchNormalization(center=False, epsilon=0.01),
                                   K.GlobalAveragePooling1D()),
    "regularized": lambda: sequence(K.LSTM(6, kernel_regularizer="l2", kernel_constraint="unit_norm")),
    "separable": lambda: sequence(K.SeparableConv1D(6, 3), K.AveragePooling1D(2), K.Flatten()),
    "simple": lambda: sequence(K.SimpleRNN(6), mask_zero=True),
    "spatial_dropout": lambda: sequence(K.SpatialDropout1D(0.3), K.LSTM(6, dropout=0.2, recurrent_dropout=0.2)),
    "stacked_cells": lambda: sequence(K.RNN([K.GRUCell(6), K.LSTMCell(5)])),
    "time_distributed": lambda: sequence(K.TimeDistributed(K.Dense(4, activation="relu")), K.GaussianNoise(0.1),
                                         K.GRU(4, go_backwards=True)),
    "time_major": lambda: sequence(K.Permute((2, 1)), K.LSTM(6, time_major=True, return_sequences=True), K.Flatten()),
    "without_length": lambda: tf.keras.Sequential([K.Embedding(WORDS, 8, mask_zero=True, input_shape=(None,)),
                                                   K.GRU(6), K.Dense(3, activation="softmax")]),
}


def write(folder, name):
    tf.keras.backend.clear_session()
    model, random = MODELS[name](), np.random.RandomState(5)
    model.set_weights([np.abs(value) + 0.1 if "variance" in weight.name else value for weight, value in zip(
        model.weights, [random.normal(0, 0.5, weight.shape) for weight in model.get_weights()])])
    ids = np.random.RandomState(0).randint(1, WORDS, (4, LENGTH))
    ids[1, 7:] = ids[2, :4] = ids[3, 5] = 0  # padding at the end, at the beginning, within the text
    outputs = model.predict(ids.astype(model.inputs[0].dtype.as_numpy_dtype))
    model.save(os.path.join(folder, name + ".h5"))
    with open(os.path.join(folder, name + ".json"), "w") as out:
        json.dump({"inputs": ids.tolist(), "outputs": outputs.tolist()}, out)


if __name__ == "__main__":
    for each in sorted(MODELS):
        try:
            write(sys.argv[1], each)
        except Exception as error:  # a layer that this TensorFlow lacks
            for path in (os.path.join(sys.argv[1], each + end) for end in (".h5", ".json")):
                if os.path.exists(path):
                    os.remove(path)
            print("left out", each, type(error).__name__, " ".join(str(error).split())[:200])
