"""A loaded source: its inputs, scores and classes as the service determines them, and its own predictions."""
import logging
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow as tf

import customize_service as service
from textjob.adopt.options import AdoptOptions
from textjob.adopt.roles import IDS, MASK, ROLES, Row, roles_of
from textjob.adopt.sources import Source
from textjob.check.graph import choose_meta_graph
from textjob.engines.saved_graph import Message, ancestors, node_of
from textjob.errors import DataError, PackageError, UsageError

log = logging.getLogger("adopt")

Item = Union[bytes, Row]  # a text, or the values of each role

PROBE_LENGTH = 12  # ids per probe, where the source takes any number


class Feature(NamedTuple):
    """The one feature of ``tf.Example`` that a model reads, as outputs of its parse node."""

    node: str
    name: str
    outputs: List[int]   # dense: one; sparse: indices, values, shape
    dtype: Any
    shape: List[int]     # dense: the shape of one example


class SourceModel:
    """A source that is loaded.

    ``plan`` and ``labels`` are chosen as in the service. ``feature`` is None unless the source reads ``tf.Example``.
    """

    def __init__(self, source: Source, options: AdoptOptions) -> None:
        self.folder = source.folder
        tags, self.meta = choose_meta_graph(source.folder, source.options)
        plan, self.roles = _plan(tags, self.meta, source.options, options)
        inputs = self.meta.signature_def[plan.signature].inputs
        self.dtypes = {role: tf.as_dtype(inputs[alias].dtype) for role, alias in self.roles.items()}
        self.feature = None if plan.takes_ids else _feature(self.meta, plan, options.feature)
        self.takes_ids = bool(plan.takes_ids or (self.feature and self.feature.dtype.is_integer))
        shape = self.feature.shape if self.feature else [plan.length or 0]
        self.length = int(shape[-1]) if self.takes_ids and shape else 0  # 0: any number of ids
        self.rank = plan.rank
        self._run, probe_scores = self._load(plan)
        self.columns = int(np.reshape(probe_scores, [len(probe_scores), -1]).shape[1])  # the graph may not have it
        self.plan, labels = service.decide_scores(plan, self.meta, source.options, str(source.folder), probe_scores)
        if self.plan.rule == "labels":
            raise PackageError(f"the output {self.plan.output!r} of the source gives labels alone, but a package needs "
                               "probabilities; name the tensor of the scores with --output_tensor")
        self.labels = _labels(options.labels, len(labels)) if options.labels else list(labels)

    def _load(self, plan: Any) -> Any:
        """(function from feeds to outputs, scores of the probes)"""
        probes: List[Item] = self.probe_ids() if self.takes_ids else list(service.PROBES)
        feeds = self._feeds(plan, probes)
        failures = []
        for load in (service.open_session, service.open_function):
            try:
                run = load(str(self.folder), plan, self.meta)
                return run, run(feeds)[plan.output]
            except Exception as error:  # TensorFlow raises many classes of errors; the second loader may succeed
                failures.append(" ".join(str(error).split())[:300])
        raise PackageError(f"TensorFlow {tf.__version__} cannot load {self.folder}: {'; '.join(failures)}. Run the "
                           "command with the version of TensorFlow that wrote the source, or export the source again")

    def probe_ids(self) -> List[Item]:
        """Two inputs that are valid for any source that takes ids."""
        columns = self.length or PROBE_LENGTH
        return [dict({role: [0] * columns for role in ROLES}, **{IDS: [i] * columns, MASK: [1] * columns})
                for i in (0, 1)]

    def _feeds(self, plan: Any, items: Sequence[Item]) -> Dict[str, Any]:
        """Alias → array. Items of ids must be equally long."""
        main = [item if isinstance(item, bytes) else item[IDS] for item in items]
        feeds: Dict[str, Any] = service.feeds_of(plan, [self._example(item) for item in main] if self.feature else main)
        feeds.update({alias: np.array([item[role] for item in items if not isinstance(item, bytes)],
                                      self.dtypes[role].as_numpy_dtype)
                      for role, alias in self.roles.items() if role != IDS})
        return feeds

    def _example(self, item: Union[bytes, List[int]]) -> bytes:
        """A serialised ``tf.Example`` with the item as its only feature."""
        assert self.feature is not None
        feature = (tf.train.Feature(bytes_list=tf.train.BytesList(value=[item])) if isinstance(item, bytes) else
                   tf.train.Feature(int64_list=tf.train.Int64List(value=item)))
        example = tf.train.Example(features=tf.train.Features(feature={self.feature.name: feature}))
        return bytes(example.SerializeToString())

    def probabilities(self, items: Sequence[Item]) -> np.ndarray:
        """The source's own predictions, float64 ``[items, classes]``; NaN where it fails on an item."""
        nothing = np.full(len(self.labels), np.nan)
        rows = [self._scores(item) for item in items]
        return np.array([nothing if row is None else row for row in rows])

    def _scores(self, item: Item) -> Optional[np.ndarray]:
        try:
            scores: np.ndarray = service.scores_of(self.plan, self._run(self._feeds(self.plan, [item])))[0]
        except Exception as error:  # TensorFlow raises many classes of errors
            log.warning("the source fails on an input: %s", " ".join(str(error).split())[:300])
            return None
        return scores


