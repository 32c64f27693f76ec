"""The contract around a frozen graph: text in, probabilities and label out, by the template's aliases."""
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple

import numpy as np
import tensorflow as tf

import customize_service as service
from textjob.adopt.asked import Asked
from textjob.adopt.frozen import Frozen
from textjob.adopt.preprocessing import Preprocessing
from textjob.engines.saved_graph import Message, reachable, source
from textjob.packaging import export

v1 = tf.compat.v1


def write(directory: Path, asked: Asked, frozen: Frozen, preprocessing: Optional[Preprocessing], labels: List[str],
          vocabulary_file: Path, labels_file: Path) -> None:
    """Write the adopted SavedModel into ``directory``, which must not exist; ``labels`` are sorted."""
    graph_def, weights = _lifted(frozen.graph_def)
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        input_x, keep_prob, texts = export.placeholders()
        texts = tf.strings.regex_replace(texts, r"\x00", " ")
        variables = export.variables(session, "adopted", weights)
        given: Dict[str, Any] = {name + ":0": variable for name, variable in variables.items()}
        for alias, value in asked.plan.feeds.items():
            given[frozen.inputs[alias]] = _fed(alias, value, keep_prob)
        ids = preprocessing.ids(texts, vocabulary_file) if preprocessing else None
        given.update(_input(asked, frozen, texts, ids, preprocessing.vocabulary.padding_id if preprocessing else 0))
        kept = _needed(graph_def, [frozen.output, *frozen.initializers], {source(name) for name in given})
        names = {node.name for node in kept.node}
        used = {_canonical(name) for node in kept.node for name in node.input}
        scores, *operations = tf.import_graph_def(
            kept, {name: value for name, value in given.items() if name in used},
            [frozen.output, *frozen.initializers, *(name for name in frozen.files if name in names)], name="source")
        fills, files = operations[:len(frozen.initializers)], operations[len(frozen.initializers):]
        for file in files:
            v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, file.outputs[0])
        output = tf.identity(export.cut(_probabilities(scores, asked, labels), input_x), name="output")
        export.save(session, directory, input_x, keep_prob, output, labels, labels_file, fills)


def _lifted(graph_def: Message) -> Tuple[Message, Dict[str, np.ndarray]]:
    """The graph without its constants of floats, and these: they are variables again, and in no GraphDef's way."""
    weights = {}
    kept = tf.compat.v1.GraphDef()
    kept.CopyFrom(graph_def)
    del kept.node[:]
    for node in graph_def.node:
        tensor = node.attr["value"].tensor if node.op == "Const" else None
        if tensor and tf.as_dtype(tensor.dtype).is_floating and tensor.tensor_shape.dim:
            weights[node.name] = tf.make_ndarray(tensor)
        else:
            kept.node.add().CopyFrom(node)
    return kept, weights


def _canonical(name: str) -> str:
    """``a`` and ``a:0`` are the same tensor."""
    return name if ":" in name or name.startswith("^") else name + ":0"


def _needed(graph_def: Message, tensors: List[str], given: Set[str]) -> Message:
    """What these tensors need of a graph where some nodes are given from outside, which are left out."""
    nodes = {node.name: node for node in graph_def.node}
    found: Dict[str, Message] = {}
    waiting = [source(tensor) for tensor in tensors]
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in found and name not in given:
            found[name] = nodes[name]
            waiting.extend(source(tensor) for tensor in nodes[name].input)
    kept = tf.compat.v1.GraphDef()
    kept.CopyFrom(graph_def)
    del kept.node[:]
    for node in graph_def.node:
        if node.name in found:
            copy = kept.node.add()
            copy.CopyFrom(node)
            copy.ClearField("input")
            copy.input.extend(name for name in node.input if not (name.startswith("^") and name[1:] in given))
            copy.device = ""
            copy.attr.pop("_class", None)  # beside which node it was to be placed: that one may be gone
    # Nor the functions that training alone called: tf.saved_model.load reads all, and minds what is new in them.
    called = reachable(kept.node, {each.signature.name: each for each in graph_def.library.function})
    kept.ClearField("library")
    kept.library.function.extend(each for each in graph_def.library.function if each.signature.name in called)
    return kept


def _fed(alias: str, value: np.ndarray, keep_prob: Any) -> Any:
    """A further input of the source: the contract's ``keep_prob`` where it is one, else the constant that serves."""
    part = next((part for part, _, served in service.FEEDS if part in alias.lower() and value == served), "") \
        if np.ndim(value) == 0 else ""
    if part == "keep":
        return tf.cast(keep_prob, value.dtype)
    if part in ("drop", "rate"):
        return tf.cast(1.0 - keep_prob, value.dtype)
    return tf.constant(value)


def _input(asked: Asked, frozen: Frozen, texts: Any, ids: Any, padding_id: int) -> Dict[str, Any]:
    """What the source reads: texts, ids, or what it would have parsed of a ``tf.Example``."""
    if asked.feature is None:
        value = texts if ids is None else tf.cast(ids, tf.as_dtype(asked.plan.dtype))
        rank = asked.rank
        return {frozen.inputs[asked.plan.input]: value[:, None] if ids is None and rank == 2 else
                value[:, 0] if ids is not None and rank == 1 else value}
    feature = asked.feature
    names = [f"{feature.node}:{i}" for i in feature.outputs]
    value = tf.reshape(texts, [-1, *feature.shape]) if ids is None else tf.cast(ids, feature.dtype)
    if len(names) == 1:
        return {names[0]: value}
    value = texts[:, None] if ids is None else value
    there = tf.where(tf.ones_like(value, tf.bool) if ids is None else tf.not_equal(ids, padding_id))
    return dict(zip(names, (there, tf.gather_nd(value, there), tf.shape(value, tf.int64))))


def _probabilities(scores: Any, asked: Asked, labels: List[str]) -> Any:
    """float32 ``[batch, classes]`` by the rule that the service chose, in the order of ``labels``."""
    scores = tf.cast(scores, tf.float32)
    if asked.plan.rule == "softmax":
        scores = tf.nn.softmax(scores)
    elif asked.plan.rule == "sigmoid":
        scores = tf.sigmoid(scores)
    columns = scores.shape.as_list()[1:] if scores.shape.ndims else None
    if columns in ([], [1]) or (len(labels) == 2 and columns is None):
        column = tf.reshape(scores, [-1, 1])
        scores = tf.concat([1.0 - column, column], 1)
    order = [asked.labels.index(label) for label in labels]
    scores = tf.reshape(scores, [-1, len(labels)])  # so that the signature tells the number of classes
    return scores if order == sorted(order) else tf.gather(scores, order, axis=1)
