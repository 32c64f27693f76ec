"""SavedModels by SavedModelBuilder, as in the tutorials of TensorFlow 1. See foreign_models.py."""
import os

import numpy as np
import tensorflow as tf
from foreign_parts import (
    CLASSES,
    LENGTH,
    SHORT,
    TEXTS,
    WORDS,
    as_feed,
    dense,
    describe,
    embedded,
    fill,
    fresh,
    ids_of,
    padded,
    sentence,
    sentence_of_ids,
    softmax,
    two_columns,
    write_vocabulary,
)

v1 = tf.compat.v1
info = v1.saved_model.utils.build_tensor_info
signature_def = v1.saved_model.signature_def_utils.build_signature_def


def signature(inputs, outputs, method="tensorflow/serving/predict"):
    return signature_def({alias: info(tensor) for alias, tensor in inputs.items()},
                         {alias: info(tensor) for alias, tensor in outputs.items()}, method)


def save(folder, session, signatures=None, tags=("serve",)):
    builder = v1.saved_model.builder.SavedModelBuilder(folder)
    builder.add_meta_graph_and_variables(session, list(tags), signatures)
    builder.save()


# --- text input -------------------------------------------------------------------------------------------------

def tutorial(folder):
    """The tutorial's model with the tutorial's names."""
    with fresh() as session:
        x = v1.placeholder(tf.string, [None])
        keep_prob = v1.placeholder(tf.float32)  # of unknown shape, as in most tutorials
        y = tf.nn.softmax(dense(v1.nn.dropout(sentence(x), keep_prob=keep_prob), 3, "dense"))
        fill(session, 201)
        found = session.run(y, {x: as_feed(TEXTS), keep_prob: 1.0})
        save(folder, session, tags=["test_saved_model"], signatures={"test_signature": signature(
            {"input_x": x, "keep_prob": keep_prob}, {"output": y}, "test_sig_name")})
    describe(folder, TEXTS, found)


def two_tag_sets(folder):
    """A training and a serving graph in one file."""
    builder = v1.saved_model.builder.SavedModelBuilder(folder)
    with fresh() as session:
        x, classes = v1.placeholder(tf.string, [None], "x"), v1.placeholder(tf.int64, [None], "y")
        logits = dense(v1.nn.dropout(sentence(x), rate=0.5), 3, "topics")
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=logits))
        v1.train.AdamOptimizer().minimize(loss)
        fill(session, 2)
        learn = signature({"documents": x, "classes": classes}, {"loss": loss}, "learn")
        builder.add_meta_graph_and_variables(session, ["train"], {"learn": learn})
    with fresh() as session:
        x = v1.placeholder(tf.string, [None], "x")
        vector = sentence(x)
        probabilities = tf.nn.softmax(dense(vector, 3, "topics"))
        fill(session, 2)
        found = session.run(probabilities, {x: as_feed(TEXTS)})
        builder.add_meta_graph(["serve"], {
            "serving_default": signature({"documents": x}, {"probs": probabilities}),
            "vectors": signature({"documents": x}, {"vector": vector})})
    builder.save()
    describe(folder, TEXTS, found)


def two_signatures(folder):
    """Two signatures, one of them with the key of TensorFlow Serving's example."""
    with fresh() as session:
        x = v1.placeholder(tf.string, [None], "raw")
        scores = tf.nn.softmax(dense(sentence(x), 3, "fc"), name="prob")
        fill(session, 3)
        found = session.run(scores, {x: as_feed(TEXTS)})
        save(folder, session, {"serving_default": signature({"comments": x}, {"class_scores": scores}),
                               "predict_images": signature({"images": x}, {"scores": scores})})
    describe(folder, TEXTS, found)


def drop_rate(folder):
    """A dropout rate instead of a keep probability, and an input that enables noise."""
    with fresh() as session:
        x = v1.placeholder(tf.string, [None], "doc")
        rate = v1.placeholder(tf.float32, [], "rate")
        training = v1.placeholder(tf.bool, [], "phase")
        dropped = v1.nn.dropout(sentence(x), rate=rate)
        noisy = tf.cond(training, lambda: dropped + v1.random_normal(tf.shape(dropped)), lambda: dropped)
        y = tf.nn.softmax(dense(noisy, 3, "top"))
        fill(session, 8)
        found = session.run(y, {x: as_feed(TEXTS), rate: 0.0, training: False})
        save(folder, session, {"serving_default": signature(
            {"doc": x, "drop_rate": rate, "training": training}, {"prediction": y})})
    describe(folder, TEXTS, found)


def of_texts(seed, alias, head, probabilities, units=3, name="serving_default", **more):
    """A kind with one input and one output, which ``head`` computes from ``units`` logits."""
    def write(folder):
        with fresh() as session:
            x = v1.placeholder(tf.string, [None], "sentence_in")
            y = head(dense(sentence(x), units, "last"))
            fill(session, seed)
            found = probabilities(session.run(y, {x: as_feed(TEXTS)}))
            save(folder, session, {name: signature({"sentence": x}, {alias: y})})
        describe(folder, TEXTS, found, **more)
    return write


