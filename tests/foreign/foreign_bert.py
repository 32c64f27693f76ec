"""A BERT classifier in TensorFlow, from weights under the names of the original (``encoder.layer.0...``).

    python foreign_bert.py FOLDER     write FOLDER/bert, FOLDER/vocab.txt and FOLDER/answers.json with any TensorFlow
                                      from 1.15 to today's; the answers are those for the texts of TOKENIZED
"""
import json
import struct
import sys
from pathlib import Path
from typing import Any, Dict, Sequence

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
Weights = Dict[str, np.ndarray]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film", "is", "good", "bad", "un", "##aff", "##able",
          "##s", "a", "b", "电", "影", "很", "好", "!", "?", ",", ".", "'", "isn", "t", "e", "##x", "soup", "won",
          "match"]
TOKENIZED = {  # texts and their tokens by BertWordPieceTokenizer
    "": [],
    "The film isn't good, unaffable!": ["the", "film", "isn", "'", "t", "good", ",", "un", "##aff", "##able", "!"],
    "这电影很好? GOOD": ["[UNK]", "电", "影", "很", "好", "?", "good"],
    "e\u0301 \u00c9x \ud55c\uad6d \U0001f642 \ufffd": ["e", "e", "##x", "[UNK]", "[UNK]"],
    "bad match soups \u0000a" * 9: ["bad", "match", "soup", "##s", *["[UNK]", "match", "soup", "##s"] * 8, "a"],
}
INPUTS = ("input_ids", "input_mask", "segment_ids")


def random_weights(vocabulary: int, seed: int = 0, size: int = 16, layers: int = 2, positions: int = 64) -> Weights:
    """The weights of a small BERT."""
    rnd = np.random.RandomState(seed)

    def matrix(*shape: int) -> np.ndarray:
        return (rnd.randn(*shape) * 0.3).astype(np.float32)

    weights = {"embeddings.word_embeddings.weight": matrix(vocabulary, size),
               "embeddings.position_embeddings.weight": matrix(positions, size),
               "embeddings.token_type_embeddings.weight": matrix(2, size)}
    dense = {"pooler.dense": (size, size)}
    norms = ["embeddings.LayerNorm"]
    for layer in range(layers):
        prefix = f"encoder.layer.{layer}."
        dense.update({prefix + f"attention.self.{name}": (size, size) for name in ("query", "key", "value")})
        dense.update({prefix + "attention.output.dense": (size, size), prefix + "intermediate.dense": (size * 4, size),
                      prefix + "output.dense": (size, size * 4)})
        norms += [prefix + "attention.output.LayerNorm", prefix + "output.LayerNorm"]
    for name, shape in dense.items():
        weights[name + ".weight"], weights[name + ".bias"] = matrix(*shape), matrix(shape[0])
    for name in norms:
        weights[name + ".weight"], weights[name + ".bias"] = 1 + matrix(size), matrix(size)
    return weights


