"""Forms whose signature gives labels, alone or beside floats. See forms.py."""
import tensorflow as tf
from foreign_parts import CLASSES, averaged, dense, embedded, hashed, sentence, sentence_of_ids
from forms_parts import (
    ID_TEXTS,
    ROWS,
    answer,
    bert_item,
    known_words,
    masked_mean,
    names_of,
    scored,
    softmax_of,
    texts_input,
    tiled,
    v1,
    write,
)

FIVE = ["economy", "art", "sport", "travel", "politics"]  # not in the order of the alphabet
CLASSIFY = "tensorflow/serving/classify"


def decoded(names):
    return [name.decode("utf-8") for name in names]


def label_confidence(folder):
    def build():
        x = texts_input()
        p = tf.nn.softmax(dense(known_words(x), 3, "last"))
        return {"sentence": x}, {"label": names_of(tf.argmax(p, 1)), "confidence": tf.reduce_max(p, 1)}

    def read(out):
        label = out["label"][0].decode("utf-8")
        return answer(label, {label: float(out["confidence"][0])})
    write(folder, 301, build, read)


def label_uncertainty(folder):
    """The float is the entropy of the classes: in [0, 1], but not the probability of the label."""
    def build():
        x = texts_input()
        p = tf.nn.softmax(dense(sentence(x), 3, "last"))
        entropy = -tf.reduce_sum(p * tf.math.log(p + 1e-9), 1) / tf.math.log(3.0)
        return {"sentence": x}, {"label": names_of(tf.argmax(p, 1)), "uncertainty": entropy}
    write(folder, 302, build, lambda out: answer(out["label"][0]))


def top_of(seed, head, score_of, k, names):
    """Sorted classes and their scores, zipped, as in the classification API of TensorFlow Serving."""
    def write_form(folder):
        def build():
            x = texts_input()
            values, indices = tf.nn.top_k(head(dense(sentence(x), len(names), "last")), k)
            return {"inputs": x}, {"classes": names_of(indices, tuple(names)), "scores": values}

        def read(out):
            classes = decoded(out["classes"][0])
            return answer(classes[0], dict(zip(classes, score_of(out["scores"][0]))) if score_of else None)
        write(folder, seed, build, read, method=CLASSIFY)
    return write_form


def names_const(folder):
    def build():
        x = texts_input()
        return {"sentence": x}, {"prediction": tf.nn.softmax(dense(sentence(x), 3, "last")),
                                 "classes": tf.constant(CLASSES)}
    write(folder, 304, build, lambda out: scored(out["prediction"][0], decoded(out["classes"])))


def names_tiled(folder):
    """The names of all classes per text, by a table, in the order of the columns of the scores."""
    def build():
        x = texts_input()
        return {"input": x}, {"scores": tf.nn.softmax(dense(sentence(x), 3, "last")),
                              "classes": tiled(names_of(tf.range(3)), x)}
    write(folder, 305, build, lambda out: scored(out["scores"][0], decoded(out["classes"][0])))


def attention_beside_label(folder):
    """The attention has one column per word, as many as the longest text of the batch has words."""
    def build():
        x = texts_input()
        ids, real = hashed(x)
        vectors = embedded(ids, 97)
        energy = tf.reduce_sum(vectors, 2) + (tf.cast(real, tf.float32) - 1.0) * 1e9
        attention = tf.nn.softmax(energy)
        logits = dense(averaged(vectors * attention[:, :, None], real) * 9.0, 3, "last")
        return {"text": x}, {"topic": names_of(tf.argmax(logits, 1)), "attention": attention}
    write(folder, 306, build, lambda out: answer(out["topic"][0]))


