"""A source as the service understands it: which tensors, which rule, which classes; and the source's own answers."""
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np
import tensorflow as tf

import customize_service as service
from textjob.adopt.sources import Located
from textjob.adopt.wanted import Wanted
from textjob.check.graph import chosen
from textjob.engines.saved_graph import Message, ancestors, source
from textjob.errors import DataError, PackageError, UsageError

Item = Union[bytes, List[int]]


class Feature(NamedTuple):
    """The one feature that a model of ``tf.Example`` reads, as the outputs of its parse node."""

    node: str
    name: str
    outputs: List[int]   # dense: one; sparse: indices, values, shape
    dtype: Any
    shape: List[int]     # dense: of one example


class Asked:
    """A source, loaded. ``plan`` and ``labels`` are as the service chose them, ``feature`` is that of a tf.Example."""

    def __init__(self, located: Located, wanted: Wanted) -> None:
        folder, options = str(located.folder), located.options
        self.folder = located.folder
        tags, self.meta = chosen(located.folder, options)
        plan = service.read_plan(tags, self.meta, options)
        self.feature = None if plan.takes_ids else _feature(self.meta, plan, wanted.feature)
        self.takes_ids = bool(plan.takes_ids or (self.feature and self.feature.dtype.is_integer))
        shape = self.feature.shape if self.feature else [plan.length or 0]
        self.length = int(shape[-1]) if self.takes_ids and shape else 0  # 0: any number of ids
        self.rank = plan.rank
        self._run, seen = self._opened(plan)
        self.plan, labels = service.decide_scores(plan, self.meta, options, folder, seen)
        if self.plan.rule == "labels":
            raise PackageError(f"{self.plan.output!r} gives labels alone; the contract wants probabilities: name the tensor of the "
                               "scores with --output_tensor")
        self.labels = _labels(wanted.labels, len(labels)) if wanted.labels else list(labels)

    def _opened(self, plan: Any) -> Any:
        probes: List[Item] = [[i] * (self.length or 12) for i in (0, 1)] if self.takes_ids else list(service.PROBES)
        feeds = service.feeds_of(plan, self._inputs(probes))
        faults = []
        for opened in (service.open_session, service.open_function):
            try:
                run = opened(str(self.folder), plan, self.meta)
                return run, run(feeds)[plan.output]
            except Exception as error:  # engines raise errors of every kind; the other loader may do
                faults.append(" ".join(str(error).split())[:300])
        raise PackageError("TensorFlow {} cannot load {}: {}".format(tf.__version__, self.folder, "; ".join(faults)))

    def _inputs(self, items: Sequence[Item]) -> List[Any]:
        return [self._example(item) for item in items] if self.feature else list(items)

    def _example(self, item: Item) -> bytes:
        """A serialised ``tf.Example`` that holds the item as the feature which the model reads."""
        assert self.feature is not None
        feature = (tf.train.Feature(bytes_list=tf.train.BytesList(value=[item])) if isinstance(item, bytes) else
                   tf.train.Feature(int64_list=tf.train.Int64List(value=item)))
        example = tf.train.Example(features=tf.train.Features(feature={self.feature.name: feature}))
        return bytes(example.SerializeToString())

    def probabilities(self, items: Sequence[Item]) -> np.ndarray:
        """The source's own answers: float64 ``[items, classes]``; NaN where it has none for an item."""
        rows = service.classify(service.Model(self.plan, self.labels, self._run), self._inputs(items))
        return np.array([row if isinstance(row, np.ndarray) else np.full(len(self.labels), np.nan) for row in rows])


def _labels(file: str, classes: int) -> List[str]:
    """The class names of ``--labels``, in the order of the source's scores."""
    try:
        lines = [line.strip() for line in Path(file).read_bytes().decode("utf-8").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--labels {file} cannot be read: {error}")
    labels = [line for line in lines if line]
    if len(set(labels)) != classes or len(labels) != classes:
        raise DataError(f"--labels {file}: {len(labels)} names ({len(set(labels))} different); the model has {classes} classes")
    return labels


def _feature(meta: Message, plan: Any, wanted: str) -> Optional[Feature]:
    """What the model reads of a ``tf.Example``; None where its input is no such thing.

    Raises:
        UsageError: it reads several features, and ``--feature`` names none of them.
        PackageError: it reads more than one.
    """
    signature = meta.signature_def[plan.signature]
    needed = {node.name: node for node in ancestors(meta.graph_def.node, [signature.outputs[plan.output].name])}
    nodes, given = list(needed.values()), source(signature.inputs[plan.input].name)
    parsing = [node for node in nodes if node.op in ("ParseExample", "ParseExampleV2") and any(
        other.name == given for other in ancestors(nodes, node.input[:1]))]
    if not parsing:
        return None
    node, constants = parsing[0], {name: each for name, each in needed.items() if each.op == "Const"}
    features = _features(node, constants)
    if len(features) != 1:
        raise PackageError("the model reads {} features of its tf.Example ({}); a text classifier reads one".format(
            len(features), ", ".join(feature.name for feature in features)))
    if wanted and features[0].name != wanted:
        raise UsageError(f"--feature {wanted}: the model reads {features[0].name}")
    return features[0]


def _features(node: Message, constants: Dict[str, Message]) -> List[Feature]:
    """The features of a parse node, from its keys; outputs come as indices, values, shapes, dense values."""
    def strings(tensor: str) -> List[str]:
        found = tf.make_ndarray(constants[source(tensor)].attr["value"].tensor)
        return [key.decode("utf-8") for key in np.reshape(found, -1)]

    kinds = [tf.as_dtype(kind) for kind in node.attr["sparse_types"].list.type]
    if node.op == "ParseExampleV2":
        sparse, dense = strings(node.input[2]), strings(node.input[3])
    else:
        count = len(kinds)
        keys = [strings(name)[0] for name in node.input[2:2 + count + node.attr["Ndense"].i]]
        sparse, dense = keys[:count], keys[count:]
    n = len(sparse)
    found = [Feature(node.name, key, [i, n + i, 2 * n + i], kinds[i], []) for i, key in enumerate(sparse)]
    for i, key in enumerate(dense):
        shape = [d.size for d in node.attr["dense_shapes"].list.shape[i].dim]
        found.append(Feature(node.name, key, [3 * n + i], tf.as_dtype(node.attr["Tdense"].list.type[i]), shape))
    return found
