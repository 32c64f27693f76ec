"""A loaded source: its inputs, scores and classes as the service determines them, and its own predictions."""
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np
import tensorflow as tf

import customize_service as service
from textjob.adopt.options import AdoptOptions
from textjob.adopt.roles import IDS, MASK, ROLES, Row, roles_of
from textjob.adopt.sources import Source
from textjob.adopt.words import known_texts
from textjob.check.graph import choose_meta_graph
from textjob.engines.saved_graph import Message, ancestors, node_of
from textjob.errors import DataError, PackageError, UsageError

Item = Union[bytes, Row, List[bytes]]  # a text, the values of each role, or words

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
        plan = service.read_plan(tags, _with_int_ids(self.meta) if options.vocabulary else self.meta, source.options)
        self.roles = roles_of(self.meta.signature_def[plan.signature].inputs, options) or (
            {IDS: plan.input} if plan.takes_ids and plan.input else {})
        if not plan.input and set(self.roles.values()) != set(plan.inputs):
            raise PackageError(f"the source has several inputs for each text ({', '.join(plan.inputs)}), but a package "
                               "has one. Do not adopt it: infer.py check tells whether the service serves it unchanged")
        plan = plan._replace(input=plan.input or self.roles[IDS])
        infos = self.meta.signature_def[plan.signature].inputs
        self.dtypes = {role: tf.as_dtype(infos[alias].dtype) for role, alias in self.roles.items()}
        self.feature = None if plan.takes_ids else _feature(self.meta, plan, options.feature)
        self.takes_words = bool(self.feature and self.feature.dtype == tf.string and len(self.feature.outputs) > 1)
        self.takes_ids = bool(plan.takes_ids or (self.feature and self.feature.dtype.is_integer))
        self.shape = plan.inputs[plan.input].shape
        shape = self.feature.shape if self.feature else self.shape or (1,)
        self.length = max(int(shape[-1]), 0) if self.takes_ids and shape else 0  # 0: any number of ids
        self._run, outputs = self._load(plan)
        self.listed = _labels(options.labels, outputs[0]) if options.labels else service.read_labels(str(self.folder))
        self.plan, self.names = service.decide(
            plan, self.meta, source.options, str(self.folder), self.listed, outputs)
        self.columns = int(outputs[0][self.plan.scores].shape[1]) if self.plan.scores else 0
        self._classes = service.names_of(outputs[0][self.plan.classes], self.listed).tolist() if (
            self.plan.classes) else []

    @property
    def labels(self) -> List[str]:
        """The class names, in the order of the scores.

        Raises:
            PackageError: the source does not give a score for each of the same classes.
        """
        if not self.plan.scores or self.plan.rule == "confidence":
            raise PackageError("the source gives labels without a score for each class, but a package of texts and "
                               "probabilities needs the scores: name their tensor with --output_tensor if the source "
                               "has one, or give --as_it_is, which packages the source unchanged; its service answers "
                               "labels")
        if any(row != self._classes[0] for row in self._classes):
            raise PackageError(f"the order of the classes in {self.plan.classes!r} differs between texts: name the "
                               "tensor of the scores before they are sorted with --output_tensor, or give --as_it_is, "
                               "which packages the source unchanged")
        if self.plan.label and not self.names and not self._classes:
            raise PackageError(f"the source does not give the columns of {self.plan.scores!r} the names in "
                               f"{self.plan.label!r}: write the names in the order of the columns into a file and give "
                               "it as --labels, or give --as_it_is, which packages the source unchanged")
        return list(self._classes[0]) if self._classes else self.names or [str(i) for i in range(self.plan.columns)]

    def _load(self, plan: Any) -> Any:
        """(function from feeds and aliases to outputs, the outputs for the probes)"""
        texts = [*service.PROBES, *(text.encode("utf-8") for text in known_texts(self.meta, self.folder))]
        probes = self._inputs(self.probe_ids() if self.takes_ids else texts, plan)
        failures = []
        for load in (service.open_session, service.open_function):
            try:
                run = load(str(self.folder), plan, self.meta)
                return run, service.observe(plan, run, probes)
            except Exception as error:  # TensorFlow raises many classes of errors; the second loader may succeed
                failures.append(" ".join(str(error).split())[:300])
        raise PackageError(f"TensorFlow {tf.__version__} cannot load {self.folder}: {'; '.join(failures)}. Run the "
                           "command with the version of TensorFlow that wrote the source, or export the source again")

    def probe_ids(self) -> List[Item]:
        """Two inputs that are valid for any source that takes ids."""
        columns = self.length or PROBE_LENGTH
        return [dict({role: [0] * columns for role in ROLES}, **{IDS: [i] * columns, MASK: [1] * columns})
                for i in (0, 1)]

    def _inputs(self, items: Sequence[Item], plan: Any) -> List[Dict[str, Any]]:
        """The items as the service passes them to a model."""
        if self.feature:
            return [{plan.input: self._example(item)} for item in items]
        return [{alias: np.array(item[role], plan.inputs[alias].dtype).reshape(plan.inputs[alias].shape or ())
                 for role, alias in self.roles.items()} if isinstance(item, dict) else {plan.input: item}
                for item in items]

    def _example(self, item: Item) -> bytes:
        """A serialised ``tf.Example`` with the item as its only feature."""
        assert self.feature is not None
        if isinstance(item, dict):
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=item[IDS]))
        else:
            values = item if isinstance(item, list) else item.split() if self.takes_words else [item]
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        example = tf.train.Example(features=tf.train.Features(feature={self.feature.name: feature}))
        return bytes(example.SerializeToString())

    def rows(self, items: Sequence[Item]) -> List[Any]:
        """The rows of the service for these items: the source's own predictions, or errors."""
        rows: List[Any] = service.classify(
            service.Model(self.plan, self.names, self._run), self._inputs(items, self.plan))
        return rows

    def probabilities(self, items: Sequence[Item]) -> np.ndarray:
        """The source's own predictions, float64 ``[items, classes]``; NaN where it fails on an item."""
        missing = np.full(len(self.labels), np.nan)
        return np.array([missing if isinstance(row, service.RequestError) else row.scores for row in self.rows(items)])


