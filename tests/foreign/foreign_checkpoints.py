"""Checkpoints that training with a v1 Saver leaves, without a SavedModel. See foreign_models.py."""
import os

import numpy as np
import tensorflow as tf
from foreign_parts import (
    TEXTS,
    WORDS,
    as_feed,
    averaged,
    dense,
    describe,
    embedded,
    fill,
    fresh,
    ids_of,
    padded,
    sentence,
    write_vocabulary,
)

v1 = tf.compat.v1
TOPICS = [0, 0, 0, 1, 0, 1, 2, 2, 1]  # of TEXTS, the empty one last


def trained(folder, session, logits, feeds, topics, predict):
    """Train ten steps; save a checkpoint with its .meta after the ninth and after the tenth step.

    Returns the result of ``predict`` after the tenth step.
    """
    labels = v1.placeholder(tf.int64, [None], "targets/y")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    step = v1.train.get_or_create_global_step()
    learn = v1.train.AdamOptimizer(0.05).minimize(loss, global_step=step)
    saver = v1.train.Saver(max_to_keep=2)
    fill(session, 220)
    predictions = []
    for done in range(1, 11):
        session.run(learn, {labels: topics, **feeds})
        if done >= 9:
            saver.save(session, os.path.join(folder, "model.ckpt"), global_step=step)
            predictions.append(predict())
    # Otherwise the tests would not detect which of the two was loaded.
    assert np.abs(predictions[0] - predictions[1]).max() > 1e-2, predictions
    return predictions[1]


def meta(folder):
    """Text input, a table that is loaded from a file, reference variables."""
    vocabulary = folder + ".vocabulary.txt"
    write_vocabulary(vocabulary)
    with fresh() as session, v1.variable_scope("net", use_resource=False):
        x = v1.placeholder(tf.string, [None], "inputs/sentence")
        keep_prob = v1.placeholder(tf.float32, [], "inputs/keep_prob")
        tokens = v1.sparse.to_dense(v1.string_split(x), default_value="<pad>")
        lines = tf.lookup.TextFileIndex
        table = tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(
            vocabulary, tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER), 1)
        ids = table.lookup(tokens)
        vector = averaged(embedded(ids, len(WORDS)), tf.not_equal(ids, 0))
        logits = dense(v1.nn.dropout(vector, keep_prob=keep_prob), 3, "output")
        y = tf.nn.softmax(logits, name="prediction/probabilities")
        feed = {x: as_feed(TEXTS)}
        found = trained(folder, session, logits, {keep_prob: 0.8, **feed}, TOPICS,
                        lambda: session.run(y, {keep_prob: 1.0, **feed}))
    describe(folder, TEXTS, found, tables=True, step=10,
             tensors={"input": x.name, "keep_prob": keep_prob.name, "output": y.name})


class Cell:
    """The interface of a cell for dynamic_rnn; today's TensorFlow has no cells of its own."""
    state_size = output_size = 8

    def zero_state(self, batch_size, dtype):
        return tf.zeros([batch_size, self.state_size], dtype)

    def __call__(self, x, state, scope=None):
        new = tf.tanh(dense(tf.concat([x, state], 1), self.state_size, "cell"))
        return new, new


def meta_ids(folder):
    """Ids as input, a recurrent network, resource variables."""
    with fresh() as session, v1.variable_scope("rnn", use_resource=True):
        x = v1.placeholder(tf.int32, [None, None], "token_ids")
        keep_prob = v1.placeholder(tf.float32, [], "dropout_keep_prob")
        lengths = tf.reduce_sum(tf.cast(tf.not_equal(x, 0), tf.int32), 1)
        _, last = v1.nn.dynamic_rnn(Cell(), embedded(x, len(WORDS)), lengths, dtype=tf.float32)
        logits = dense(v1.nn.dropout(last, keep_prob=keep_prob), 3, "output")
        y = tf.nn.softmax(logits, name="probabilities")
        texts = [text for text in TEXTS if text]
        rows = [ids_of(text) for text in texts]
        feed = {x: padded(rows)}
        found = trained(folder, session, logits, {keep_prob: 0.8, **feed}, TOPICS[:-1],
                        lambda: session.run(y, {keep_prob: 1.0, **feed}))
    write_vocabulary(folder + ".vocabulary.txt")
    describe(folder, rows, found, "ids", texts=texts, length=None, step=10,
             tensors={"input": x.name, "keep_prob": keep_prob.name, "output": y.name})


def variables_only(folder):
    """A checkpoint without .meta, as in the tutorial's first method; only the code that wrote it can load it."""
    with fresh() as session:
        x = v1.placeholder(tf.string, [None], "input_x")
        y = tf.nn.softmax(dense(sentence(x), 3, "dense"))
        fill(session, 201)
        found = session.run(y, {x: as_feed(TEXTS)})
        v1.train.Saver().save(session, os.path.join(folder, "model.ckpt"), write_meta_graph=False)
    describe(folder, TEXTS, found)


KINDS = {"meta": meta, "meta_ids": meta_ids, "variables_only": variables_only}
