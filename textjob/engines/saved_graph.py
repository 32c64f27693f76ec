"""A ``saved_model.pb`` read as what it is, without running anything: MetaGraphs, functions, what runs."""
import os
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from textjob.errors import PackageError

Message = Any  # a protocol buffer: TensorFlow ships no type stubs for them

MAIN_OP_KEYS = ("saved_model_main_op", "legacy_init_op")


def meta_graphs(saved_model: str, tags: Optional[Iterable[str]] = None) -> List[Message]:
    """The MetaGraphs of a ``saved_model.pb``, or of the folder that holds it: all, or the one so tagged."""
    # Imported here: a mere import of this module must not cost the seconds that TensorFlow takes.
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2
    path = os.path.join(saved_model, "saved_model.pb") if os.path.isdir(saved_model) else saved_model
    model = saved_model_pb2.SavedModel()
    try:
        with open(path, "rb") as file:
            model.ParseFromString(file.read())
    except (OSError, DecodeError) as error:
        raise PackageError(f"{path} is not a readable saved_model.pb: {error}") from error
    if tags is None:
        return list(model.meta_graphs)
    wanted = set(tags)
    chosen = [meta for meta in model.meta_graphs if set(meta.meta_info_def.tags) == wanted]
    if not chosen:
        there = [sorted(meta.meta_info_def.tags) for meta in model.meta_graphs]
        raise PackageError(f"{path} has no MetaGraph tagged {sorted(wanted)}; there are {there}")
    return chosen


def library(meta: Message) -> Dict[str, Message]:
    """Name → FunctionDef."""
    return {function.signature.name: function for function in meta.graph_def.library.function}


def source(tensor: str) -> str:
    """``"a:0"``, ``"^a"`` and, in a function, ``"a:output:0"`` are outputs of the node ``a``."""
    return tensor.lstrip("^").split(":")[0]


def ancestors(nodes: Sequence[Message], tensors: Iterable[str]) -> List[Message]:
    """The nodes that must run to give these tensors."""
    by_name = {node.name: node for node in nodes}
    found: Dict[str, Message] = {}
    waiting = [source(tensor) for tensor in tensors]
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in found:
            found[name] = by_name[name]
            waiting.extend(source(tensor) for tensor in by_name[name].input)
    return list(found.values())


def called(node: Message) -> Set[str]:
    """The library functions that a node may name: as its own op, or in an attr (call, branch, loop body)."""
    names = {node.op}
    for value in node.attr.values():
        held = value.WhichOneof("value")
        if held == "func":
            names.add(value.func.name)
        elif held == "list":
            names.update(function.name for function in value.list.func)
    return names


def reachable(nodes: Iterable[Message], functions: Dict[str, Message]) -> Set[str]:
    """The functions that these nodes call, and those that these call, and so on."""
    found: Set[str] = set()
    waiting = {name for node in nodes for name in called(node)}
    while waiting:
        name = waiting.pop()
        if name in functions and name not in found:
            found.add(name)
            waiting.update(other for node in functions[name].node_def for other in called(node))
    return found


def answers(meta: Message) -> List[str]:
    """The tensors and ops that a client, or the loading itself, asks for; the saver apart."""
    names = [info.name for signature in meta.signature_def.values() for info in signature.outputs.values()]
    for key in MAIN_OP_KEYS:
        if key in meta.collection_def:
            names.extend(meta.collection_def[key].node_list.value)
    return names


def assets(meta: Message) -> List[Message]:
    """The AssetFileDefs of a MetaGraph: a tensor that holds a path, and the name of a file in ``assets/``.

    ``SavedModelBuilder`` keeps them in a collection, ``tf.saved_model.save`` in a field.
    """
    from tensorflow.core.protobuf import meta_graph_pb2
    found = list(meta.asset_file_def)
    if "saved_model_assets" in meta.collection_def:
        for packed in meta.collection_def["saved_model_assets"].any_list.value:
            found.append(meta_graph_pb2.AssetFileDef())
            packed.Unpack(found[-1])
    return found


class Graph:
    """A MetaGraph, and what is the same for every engine: what runs, which functions are named."""

    def __init__(self, meta: Message) -> None:
        self.meta = meta
        self.functions = library(meta)
        self.nodes = {node.name: node for node in meta.graph_def.node}
        self.bodies: Dict[str, Dict[str, Message]] = {
            name: {node.name: node for node in each.node_def} for name, each in self.functions.items()}
        # Restored, initialised and asked
        running = ancestors(meta.graph_def.node, answers(meta) + [meta.saver_def.restore_op_name])
        self.running_nodes = {node.name for node in running}
        self.running_functions = reachable(running, self.functions)
        self.named_functions = reachable(self.nodes.values(), self.functions)
        # What the TensorFlow that wrote the graph knew of its ops
        self.writer_ops = {op.name: op for op in meta.meta_info_def.stripped_op_list.op}
        self.writer_defaults: Dict[Tuple[str, str], Message] = {
            (op.name, attr.name): attr.default_value for op in self.writer_ops.values() for attr in op.attr
            if attr.HasField("default_value")}
        scopes = [self.nodes] + list(self.bodies.values())
        self.missing_functions = {
            name for scope in scopes for node in scope.values()
            for name in called(node) - {node.op, ""} if name not in self.functions}