def _plan(tags: Any, meta: Message, choices: Dict[str, Any], options: AdoptOptions) -> Tuple[Any, Dict[str, str]]:
    """The plan of the service, and role → alias for the inputs of ids."""
    signatures = {key: value for key, value in meta.signature_def.items() if not key.startswith("__")}
    key = service.choose("signature", "a signature", choices, "serving_default", sorted(signatures), signatures)
    roles = roles_of(signatures[key].inputs, options)
    further = {alias: 0 for role, alias in roles.items() if role != IDS}
    if roles:
        choices = dict(choices, input=roles[IDS], feeds=dict(choices.get("feeds", {}), **further))
    plan = service.read_plan(tags, meta, choices)
    plan = plan._replace(feeds={alias: value for alias, value in plan.feeds.items() if alias not in further})
    return plan, roles or ({IDS: plan.input} if plan.takes_ids else {})


def _labels(file: str, classes: int) -> List[str]:
    """The class names of ``--labels``, in the order of the source's scores."""
    try:
        lines = [line.strip() for line in Path(file).read_bytes().decode("utf-8").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--labels {file} cannot be read: {error}")
    labels = [line for line in lines if line]
    if len(set(labels)) != classes or len(labels) != classes:
        raise DataError(f"--labels {file} contains {len(labels)} names ({len(set(labels))} different), but the source "
                        f"has {classes} classes; write one name per class, in the order of the scores")
    return labels


def _feature(meta: Message, plan: Any, name: str) -> Optional[Feature]:
    """The feature of ``tf.Example`` that the model reads; None if its input is not parsed as ``tf.Example``.

    Raises:
        PackageError: the model reads several features.
        UsageError: ``name``, the value of ``--feature``, is another feature.
    """
    signature = meta.signature_def[plan.signature]
    needed = {node.name: node for node in ancestors(meta.graph_def.node, [signature.outputs[plan.output].name])}
    nodes, input_node = list(needed.values()), node_of(signature.inputs[plan.input].name)
    parsing = [node for node in nodes if node.op in ("ParseExample", "ParseExampleV2") and any(
        other.name == input_node for other in ancestors(nodes, node.input[:1]))]
    if not parsing:
        return None
    node, constants = parsing[0], {name: each for name, each in needed.items() if each.op == "Const"}
    features = features_of(node, constants)
    if len(features) != 1:
        raise PackageError(f"the source reads {len(features)} features of tf.Example "
                           f"({', '.join(feature.name for feature in features)}), but a text classifier has one input; "
                           "export it again with one feature")
    if name and features[0].name != name:
        raise UsageError(f"--feature {name}: the source reads another feature, {features[0].name!r}; correct the name "
                         "or leave the flag out")
    return features[0]


def features_of(node: Message, constants: Dict[str, Message]) -> List[Feature]:
    """The features of a parse node, from its keys. Its outputs are indices, values, shapes, dense values."""
    def strings(tensor: str) -> List[str]:
        keys = tf.make_ndarray(constants[node_of(tensor)].attr["value"].tensor)
        return [key.decode("utf-8") for key in np.reshape(keys, -1)]

    dtypes = [tf.as_dtype(number) for number in node.attr["sparse_types"].list.type]
    if node.op == "ParseExampleV2":
        sparse, dense = strings(node.input[2]), strings(node.input[3])
    else:
        count = len(dtypes)
        keys = [strings(name)[0] for name in node.input[2:2 + count + node.attr["Ndense"].i]]
        sparse, dense = keys[:count], keys[count:]
    n = len(sparse)
    features = [Feature(node.name, key, [i, n + i, 2 * n + i], dtypes[i], []) for i, key in enumerate(sparse)]
    for i, key in enumerate(dense):
        shape = [d.size for d in node.attr["dense_shapes"].list.shape[i].dim]
        features.append(
            Feature(node.name, key, [3 * n + i], tf.as_dtype(node.attr["Tdense"].list.type[i]), shape))
    return features
