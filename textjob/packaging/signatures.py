"""The two signatures that every package has: their aliases, types and shapes, and how a graph is saved under them.

==================  ==============================================================================================
``serving_default``  inputs ``input_x`` and ``keep_prob``, outputs ``output`` and ``label``
``predict_text``     the same without ``keep_prob``, for servers that do not support default inputs
==================  ==============================================================================================
"""
from pathlib import Path
from typing import Any, Dict, NamedTuple, Sequence

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1

SERVING_DEFAULT, PREDICT_TEXT = "serving_default", "predict_text"
INPUT_X, KEEP_PROB, OUTPUT, LABEL = "input_x", "keep_prob", "output", "label"


class Placeholders(NamedTuple):
    """The inputs of both signatures, and the texts that the model computes on."""

    input_x: Any    # string [batch]
    keep_prob: Any  # float32 [], 1.0 when not fed
    texts: Any      # string [batch], or [1] where the batch is empty


def placeholders() -> Placeholders:
    """Create the inputs in the default graph.

    An empty batch is padded with one empty text, because convolutions by oneDNN (TensorFlow 2.21) return a wrong shape
    for an empty batch. :func:`unpadded` removes its row from the outputs.
    """
    input_x = v1.placeholder(tf.string, [None], INPUT_X)
    missing = tf.maximum(0, 1 - tf.shape(input_x)[0])
    return Placeholders(input_x, v1.placeholder_with_default(np.float32(1.0), [], KEEP_PROB),
                        tf.concat([input_x, tf.fill([missing], "")], 0))


def unpadded(rows: Any, inputs: Placeholders) -> Any:
    """``[batch, ...]``: the rows of the request's own texts, without the row of the padding."""
    return rows[:tf.shape(inputs.input_x)[0]]


def save(session: Any, directory: Path, inputs: Placeholders, output: Any, labels: Sequence[str], labels_file: Path,
         initializers: Sequence[Any] = ()) -> None:
    """Write the session's graph as a SavedModel; ``output`` holds the probabilities, float32 ``[batch, classes]``.

    ``initializers`` are ops that run once on load, in addition to the initializers of this graph's lookup tables.
    """
    label = tf.gather(tf.constant(list(labels)), tf.argmax(output, 1), name=LABEL)
    # SavedModelBuilder copies the files of this collection to assets/; the vocabulary's table has added its own file.
    v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, tf.constant(str(labels_file)))
    texts, outputs = {INPUT_X: inputs.input_x}, {OUTPUT: output, LABEL: label}
    builder = v1.saved_model.Builder(str(directory))
    builder.add_meta_graph_and_variables(
        session, [v1.saved_model.tag_constants.SERVING],
        signature_def_map={SERVING_DEFAULT: _signature(dict(texts, **{KEEP_PROB: inputs.keep_prob}), outputs),
                           PREDICT_TEXT: _signature(texts, outputs)},
        assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
        main_op=tf.group(v1.tables_initializer(), *initializers), clear_devices=True, strip_default_attrs=True)
    builder.save()


def _signature(inputs: Dict[str, Any], outputs: Dict[str, Any]) -> Any:
    info = v1.saved_model.build_tensor_info
    signature = v1.saved_model.build_signature_def(
        {alias: info(tensor) for alias, tensor in inputs.items()},
        {alias: info(tensor) for alias, tensor in outputs.items()},
        v1.saved_model.signature_constants.PREDICT_METHOD_NAME)
    # TensorFlow Serving rejects a request without keep_prob unless this default exists; TensorFlow 2.1 cannot write it.
    if KEEP_PROB in inputs and "defaults" in signature.DESCRIPTOR.fields_by_name:
        signature.defaults[KEEP_PROB].CopyFrom(tf.make_tensor_proto(np.float32(1.0)))
    return signature
