"""Forms that must be adopted, or that an estimator wrote: tf.Example, a classification signature, Keras files."""
import json
import os

import numpy as np
import tensorflow as tf
from foreign_classic import serialized
from foreign_objects import of_ids
from foreign_parts import TEXTS, dense, sentence
from forms_parts import ID_TEXTS, ROWS, WIDTH, column, describe_form, scored, tiled, v1, write

K = tf.keras.layers
CLASSIFY = "tensorflow/serving/classify"
NAMES = ["shop", "film"]  # of a label vocabulary: not in the order of the alphabet


def estimator(seed, parse, items):
    """The classification signature of a canned estimator; ``parse`` converts its input to texts."""
    def write_form(folder):
        def build():
            x = v1.placeholder(tf.string, [None], "input_example_tensor")
            logits = dense(sentence(parse(x)), 1, "last")
            scores = tf.nn.softmax(tf.concat([tf.zeros_like(logits), logits], 1))
            return {"inputs": x}, {"classes": tiled(tf.constant(NAMES), x), "scores": scores}
        write(folder, seed, build, lambda out: scored(out["scores"][0], NAMES), items, method=CLASSIFY, shown=TEXTS)
    return write_form


def parsed(name, spec):
    return lambda x: v1.io.parse_example(x, {name: spec})[name]


def words_of(x):
    """The words of a VarLenFeature, joined, so that the rest of the graph is that of the other forms."""
    words = tf.sparse.to_dense(parsed("words", tf.io.VarLenFeature(tf.string))(x), default_value="")
    return v1.reduce_join(words, 1, separator=" ")


def example_of_words(text):
    words = tf.train.BytesList(value=[word.encode("utf-8") for word in text.split()])
    feature = {"words": tf.train.Feature(bytes_list=words)}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def example_column(folder):
    """One string feature of a tf.Example; one column made by Sigmoid."""
    def build():
        x = v1.placeholder(tf.string, [None], "input_example_tensor")
        texts = parsed("review", tf.io.FixedLenFeature([], tf.string))(x)
        return {"examples": x}, {"probabilities": tf.sigmoid(dense(sentence(texts), 1, "last"))}
    write(folder, 603, build, lambda out: column(out["probabilities"][0]),
          [serialized("review", text) for text in TEXTS], shown=TEXTS)


def keras_h5(seed, layer):
    """A Keras file as TensorFlow 1.15 to 2.6 wrote it, with the keywords that Keras 3 dropped."""
    def write_form(folder):
        os.makedirs(folder)
        path = os.path.join(folder, "model.h5")
        model = of_ids(seed, K.SpatialDropout1D(0.2), layer(), length=WIDTH, dtype="int32", name="ids")
        rows = model.predict(np.array(ROWS, np.int32), verbose=0)
        model.save(path)
        if hasattr(tf.keras, "export"):  # Keras 3
            with_old_keywords(path)
        describe_form(folder, [{"ids": row} for row in ROWS], [scored(row) for row in rows], ID_TEXTS)
    return write_form


def with_old_keywords(path):
    """Change the configuration in the file to that of a Keras before 3, in the parts that Keras 3 does not accept."""
    import h5py
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        changed, layers = 0, config["config"]["layers"]
        layers[1]["config"]["batch_input_shape"] = layers.pop(0)["config"]["batch_shape"]
        for layer in layers:
            for each in [layer] + [layer["config"][part] for part in ("layer", "backward_layer") if part in
                                   layer["config"]]:
                if each["class_name"] in ("LSTM", "GRU"):
                    each["config"].update(time_major=False, implementation=2)
                    changed += 1
        assert changed, config
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(config), "2.6.0"


KINDS = {
    "estimator_words": estimator(601, words_of, [example_of_words(text) for text in TEXTS]),
    "estimator_text": estimator(602, lambda x: x, TEXTS),
    "example_column": example_column,
    "h5_lstm": keras_h5(605, lambda: K.LSTM(6)),
    "h5_gru": keras_h5(604, lambda: K.GRU(6)),
    "h5_bidirectional": keras_h5(604, lambda: K.Bidirectional(K.LSTM(6))),
}
