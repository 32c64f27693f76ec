"""Saves the graph of a source under the signatures of a package: text in, probabilities and label out.

The graph is frozen first: constants replace its variables, and it is reduced to the nodes that the scores depend on.
Constants of floats then become variables of the new graph.
"""
import os
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Set, Tuple, Union

import numpy as np
import tensorflow as tf

import customize_service as service
from textjob.adopt.graph_files import TABLE_INITIALIZERS
from textjob.adopt.preprocessing import Preprocessing
from textjob.adopt.roles import IDS
from textjob.adopt.source_model import Feature, SourceModel
from textjob.adopt.words import Splitting
from textjob.engines.saved_graph import Message, ancestors, assets, node_of, reachable
from textjob.errors import PackageError
from textjob.packaging import export, signatures

v1 = tf.compat.v1

TABLES = ("HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2", "MutableHashTableOfTensors",
          "MutableHashTableOfTensorsV2", "MutableDenseHashTable", "MutableDenseHashTableV2")
_ALTERNATIVES = (
    "Either export the part behind the table, which takes ids, and adopt it with --vocabulary and --tokenizer; or give "
    "--as_it_is, which packages the model unchanged, for engines at least as new as the TensorFlow that wrote it")


class Frozen(NamedTuple):
    """A graph without variables."""

    graph_def: Message
    inputs: Dict[str, str]   # alias → tensor
    output: str
    initializers: List[str]  # ops that fill the lookup tables
    files: List[str]         # constants that hold the paths of assets


def write(directory: Path, model: SourceModel, preprocessing: Union[Preprocessing, Splitting, None],
          labels: List[str], vocabulary_file: Path, labels_file: Path) -> None:
    """Write the adopted SavedModel into ``directory``, which must not exist; ``labels`` are sorted."""
    frozen = _freeze(model)
    graph_def, weights = _without_weights(frozen.graph_def)
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        inputs = signatures.placeholders()
        variables = export.variables(session, "adopted", weights)
        replaced: Dict[str, Any] = {name + ":0": variable for name, variable in variables.items()}
        for alias, value in model.plan.feeds.items():
            replaced[frozen.inputs[alias]] = _feed(alias, value, inputs.keep_prob)
        if model.feature and isinstance(preprocessing, Splitting):
            replaced.update(zip(_parsed(model.feature), preprocessing.sparse(inputs.texts)))
        elif isinstance(preprocessing, Preprocessing):
            replaced.update(_ids(model, frozen, preprocessing.inputs(inputs.texts, vocabulary_file),
                                 preprocessing.vocabulary.padding_id))
        else:
            replaced.update(_texts(model, frozen, tf.strings.regex_replace(inputs.texts, r"\x00", " ")))
        kept = _reduced(graph_def, [frozen.output, *frozen.initializers], {node_of(name) for name in replaced})
        names = {node.name for node in kept.node}
        used = {_with_index(name) for node in kept.node for name in node.input}
        scores, *operations = tf.import_graph_def(
            kept, {name: value for name, value in replaced.items() if name in used},
            [frozen.output, *frozen.initializers, *(name for name in frozen.files if name in names)], name="source")
        initializers, files = operations[:len(frozen.initializers)], operations[len(frozen.initializers):]
        for file in files:
            v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, file.outputs[0])
        output = tf.identity(signatures.unpadded(_probabilities(scores, model, labels), inputs), signatures.OUTPUT)
        signatures.save(session, directory, inputs, output, labels, labels_file, initializers)


# --- freezing ---------------------------------------------------------------------------------------------------

def _freeze(model: SourceModel) -> Frozen:
    """The source's graph as plain ops that every engine supports.

    Raises:
        PackageError: its state includes tables that only the TensorFlow that wrote it can restore.
    """
    return _freeze_functions(model) if model.meta.HasField("object_graph_def") else _freeze_graph(model)


def _freeze_graph(model: SourceModel) -> Frozen:
    """For an export by SavedModelBuilder: one graph, whose tables are filled by ops of the graph."""
    signature = model.meta.signature_def[model.plan.signature]
    output = signature.outputs[model.plan.scores].name
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        v1.saved_model.loader.load(session, list(model.plan.tags), str(model.folder))
        whole = graph.as_graph_def()
        tables = {node.name for node in ancestors(whole.node, [output]) if node.op in TABLES}
        initializers = [node.name for node in whole.node
                        if node.op in TABLE_INITIALIZERS and node_of(node.input[0]) in tables]
        if len(tables) > len(initializers):
            raise PackageError(f"{model.folder} has a lookup table without an initializer: only its checkpoint holds "
                               "the content, which cannot be written in the form that older engines load. "
                               f"{_ALTERNATIVES}")
        graph_def = v1.graph_util.convert_variables_to_constants(session, whole, [node_of(output), *initializers])
    filenames = {node_of(asset.tensor_info.name): asset.filename for asset in assets(model.meta)}
    inputs = {alias: info.name for alias, info in signature.inputs.items()}
    return Frozen(graph_def, inputs, output, initializers, _set_asset_paths(graph_def, filenames, model.folder))


def _set_asset_paths(graph_def: Message, filenames: Dict[str, str], folder: Path) -> List[str]:
    """Set the constants of assets to the current paths of the files; return those that the graph contains."""
    changed = []
    for node in graph_def.node:
        if node.name in filenames:
            path = os.path.join(str(folder), "assets", os.path.basename(filenames[node.name]))
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(path))
            changed.append(node.name)
    return changed


