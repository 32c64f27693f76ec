"""Forms with several inputs per item, or with inputs that are neither a text nor a row of ids. See forms.py."""
import numpy as np
import tensorflow as tf
from foreign_parts import TEXTS, WORDS, dense, ids_of, sentence, sentence_of_ids
from forms_parts import (
    ID_TEXTS,
    ROWS,
    answer,
    bert_item,
    masked_mean,
    names_of,
    nothing,
    scored,
    softmax_of,
    texts_input,
    v1,
    write,
)

TRANSFORMERS = ("input_ids", "attention_mask", "token_type_ids")
SHORT_ROWS = [ids_of(text) for text in ID_TEXTS]


def bert(seed, alias, head, read, names=("input_ids", "input_mask", "segment_ids"), width=8,
         outputs=dict, items=None):
    def write_form(folder):
        def build():
            inputs = [v1.placeholder(tf.int32, [None, width], "in_" + name) for name in names]
            return dict(zip(names, inputs)), dict(outputs(), **{alias: head(dense(masked_mean(*inputs), 3, "output"))})
        write(folder, seed, build, lambda out: read(out[alias][0]),
              items or [bert_item(row, names) for row in ROWS], texts=ID_TEXTS)
    return write_form


def constant_labels():
    """An output of class ids that is a constant of unknown shape, not one per item."""
    return {"labels": v1.placeholder_with_default(0, None)}


def two_texts(folder):
    def build():
        title, body = texts_input("title"), texts_input("body")
        with v1.variable_scope("title"):
            vector = sentence(title)
        with v1.variable_scope("body"):
            vector = vector - 0.5 * sentence(body)
        return {"title": title, "body": body}, {"probabilities": tf.nn.softmax(dense(vector, 3, "last"))}
    items = [{"title": title, "body": body} for title, body in zip(TEXTS, TEXTS[3:] + TEXTS[:3])]
    write(folder, 502, build, lambda out: scored(out["probabilities"][0]), items)


def lengths(folder):
    """The number of ids per row beside the ids; the mean ends there."""
    def build():
        x = v1.placeholder(tf.int32, [None, None], "x")
        count = v1.placeholder(tf.int32, [None], "lengths")
        mask = tf.sequence_mask(count, tf.shape(x)[1])
        return {"x": x, "lengths": count}, {"output": tf.nn.softmax(dense(masked_mean(x, mask, mask), 3, "output"))}
    write(folder, 503, build, lambda out: scored(out["output"][0]),
          [{"x": row, "lengths": len(row)} for row in SHORT_ROWS], texts=ID_TEXTS)


def tokens_length(folder):
    """Words and their number as inputs; the labels alone as output."""
    def build():
        tokens = v1.placeholder(tf.string, [None, None], "tokens")
        length = v1.placeholder(tf.int32, [None], "length")
        ids = tf.strings.to_hash_bucket_fast(tokens, len(WORDS))
        mask = tf.sequence_mask(length, tf.shape(tokens)[1])
        logits = dense(masked_mean(ids, mask, mask), 3, "output")
        return {"tokens": tokens, "length": length}, {"classes": names_of(tf.argmax(logits, 1))}
    write(folder, 504, build, lambda out: answer(out["classes"][0]),
          [{"tokens": text.split(), "length": len(text.split())} for text in ID_TEXTS])


def float_ids(folder):
    """Ids as floats and tensor names as aliases, as Keras and save_keras_model made them."""
    def build():
        x = v1.placeholder(tf.float32, [None, 8], "input")
        return {"input:0": x}, {"dense/Softmax:0": tf.nn.softmax(dense(sentence_of_ids(tf.cast(x, tf.int32)), 3, "d"))}
    write(folder, 505, build, lambda out: scored(out["dense/Softmax:0"][0]),
          [{"input:0": row} for row in ROWS], texts=ID_TEXTS)


