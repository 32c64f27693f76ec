"""A trained model as a SavedModel that TensorFlow 1.15 to today's load alike.

What makes it so, each point measured: a ``compat.v1`` graph written by ``SavedModelBuilder``, reference variables,
ops that 1.15 has, default attributes stripped, tables initialised by the main op. What ``tf.saved_model.save``
writes today loads on none of the older engines.
"""
import hashlib
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import tensorflow as tf

import models
from models import layers
from textjob.errors import JobError
from textjob.text import tokenizer

v1 = tf.compat.v1

AGREEMENT = 1e-5
"""How far a loaded package's probabilities may be from those of the training graph."""


def export(directory: Path, model: str, weights: Dict[str, np.ndarray], vocabulary_file: Path, labels_file: Path,
           labels: Sequence[str], max_length: int) -> None:
    """Write the SavedModel of a model of the table into ``directory``, which must not exist."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        input_x, keep_prob, texts = placeholders()
        ids = tokenizer.ids(texts, tokenizer.table(str(vocabulary_file)), max_length)
        logits = models.logits(model, variables(session, model, weights), ids,
                               lambda x: layers.dropout(x, keep_prob, v1.random_uniform(tf.shape(x))))
        # Softmax comes last: by that a service knows probabilities even where it cannot ask the model at its load.
        save(session, directory, input_x, keep_prob, tf.nn.softmax(cut(logits, input_x), name="output"), labels,
             labels_file)


def placeholders() -> Tuple[Any, Any, Any]:
    """The contract's inputs: ``input_x``, string ``[batch]``, and ``keep_prob``, float32 ``[]``, 1.0 when not fed.

    With them the texts to answer, string ``[batch]`` or ``[1]``: a model is never asked no texts, and :func:`cut` takes
    the answer away. Where TensorFlow 2.21 convolves by oneDNN, what it makes of none has a wrong shape.
    """
    input_x = v1.placeholder(tf.string, [None], "input_x")
    missing = tf.maximum(0, 1 - tf.shape(input_x)[0])
    return (input_x, v1.placeholder_with_default(np.float32(1.0), [], "keep_prob"),
            tf.concat([input_x, tf.fill([missing], "")], 0))


def cut(answers: Any, input_x: Any) -> Any:
    """The answers, ``[batch or 1, ...]``, to what was asked: ``[batch, ...]``."""
    return answers[:tf.shape(input_x)[0]]


def variables(session: Any, model: str, weights: Dict[str, np.ndarray]) -> Dict[str, Any]:
    """Reference variables that hold these weights, by the weights' names."""
    made = {}
    with v1.variable_scope(_scope(model, weights)):
        for name, value in weights.items():
            made[name] = v1.get_variable(name, value.shape, tf.as_dtype(value.dtype), v1.zeros_initializer(),
                                         use_resource=False)
            # Fed, not assigned: values in the graph would double its size.
            session.run(made[name].initializer, {made[name].initializer.inputs[1]: value})
    return made


def save(session: Any, directory: Path, input_x: Any, keep_prob: Any, output: Any, labels: Sequence[str],
         labels_file: Path, initializers: Sequence[Any] = ()) -> None:
    """Write the session's graph under the contract's signatures: ``output`` are probabilities ``[batch, classes]``.

    ``initializers`` are ops to run once at load, beside those of the tables that were made by TensorFlow's Python.
    """
    label = tf.gather(tf.constant(list(labels)), tf.argmax(output, 1), name="label")
    # A file becomes an asset of the package by the collection's naming it; the vocabulary's table has done so.
    v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, tf.constant(str(labels_file)))
    outputs = {"output": output, "label": label}
    builder = v1.saved_model.Builder(str(directory))
    builder.add_meta_graph_and_variables(
        session, [v1.saved_model.tag_constants.SERVING],
        signature_def_map={"serving_default": _signature({"input_x": input_x, "keep_prob": keep_prob}, outputs),
                           "predict_text": _signature({"input_x": input_x}, outputs)},
        assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
        main_op=tf.group(v1.tables_initializer(), *initializers), clear_devices=True, strip_default_attrs=True)
    builder.save()


def _scope(model: str, weights: Dict[str, np.ndarray]) -> str:
    """A name that no other model's variables have.

    ``tf.saved_model.load`` of TensorFlow 2.1 keeps the variables of all models of a process under their names: with
    equal names, the second model's weights would take the place of the first one's.
    """
    digest = hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights)))
    return f"{model}_{digest.hexdigest()[:12]}"


def _signature(inputs: Dict[str, Any], outputs: Dict[str, Any]) -> Any:
    info = v1.saved_model.build_tensor_info
    signature = v1.saved_model.build_signature_def(
        {alias: info(tensor) for alias, tensor in inputs.items()},
        {alias: info(tensor) for alias, tensor in outputs.items()},
        v1.saved_model.signature_constants.PREDICT_METHOD_NAME)
    # TensorFlow Serving refuses a request that lacks an input without a default here; 2.1 has no such field.
    if "keep_prob" in inputs and "defaults" in signature.DESCRIPTOR.fields_by_name:
        signature.defaults["keep_prob"].CopyFrom(tf.make_tensor_proto(np.float32(1.0)))
    return signature


def answers(directory: Path, texts: Sequence[str]) -> Tuple[np.ndarray, List[str]]:
    """What an exported SavedModel answers: probabilities float32 ``[texts, classes]``, and labels."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        loaded = v1.saved_model.loader.load(session, [v1.saved_model.tag_constants.SERVING], str(directory))
        signature = loaded.signature_def["serving_default"]
        feed = {signature.inputs["input_x"].name: np.array([text.encode("utf-8") for text in texts], object)}
        output, label = session.run([signature.outputs["output"].name, signature.outputs["label"].name], feed)
    return output, [name.decode("utf-8") for name in label]


def verify(directory: Path, texts: Sequence[str], expected: np.ndarray, labels: Sequence[str]) -> None:
    """Load what was written and hold its answers against the training graph's.

    Raises:
        JobError: they differ by more than rounding.
    """
    found, named = answers(directory, texts)
    off = float(np.abs(found - expected).max())
    if not off <= AGREEMENT or named != [labels[i] for i in found.argmax(1)]:
        raise JobError(f"the exported model answers otherwise than the trained one (probabilities off by {off:.2g}, {AGREEMENT:g} "
                       f"allowed): TensorFlow {tf.__version__} computes one of them wrongly")
