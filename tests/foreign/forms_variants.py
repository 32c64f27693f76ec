"""Variants of the forms of public reports that a rule of thumb about shapes and values gets wrong. See forms.py."""
import os

import tensorflow as tf
from foreign_parts import CLASSES, TEXTS, WORDS, dense, embedded, sentence
from forms_functions import Labelled
from forms_labels import decoded
from forms_parts import (
    ID_TEXTS,
    ROWS,
    answer,
    column,
    describe_form,
    names_of,
    scored,
    sigmoid,
    texts_input,
    v1,
    write,
)

SPAM = ["ham", "spam"]


def of_logits(seed, units, outputs, read, **more):
    """A text; ``outputs`` converts its logits to the outputs of the signature."""
    def write_form(folder):
        def build():
            x = texts_input()
            return {"text": x}, outputs(dense(sentence(x), units, "last"))
        write(folder, seed, build, read, **more)
    return write_form


def label_threshold(folder):
    """The label has a threshold of its own: it is not always the class with the highest probability."""
    def outputs(logits):
        p = tf.nn.softmax(logits)
        return {"label": names_of(tf.cast(p[:, 1] > 0.2, tf.int64), SPAM), "probabilities": p}
    of_logits(801, 2, outputs, lambda out: answer(out["label"][0]))(folder)


def top_one(logits):
    values, indices = tf.nn.top_k(tf.nn.softmax(logits), 1)
    return {"classes": names_of(indices), "scores": values}


def read_top_one(out):
    label = out["classes"][0][0].decode("utf-8")
    return answer(label, {label: float(out["scores"][0][0])})


def top_ids(logits):
    """Sorted class ids and their probabilities, as tf.nn.top_k gives them."""
    values, indices = tf.nn.top_k(tf.nn.softmax(logits), 3)
    return {"indices": indices, "values": values}


def read_top_ids(out):
    ids = [str(i) for i in out["indices"][0]]
    return answer(ids[0], dict(zip(ids, [float(each) for each in out["values"][0]])))


def ratings(logits):
    """Ratings from 1 to 5 as classes: the label is one more than the column."""
    p = tf.nn.softmax(logits)
    return {"rating": tf.argmax(p, 1) + 1, "probabilities": p}


def two_labels(logits):
    return {"topic": names_of(tf.argmax(logits[:, :3], 1)), "kind": names_of(tf.argmax(logits[:, 3:], 1), SPAM)}


def label_logit(logits):
    """The float is the highest logit, not a probability."""
    return {"label": names_of(tf.argmax(logits, 1)), "score": tf.reduce_max(logits, 1)}


def attention_fixed(folder):
    """An attention over a fixed number of words: its width does not vary, and its rows sum to 1."""
    def build():
        ids = v1.placeholder(tf.int32, [None, 8], "ids")
        vectors = embedded(ids, len(WORDS))
        attention = tf.nn.softmax(tf.reduce_sum(vectors, 2))
        logits = dense(tf.reduce_sum(vectors * attention[:, :, None], 1), 3, "last")
        return {"ids": ids}, {"topic": names_of(tf.argmax(logits, 1)), "attention": attention}
    write(folder, 807, build, lambda out: answer(out["topic"][0]), [{"ids": row} for row in ROWS], texts=ID_TEXTS)


def further_feature(seed, name, dtype, values, use):
    """A text and a number of the same item."""
    def write_form(folder):
        def build():
            x, number = texts_input(), v1.placeholder(dtype, [None], name)
            return {"text": x, name: number}, {"scores": tf.nn.softmax(use(dense(sentence(x), 3, "last"), number))}
        write(folder, seed, build, lambda out: scored(out["scores"][0]),
              [{"text": text, name: values[i % len(values)]} for i, text in enumerate(TEXTS)])
    return write_form


def names_asset(folder):
    """The names of the classes in a file of the model, which a lookup table reads."""
    path = folder + ".names.txt"
    with open(path, "w") as out:
        out.write("\n".join(CLASSES) + "\n")

    def outputs(logits):
        lines = tf.lookup.TextFileIndex
        table = tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(
            path, tf.int64, lines.LINE_NUMBER, tf.string, lines.WHOLE_LINE), "?")
        p = tf.nn.softmax(logits)
        return {"class": table.lookup(tf.argmax(p, 1)), "probabilities": p}
    of_logits(810, 3, outputs, lambda out: scored(out["probabilities"][0], CLASSES))(folder)
    os.remove(path)  # the copy in the model's assets remains


class Column(Labelled):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text):
        return {"output_0": tf.sigmoid(self.logits(text, tf.constant(1.0))[:, :1])}


class ColumnLogits(Labelled):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text):
        return {"output_0": self.logits(text, tf.constant(1.0))[:, :1]}


class NamedLogits(Labelled):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text):
        return {"logits": tf.nn.softmax(self.logits(text, tf.constant(1.0)))}


def function(seed, module, alias, read):
    def write_form(folder):
        made = module(seed)
        tf.saved_model.save(made, folder, signatures=made.classify)
        describe_form(folder, TEXTS, [read(made.classify(tf.constant([text]))[alias][0].numpy()) for text in TEXTS])
    return write_form




KINDS = {
    "label_threshold": label_threshold,
    "top_one": of_logits(802, 3, top_one, read_top_one),
    "top_ids": of_logits(803, 3, top_ids, read_top_ids),
    "ratings_as_classes": of_logits(804, 5, ratings, lambda out: scored(out["probabilities"][0], list("12345"))),
    "two_labels": of_logits(805, 5, two_labels, lambda out: answer(out["topic"][0])),
    "label_logit": of_logits(806, 3, label_logit, lambda out: answer(out["label"][0])),
    "attention_fixed": attention_fixed,
    "text_and_category": further_feature(808, "category", tf.int32, [0, 1, 2], lambda logits, number: logits + 3.0
                                         * tf.one_hot(number, 3)),
    "text_and_number": further_feature(809, "price", tf.float32, [0.5, -1.5, 3.0], lambda logits, number: logits
                                       * number[:, None]),
    "names_asset": names_asset,
    "thousand_classes": of_logits(811, 1000, lambda logits: {"probs": tf.nn.softmax(logits)},
                                  lambda out: scored(out["probs"][0])),
    "double_precision": of_logits(812, 3, lambda logits: {"probs": tf.nn.softmax(tf.cast(logits, tf.float64))},
                                  lambda out: scored(out["probs"][0])),
    "function_column": function(813, Column, "output_0", column),
    "function_column_logits": function(813, ColumnLogits, "output_0", lambda row: column(sigmoid(row))),
    "function_softmax_logits": function(814, NamedLogits, "logits", scored),
    "names_beside_top": of_logits(815, 3, lambda logits: {
        "probabilities": tf.nn.softmax(logits), "classes": tf.constant(CLASSES),
        "label": names_of(tf.argmax(logits, 1))}, lambda out: scored(out["probabilities"][0], decoded(out["classes"]))),
}