def _with_int_ids(meta: Message) -> Message:
    """The MetaGraph with int inputs where a signature has only floats ``[batch, n]``: some Keras models take ids so."""
    changed = type(meta).FromString(meta.SerializeToString())
    for signature in changed.signature_def.values():
        if not service.matching(signature.inputs, service.INPUTS):
            for alias in service.matching(signature.inputs, r"float\[-?\d+, -?\d+\]"):
                signature.inputs[alias].dtype = tf.int32.as_datatype_enum
    return changed


def _labels(file: str, outputs: Dict[str, Any]) -> List[str]:
    """The class names of ``--labels``, in the order of the scores; ``outputs``: alias → rows for the probes."""
    try:
        lines = [line.strip() for line in Path(file).read_bytes().decode("utf-8").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--labels {file} cannot be read: {error}")
    labels = [line for line in lines if line]
    classes = sorted({max(rows.shape[1], 2) for rows in outputs.values() if rows.dtype.kind == "f"})
    if len(set(labels)) != len(labels) or len(labels) not in classes:
        raise DataError(f"--labels {file} contains {len(labels)} names ({len(set(labels))} different), but the source "
                        f"has {' or '.join(map(str, classes))} classes; write one name per class, in the order of the "
                        "scores")
    return labels


def _feature(meta: Message, plan: Any, name: str) -> Optional[Feature]:
    """The feature of ``tf.Example`` that the model reads; None if its input is not parsed as ``tf.Example``.

    Raises:
        PackageError: the model reads several features.
        UsageError: ``name``, the value of ``--feature``, is another feature.
    """
    signature = meta.signature_def[plan.signature]
    needed = {node.name: node for node in ancestors(
        meta.graph_def.node, [signature.outputs[alias].name for alias in plan.outputs])}
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
    if features[0].dtype == tf.string and len(features[0].outputs) == 1 and any(n != 1 for n in features[0].shape):
        raise PackageError(f"the feature {features[0].name!r} of the source holds strings of the shape "
                           f"{features[0].shape}, but a text classifier reads one text, or a list of words "
                           "(VarLenFeature); export it again with one of them")
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
