"""The reasons why one engine rejects one node of a graph."""
from typing import Any, Dict, Iterator, List, Tuple

from textjob.engines.registry import Attr, Engine
from textjob.engines.saved_graph import Graph, Message, called, node_of

# Kind of attr → the field of AttrValue; a list has fields of the same names
FIELDS = {"string": "s", "int": "i", "float": "f", "bool": "b", "type": "type", "shape": "shape",
          "tensor": "tensor", "func": "func"}

# The runtime replaces these by other ops before it places nodes.
REWRITTEN = ("AccumulateNV2",)

# TensorFlow 1.13 lowers If and While to Switch and Merge, but fails to lower their stateless variants.
LOWERING = "_lower_using_switch_merge"
NOT_LOWERED = ((1, 13), ("StatelessIf", "StatelessWhile"))

# Before 2.0 the CPU kernels of these ops support only NHWC. Keras' LayerNormalization uses NCHW.
CHANNELS_LAST = ((2, 0), ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"))

# Today's random ops let the device select the algorithm: a 3 in their fourth input. TensorFlow 2.6 supports 1 and 2.
AUTO_SELECT = 3
AUTO_SELECT_SINCE = (2, 7)
ALGORITHM_INPUT = 3
ALGORITHM_OPS = ("StatelessRandomNormalV2", "StatelessRandomUniformFullIntV2", "StatelessRandomUniformIntV2",
                 "StatelessRandomUniformV2", "StatelessTruncatedNormalV2")


def type_name(number: int) -> str:
    """``bfloat16`` for 14; for a number unknown to this TensorFlow, ``data type 99``."""
    from tensorflow.core.framework import types_pb2
    names: Dict[int, str] = {value: name[3:].lower() for name, value in types_pb2.DataType.items()}
    return names.get(number, f"data type {number}")


def read_attr(value: Message, attr: Attr) -> Tuple[bool, List[Any]]:
    """Whether an AttrValue has the attr's kind, and its values."""
    field = value.WhichOneof("value")
    if field == "placeholder":  # a parameter of the function, set by its caller
        return True, []
    if attr.kind.startswith("list("):
        wanted = FIELDS.get(attr.kind[5:-1], "")
        if field != "list" or any(getattr(value.list, name) for name in FIELDS.values() if name != wanted):
            return False, []
        return True, list(getattr(value.list, wanted))
    wanted = FIELDS.get(attr.kind, "")
    return (True, [getattr(value, wanted)]) if field == wanted else (False, [])


class Judge:
    """Checks the nodes of one MetaGraph for one engine."""

    def __init__(self, engine: Engine, graph: Graph) -> None:
        self.engine = engine
        self.graph = graph
        self.functions = graph.functions

    def definition(self, node: Message, strict: bool = True, stripping: bool = False) -> Iterator[str]:
        """Compare the node with the engine's op definition.

        ``strict``: as on the import of a graph. Otherwise as on the instantiation of a function that does not run,
        which checks ops, inputs and types, but not unknown attrs and allowed values.
        ``stripping``: the Python loaders first remove an unknown attr of the main graph that has its default value.
        """
        if node.op in self.functions:
            return
        op = self.engine.op(node.op)
        if op is None:
            yield f"op `{node.op}` is not registered"
            return
        for name in sorted(node.attr):
            if name in op.attrs:
                yield from self._attr(node, name, op.attrs[name], strict)
            elif strict and not name.startswith("_") and self._rejects_unknown(node, name, stripping):
                yield f"attr `{name}` of op `{node.op}` is not known"
        for name, attr in sorted(op.attrs.items()):
            if name not in node.attr and not attr.default:
                yield f"attr `{name}` of op `{node.op}` is missing and has no default in this engine"
        yield from self._inputs(node, op.inputs)

    def _rejects_unknown(self, node: Message, name: str, stripping: bool) -> bool:
        """Whether an unknown attr prevents the node from being loaded."""
        key = (node.op, name)
        at_default = key in self.graph.writer_defaults and node.attr[name] == self.graph.writer_defaults[key]
        if self.engine.rejects_unknown_attrs:
            return not (stripping and at_default)
        # Ignored, unless it defines the type of an input, for which the engine's definition fixes another type.
        inputs = self.graph.writer_ops[node.op].input_arg if node.op in self.graph.writer_ops else ()
        return not at_default and any(name in (each.type_attr, each.type_list_attr) for each in inputs)

    def _attr(self, node: Message, name: str, attr: Attr, strict: bool) -> Iterator[str]:
        """Compare the value of an attr with its definition."""
        right, values = read_attr(node.attr[name], attr)
        if not right:
            yield f"attr `{name}` of op `{node.op}` does not have the type {attr.kind}"
            return
        kind = attr.kind.replace("list(", "").rstrip(")")
        for number in values if kind == "type" else ():
            if number and number % 100 not in self.engine.types:  # + 100: a reference to that type
                yield f"{type_name(number)} is not known (attr `{name}` of op `{node.op}`)"
                return
        if not strict:
            return
        for value in values if attr.allowed else ():
            readable = value.decode("utf-8", "replace") if kind == "string" else value
            if readable not in attr.allowed:
                readable = type_name(readable) if kind == "type" else repr(readable)
                yield f"op `{node.op}` does not allow {readable} for its attr `{name}`"
        if attr.minimum is None or not (values or attr.kind.startswith("list(")):
            return
        size: int = len(values) if attr.kind.startswith("list(") else values[0]
        if size < attr.minimum:
            yield f"attr `{name}` of op `{node.op}` is {size}; the minimum is {attr.minimum}"

    @staticmethod
    def _inputs(node: Message, inputs: List[str]) -> Iterator[str]:
        """Compare the number of inputs with the definition."""
        expected = 0
        for count in inputs:
            if count == "1":
                expected += 1
            elif count.lstrip("*") in node.attr:
                value = node.attr[count.lstrip("*")]
                expected += len(value.list.type) if count.startswith("*") else value.i
        actual = sum(not name.startswith("^") for name in node.input)
        if expected != actual:
            yield f"op `{node.op}` has {actual} inputs; the engine expects {expected}"

    def kernel(self, node: Message) -> Iterator[str]:
        """Check that the engine has a CPU kernel for the node's types."""
        op = self.engine.op(node.op)
        if op is None or node.op in self.functions or node.op in REWRITTEN:
            return
        kinds = {name: read_attr(node.attr[name], attr)[1] if name in node.attr else [attr.default]
                 for name, attr in op.attrs.items() if attr.kind in ("type", "list(type)")}
        empty = any(self.engine.has_empty_kernel(node.op, kind) for kind in kinds.get("T", ()))
        for row in self.engine.kernels(node.op) if not empty else ():
            if all(set(kinds.get(name, ())) <= set(types) for name, types in row.items()):
                return
        types = ", ".join(f"{name}={'+'.join(type_name(number) for number in numbers)}"
                          for name, numbers in sorted(kinds.items()) if numbers)
        yield f"op `{node.op}` has no CPU kernel{' for ' + types if types else ''}"

    def running(self, node: Message, scope: Dict[str, Message]) -> Iterator[str]:
        """Check what fails only when the kernel runs. ``scope``: name → node of the same graph or function."""
        if node.op in ALGORITHM_OPS and self.engine.version < AUTO_SELECT_SINCE and (
                len(node.input) > ALGORITHM_INPUT):
            given = scope.get(node_of(node.input[ALGORITHM_INPUT]))
            if given is not None and given.op == "Const" and (
                    list(given.attr["value"].tensor.int_val) == [AUTO_SELECT]):
                yield f"op `{node.op}` selects its algorithm automatically, which the engine does not support"
        version, ops = CHANNELS_LAST
        if self.engine.version < version and node.op in ops and "data_format" in node.attr and (
                node.attr["data_format"].s == b"NCHW"):
            yield f"op `{node.op}` has no CPU kernel for data_format=NCHW"

    def lowering(self, node: Message) -> Iterator[str]:
        """Check that the engine can lower a condition or a loop that requires it."""
        version, ops = NOT_LOWERED
        is_lowered = LOWERING in node.attr and node.attr[LOWERING].b
        if is_lowered and self.engine.version == version and node.op in ops:
            yield f"op `{node.op}` cannot be lowered (attr `{LOWERING}`)"

    def calls(self, node: Message) -> Iterator[str]:
        """Check that the functions that the node names exist."""
        for name in sorted(self.graph.missing_functions and self.graph.missing_functions & called(node)):
            if name != node.op:
                yield f"function `{name}` is not in the library"