def ids_logits(folder):
    """Class ids beside logits of the same classes, and a keep probability."""
    def build():
        x = v1.placeholder(tf.int32, [None, None], "input_x")
        keep_prob = v1.placeholder(tf.float32, name="keep_prob")
        logits = dense(v1.nn.dropout(sentence_of_ids(x), keep_prob=keep_prob), 3, "score")
        return {"input_x": x, "keep_prob": keep_prob}, {
            "output_score": logits, "predict_classification": tf.argmax(tf.nn.softmax(logits), 1)}
    write(folder, 307, build, lambda out: scored(softmax_of(out["output_score"][0])),
          [{"input_x": row} for row in ROWS], {"keep_prob": 1.0}, texts=ID_TEXTS)


def class_ids_only(folder):
    """Class ids alone; labels.txt has the names."""
    def build():
        x = v1.placeholder(tf.int32, [None, 8], "input_x")
        return {"input_x": x}, {"predictions": tf.argmax(dense(sentence_of_ids(x), 3, "score"), 1)}
    write(folder, 308, build, lambda out: answer(CLASSES[out["predictions"][0]]),
          [{"input_x": row} for row in ROWS], texts=ID_TEXTS, labels=CLASSES)


def estimator_binary(folder):
    """The predict signature of a canned estimator with two classes and a label vocabulary."""
    def build():
        x = texts_input()
        logits = dense(sentence(x), 1, "last")
        p = tf.nn.softmax(tf.concat([tf.zeros_like(logits), logits], 1))
        ids = tf.argmax(p, 1)[:, None]
        return {"text": x}, {
            "logits": logits, "logistic": tf.sigmoid(logits), "probabilities": p, "class_ids": ids,
            "classes": names_of(ids, ("shop", "film")), "all_class_ids": tiled(tf.range(2), x),
            "all_classes": tiled(tf.constant(["shop", "film"]), x)}
    write(folder, 309, build, lambda out: scored(out["probabilities"][0], decoded(out["all_classes"][0])),
          key="predict")


def estimator_many(folder):
    """The predict signature of a canned estimator of TensorFlow 1.4 with three classes: no list of all classes."""
    def build():
        x = texts_input()
        logits = dense(sentence(x), 3, "last")
        ids = tf.argmax(logits, 1)[:, None]
        return {"text": x}, {"logits": logits, "probabilities": tf.nn.softmax(logits), "class_ids": ids,
                             "classes": names_of(ids)}
    write(folder, 310, build, lambda out: scored(out["probabilities"][0], CLASSES), key="predict")


def bert_labels(folder):
    """Squeezed class ids (a scalar for a batch of one), and an input of training labels that remained."""
    def build():
        ids, mask, segments = (v1.placeholder(tf.int32, [None, 8], name) for name in ("ids", "mask", "segments"))
        label_ids = v1.placeholder(tf.int32, [None], "label_ids")
        logits = dense(masked_mean(ids, mask, segments), 2, "output")
        log_probs = tf.nn.log_softmax(logits)
        tf.reduce_sum(tf.one_hot(label_ids, 2) * log_probs, name="loss")
        return {"input_ids": ids, "input_mask": mask, "segment_ids": segments, "label_ids": label_ids}, {
            "probabilities": tf.nn.softmax(logits),
            "labels": tf.squeeze(tf.argmax(log_probs, 1, output_type=tf.int32))}
    write(folder, 311, build, lambda out: scored(out["probabilities"][0]),
          [dict(bert_item(row), label_ids=0) for row in ROWS])


KINDS = {
    "label_confidence": label_confidence,
    "label_uncertainty": label_uncertainty,
    "topk_zipped": top_of(303, tf.nn.softmax, lambda row: [float(each) for each in row], 3, CLASSES),
    "topk_part": top_of(312, tf.nn.softmax, lambda row: [float(each) for each in row], 3, FIVE),
    "topk_logits": top_of(313, tf.identity, None, 3, FIVE),
    "names_const": names_const,
    "names_tiled": names_tiled,
    "attention_beside_label": attention_beside_label,
    "ids_logits": ids_logits,
    "class_ids_only": class_ids_only,
    "estimator_binary": estimator_binary,
    "estimator_many": estimator_many,
    "bert_labels": bert_labels,
}
