"""The messages of TensorFlow Serving's gRPC API (package ``tensorflow.serving``), made from their descriptors.

PyPI's ``tensorflow-serving-api`` has them, but it installs the CUDA build of TensorFlow over the one for CPUs, so that
it cannot be a requirement. The fields are those of ``tensorflow_serving/apis/*.proto``; fields that this server does
not read are left out, which protobuf allows. The messages are in a pool of their own, apart from a client library's.
"""
from typing import Any, Dict, List

FILE, PACKAGE = "textjob/serving/tfs.proto", "tensorflow.serving"
IMPORTS = ["google/protobuf/any.proto", "google/protobuf/wrappers.proto", "tensorflow/core/framework/tensor.proto",
           "tensorflow/core/protobuf/meta_graph.proto"]
FIELDS: Dict[str, List[str]] = {  # number, type and name, as in a .proto file; the value of an enum is sent as an int32
    "ModelSpec": ["1 string name", "2 google.protobuf.Int64Value version", "3 string signature_name",
                  "4 string version_label"],
    "PredictRequest": ["1 ModelSpec model_spec", "2 map tensorflow.TensorProto inputs",
                       "3 repeated string output_filter"],
    "PredictResponse": ["1 map tensorflow.TensorProto outputs", "2 ModelSpec model_spec"],
    "SignatureDefMap": ["1 map tensorflow.SignatureDef signature_def"],
    "GetModelMetadataRequest": ["1 ModelSpec model_spec", "2 repeated string metadata_field"],
    "GetModelMetadataResponse": ["1 ModelSpec model_spec", "2 map google.protobuf.Any metadata"],
    "GetModelStatusRequest": ["1 ModelSpec model_spec"],
    "StatusProto": ["1 int32 error_code", "2 string error_message"],
    "ModelVersionStatus": ["1 int64 version", "2 int32 state", "3 StatusProto status"],
    "GetModelStatusResponse": ["1 repeated ModelVersionStatus model_version_status"],
}
SCALARS = {"string": 9, "int64": 3, "int32": 5}  # FieldDescriptorProto.Type
STATES = {"UNKNOWN": 0, "START": 10, "LOADING": 20, "AVAILABLE": 30, "UNLOADING": 40, "END": 50}


def message_classes() -> Dict[str, Any]:
    """Name to class, for each name in ``FIELDS``."""
    from google.protobuf import (  # type: ignore[import-untyped]
        any_pb2,  # noqa: F401
        descriptor_pb2,
        descriptor_pool,
        message_factory,
        wrappers_pb2,  # noqa: F401
    )
    from tensorflow.core.protobuf import meta_graph_pb2  # noqa: F401  its files are in the default pool from now on

    pool = descriptor_pool.DescriptorPool()
    copied: List[str] = []
    for name in IMPORTS:
        _copy(descriptor_pool.Default().FindFileByName(name), pool, copied)
    file = descriptor_pb2.FileDescriptorProto(name=FILE, package=PACKAGE, syntax="proto3", dependency=IMPORTS)
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _add_field(message, name, *field.split())
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in FIELDS}


def _copy(file: Any, pool: Any, copied: List[str]) -> None:
    """Copy a file, after those that it imports, into a pool."""
    if file.name not in copied:
        copied.append(file.name)
        for imported in file.dependencies:
            _copy(imported, pool, copied)
        pool.AddSerializedFile(file.serialized_pb)


def _add_field(message: Any, owner: str, number: str, *parts: str) -> None:
    """Add a field; ``parts`` are its name, before it its type, before that ``repeated`` or ``map``."""
    *label, kind, name = parts
    field = message.field.add(name=name, number=int(number), label=3 if label else 1)
    if label == ["map"]:  # a map is a repeated message of keys and values
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _add_field(entry, owner, "1", "string", "key")
        _add_field(entry, owner, "2", kind, "value")
        kind = f"{owner}.{entry.name}"
    if kind in SCALARS:
        field.type = SCALARS[kind]
    else:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{kind}" if "." in kind and kind[0].islower() else (
            f".{PACKAGE}.{kind}")
