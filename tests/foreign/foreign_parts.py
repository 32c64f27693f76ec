"""Shared parts of the foreign models: texts and their ids, weights, classic graphs, the file of their predictions."""
import contextlib
import json

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1

CLASSES = ["sport", "money", "weather"]
LENGTH = 12   # ids of the models that take a fixed number
BUCKETS = 97  # hash buckets of the models without a vocabulary
SHORT = [     # texts of at most LENGTH words
    "goal",
    "the match ended in a draw",
    "the team won the final match after a late goal and sang",
    "shares fell after the bank warned that profits would drop",
    "足球 比赛 今晚 开始",
    "股票 市场 下跌 银行 利润",
    "zyxwvut rain 今晚下雨吗",  # the first and the last word are not in WORDS
]
LONG = SHORT[3] + " and " + SHORT[1] + " while rain and wind " + SHORT[2] + " 今晚 比赛 开始"
TEXTS = SHORT + [LONG, ""]
UNKNOWN = ("zyxwvut", "今晚下雨吗")
WORDS = ["<pad>", "<unk>"] + sorted({word for text in TEXTS for word in text.split()} - set(UNKNOWN))


def ids_of(text):
    return [WORDS.index(word) if word in WORDS else 1 for word in text.split()]


def padded(rows, length=None):
    """An array of ids, padded with 0."""
    length = length or max(map(len, rows))
    return np.array([row + [0] * (length - len(row)) for row in rows])


def write_vocabulary(path):
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(WORDS) + "\n")


def softmax(logits):
    powers = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def two_columns(probability):
    """The probabilities of two classes, given that of the second class."""
    column = np.reshape(probability, [-1, 1])
    return np.concatenate([1 - column, column], axis=1)


def describe(folder, inputs, probabilities, takes="text", **more):
    """Write FOLDER/KIND.json: the inputs of the model and its own predictions."""
    if probabilities is not None:
        probabilities = np.asarray(probabilities).tolist()
        assert_distinct(np.array(probabilities))
    known = {"inputs": inputs, "probabilities": probabilities, "takes": takes,
             "labels": None, "tensors": None, "tables": False}
    with open(folder + ".json", "w", encoding="utf-8") as out:
        json.dump(dict(known, **more), out, ensure_ascii=False, indent=1)


def assert_distinct(rows):
    """Assert that a service which confuses rows, classes or weights would return clearly different numbers."""
    best = np.sort(rows, axis=1)
    assert rows.min() > 1e-4, rows
    assert len(set(rows.argmax(axis=1))) > 1, rows
    assert np.sum(best[:, -1] - best[:, -2] > 0.1) > len(rows) // 2, rows
    assert np.ptp(rows, axis=0).min() > 0.1, rows


def weights(random, shape, embedding=False):
    """Random weights with clear predictions in which no class has a probability near 0."""
    scale = 1.5 if embedding else 0.3 if len(shape) == 1 else 2.0 / np.sqrt(np.prod(shape[:-1]))
    return random.normal(0, scale, shape).astype(np.float32)


# --- classic graphs -------------------------------------------------------------------------------------------

@contextlib.contextmanager
def fresh():
    """A session with a graph of its own."""
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(7)
        yield session


def fill(session, seed):
    """Initialize, then assign other weights, which detects a loader that runs initializers instead of restoring."""
    session.run([v1.global_variables_initializer(), v1.tables_initializer()])
    random = np.random.RandomState(seed)
    for variable in v1.trainable_variables():
        value = weights(random, variable.shape.as_list(), "embedding" in variable.name)
        session.run(variable.initializer, {variable.initializer.inputs[1]: value})


def hashed(texts):
    """White space tokens as hash buckets [batch, longest], and a mask that is False for padding."""
    tokens = v1.sparse.to_dense(v1.string_split(texts), default_value="")
    return tf.strings.to_hash_bucket_fast(tokens, BUCKETS), tf.not_equal(tokens, "")


def embedded(ids, rows, width=8):
    return tf.nn.embedding_lookup(v1.get_variable("embedding", [rows, width]), ids)


def averaged(vectors, real):
    counted = tf.cast(real, tf.float32)[:, :, None]
    return tf.reduce_sum(vectors * counted, 1) / tf.maximum(tf.reduce_sum(counted, 1), 1.0)


def dense(x, units, name):
    kernel = v1.get_variable(name + "/kernel", [x.shape.as_list()[-1], units])
    return tf.matmul(x, kernel) + v1.get_variable(name + "/bias", [units], initializer=v1.zeros_initializer())


def sentence(texts):
    """One vector per text."""
    ids, real = hashed(texts)
    return averaged(embedded(ids, BUCKETS), real)


def sentence_of_ids(ids):
    return averaged(embedded(ids, len(WORDS)), tf.not_equal(ids, 0))


def as_feed(texts):
    return np.array([text.encode("utf-8") for text in texts], object)
