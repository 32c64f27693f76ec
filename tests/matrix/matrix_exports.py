"""Writes one small SavedModel per case with the TensorFlow that runs this file (1.13 to today's).

    python matrix_exports.py FOLDER [CASE ...]

Cases that this TensorFlow cannot write, because an API is missing, are named on stdout and left out. Each case fails on
some engine for a reason of its own. Python 3.6 grammar, because TensorFlow 1.13 runs on no newer Python.
"""
import os
import sys

import numpy as np
import tensorflow as tf
from matrix_exports_ops import BODIES, newest, of_floats, text, vocabulary_table

v1 = tf.compat.v1

# Also written with default attrs: ops that got new attrs from one engine to the next.
NOT_STRIPPED = ("add", "batch_matmul", "batch_norm_training", "bfloat16", "conv_explicit", "dataset",
                "function", "half", "keras_lstm", "pinv", "quantize", "ragged_sum", "resize", "topk",
                "topk_int16", "trained", "unicode", "while_v2")


def v1_export(folder, build, strip=True, tags=("serve",), builder=None):
    """Save the inputs and outputs that ``build`` returns, with its variables and tables, by SavedModelBuilder."""
    own = builder or v1.saved_model.Builder(folder)
    with tf.Graph().as_default(), v1.Session() as session:
        inputs, outputs = build()
        signature = v1.saved_model.build_signature_def(
            {name: v1.saved_model.build_tensor_info(t) for name, t in inputs.items()},
            {name: v1.saved_model.build_tensor_info(t) for name, t in outputs.items()},
            "tensorflow/serving/predict")
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        options = {"signature_def_map": {"serving_default": signature}, "main_op": v1.tables_initializer(),
                   "assets_collection": v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
                   "clear_devices": True, "strip_default_attrs": strip}
        if "train" in tags:
            own.add_meta_graph(list(tags), **options)
        else:
            own.add_meta_graph_and_variables(session, list(tags), **options)
    if not builder:
        own.save()


def network(folder, resource, lower=True):
    """A network as the template's models: text input, a table from an asset, convolution, dropout, softmax."""
    x, keep = text(), v1.placeholder_with_default(np.float32(1), [], "keep_prob")
    words = v1.string_split(x)
    tokens = v1.sparse.to_dense(words, default_value="<pad>")
    tokens = tf.strings.lower(tokens, encoding="utf-8") if lower else tokens
    path = os.path.join(os.path.dirname(folder), "vocabulary.txt")
    with open(path, "w") as out:
        out.write("<pad>\n<unk>\nhello\nworld\n")
    ids = vocabulary_table(path).lookup(tokens)

    def weight(name, shape):
        return v1.get_variable(name, shape, use_resource=resource,
                               initializer=v1.random_normal_initializer(seed=1))

    embedded = tf.nn.embedding_lookup(weight("embedding", [6, 8]), ids)
    convolved = tf.nn.relu(v1.nn.conv1d(embedded, weight("kernel", [2, 8, 8]), 1, "SAME"))
    pooled = tf.reduce_max(convolved, axis=1)
    dropped = pooled * tf.floor(keep + tf.random.uniform(tf.shape(pooled)))
    scores = tf.nn.softmax(tf.matmul(dropped, weight("out", [8, 3])))
    return {"input_x": x, "keep_prob": keep}, {"output": scores}


def two_meta_graphs(folder):
    """The first MetaGraph loads on every engine, the second only on today's TensorFlow."""
    builder = v1.saved_model.Builder(folder)
    for tag, body in (("serve", lambda x: x), ("train", newest)):
        build = of_floats(lambda x, body=body: body(x) + v1.get_variable("w", [4], use_resource=False))
        v1_export(folder, build, tags=(tag,), builder=builder)
    builder.save()


def classic_cases():
    """Case → function that writes it into a folder."""
    cases = {}
    for name, build in BODIES.items():
        cases["v1_" + name] = lambda folder, build=build: v1_export(folder, build)
        if name in NOT_STRIPPED:
            cases["nostrip_" + name] = lambda folder, build=build: v1_export(folder, build, strip=False)
    for resource in (False, True):
        for strip in (False, True):
            name = "network{}{}".format("_resource" if resource else "", "" if strip else "_nostrip")
            cases[name] = lambda folder, resource=resource, strip=strip: v1_export(
                folder, lambda: network(folder, resource), strip=strip)
    cases["network_bytes"] = lambda folder: v1_export(folder, lambda: network(folder, False, lower=False))
    cases["two_meta_graphs"] = two_meta_graphs
    return cases


def main(folder, wanted):
    cases = classic_cases()
    if hasattr(tf, "function"):
        v1.enable_eager_execution()  # for tf.saved_model.save of 1.15; the classic cases have graphs of their own
        from matrix_exports_objects import object_cases
        cases.update(object_cases())
    for name in sorted(wanted or cases):
        target = os.path.join(folder, name)
        try:
            cases[name](target)
        except Exception as error:  # a missing API raises many classes of errors
            print("left out", name, type(error).__name__, str(error).splitlines()[:1])
            if os.path.exists(target):
                v1.gfile.DeleteRecursively(target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
