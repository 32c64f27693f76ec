"""Reads ``saved_model.pb`` without running anything: MetaGraphs, functions, and which of them run."""
import os
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from textjob.errors import PackageError

Message = Any  # a protocol buffer, for which TensorFlow has no type stubs

MAIN_OP_KEYS = ("saved_model_main_op", "legacy_init_op")


def meta_graphs(saved_model: str, tags: Optional[Iterable[str]] = None) -> List[Message]:
    """The MetaGraphs of a ``saved_model.pb`` or of its folder: all, or the one with this tag set."""
    # Imported here, because importing TensorFlow takes seconds and most commands do not need it.
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2
    path = os.path.join(saved_model, "saved_model.pb") if os.path.isdir(saved_model) else saved_model
    model = saved_model_pb2.SavedModel()
    try:
        with open(path, "rb") as file:
            model.ParseFromString(file.read())
    except (OSError, DecodeError) as error:
        raise PackageError(f"{path} is not a readable saved_model.pb: {error}. Export or upload it again") from error
    if tags is None:
        return list(model.meta_graphs)
    wanted = set(tags)
    chosen = [meta for meta in model.meta_graphs if set(meta.meta_info_def.tags) == wanted]
    if not chosen:
        existing = "; ".join(",".join(sorted(meta.meta_info_def.tags)) for meta in model.meta_graphs)
        raise PackageError(f"{path} has no MetaGraph with the tag set {','.join(sorted(wanted))}; its tag sets are: "
                           f"{existing}")
    return chosen


def library(meta: Message) -> Dict[str, Message]:
    """Name → FunctionDef."""
    return {function.signature.name: function for function in meta.graph_def.library.function}


def node_of(tensor: str) -> str:
    """The node of a tensor: ``a`` for ``a:0``, for ``^a`` and, in a function, for ``a:output:0``."""
    return tensor.lstrip("^").split(":")[0]


def ancestors(nodes: Sequence[Message], tensors: Iterable[str]) -> List[Message]:
    """The nodes that these tensors depend on."""
    by_name = {node.name: node for node in nodes}
    needed: Dict[str, Message] = {}
    waiting = [node_of(tensor) for tensor in tensors]
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in needed:
            needed[name] = by_name[name]
            waiting.extend(node_of(tensor) for tensor in by_name[name].input)
    return list(needed.values())


def called(node: Message) -> Set[str]:
    """The names of functions that a node may call: its op, and those in its attrs (call, branch, loop body)."""
    names = {node.op}
    for value in node.attr.values():
        field = value.WhichOneof("value")
        if field == "func":
            names.add(value.func.name)
        elif field == "list":
            names.update(function.name for function in value.list.func)
    return names


def reachable(nodes: Iterable[Message], functions: Dict[str, Message]) -> Set[str]:
    """The functions that these nodes call, directly or through other functions."""
    seen: Set[str] = set()
    waiting = {name for node in nodes for name in called(node)}
    while waiting:
        name = waiting.pop()
        if name in functions and name not in seen:
            seen.add(name)
            waiting.update(other for node in functions[name].node_def for other in called(node))
    return seen


def fetched(meta: Message) -> List[str]:
    """The tensors and ops that a request or the main op runs; not those of the saver."""
    names = [info.name for signature in meta.signature_def.values() for info in signature.outputs.values()]
    for key in MAIN_OP_KEYS:
        if key in meta.collection_def:
            names.extend(meta.collection_def[key].node_list.value)
    return names


def assets(meta: Message) -> List[Message]:
    """The AssetFileDefs of a MetaGraph: each names a tensor that holds a path, and a file in ``assets/``.

    ``SavedModelBuilder`` writes them into a collection, ``tf.saved_model.save`` into a field.
    """
    from tensorflow.core.protobuf import meta_graph_pb2
    definitions = list(meta.asset_file_def)
    if "saved_model_assets" in meta.collection_def:
        for packed in meta.collection_def["saved_model_assets"].any_list.value:
            definitions.append(meta_graph_pb2.AssetFileDef())
            packed.Unpack(definitions[-1])
    return definitions


class Graph:
    """A MetaGraph, and what does not depend on the engine: the nodes that run, the functions that are named."""

    def __init__(self, meta: Message) -> None:
        self.meta = meta
        self.functions = library(meta)
        self.nodes = {node.name: node for node in meta.graph_def.node}
        self.bodies: Dict[str, Dict[str, Message]] = {
            name: {node.name: node for node in each.node_def} for name, each in self.functions.items()}
        # What restoring, initialization and requests run
        running = ancestors(meta.graph_def.node, fetched(meta) + [meta.saver_def.restore_op_name])
        self.running_nodes = {node.name for node in running}
        self.running_functions = reachable(running, self.functions)
        self.named_functions = reachable(self.nodes.values(), self.functions)
        # The op definitions of the TensorFlow that wrote the graph
        self.writer_ops = {op.name: op for op in meta.meta_info_def.stripped_op_list.op}
        self.writer_defaults: Dict[Tuple[str, str], Message] = {
            (op.name, attr.name): attr.default_value for op in self.writer_ops.values() for attr in op.attr
            if attr.HasField("default_value")}
        scopes = [self.nodes] + list(self.bodies.values())
        self.missing_functions = {
            name for scope in scopes for node in scope.values()
            for name in called(node) - {node.op, ""} if name not in self.functions}
