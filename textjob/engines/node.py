"""What one engine minds about one node of a graph."""
from typing import Any, Dict, Iterator, List, Tuple

from textjob.engines.registry import Attr, Engine
from textjob.engines.saved_graph import Graph, Message, called, source

# AttrValue's field for each kind of attr; a list has fields of the same names
FIELDS = {"string": "s", "int": "i", "float": "f", "bool": "b", "type": "type", "shape": "shape",
          "tensor": "tensor", "func": "func"}

# Replaced by other ops before anything is placed.
REWRITTEN = ("AccumulateNV2",)

# 1.13 can lower If and While to Switch and Merge, not their stateless kinds, and fails when asked to.
LOWERING = "_lower_using_switch_merge"
NOT_LOWERED = ((1, 13), ("StatelessIf", "StatelessWhile"))

# Before 2.0 the CPU kernels of these take channels last alone. Keras' LayerNormalization asks for NCHW.
CHANNELS_LAST = ((2, 0), ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"))

# Today's random ops leave the algorithm to the device: a 3 in their fourth input. 2.6 knows 1 and 2.
AUTO_SELECT = 3
AUTO_SELECT_SINCE = (2, 7)
ALGORITHM_INPUT = 3
ALGORITHM_OPS = ("StatelessRandomNormalV2", "StatelessRandomUniformFullIntV2", "StatelessRandomUniformIntV2",
                 "StatelessRandomUniformV2", "StatelessTruncatedNormalV2")


def type_name(number: int) -> str:
    """``bfloat16`` for 14; the number for what even this TensorFlow does not know."""
    from tensorflow.core.framework import types_pb2
    names: Dict[int, str] = {value: name[3:].lower() for name, value in types_pb2.DataType.items()}
    return names.get(number, f"data type {number}")


def held(value: Message, attr: Attr) -> Tuple[bool, List[Any]]:
    """Whether an AttrValue is of the attr's kind, and what it holds."""
    field = value.WhichOneof("value")
    if field == "placeholder":  # a function's own parameter: its caller decides
        return True, []
    if attr.kind.startswith("list("):
        wanted = FIELDS.get(attr.kind[5:-1], "")
        if field != "list" or any(getattr(value.list, name) for name in FIELDS.values() if name != wanted):
            return False, []
        return True, list(getattr(value.list, wanted))
    wanted = FIELDS.get(attr.kind, "")
    return (True, [getattr(value, wanted)]) if field == wanted else (False, [])


class Judge:
    """One engine before one MetaGraph."""

    def __init__(self, engine: Engine, graph: Graph) -> None:
        self.engine = engine
        self.graph = graph
        self.functions = graph.functions

    def definition(self, node: Message, strict: bool = True, stripping: bool = False) -> Iterator[str]:
        """Does the node agree with the engine's op definition?

        ``strict``: as a graph is imported. Otherwise as a function is instantiated without being run, which
        looks at ops, inputs and types, not at unknown attrs and allowed values.
        ``stripping``: Python's loaders first drop an unknown attr of the main graph that is at its default.
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
            elif strict and not name.startswith("_") and self._minded(node, name, stripping):
                yield f"attr `{name}` of op `{node.op}` is not known"
        for name, attr in sorted(op.attrs.items()):
            if name not in node.attr and not attr.default:
                yield f"attr `{name}` of op `{node.op}` is missing, and has no default there"
        yield from self._inputs(node, op.inputs)

    def _minded(self, node: Message, name: str, stripping: bool) -> bool:
        """Does an unknown attr keep the node from being loaded?"""
        key = (node.op, name)
        at_default = key in self.graph.writer_defaults and node.attr[name] == self.graph.writer_defaults[key]
        if self.engine.minds_unknown_attrs:
            return not (stripping and at_default)
        # Ignored. But where it tells the type of an input, the definition there fixes another type.
        inputs = self.graph.writer_ops[node.op].input_arg if node.op in self.graph.writer_ops else ()
        return not at_default and any(name in (each.type_attr, each.type_list_attr) for each in inputs)

    def _attr(self, node: Message, name: str, attr: Attr, strict: bool) -> Iterator[str]:
        """Is this value one that the definition takes?"""
        right, found = held(node.attr[name], attr)
        if not right:
            yield f"attr `{name}` of op `{node.op}` is not of the kind {attr.kind}"
            return
        kind = attr.kind.replace("list(", "").rstrip(")")
        for number in found if kind == "type" else ():
            if number and number % 100 not in self.engine.types:  # 100 more: a reference to that type
                yield f"{type_name(number)} is not known (attr `{name}` of op `{node.op}`)"
                return
        if not strict:
            return
        for value in found if attr.allowed else ():
            told = value.decode("utf-8", "replace") if kind == "string" else value
            if told not in attr.allowed:
                told = type_name(told) if kind == "type" else repr(told)
                yield f"op `{node.op}` does not take {told} for its attr `{name}`"
        if attr.minimum is None or not (found or attr.kind.startswith("list(")):
            return
        size: int = len(found) if attr.kind.startswith("list(") else found[0]
        if size < attr.minimum:
            yield f"attr `{name}` of op `{node.op}` is {size}, its minimum is {attr.minimum}"

    @staticmethod
    def _inputs(node: Message, inputs: List[str]) -> Iterator[str]:
        """Are there as many inputs as the definition wants?"""
        wanted = 0
        for count in inputs:
            if count == "1":
                wanted += 1
            elif count.lstrip("*") in node.attr:
                value = node.attr[count.lstrip("*")]
                wanted += len(value.list.type) if count.startswith("*") else value.i
        given = sum(not name.startswith("^") for name in node.input)
        if wanted != given:
            yield f"op `{node.op}` takes {wanted} inputs, not {given}"

    def kernel(self, node: Message) -> Iterator[str]:
        """Has the engine a CPU kernel for the node's types?"""
        op = self.engine.op(node.op)
        if op is None or node.op in self.functions or node.op in REWRITTEN:
            return
        kinds = {name: held(node.attr[name], attr)[1] if name in node.attr else [attr.default]
                 for name, attr in op.attrs.items() if attr.kind in ("type", "list(type)")}
        hollow = any(self.engine.hollow(node.op, kind) for kind in kinds.get("T", ()))
        for row in self.engine.kernels(node.op) if not hollow else ():
            if all(set(kinds.get(name, ())) <= set(types) for name, types in row.items()):
                return
        told = ", ".join("{}={}".format(name, "+".join(type_name(kind) for kind in found))
                         for name, found in sorted(kinds.items()) if found)
        yield "op `{}` has no CPU kernel{}".format(node.op, " for " + told if told else "")

    def running(self, node: Message, scope: Dict[str, Message]) -> Iterator[str]:
        """What only the kernel finds out. ``scope``: the nodes beside it by name."""
        if node.op in ALGORITHM_OPS and self.engine.version < AUTO_SELECT_SINCE and (
                len(node.input) > ALGORITHM_INPUT):
            given = scope.get(source(node.input[ALGORITHM_INPUT]))
            if given is not None and given.op == "Const" and (
                    list(given.attr["value"].tensor.int_val) == [AUTO_SELECT]):
                yield f"op `{node.op}` leaves its algorithm to the device, which is not known"
        version, ops = CHANNELS_LAST
        if self.engine.version < version and node.op in ops and "data_format" in node.attr and (
                node.attr["data_format"].s == b"NCHW"):
            yield f"op `{node.op}` has no CPU kernel for data_format=NCHW"

    def lowering(self, node: Message) -> Iterator[str]:
        version, ops = NOT_LOWERED
        asked = LOWERING in node.attr and node.attr[LOWERING].b
        if asked and self.engine.version == version and node.op in ops:
            yield f"op `{node.op}` cannot be lowered (attr `{LOWERING}`)"

    def calls(self, node: Message) -> Iterator[str]:
        """Are the functions there that it names?"""
        for name in sorted(self.graph.missing_functions and self.graph.missing_functions & called(node)):
            if name != node.op:
                yield f"function `{name}` is not in the library"
