"""The ops and CPU kernels of each of the platform's TensorFlow engines, from ``engine_ops.json.gz`` beside this file.

``tools/engine_ops.py`` writes that file and documents its format.
"""
import gzip
import json
import os
from functools import lru_cache
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine_ops.json.gz")

BFLOAT16 = 14  # as in types.proto

# Kernels that TensorFlow 2.6 registers for oneDNN to replace, which is off by default in 2.6: a node is placed, but its
# kernel computes nothing ("Missing 0-th output"). Measured by running every op that has a bfloat16 kernel.
EMPTY_KERNELS = {
    ("2.6", BFLOAT16): ("AvgPool", "AvgPoolGrad", "Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput",
                        "DepthwiseConv2dNative", "FusedBatchNormGradV3", "FusedBatchNormV3"),
}


class Attr(NamedTuple):
    """The definition of an attr. ``default``: 0 if it has no default, else 1, or the DataType number of a type."""

    kind: str
    default: int
    minimum: Optional[int]
    allowed: List[Any]


class Op(NamedTuple):
    """An op definition. An input is "1", or the attr with its number, or ``*`` and the attr with its types."""

    attrs: Dict[str, Attr]
    inputs: List[str]


class Engine:
    """The registry of one engine, and how its loaders differ from those of other engines."""

    def __init__(self, content: Dict[str, Any], index: int) -> None:
        facts = content["engines"][index]
        self.name: str = facts["name"]
        self.tensorflow: str = facts["tensorflow"]
        self.graph_version: int = facts["graph_def_version"]
        self.types = frozenset(facts["types"])
        self.unlisted = frozenset(facts["unlisted"])
        self.version = tuple(int(part) for part in self.tensorflow.split(".")[:2])
        self.has_load = self.version >= (2, 0)
        # TensorFlow 1.13 instantiates a function when it runs; later versions, every function that a node names.
        self.instantiates_all_calls = self.version >= (1, 15)
        # The Python loader of 1.13 looks up the ops in the writer's op list, but its own Python registry is incomplete.
        self.looks_up_listed_ops = self.version < (1, 15)
        # TensorFlow 2.6 only logs an unknown attr.
        self.rejects_unknown_attrs = self.version < (2, 6)
        self._content = content
        self._bit = 1 << index
        self._ops: Dict[str, Optional[Op]] = {}

    def op(self, name: str) -> Optional[Op]:
        """The op's definition; None if the engine has not registered it."""
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
        """The CPU kernels of an op, each as attr → supported types."""
        for mask, index in self._content["kernels"].get(name, ()):
            if mask & self._bit:
                kernels: List[Dict[str, List[int]]] = self._content["sets"][index]
                return kernels
        return []

    def has_empty_kernel(self, name: str, kind: int) -> bool:
        """Whether the op's kernel for this type is registered but computes nothing."""
        return name in EMPTY_KERNELS.get((".".join(map(str, self.version)), kind), ())


@lru_cache(maxsize=None)
def engines() -> Tuple[Engine, ...]:
    """All engines of the data file, the oldest first."""
    with gzip.open(DATA, "rb") as file:
        content = json.loads(file.read().decode("utf-8"))
    return tuple(Engine(content, index) for index in range(len(content["engines"])))
