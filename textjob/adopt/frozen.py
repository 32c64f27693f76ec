"""A source's graph with constants in the place of its state, cut down to what the scores need."""
import os
from pathlib import Path
from typing import Dict, List, NamedTuple, Set

import tensorflow as tf

from textjob.adopt.asked import Asked
from textjob.engines.saved_graph import Message, ancestors, assets, source
from textjob.errors import PackageError

v1 = tf.compat.v1

TABLES = ("HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2", "MutableHashTableOfTensors",
          "MutableHashTableOfTensorsV2", "MutableDenseHashTable", "MutableDenseHashTableV2")
FILLS_A_TABLE = ("InitializeTable", "InitializeTableV2", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2")


class Frozen(NamedTuple):
    """``inputs``: alias to tensor; ``initializers``: ops that fill the tables; ``files``: constants that are paths."""

    graph_def: Message
    inputs: Dict[str, str]
    output: str
    initializers: List[str]
    files: List[str]


def freeze(asked: Asked) -> Frozen:
    """The source's graph as it is, or where functions and resources are in it, as plain ops that old engines know.

    Raises:
        PackageError: its state is not variables alone, and what wrote it is too new for the classic form.
    """
    return _of_functions(asked) if asked.meta.HasField("object_graph_def") else _of_graph(asked)


def _of_graph(asked: Asked) -> Frozen:
    """What SavedModelBuilder wrote: one graph, its tables filled by ops in it."""
    signature = asked.meta.signature_def[asked.plan.signature]
    output = signature.outputs[asked.plan.output].name
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        v1.saved_model.loader.load(session, list(asked.plan.tags), str(asked.folder))
        whole = graph.as_graph_def()
        tables = {node.name for node in ancestors(whole.node, [output]) if node.op in TABLES}
        fills = [node.name for node in whole.node if node.op in FILLS_A_TABLE and source(node.input[0]) in tables]
        if len(tables) > len(fills):
            raise PackageError(f"a table in {asked.folder} is filled by nothing but its checkpoint: this is not variables alone. {_AS_IT_IS}"
                               )
        graph_def = v1.graph_util.convert_variables_to_constants(session, whole, [source(output), *fills])
    files = _with_paths(graph_def, {source(asset.tensor_info.name): asset.filename for asset in assets(asked.meta)},
                        asked.folder)
    inputs = {alias: info.name for alias, info in signature.inputs.items()}
    return Frozen(graph_def, inputs, output, fills, files)


def _with_paths(graph_def: Message, names: Dict[str, str], folder: Path) -> List[str]:
    """Let the constants of assets hold where the files are now; returns those that the graph still has."""
    found = []
    for node in graph_def.node:
        if node.name in names:
            path = os.path.join(str(folder), "assets", os.path.basename(names[node.name]))
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(path))
            found.append(node.name)
    return found


def _of_functions(asked: Asked) -> Frozen:
    """What tf.saved_model.save wrote: functions over resources, which become one graph of plain ops."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    _refuse_tables({node.op for node in asked.meta.graph_def.node} | {
        node.op for function in asked.meta.graph_def.library.function for node in function.node_def}, asked)
    model = tf.saved_model.load(str(asked.folder), tags=list(asked.plan.tags))
    function = model.signatures[asked.plan.signature]
    frozen = convert_variables_to_constants_v2(function)
    aliases = list(function._arg_keywords)  # in the order of the inputs; the public structure is sorted otherwise
    outputs = sorted(function.structured_outputs)
    return Frozen(frozen.graph.as_graph_def(), {alias: t.name for alias, t in zip(aliases, frozen.inputs)},
                  frozen.outputs[outputs.index(asked.plan.output)].name, [], [])


def _refuse_tables(ops: Set[str], asked: Asked) -> None:
    tables = sorted(ops & set(TABLES))
    if tables:
        raise PackageError("{} holds lookup tables ({}) beside its variables, as a TextVectorization layer does; only "
                           "variables can be written again in the form that older engines load. {}".format(
                               asked.folder, ", ".join(tables), _AS_IT_IS))


_AS_IT_IS = ("Either export the part behind the table, which takes ids, and adopt that with --vocabulary and "
             "--tokenizer; or give --as_it_is, which packages the model unchanged, for engines as new as its writer")
