"""Forms whose outputs are floats alone: their meaning must not be guessed from their shape. See forms.py."""
import numpy as np
import tensorflow as tf
from foreign_parts import CLASSES, TEXTS, UNKNOWN, WORDS, dense, embedded, sentence, sentence_of_ids
from forms_parts import (
    ID_TEXTS,
    ROWS,
    bert_item,
    column,
    known_words,
    nothing,
    scored,
    sigmoid,
    softmax_of,
    texts_input,
    v1,
    write,
)


def of_texts(seed, alias, head, read, units=3, vector=sentence, name="sentence", **more):
    """One float output, which ``head`` computes from ``units`` logits; ``read`` converts it to the answer."""
    def write_form(folder):
        def build():
            x = texts_input()
            return {name: x}, {alias: head(dense(vector(x), units, "last"))}
        write(folder, seed, build, lambda out: read(out[alias][0]), **more)
    return write_form


def one_column_logits(folder):
    """As TensorFlow's text tutorial with ``from_logits=True``; some short texts have a logit in (0, 1)."""
    found = []

    def read(logit):
        found.append(float(logit[0]))
        return column(sigmoid(logit))
    of_texts(591, "dense", tf.identity, read, 1, known_words, items=TEXTS + ["a", UNKNOWN[0]])(folder)
    assert 0 < min(found[-2:]) < max(found[-2:]) < 1 and min(found) < -0.5 and max(found) > 1.5, found


def token_tags(folder):
    """One tag per token, as of a named entity recognizer."""
    def build():
        ids, mask, segments = (v1.placeholder(tf.int32, [None, 8], name) for name in ("ids", "mask", "segments"))
        vectors = embedded(ids, len(WORDS)) * tf.cast(mask + 0 * segments, tf.float32)[:, :, None]
        tags = tf.reshape(dense(tf.reshape(vectors, [-1, 8]), 5, "tag"), [-1, 8, 5])
        return {"input_ids": ids, "input_mask": mask, "segment_ids": segments}, {
            "predictions": tf.argmax(tags, 2, output_type=tf.int32), "logits": tags}
    write(folder, 408, build, nothing, [bert_item(row) for row in ROWS])


def two_heads(folder):
    """Two classifications of the same text."""
    def build():
        x = texts_input()
        vector = sentence(x)
        return {"text": x}, {"topic": tf.nn.softmax(dense(vector, 3, "topic")),
                             "sentiment": tf.nn.softmax(dense(vector, 2, "sentiment"))}
    write(folder, 409, build, lambda out: scored(out["topic"][0]))


def logits_beside_pooled(folder):
    """Logits, and the vector from which they were computed."""
    def build():
        ids = v1.placeholder(tf.int32, [None, None], "input_ids")
        pooled = tf.tanh(sentence_of_ids(ids))
        return {"input_ids": ids}, {"logits": dense(pooled, 2, "classifier"), "pooler_output": pooled}
    write(folder, 410, build, lambda out: scored(softmax_of(out["logits"][0])),
          [{"input_ids": row} for row in ROWS], texts=ID_TEXTS)


def one_to_five(logits):
    return 1.0 + 4.0 * tf.sigmoid(logits)


KINDS = {
    "one_column_logits": one_column_logits,
    "stars_regression": of_texts(402, "stars", one_to_five, nothing, 1),
    "regression_squeezed": of_texts(403, "predictions", lambda x: tf.squeeze(one_to_five(x), [1]), nothing, 1),
    "tanh_sentiment": of_texts(404, "activation_1", tf.tanh, nothing, 1),
    "log_probabilities": of_texts(405, "probabilities", tf.nn.log_softmax, lambda out: scored(np.exp(out))),
    "multi_label": of_texts(406, "predictions", tf.sigmoid, scored, 5),
    "embedding_normalised": of_texts(407, "embedding", lambda x: tf.nn.l2_normalize(x, 1), nothing, 512, name="text"),
    "embedding_tanh": of_texts(411, "pooled_output", tf.tanh, nothing, 64, name="text"),
    "named_logits": of_texts(412, "logits", tf.identity, lambda out: scored(softmax_of(out), CLASSES), labels=CLASSES),
    "token_tags": token_tags,
    "two_heads": two_heads,
    "logits_beside_pooled": logits_beside_pooled,
}
