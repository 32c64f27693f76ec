"""Loads every SavedModel below a folder with the TensorFlow that runs this file, and runs its signatures.

    python matrix_outcomes.py FOLDER LOADER OUT.json      LOADER: session, saved_model.load or serving

Reads FOLDER/WRITER/CASE/saved_model.pb. Writes "WRITER/CASE" → "" (loaded, and every signature ran) or the error.
"serving" is the C++ loader of TensorFlow Serving, called through the C API: it only loads and initializes, because its
Session runs like the one of "session". A crash of the process is recorded as an outcome; to continue, start again with
the same OUT. Python 3.6 grammar.
"""
import ctypes
import glob
import json
import os
import sys

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
LIBRARIES = ("python/_pywrap_tensorflow_internal.so",
             "../tensorflow_core/python/_pywrap_tensorflow_internal.so",
             "libtensorflow_cc.so.2")


def fed(info):
    """Two rows that every case accepts."""
    shape = [2 if d.size < 0 else d.size for d in info.tensor_shape.dim]
    dtype = tf.as_dtype(info.dtype)
    if dtype == tf.string:
        texts = [b"Hello big world", "caf\u00e9 \u4f60\u597d world".encode("utf-8")]
        return np.array(texts, dtype=object).reshape(shape)
    return np.ones(shape, dtype.as_numpy_dtype)


def first_meta_graph(folder):
    from tensorflow.core.protobuf import saved_model_pb2
    model = saved_model_pb2.SavedModel()
    with open(os.path.join(folder, "saved_model.pb"), "rb") as source:
        model.ParseFromString(source.read())
    return model.meta_graphs[0]


def signatures(meta):
    return [(key, signature) for key, signature in sorted(meta.signature_def.items()) if not key.startswith("__")]


def by_session(folder):
    tags = list(first_meta_graph(folder).meta_info_def.tags)
    with tf.Graph().as_default(), v1.Session() as session:
        meta = v1.saved_model.loader.load(session, tags, folder)
        for _, signature in signatures(meta):
            session.run([info.name for info in signature.outputs.values()],
                        {info.name: fed(info) for info in signature.inputs.values()})


def by_load(folder):
    tf.keras.layers.Layer  # noqa: B018  imports Keras, without which 2.6 cannot restore Keras' optimizers
    meta = first_meta_graph(folder)
    model = tf.saved_model.load(folder, tags=list(meta.meta_info_def.tags))
    for key, signature in signatures(meta):
        model.signatures[key](**{alias: tf.constant(fed(info)) for alias, info in signature.inputs.items()})


def core():
    root = os.path.dirname(tf.__file__)
    paths = [os.path.join(root, name) for name in LIBRARIES if os.path.exists(os.path.join(root, name))]
    library = ctypes.CDLL(paths[0], ctypes.RTLD_GLOBAL)
    for name in ("TF_NewStatus", "TF_NewGraph", "TF_NewSessionOptions", "TF_LoadSessionFromSavedModel"):
        getattr(library, name).restype = ctypes.c_void_p
    library.TF_Message.restype = ctypes.c_char_p
    return library


def by_serving(folder):
    library = core()
    status, graph, options = [ctypes.c_void_p(make()) for make in (
        library.TF_NewStatus, library.TF_NewGraph, library.TF_NewSessionOptions)]
    tags = [tag.encode() for tag in first_meta_graph(folder).meta_info_def.tags]
    library.TF_LoadSessionFromSavedModel(options, None, folder.encode(), (ctypes.c_char_p * len(tags))(*tags),
                                         ctypes.c_int(len(tags)), graph, None, status)
    if library.TF_GetCode(status) != 0:
        raise RuntimeError(library.TF_Message(status).decode("utf-8", "replace"))


LOADERS = {"session": by_session, "saved_model.load": by_load, "serving": by_serving}


def main(folder, loader, out):
    outcomes = {}
    if os.path.exists(out):
        with open(out) as source:
            outcomes = json.load(source)
    for path in sorted(glob.glob(os.path.join(folder, "*", "*", "saved_model.pb"))):
        name = os.path.relpath(os.path.dirname(path), folder)
        if name in outcomes:
            continue
        outcomes[name] = "the process crashed"
        write(out, outcomes)
        try:
            LOADERS[loader](os.path.dirname(path))
            outcomes[name] = ""
        except Exception as error:  # every error is an outcome
            outcomes[name] = type(error).__name__ + ": " + " ".join(str(error).split())[:400]
    write(out, outcomes)


def write(out, outcomes):
    with open(out, "w") as target:
        json.dump(outcomes, target, indent=0, sort_keys=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