def logits(folder):
    of_texts(5, "logits", tf.identity, softmax, labels=CLASSES)(folder)
    with open(os.path.join(folder, "labels.txt"), "w") as out:
        out.write("\n".join(CLASSES) + "\n")


def label_only(folder):
    with fresh() as session:
        x = v1.placeholder(tf.string, [None], "t")
        y = tf.gather(tf.constant(CLASSES), tf.argmax(dense(sentence(x), 3, "d"), 1))
        fill(session, 6)
        answers = [answer.decode() for answer in session.run(y, {x: as_feed(TEXTS)})]
        save(folder, session, {"serving_default": signature({"text": x}, {"topic": y})})
    assert len(set(answers)) > 1, answers
    describe(folder, TEXTS, None, answers=answers)


def no_signature(folder):
    """No signature, only tags, as in the tutorial's simplest method; the names of the tensors must be known."""
    with fresh() as session:
        x = v1.placeholder(tf.string, [None], "input_x")
        y = tf.nn.softmax(dense(sentence(x), 3, "dense"), name="predict_y")
        fill(session, 109)
        found = session.run(y, {x: as_feed(TEXTS)})
        save(folder, session, tags=["tag_string"])
    describe(folder, TEXTS, found, tensors={"input": x.name, "output": y.name})


# --- ids as input ---------------------------------------------------------------------------------------------------

def ids_any(folder):
    with fresh() as session:
        x = v1.placeholder(tf.int32, [None, None], "word_ids")
        y = tf.nn.softmax(dense(sentence_of_ids(x), 3, "out"))
        fill(session, 10)
        texts = [text for text in TEXTS if text]
        rows = [ids_of(text) for text in texts]
        found = session.run(y, {x: padded(rows)})
        save(folder, session, {"serving_default": signature({"ids": x}, {"classes_prob": y})})
    write_vocabulary(folder + ".vocabulary.txt")
    describe(folder, rows, found, "ids", texts=texts, length=None)


def ids_fixed(folder):
    """A convolution over all twelve positions, including padding."""
    with fresh() as session:
        x = v1.placeholder(tf.int64, [None, LENGTH], "sequence")
        windows = tf.nn.conv1d(embedded(x, len(WORDS)), v1.get_variable("kernel", [3, 8, 6]), 1, "VALID")
        y = tf.nn.softmax(dense(tf.reshape(tf.tanh(windows), [-1, (LENGTH - 2) * 6]), 3, "out") / 2.0)
        fill(session, 111)
        rows = [ids_of(text) for text in SHORT]
        found = session.run(y, {x: padded(rows, LENGTH)})
        save(folder, session, {"serving_default": signature({"sequence": x}, {"p": y})})
    write_vocabulary(folder + ".vocabulary.txt")
    describe(folder, rows, found, "ids", texts=SHORT, length=LENGTH)


# --- serialized tf.Example as input ---------------------------------------------------------------------------------

def serialized(name, value):
    if isinstance(value, str):
        feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode("utf-8")]))
    else:
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=value))
    return tf.train.Example(features=tf.train.Features(feature={name: feature})).SerializeToString()


def of_examples(seed, feature, spec, body, inputs, fed, **more):
    """``body`` converts the parsed feature to vectors; ``fed`` are the values of the feature for ``inputs``."""
    def write(folder):
        with fresh() as session:
            x = v1.placeholder(tf.string, [None], "tf_example")
            y = tf.nn.softmax(dense(body(v1.io.parse_example(x, {feature: spec})[feature]), 3, "out"))
            fill(session, seed)
            found = session.run(y, {x: np.array([serialized(feature, value) for value in fed], object)})
            save(folder, session, {"serving_default": signature({"examples": x}, {"scores": y})})
        if "texts" in more:
            write_vocabulary(folder + ".vocabulary.txt")
        describe(folder, inputs, found, "example", feature=feature, **more)
    return write


ROWS = [ids_of(text) for text in SHORT]
KINDS = {
    "tutorial": tutorial,
    "two_tag_sets": two_tag_sets,
    "two_signatures": two_signatures,
    "drop_rate": drop_rate,
    "logits": logits,
    "outside": of_texts(7, "scores", lambda x: x - 4.0, softmax),
    "sigmoid_many": of_texts(13, "scores", tf.sigmoid, lambda found: found),
    "label_only": label_only,
    "one_column": of_texts(14, "probability", lambda x: tf.sigmoid(tf.squeeze(x, [1])), two_columns, units=1),
    "no_signature": no_signature,
    "ids_any": ids_any,
    "ids_fixed": ids_fixed,
    "example": of_examples(15, "ids", tf.io.FixedLenFeature([LENGTH], tf.int64), sentence_of_ids, ROWS,
                           padded(ROWS, LENGTH).tolist(), texts=SHORT, length=LENGTH),
    "example_text": of_examples(116, "text", tf.io.FixedLenFeature([], tf.string), sentence, TEXTS, TEXTS),
    "example_sparse": of_examples(117, "ids", tf.io.VarLenFeature(tf.int64), lambda ids: sentence_of_ids(
        tf.sparse.to_dense(ids)), ROWS, ROWS, texts=SHORT, length=None),
}