class Bert:
    """The graph of an encoder; ``variables`` holds its weights by name."""

    def __init__(self, weights: Weights, heads: int) -> None:
        self.heads = heads
        self.variables = {name: v1.get_variable(name.replace(".", "/"), initializer=value, use_resource=False)
                          for name, value in weights.items()}
        self.layers = sum(name.endswith("attention.self.query.weight") for name in weights)

    def __call__(self, ids: Any, mask: Any, segments: Any) -> Any:
        """The hidden states, float32 ``[batch, length, size]``."""
        word, position, kind = (self.variables[f"embeddings.{name}_embeddings.weight"]
                                for name in ("word", "position", "token_type"))
        x = tf.gather(word, ids) + position[None, :tf.shape(ids)[1]] + tf.gather(kind, segments)
        x = self._normalized(x, "embeddings.LayerNorm")
        ignored = (1.0 - tf.cast(mask, tf.float32))[:, None, None, :] * -10000.0
        for layer in range(self.layers):
            prefix = f"encoder.layer.{layer}."
            query, key, value = (self._heads(self._dense(x, prefix + f"attention.self.{name}"))
                                 for name in ("query", "key", "value"))
            scores = tf.matmul(query, key, transpose_b=True) / np.sqrt(int(query.shape[-1])).astype(np.float32)
            context = tf.transpose(tf.matmul(tf.nn.softmax(scores + ignored), value), [0, 2, 1, 3])
            attended = self._dense(tf.reshape(context, tf.shape(x)), prefix + "attention.output.dense")
            x = self._normalized(x + attended, prefix + "attention.output.LayerNorm")
            y = self._dense(x, prefix + "intermediate.dense")
            y = y * 0.5 * (1.0 + tf.math.erf(y / np.sqrt(2.0).astype(np.float32)))
            x = self._normalized(x + self._dense(y, prefix + "output.dense"), prefix + "output.LayerNorm")
        return x

    def pooled(self, states: Any) -> Any:
        """The state of [CLS], float32 ``[batch, size]``."""
        return tf.tanh(self._dense(states[:, :1], "pooler.dense"))[:, 0]

    def _dense(self, x: Any, name: str) -> Any:
        weight, bias = self.variables[name + ".weight"], self.variables[name + ".bias"]
        flat = tf.matmul(tf.reshape(x, [-1, int(weight.shape[1])]), weight, transpose_b=True) + bias
        return tf.reshape(flat, [-1, tf.shape(x)[1], int(weight.shape[0])])

    def _heads(self, x: Any) -> Any:
        parts = tf.reshape(x, [-1, tf.shape(x)[1], self.heads, int(x.shape[-1]) // self.heads])
        return tf.transpose(parts, [0, 2, 1, 3])

    def _normalized(self, x: Any, name: str) -> Any:
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return (x - mean) * tf.math.rsqrt(variance + 1e-12) * self.variables[name + ".weight"] + \
            self.variables[name + ".bias"]


def save(folder: Path, weights: Weights, heads: int, classes: int = 3, aliases: Sequence[str] = INPUTS,
         length: Any = None, dtype: Any = tf.int32, seed: int = 1, estimator: str = "") -> Path:
    """Write a classifier with a random head as a SavedModel; its output is ``probabilities``.

    ``estimator``: ``raw`` adds the input ``label_ids``, which nothing reads; ``parsing`` has a serialized tf.Example as
    its only input, with the features of the aliases and ``label_ids``.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        signed = {alias: v1.placeholder(dtype, [None, length], alias) for alias in aliases}
        inputs = list(signed.values())
        if estimator == "raw":
            signed["label_ids"] = v1.placeholder(tf.int32, [None], "label_ids")
        elif estimator == "parsing":
            signed = {"examples": v1.placeholder(tf.string, [None], "input_example_tensor")}
            features = {alias: tf.io.FixedLenFeature([length], tf.int64) for alias in aliases}
            parsed = tf.io.parse_example(signed["examples"], dict(
                features, label_ids=tf.io.FixedLenFeature([], tf.int64, 0)))
            inputs = [tf.cast(parsed[alias], tf.int32) for alias in aliases]
        bert = Bert(weights, heads)
        size = weights["pooler.dense.bias"].shape[0]
        head = (np.random.RandomState(seed).randn(size, classes) * 3 / np.sqrt(size)).astype(np.float32)
        mask = inputs[1] if len(inputs) > 1 else tf.ones_like(inputs[0])
        segments = inputs[2] if len(inputs) > 2 else tf.zeros_like(inputs[0])
        pooled = bert.pooled(bert(inputs[0], mask, segments))
        scores = tf.nn.softmax(tf.matmul(pooled, v1.get_variable("classifier", initializer=head, use_resource=False)))
        session.run(v1.global_variables_initializer())
        info = v1.saved_model.build_tensor_info
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": v1.saved_model.build_signature_def(
            {alias: info(tensor) for alias, tensor in signed.items()}, {"probabilities": info(scores)},
            "tensorflow/serving/predict")}, strip_default_attrs=True)
        builder.save()
    return folder


def predict(folder: Path, rows: Dict[str, Any]) -> np.ndarray:
    """The probabilities of a saved classifier; ``rows``: alias → int ``[batch, length]``."""
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.loader.load(session, ["serve"], str(folder)).signature_def["serving_default"]
        probabilities: np.ndarray = session.run(signature.outputs["probabilities"].name, {
            signature.inputs[alias].name: np.array(values) for alias, values in rows.items()})
    return probabilities


def weights_of_safetensors(file: Path) -> Weights:
    """The weights of a file in the format safetensors: a JSON header and the arrays behind it."""
    content = file.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    weights = {}
    for name, entry in json.loads(content[8:8 + size]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            first, last = (8 + size + offset for offset in entry["data_offsets"])
            weights[name] = np.frombuffer(content[first:last], np.float32).reshape(entry["shape"])
    return weights


def write(folder: Path, most: int = 32) -> None:
    """See above."""
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in TOKENS), encoding="utf-8")
    save(folder / "bert", random_weights(len(TOKENS)), 4)
    answers = {}
    for text, tokens in TOKENIZED.items():
        ids = [TOKENS.index(token) for token in ["[CLS]", *tokens[:most - 2], "[SEP]"]]
        rows = dict(zip(INPUTS, ([ids], [[1] * len(ids)], [[0] * len(ids)])))
        answers[text] = predict(folder / "bert", rows)[0].tolist()
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
