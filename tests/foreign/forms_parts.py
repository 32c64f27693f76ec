"""Shared parts of the forms: a classic graph is written with its own answers, which are read from its own outputs."""
import json
import os

import numpy as np
import tensorflow as tf
from foreign_classic import signature
from foreign_parts import (
    CLASSES,
    TEXTS,
    WORDS,
    embedded,
    fill,
    fresh,
    ids_of,
    sentence_of_ids,
    softmax,
    write_vocabulary,
)

v1 = tf.compat.v1

WIDTH = 8  # ids of the models that take a fixed number
ID_TEXTS = [text for text in TEXTS if 0 < len(text.split()) <= WIDTH]
EMPTY_ROW = [0] * WIDTH
ROWS = [(ids_of(text) + EMPTY_ROW)[:WIDTH] for text in ID_TEXTS]


def write(folder, seed, build, read, items=TEXTS, constants=None, key="serving_default",
          method="tensorflow/serving/predict", texts=None, labels=None, size=1, shown=None):
    """Write FOLDER/KIND and FOLDER/KIND.json.

    build      returns the inputs and the outputs of the signature, {alias: tensor}
    read       converts the outputs for one item, {alias: array}, to its answer, as by ``answer``
    items      texts for the first input, or {alias: value}; each is run alone
    shown      the items of the file, if they are not those that the graph receives
    size       the number of rows of a batch, which all have the values of the item
    constants  {alias: value} of the inputs that are equal for all items
    texts      of a model of ids: the texts that the vocabulary converts to the items
    labels     the content of labels.txt beside the model
    """
    constants = constants or {}
    with fresh() as session:
        inputs, outputs = build()
        initialize = v1.tables_initializer()
        fill(session, seed)
        answers = []
        for item in items:
            fields = item if isinstance(item, dict) else {next(iter(inputs)): item}
            feed = {inputs[alias]: batch_of(size, inputs[alias], value) for alias, value in fields.items()}
            feed.update({inputs[alias]: value for alias, value in constants.items()})
            answers.append(read(session.run(outputs, feed)))
        builder = v1.saved_model.builder.SavedModelBuilder(folder)
        builder.add_meta_graph_and_variables(
            session, ["serve"], {key: signature(inputs, outputs, method)}, main_op=initialize,
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS))
        builder.save()
    describe_form(folder, shown or items, answers, texts, labels)


def batch_of(size, tensor, value):
    if tensor.shape.rank == 0:  # a scalar cannot be a batch
        return encoded(value)
    return np.array([encoded(value)] * size, tensor.dtype.as_numpy_dtype)


def encoded(value):
    if isinstance(value, list):
        return [encoded(each) for each in value]
    return value.encode("utf-8") if isinstance(value, str) else value


def describe_form(folder, items, answers, texts=None, labels=None):
    """Write FOLDER/KIND.json; the answers must differ, because equal ones would not detect confused rows."""
    known = [each["label"] for each in answers if each]
    assert not known or len(set(known)) > 1, known
    if labels:
        with open(os.path.join(folder, "labels.txt"), "w") as out:
            out.write("\n".join(labels) + "\n")
    if texts:
        write_vocabulary(folder + ".vocabulary.txt")
    with open(folder + ".json", "w", encoding="utf-8") as out:
        json.dump({"items": items, "answers": answers, "texts": texts}, out, ensure_ascii=False, indent=1)


# --- answers --------------------------------------------------------------------------------------------------

def answer(label, scores=None):
    """The label, and the scores of all labels that the model scores; None if it has no scores."""
    text = label.decode("utf-8") if isinstance(label, bytes) else str(label)
    return {"label": text, "scores": scores}


def scored(probabilities, names=None):
    row = [float(each) for each in np.reshape(probabilities, -1)]
    names = names or [str(i) for i in range(len(row))]
    return answer(names[int(np.argmax(row))], dict(zip(names, row)))


def column(probability, names=None):
    """One column is the probability of the second class."""
    second = float(np.reshape(probability, -1)[0])
    return scored([1 - second, second], names)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def softmax_of(row):
    return softmax(np.reshape(np.asarray(row, np.float64), [1, -1]))


def nothing(_):
    """The model is not a classifier, so that no answer can be right."""


# --- graphs ---------------------------------------------------------------------------------------------------

def texts_input(name="sentence_in"):
    return v1.placeholder(tf.string, [None], name)


def known_words(texts):
    """One vector per text; unknown words have the id 1, so that all texts without known words are equal."""
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
        tf.constant(WORDS), tf.constant(list(range(len(WORDS))), tf.int64)), 1)
    tokens = v1.sparse.to_dense(v1.string_split(texts), default_value=WORDS[0])
    return sentence_of_ids(table.lookup(tokens))


def names_of(indices, names=tuple(CLASSES)):
    """The names of class ids, by a lookup table."""
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
        tf.constant(list(range(len(names))), tf.int64), tf.constant(list(names))), "")
    return table.lookup(tf.cast(indices, tf.int64))


def tiled(row, texts):
    """The same row for each text."""
    return tf.tile(tf.expand_dims(row, 0), [tf.shape(texts)[0], 1])


def masked_mean(ids, mask, segments):
    """One vector per row of ids, as of a BERT: it depends on the mask and on the segments."""
    vectors = embedded(ids, len(WORDS)) * (1.0 + 0.5 * tf.cast(segments, tf.float32)[:, :, None])
    weights = tf.cast(mask, tf.float32)[:, :, None]
    return tf.reduce_sum(vectors * weights, 1) / tf.maximum(tf.reduce_sum(weights, 1), 1.0)


def bert_item(row, names=("input_ids", "input_mask", "segment_ids")):
    """An item of ids; the mask is 1 for all tokens but padding, and the second half is the second sentence."""
    return dict(zip(names, (row, [int(i > 0) for i in row], [0] * (WIDTH // 2) + [1] * (WIDTH // 2))))
