"""The exports with an object graph: tf.saved_model.save, Keras, ExportArchive. See matrix_exports.py."""
# ruff: noqa: PLW0108  the lambdas look up a name when a case is written, because some TensorFlows lack it
import os

import tensorflow as tf
from matrix_exports_ops import branch, loop, newest, words

FLOATS = [tf.TensorSpec([None, 4], tf.float32, name="x")]
TEXTS = [tf.TensorSpec([None], tf.string, name="x")]
K = tf.keras.layers


def module(body, signature, **attributes):
    """A tf.Module with one tf.function, its serving signature."""
    class Served(tf.Module):
        @tf.function(input_signature=signature)
        def serve(self, x):
            return {"y": body(self, x)}
    made = Served()
    for name, make in attributes.items():
        setattr(made, name, make())
    return made


def saved(body, signature=None, **attributes):
    def export(folder):
        made = module(body, signature or FLOATS, **attributes)
        tf.saved_model.save(made, folder, signatures={"serving_default": made.serve})
    return export


def from_table(folder):
    path = os.path.join(os.path.dirname(folder), "words.txt")
    with open(path, "w") as out:
        out.write("hello\nworld\n")
    saved(lambda self, x: self.table.lookup(x), TEXTS, table=lambda: tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(path, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
                                      tf.lookup.TextFileIndex.LINE_NUMBER), -1))(folder)


def beside(function, signature=None):
    """A function that no signature calls; only tf.saved_model.load imports it."""
    def export(folder):
        made = module(lambda self, x: x + 1.0, FLOATS)
        made.other = tf.function(function, input_signature=signature or FLOATS)
        tf.saved_model.save(made, folder, signatures={"serving_default": made.serve})
    return export


def text_model():
    vectorize = K.TextVectorization(output_sequence_length=4)
    vectorize.adapt(["hello big world"])
    return tf.keras.Sequential([tf.keras.Input((1,), dtype="string", name="x"), vectorize, K.Embedding(10, 4),
                                K.LSTM(3), K.Dense(2)])


def layers(*makers, shape=(4,)):
    return lambda: tf.keras.Sequential([tf.keras.Input(shape, name="x")] + [make() for make in makers])


def keras(make, trained=False):
    def export(folder):
        made = make()
        if trained:
            made.compile("adam", "mse")
            made.fit(tf.ones([2, 4]), tf.ones([2, 2]), verbose=0)
        if hasattr(made, "export"):
            made.export(folder, verbose=False)
        else:
            tf.saved_model.save(made, folder)
    return export


DENSE = layers(lambda: K.Dense(3, activation="relu"), lambda: K.Dropout(0.5), lambda: K.Dense(2))


def archive(folder):
    made = DENSE()
    exported = tf.keras.export.ExportArchive()
    exported.track(made)
    exported.add_endpoint("serving_default", lambda x: {"y": made(x, training=False)}, input_signature=FLOATS)
    exported.write_out(folder, verbose=False)


@tf.custom_gradient
def clipped(x):
    return x * 2.0, lambda dy: tf.clip_by_value(dy, -1.0, 1.0)


def gradient(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.tanh(x))
    return tape.gradient(y, x)


def weights():
    return tf.Variable(tf.ones([4, 2]))


def object_cases():
    cases = {
        "constants": saved(lambda self, x: x + 1.0),
        "variable": saved(lambda self, x: tf.matmul(x, self.w), w=weights),
        "assigned": saved(lambda self, x: tf.matmul(x, self.w.assign_add(tf.ones([4, 2]))), w=weights),
        "optimizer": saved(lambda self, x: tf.matmul(x, self.w), w=weights,
                           optimizer=lambda: tf.optimizers.Adam()),
        "table": from_table,
        "inline_table": saved(lambda self, x: self.table.lookup(x), TEXTS, table=lambda: (
            tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
                ["a", "b"], tf.constant([1, 2], tf.int64)), -1))),
        "mutable_table": saved(lambda self, x: self.table.lookup(x), TEXTS, table=lambda: (
            tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1))),
        "while": saved(lambda self, x: loop(x)),
        "cond": saved(lambda self, x: branch(x)),
        "case": saved(lambda self, x: tf.switch_case(
            tf.cast(tf.reduce_sum(x), tf.int32), [lambda: x, lambda: x + 1.0])),
        "map_fn": saved(lambda self, x: tf.map_fn(lambda row: row * 2.0, x)),
        "ragged": saved(lambda self, x: words(x).to_tensor(""), TEXTS),
        "lower": saved(lambda self, x: tf.strings.lower(x, encoding="utf-8"), TEXTS),
        "nested": saved(lambda self, x: tf.function(lambda y: tf.function(lambda z: z * 2.0)(y) + 1.0)(x)),
        "nested_newest": saved(lambda self, x: tf.function(lambda y: newest(y))(x)),
        "einsum": saved(lambda self, x: tf.einsum("ij,kj->ik", x, x)),
        "stateless": saved(lambda self, x: x + tf.random.stateless_uniform(tf.shape(x), seed=[1, 2])),
        "bincount": saved(lambda self, x: tf.math.bincount(tf.cast(x, tf.int32), minlength=4, axis=-1)),
        "bfloat16": saved(lambda self, x: tf.cast(tf.nn.softmax(tf.cast(x, tf.bfloat16)), tf.float32)),
        "float8": saved(lambda self, x: tf.cast(tf.cast(x, tf.dtypes.experimental.float8_e5m2), tf.float32)),
        "custom_gradient": saved(lambda self, x: clipped(x)),
        "gradient": saved(lambda self, x: gradient(x)),
        "dataset": saved(lambda self, x: x + tf.data.Dataset.range(4).map(
            lambda i: tf.cast(i, tf.float32)).reduce(0.0, lambda a, b: a + b)),
        "jit": saved(lambda self, x: tf.function(lambda y: y * 2.0, jit_compile=True)(x)),
        "unused_newest": beside(newest),
        "takes_ragged": beside(lambda x: x.to_tensor(), [tf.RaggedTensorSpec([None, None], tf.float32)]),
        "gives_ragged": beside(lambda x: tf.RaggedTensor.from_tensor(x)),
        "takes_nested": beside(lambda x: x["a"] + x["b"][0], [{"a": FLOATS[0], "b": (FLOATS[0], FLOATS[0])}]),
        "keras": keras(DENSE),
        "keras_trained": keras(DENSE, trained=True),
        "keras_text": keras(text_model),
        "keras_lstm": keras(layers(lambda: K.LSTM(3), shape=(3, 4))),
        "keras_gru": keras(layers(lambda: K.Bidirectional(K.GRU(3)), shape=(3, 4))),
        "keras_conv": keras(layers(lambda: K.Conv1D(3, 2), lambda: K.GlobalMaxPooling1D(), shape=(3, 4))),
        "keras_norm": keras(layers(lambda: K.BatchNormalization(), lambda: K.LayerNormalization())),
        "keras_bfloat16": keras(layers(lambda: K.Dense(3, dtype="mixed_bfloat16"))),
        "archive": archive,
    }
    return {"tf2_" + name: export for name, export in cases.items()}
