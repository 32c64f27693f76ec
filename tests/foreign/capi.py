"""Runs a SavedModel by TensorFlow's C library, without this project's code and without TensorFlow's Python loaders.

The library loads a model as TensorFlow Serving does: it selects the graph by its tag set, restores variables,
initializes tables and runs a Session. Only today's TensorFlow, whose wheel contains the library.
"""
import contextlib
import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_void_p

import numpy as np
import tensorflow as tf

NO = None  # a null pointer: run options, metadata, targets
STRING = tf.string.as_datatype_enum


class Output(ctypes.Structure):
    """TF_Output"""
    _fields_ = [("operation", c_void_p), ("index", c_int)]


class String(ctypes.Structure):
    """TF_TString, opaque: only its size is used."""
    _fields_ = [("words", ctypes.c_uint64 * 3)]


SIGNATURES = {  # name → result, arguments
    "TF_NewStatus": (c_void_p, []),
    "TF_DeleteStatus": (None, [c_void_p]),
    "TF_GetCode": (c_int, [c_void_p]),
    "TF_Message": (c_char_p, [c_void_p]),
    "TF_NewGraph": (c_void_p, []),
    "TF_DeleteGraph": (None, [c_void_p]),
    "TF_GraphOperationByName": (c_void_p, [c_void_p, c_char_p]),
    "TF_OperationNumOutputs": (c_int, [c_void_p]),
    "TF_NewSessionOptions": (c_void_p, []),
    "TF_DeleteSessionOptions": (None, [c_void_p]),
    "TF_LoadSessionFromSavedModel": (c_void_p, [c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int, c_void_p,
                                                c_void_p, c_void_p]),
    "TF_SessionRun": (None, [c_void_p, c_void_p, POINTER(Output), POINTER(c_void_p), c_int, POINTER(Output),
                             POINTER(c_void_p), c_int, POINTER(c_void_p), c_int, c_void_p, c_void_p]),
    "TF_CloseSession": (None, [c_void_p, c_void_p]),
    "TF_DeleteSession": (None, [c_void_p, c_void_p]),
    "TF_AllocateTensor": (c_void_p, [c_int, POINTER(c_int64), c_int, c_size_t]),
    "TF_DeleteTensor": (None, [c_void_p]),
    "TF_TensorType": (c_int, [c_void_p]),
    "TF_NumDims": (c_int, [c_void_p]),
    "TF_Dim": (c_int64, [c_void_p, c_int]),
    "TF_TensorData": (c_void_p, [c_void_p]),
    "TF_TensorByteSize": (c_size_t, [c_void_p]),
    "TF_StringInit": (None, [POINTER(String)]),
    "TF_StringCopy": (None, [POINTER(String), c_char_p, c_size_t]),
    "TF_StringDealloc": (None, [POINTER(String)]),
    "TF_StringGetDataPointer": (c_void_p, [POINTER(String)]),
    "TF_StringGetSize": (c_size_t, [POINTER(String)]),
}


def library():
    loaded = ctypes.CDLL(os.path.join(os.path.dirname(tf.__file__), "libtensorflow_cc.so.2"))
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


C = library()


def answers(folder, tags, feeds, fetches):
    """One array per name in ``fetches`` ("a:0"); ``feeds`` maps such names to arrays.

    Strings are object arrays of bytes, as input and as output.
    """
    with contextlib.ExitStack() as cleanup:
        status = made(cleanup, C.TF_NewStatus(), C.TF_DeleteStatus)
        graph = made(cleanup, C.TF_NewGraph(), C.TF_DeleteGraph)
        session = opened(cleanup, os.fspath(folder), list(tags), graph, status)
        values = (c_void_p * len(feeds))(*[fed(cleanup, value) for value in feeds.values()])
        results = (c_void_p * len(fetches))()
        C.TF_SessionRun(session, NO, outputs(graph, feeds), values, len(feeds), outputs(graph, fetches), results,
                        len(fetches), NO, 0, NO, status)
        for result in results:
            made(cleanup, result, C.TF_DeleteTensor)
        check(status)
        return [fetched(result) for result in results]


def made(cleanup, thing, delete):
    if thing:
        cleanup.callback(delete, thing)
    return thing


def check(status):
    if C.TF_GetCode(status) != 0:
        raise RuntimeError(C.TF_Message(status).decode("utf-8", "replace"))


def opened(cleanup, folder, tags, graph, status):
    options = made(cleanup, C.TF_NewSessionOptions(), C.TF_DeleteSessionOptions)
    names = (c_char_p * len(tags))(*[tag.encode() for tag in tags])
    session = C.TF_LoadSessionFromSavedModel(options, NO, folder.encode(), names, len(tags), graph, NO, status)
    check(status)
    cleanup.callback(closed, session, status)
    return session


def closed(session, status):
    C.TF_CloseSession(session, status)
    C.TF_DeleteSession(session, status)


def outputs(graph, names):
    """The tensors of these names, as an array of TF_Output."""
    tensors = []
    for name in names:
        operation, index = name.rsplit(":", 1)
        pointer = C.TF_GraphOperationByName(graph, operation.encode())
        if not pointer or int(index) >= C.TF_OperationNumOutputs(pointer):
            raise KeyError("the graph has no tensor " + name)
        tensors.append(Output(pointer, int(index)))
    return (Output * len(tensors))(*tensors)


def fed(cleanup, value):
    """A TF_Tensor with the array's content."""
    value = np.asarray(value, order="C")  # not ascontiguousarray, which converts a scalar to a vector
    kind = STRING if value.dtype == object else tf.as_dtype(value.dtype).as_datatype_enum
    size = value.size * (ctypes.sizeof(String) if kind == STRING else value.itemsize)
    tensor = C.TF_AllocateTensor(kind, (c_int64 * value.ndim)(*value.shape), value.ndim, size)
    cleanup.callback(C.TF_DeleteTensor, tensor)
    if kind != STRING:
        ctypes.memmove(C.TF_TensorData(tensor), value.ctypes.data, size)
        return tensor
    for string, content in zip(strings(tensor, value.size), value.ravel().tolist()):
        C.TF_StringInit(byref(string))
        C.TF_StringCopy(byref(string), content, len(content))
        cleanup.callback(C.TF_StringDealloc, byref(string))  # before the tensor, which does not free its strings
    return tensor


def strings(tensor, size):
    """The tensor's strings in place; [] if empty, because its data may be a null pointer."""
    return (String * size).from_address(C.TF_TensorData(tensor)) if size else []


def fetched(tensor):
    """A new array with a TF_Tensor's content."""
    shape = [C.TF_Dim(tensor, axis) for axis in range(C.TF_NumDims(tensor))]
    size = int(np.prod(shape, dtype=np.int64))
    kind = C.TF_TensorType(tensor)
    if kind == STRING:
        values = np.empty(size, object)
        values[:] = [ctypes.string_at(C.TF_StringGetDataPointer(byref(string)), C.TF_StringGetSize(byref(string)))
                     for string in strings(tensor, size)]
        return values.reshape(shape)
    content = ctypes.string_at(C.TF_TensorData(tensor), C.TF_TensorByteSize(tensor)) if size else b""
    return np.frombuffer(content, tf.as_dtype(kind).as_numpy_dtype).reshape(shape).copy()
