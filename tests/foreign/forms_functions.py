"""Forms that tf.saved_model.save writes: the op of an output is the call of a function. See forms.py."""
import numpy as np
import tensorflow as tf
from foreign_objects import Topics
from foreign_parts import CLASSES, TEXTS, WORDS, weights
from forms_parts import ID_TEXTS, ROWS, answer, describe_form, scored, softmax_of


class OfIds(tf.Module):
    """Logits of the mean of the vectors of the ids."""

    def __init__(self, seed):
        super().__init__()
        random = np.random.RandomState(seed)
        self.vectors = tf.Variable(weights(random, [len(WORDS), 8], embedding=True))
        self.kernel = tf.Variable(weights(random, [8, 2]))

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name="input_ids")])
    def call(self, input_ids):
        real = tf.cast(tf.not_equal(input_ids, 0), tf.float32)[:, :, None]
        mean = tf.reduce_sum(tf.gather(self.vectors, input_ids) * real, 1) / tf.maximum(tf.reduce_sum(real, 1), 1.0)
        return tf.matmul(mean, self.kernel)


def function_logits(folder):
    """Logits of two columns under the alias ``output_0``."""
    made = OfIds(701)
    tf.saved_model.save(made, folder, signatures=made.call)
    rows = [made.call(tf.constant([row]))[0].numpy() for row in ROWS]
    describe_form(folder, [{"input_ids": row} for row in ROWS], [scored(softmax_of(row)) for row in rows], ID_TEXTS)


class Labelled(Topics):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text):
        probabilities = tf.nn.softmax(self.logits(text, tf.constant(1.0)))
        return {"class": tf.gather(tf.constant(CLASSES), tf.argmax(probabilities, 1)), "probabilities": probabilities}


def function_label(folder):
    """The name of the best class beside the probabilities of all classes, whose names no output has."""
    made = Labelled(702)
    tf.saved_model.save(made, folder, signatures=made.classify)
    outs = [made.classify(tf.constant([text])) for text in TEXTS]
    answers = [scored(out["probabilities"][0].numpy(), CLASSES) for out in outs]
    assert [each["label"] for each in answers] == [answer(out["class"][0].numpy())["label"] for out in outs]
    describe_form(folder, TEXTS, answers)


KINDS = {"function_logits": function_logits, "function_label": function_label}
