"""What each of the platform's TensorFlow engines has registered: ``engine_ops.json.gz`` beside this file.

``tools/engine_ops.py`` makes that file and tells its form.
"""
import gzip
import json
import os
from functools import lru_cache
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine_ops.json.gz")

BFLOAT16 = 14  # as in types.proto

# Kernels that 2.6 registers for oneDNN to replace, which is off there by default: a node is placed, and then
# gives no output ("Missing 0-th output"). Found by running every op that has a bfloat16 kernel.
HOLLOW_KERNELS = {
    ("2.6", BFLOAT16): ("AvgPool", "AvgPoolGrad", "Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput",
                        "DepthwiseConv2dNative", "FusedBatchNormGradV3", "FusedBatchNormV3"),
}


class Attr(NamedTuple):
    """What an op definition says of an attr. ``default``: 0 for none, else 1, or a type's DataType number."""

    kind: str
    default: int
    minimum: Optional[int]
    allowed: List[Any]


class Op(NamedTuple):
    """An op definition. Each input is "1", or an attr that counts it, or ``*`` and an attr that lists it."""

    attrs: Dict[str, Attr]
    inputs: List[str]


class Engine:
    """One engine's registry, and what sets its loaders apart from the other engines'."""

    def __init__(self, content: Dict[str, Any], index: int) -> None:
        facts = content["engines"][index]
        self.name: str = facts["name"]
        self.tensorflow: str = facts["tensorflow"]
        self.graph_version: int = facts["graph_def_version"]
        self.types = frozenset(facts["types"])
        self.unlisted = frozenset(facts["unlisted"])
        self.version = tuple(int(part) for part in self.tensorflow.split(".")[:2])
        self.has_load = self.version >= (2, 0)
        # 1.13 instantiates a function when it runs, later engines every function that a node names.
        self.instantiates_all_calls = self.version >= (1, 15)
        # 1.13's Python loader looks up the graph's ops that are in their writer's op list, and has not all.
        self.looks_up_listed_ops = self.version < (1, 15)
        # 2.6 logs an unknown attr and goes on.
        self.minds_unknown_attrs = self.version < (2, 6)
        self._content = content
        self._bit = 1 << index
        self._ops: Dict[str, Optional[Op]] = {}

    def op(self, name: str) -> Optional[Op]:
        """The op's definition there; None where it is not registered."""
        if name not in self._ops:
            self._ops[name] = self._find(name)
        return self._ops[name]

    def _find(self, name: str) -> Optional[Op]:
        sets = self._content["sets"]
        for mask, attrs, inputs in self._content["ops"].get(name, ()):
            if mask & self._bit:
                rows = {attr: row + [None, 0, None, None][len(row):] for attr, row in attrs.items()}
                return Op({attr: Attr(kind, default, minimum, [] if allowed is None else sets[allowed])
                           for attr, (kind, default, minimum, allowed) in rows.items()}, inputs)
        return None

    def kernels(self, name: str) -> List[Dict[str, List[int]]]:
        """For each kind of CPU kernel of an op: attr → the types that it takes."""
        for mask, index in self._content["kernels"].get(name, ()):
            if mask & self._bit:
                found: List[Dict[str, List[int]]] = self._content["sets"][index]
                return found
        return []

    def hollow(self, name: str, kind: int) -> bool:
        """Is the op's kernel for this type one that is registered and does nothing?"""
        return name in HOLLOW_KERNELS.get(("{}.{}".format(*self.version), kind), ())


@lru_cache(maxsize=None)
def engines() -> Tuple[Engine, ...]:
    """All engines of the data file, oldest first."""
    with gzip.open(DATA, "rb") as file:
        content = json.loads(file.read().decode("utf-8"))
    return tuple(Engine(content, index) for index in range(len(content["engines"])))