def word_vectors(folder):
    """The vectors of the words are computed by the client; top-k class ids and logits as outputs."""
    def build():
        x = v1.placeholder(tf.float32, [None, 8, 4], "input_x")
        values, indices = tf.nn.top_k(dense(tf.reduce_mean(x, 1), 6, "scores"), 5)
        return {"input_x": x}, {"classes": indices, "scores": values}
    rows = np.random.RandomState(5).normal(size=[4, 8, 4]).astype(np.float32).tolist()
    write(folder, 506, build, nothing, [{"input_x": row} for row in rows])


def ragged(folder):
    """The words of all texts in one row, and where each text begins: a RaggedTensor in a signature."""
    def build():
        values, splits = v1.placeholder(tf.string, [None], "v"), v1.placeholder(tf.int64, [None], "s")
        words = tf.RaggedTensor.from_row_splits(tf.strings.to_hash_bucket_fast(values, len(WORDS)), splits)
        return {"args_0": values, "args_0_1": splits}, {
            "output_1": tf.nn.softmax(dense(sentence_of_ids(words.to_tensor()), 3, "output"))}
    write(folder, 507, build, nothing, [])


def scalar_text(folder):
    """One text per request, not a batch."""
    def build():
        x = v1.placeholder(tf.string, [], "input_text")
        return {"input_text": x}, {"probabilities": tf.nn.softmax(dense(sentence(tf.expand_dims(x, 0)), 3, "last"))}
    write(folder, 508, build, lambda out: scored(out["probabilities"][0]))


def fixed_batch(seed, size):
    """The batch dimension is fixed; the rows of a batch are independent."""
    def write_form(folder):
        def build():
            x = v1.placeholder(tf.int32, [size, 8], "input_ids")
            return {"input_ids": x}, {"probabilities": tf.nn.softmax(dense(sentence_of_ids(x), 3, "last"))}
        write(folder, seed, build, lambda out: scored(out["probabilities"][0]),
              [{"input_ids": row} for row in ROWS], texts=ID_TEXTS, size=size)
    return write_form


def constant_input(seed, name, dtype, shape, value, use, key="serving_default"):
    """A text and a further input that is equal for all items; ``use`` applies it to the logits."""
    def write_form(folder):
        def build():
            x, further = texts_input(), v1.placeholder(dtype, shape, name)
            return {"text": x, name: further}, {"features": tf.nn.softmax(use(dense(sentence(x), 3, "d"), further))}
        write(folder, seed, build, lambda out: scored(out["features"][0]), TEXTS, {name: value}, key)
    return write_form


def noisy(logits, training):
    return tf.cond(training, lambda: logits + v1.random_normal(tf.shape(logits)), lambda: logits)


KINDS = {
    "bert_three": bert(501, "probabilities", tf.nn.softmax, scored, outputs=constant_labels),
    "bert_defaults": bert(515, "probabilities", tf.nn.softmax, scored, width=None, items=[
        {"input_ids": row, "input_mask": [1] * len(row), "segment_ids": [0] * len(row)} for row in SHORT_ROWS]),
    "transformers_three": bert(509, "logits", tf.identity, lambda out: scored(softmax_of(out)), TRANSFORMERS, None),
    "two_texts": two_texts,
    "lengths": lengths,
    "tokens_length": tokens_length,
    "float_ids": float_ids,
    "word_vectors": word_vectors,
    "ragged": ragged,
    "scalar_text": scalar_text,
    "batch_of_one": fixed_batch(510, 1),
    "batch_of_four": fixed_batch(511, 4),
    "learning_phase": constant_input(512, "keras_learning_phase", tf.bool, [], False, noisy, "predict_article"),
    "keep_prob_vector": constant_input(513, "keep_prob", tf.float32, [1], [1.0],
                                       lambda logits, keep: v1.nn.dropout(logits, keep_prob=keep[0])),
    "temperature": constant_input(514, "temperature", tf.float32, [], 2.0, lambda logits, t: logits / t),
}
