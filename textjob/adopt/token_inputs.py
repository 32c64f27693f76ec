"""Gives a source of ``tf.Example`` with several features per token a signature with these features as its inputs.

An estimator exports BERT in this form, with the features ``input_ids``, ``input_mask``, ``segment_ids`` and
``label_ids``, which only the loss reads.
"""
import shutil
from pathlib import Path
from typing import Any, Dict, Mapping

import tensorflow as tf

import customize_service as service
from textjob.adopt.options import AdoptOptions
from textjob.adopt.source_model import features_of
from textjob.adopt.sources import SIGNATURE, Source
from textjob.check.graph import choose_meta_graph
from textjob.engines.saved_graph import Message, ancestors

SCORES = r"float\[-?\d+, -?\d+\]"


def with_token_inputs(source: Source, options: AdoptOptions, scratch: Path) -> Source:
    """The source, or a copy with such a signature if its scores read two or more features."""
    tags, meta = choose_meta_graph(source.folder, source.options)
    signatures = {key: value for key, value in meta.signature_def.items() if not key.startswith("__")}
    if meta.HasField("object_graph_def") or not signatures:
        return source
    key = service.choose("signature", "a signature", source.options, "serving_default", sorted(signatures), signatures)
    signature = signatures[key]
    outputs = [options.output_tensor] if options.output_tensor in signature.outputs else (
        service.matching(signature.outputs, SCORES) or sorted(signature.outputs))
    nodes = {node.name: node for node in ancestors(
        meta.graph_def.node, [signature.outputs[alias].name for alias in outputs])}
    features = _features(signature.inputs, nodes)
    if len(features) < 2:
        return source
    changed = tf.compat.v1.saved_model.build_signature_def(
        features, dict(signature.outputs), tf.compat.v1.saved_model.signature_constants.PREDICT_METHOD_NAME)
    meta.signature_def[SIGNATURE].CopyFrom(changed)
    copy = scratch / "token_inputs"
    shutil.copytree(str(source.folder), str(copy))
    from tensorflow.core.protobuf import saved_model_pb2
    (copy / "saved_model.pb").write_bytes(
        saved_model_pb2.SavedModel(saved_model_schema_version=1, meta_graphs=[meta]).SerializeToString())
    return source._replace(
        folder=copy, options=dict(source.options, tags=list(tags), signature=SIGNATURE),
        notes=[*source.notes, f"inputs: the features {', '.join(sorted(features))} of tf.Example"])


def _features(inputs: Mapping[str, Message], nodes: Dict[str, Message]) -> Dict[str, Any]:
    """The dense features of integers that the nodes read, name → TensorInfo, if the only input is a ``tf.Example``."""
    parsing = [node for node in nodes.values() if node.op in ("ParseExample", "ParseExampleV2")]
    if len(inputs) != 1 or len(parsing) != 1:
        return {}
    read = {name for node in nodes.values() for name in node.input}
    constants = {name: node for name, node in nodes.items() if node.op == "Const"}
    found = {}
    for feature in features_of(parsing[0], constants):
        name = f"{feature.node}:{feature.outputs[0]}"
        if len(feature.outputs) == 1 and feature.dtype.is_integer and (
                name in read or (name.endswith(":0") and feature.node in read)):
            info = tf.compat.v1.MetaGraphDef().signature_def["x"].inputs["x"]
            info.name, info.dtype = name, feature.dtype.as_datatype_enum
            for size in [-1, *feature.shape]:
                info.tensor_shape.dim.add().size = size
            found[feature.name] = info
    return found
