"""tf.Module and Keras models, saved by each API that has existed. See foreign_models.py."""
import os
import zipfile

import numpy as np
import tensorflow as tf
from foreign_parts import (
    BUCKETS,
    LENGTH,
    LONG,
    SHORT,
    TEXTS,
    WORDS,
    describe,
    ids_of,
    padded,
    two_columns,
    weights,
    write_vocabulary,
)
from tensorflow.core.protobuf import saved_model_pb2

K = tf.keras.layers
ROWS = [ids_of(text) for text in SHORT]


# --- tf.Module ------------------------------------------------------------------------------------------------

class Topics(tf.Module):
    """Averages the vectors of hashed words."""

    def __init__(self, seed):
        super().__init__()
        random = np.random.RandomState(seed)
        self.vectors = tf.Variable(weights(random, [BUCKETS, 8], embedding=True))
        self.kernel = tf.Variable(weights(random, [8, 3]))

    def logits(self, texts, keep_prob):
        words = tf.strings.split(texts)
        if not isinstance(words, tf.RaggedTensor):  # 1.15 returns a SparseTensor
            words = tf.RaggedTensor.from_sparse(words)
        tokens = words.to_tensor("")
        real = tf.cast(tf.not_equal(tokens, ""), tf.float32)[:, :, None]
        vectors = tf.gather(self.vectors, tf.strings.to_hash_bucket_fast(tokens, BUCKETS)) * real
        mean = tf.reduce_sum(vectors, 1) / tf.maximum(tf.reduce_sum(real, 1), 1.0)
        kept = tf.floor(keep_prob + tf.random.uniform(tf.shape(mean)))
        return tf.matmul(mean * kept / keep_prob, self.kernel) + [0.3, 0.0, -0.3]


class Served(Topics):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="sentence")])
    def classify(self, sentence):
        return {"topic_scores": tf.nn.softmax(self.logits(sentence, tf.constant(1.0)))}


def module(folder):
    made = Served(30)
    tf.saved_model.save(made, folder, signatures={"classify_topics": made.classify})
    describe(folder, TEXTS, made.classify(tf.constant(TEXTS))["topic_scores"])


def module_defaults(folder):
    class Kept(Topics):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="sentence"),
                                      tf.TensorSpec([], tf.float32, name="keep_prob")])
        def classify(self, sentence, keep_prob=tf.constant(1.0)):  # noqa: B008  this default is exported
            return {"topic_scores": tf.nn.softmax(self.logits(sentence, keep_prob))}
    made = Kept(131)
    tf.saved_model.save(made, folder, signatures={"serving_default": made.classify})
    with open(os.path.join(folder, "saved_model.pb"), "rb") as file:
        graph = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs[0]
    if not getattr(graph.signature_def["serving_default"], "defaults", None):
        raise NotImplementedError("SignatureDef.defaults are not written")
    describe(folder, TEXTS, made.classify(tf.constant(TEXTS), tf.constant(1.0))["topic_scores"])


# --- Keras ----------------------------------------------------------------------------------------------------

def filled(model, seed):
    """Assign weights that do not depend on the initializers, and so not on the version of TensorFlow."""
    random = np.random.RandomState(seed)
    for layer in model.layers:
        if layer.trainable_weights:
            layer.set_weights([weights(random, weight.shape, isinstance(layer, K.Embedding))
                               for weight in layer.get_weights()])
    return model


def of_ids(seed, *layers, **options):
    """A model from ids to the probabilities of three classes."""
    length = options.pop("length", LENGTH)
    # Before Keras 3 only this argument saves the length; Keras 3 warns about it.
    more = {} if hasattr(tf.keras, "export") else {"input_length": length}
    return filled(tf.keras.Sequential(
        [tf.keras.Input((length,), **options), K.Embedding(len(WORDS), 8, mask_zero=length is None, **more)]
        + list(layers) + [K.Dropout(0.5), K.Dense(3, activation="softmax")]), seed)


def describe_ids(folder, model, length=LENGTH, texts=SHORT):
    write_vocabulary(folder + ".vocabulary.txt")
    rows = [ids_of(text) for text in texts]
    fed = padded(rows, length).astype(tf.as_dtype(model.inputs[0].dtype).as_numpy_dtype)
    describe(folder, rows, model.predict(fed, verbose=0), "ids", texts=texts, length=length)


def exported(model, folder):
    """Export for serving: by Keras 3's export, or before Keras 3 by tf.saved_model.save."""
    if hasattr(model, "export"):
        model.export(folder, verbose=False)
    else:
        tf.saved_model.save(model, folder)


def keras_text(folder):
    """A small version of keras.io's example "text classification from scratch"."""
    layer = getattr(K, "TextVectorization", None) or K.experimental.preprocessing.TextVectorization
    vectorize = layer(max_tokens=len(WORDS), output_sequence_length=20)
    vectorize.adapt(np.array(TEXTS))
    model = filled(tf.keras.Sequential([
        tf.keras.Input((1,), dtype="string", name="text"), vectorize, K.Embedding(len(WORDS), 8), K.Dropout(0.5),
        K.GlobalMaxPooling1D(), K.Dense(1, activation="sigmoid")]), 40)
    column = model.predict(tf.constant([[text] for text in TEXTS]), verbose=0)
    exported(model, folder)
    describe(folder, TEXTS, two_columns(column), tables=True)


def keras_saved(folder):
    model = of_ids(41, K.Conv1D(8, 3, activation="tanh"), K.Flatten(), dtype="int32", name="tokens")
    tf.saved_model.save(model, folder)
    describe_ids(folder, model)


def keras_export(folder):
    model = of_ids(42, K.Bidirectional(K.LSTM(8)), dtype="int32", name="word_ids")
    model.export(folder, verbose=False)
    describe_ids(folder, model)


def keras_archive(folder):
    archive = tf.keras.export.ExportArchive()
    model = of_ids(43, K.GlobalAveragePooling1D(), length=None, dtype="int64", name="words")
    archive.track(model)
    archive.add_endpoint("predict_topic", lambda words: {"topic": model(words, training=False)},
                         input_signature=[tf.TensorSpec([None, None], tf.int64, name="words")])
    archive.write_out(folder, verbose=False)
    describe_ids(folder, model, length=None, texts=SHORT + [LONG])


def keras_file(folder):
    os.makedirs(folder)
    path = os.path.join(folder, "model.keras")
    model = of_ids(44, K.Bidirectional(K.GRU(6)), dtype="int32", name="ids")
    model.save(path)
    if not zipfile.is_zipfile(path):  # 2.6 writes a folder, 2.1 an HDF5 file
        raise NotImplementedError("no Keras 3 archive")
    describe_ids(folder, model)


def h5_file(folder):
    """The default type of a Sequential model's input is float32, which most users keep."""
    os.makedirs(folder)
    model = of_ids(45, K.Flatten())
    model.save(os.path.join(folder, "model.h5"))
    describe_ids(folder, model)


KINDS = {"module": module, "module_defaults": module_defaults, "keras_text": keras_text, "keras_saved": keras_saved,
         "keras_export": keras_export, "keras_archive": keras_archive, "keras_file": keras_file, "h5_file": h5_file}