def _freeze_functions(model: SourceModel) -> Frozen:
    """For an export by tf.saved_model.save: functions over resources, which are inlined into one graph."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    ops = {node.op for node in model.meta.graph_def.node}
    ops.update(node.op for function in model.meta.graph_def.library.function for node in function.node_def)
    if ops & set(TABLES):
        raise PackageError(f"{model.folder} holds lookup tables ({', '.join(sorted(ops & set(TABLES)))}), as of a "
                           "TextVectorization layer, but only variables can be written in the form that older engines "
                           f"load. {_ALTERNATIVES}")
    loaded = tf.saved_model.load(str(model.folder), tags=list(model.plan.tags))
    function = loaded.signatures[model.plan.signature]
    frozen = convert_variables_to_constants_v2(function)
    aliases = list(function._arg_keywords)  # in the order of the inputs; the public structure is sorted by name
    outputs = sorted(function.structured_outputs)
    return Frozen(frozen.graph.as_graph_def(), {alias: t.name for alias, t in zip(aliases, frozen.inputs)},
                  frozen.outputs[outputs.index(model.plan.scores)].name, [], [])


# --- the new graph ----------------------------------------------------------------------------------------------

def _without_weights(graph_def: Message) -> Tuple[Message, Dict[str, np.ndarray]]:
    """The graph without its constants of floats, and their values by name. A GraphDef is limited to 2 GB."""
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


def _with_index(name: str) -> str:
    """``a:0`` for ``a``, which is the same tensor."""
    return name if ":" in name or name.startswith("^") else name + ":0"


def _reduced(graph_def: Message, tensors: List[str], replaced: Set[str]) -> Message:
    """The nodes that these tensors depend on, without the ``replaced`` ones, and the functions that they call."""
    nodes = {node.name: node for node in graph_def.node}
    needed: Dict[str, Message] = {}
    waiting = [node_of(tensor) for tensor in tensors]
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in needed and name not in replaced:
            needed[name] = nodes[name]
            waiting.extend(node_of(tensor) for tensor in nodes[name].input)
    kept = tf.compat.v1.GraphDef()
    kept.CopyFrom(graph_def)
    del kept.node[:]
    for node in graph_def.node:
        if node.name in needed:
            copy = kept.node.add()
            copy.CopyFrom(node)
            copy.ClearField("input")
            copy.input.extend(name for name in node.input if not (name.startswith("^") and name[1:] in replaced))
            copy.device = ""
            copy.attr.pop("_class", None)  # colocation with a node that may have been removed
    # Without the functions that only training calls: tf.saved_model.load reads all functions and fails on newer ops.
    called = reachable(kept.node, {each.signature.name: each for each in graph_def.library.function})
    kept.ClearField("library")
    kept.library.function.extend(each for each in graph_def.library.function if each.signature.name in called)
    return kept


def _feed(alias: str, value: np.ndarray, keep_prob: Any) -> Any:
    """The value of a further input: ``keep_prob`` where the input is a dropout probability, else a constant."""
    part = next((part for part, _, served in service.FEEDS if part in alias.lower() and value == served), "") \
        if np.ndim(value) == 0 else ""
    if part == "keep":
        return tf.cast(keep_prob, value.dtype)
    if part in ("drop", "rate"):
        return tf.cast(1.0 - keep_prob, value.dtype)
    return tf.constant(value)


def _texts(model: SourceModel, frozen: Frozen, texts: Any) -> Dict[str, Any]:
    """Tensor name → value for a source of texts: its input, or the parsed feature of ``tf.Example``."""
    if model.feature is None:
        return {frozen.inputs[model.plan.input]: texts[:, None] if model.shape else texts}
    return {_parsed(model.feature)[0]: tf.reshape(texts, [-1, *model.feature.shape])}


def _parsed(feature: Feature) -> List[str]:
    """The tensors of a parse node: the values of a dense feature; or the indices, values and shape of a sparse one."""
    return [f"{feature.node}:{i}" for i in feature.outputs]


def _ids(model: SourceModel, frozen: Frozen, values: Dict[str, Any], padding_id: int) -> Dict[str, Any]:
    """Tensor name → value for a source of ids: its inputs, or the parsed feature of ``tf.Example``."""
    if model.feature is None:
        return {frozen.inputs[alias]: tf.cast(values[role], model.dtypes[role])[... if model.shape else (..., 0)]
                for role, alias in model.roles.items()}
    names, ids = _parsed(model.feature), tf.cast(values[IDS], model.feature.dtype)
    if len(names) == 1:
        return {names[0]: ids}
    indices = tf.where(tf.not_equal(ids, padding_id))
    return dict(zip(names, (indices, tf.gather_nd(ids, indices), tf.shape(ids, tf.int64))))


def _probabilities(scores: Any, model: SourceModel, labels: List[str]) -> Any:
    """float32 ``[batch, classes]`` by the rule that the service chose, in the order of ``labels``."""
    scores = tf.cast(scores, tf.float32)
    if model.plan.rule == "softmax":
        scores = tf.nn.softmax(scores)
    elif model.plan.rule == "sigmoid":
        scores = tf.sigmoid(scores)
    if model.columns == 1:
        column = tf.reshape(scores, [-1, 1])
        scores = tf.concat([1.0 - column, column], 1)
    order = [model.labels.index(label) for label in labels]
    scores = tf.reshape(scores, [-1, len(labels)])  # gives the signature a known number of classes
    return scores if order == sorted(order) else tf.gather(scores, order, axis=1)
