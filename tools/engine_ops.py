"""Writes the ops and kernels of each TensorFlow engine into one data file, ``textjob/engines/engine_ops.json.gz``.

    ENGINE/bin/python tools/engine_ops.py dump > tf2.1.json             once per engine, in its own Python
    python tools/engine_ops.py merge textjob/engines/engine_ops.json.gz \\
        tf1.15-python3.7=tf1.15.json tf2.1-python3.7=tf2.1.json ...     NAME=DUMP, oldest first

It uses only Python 3.6 grammar and the API of TensorFlow 1.13. The merged file contains::

    engines   [{name, tensorflow, graph_def_version, types: the DataType numbers that it supports,
                unlisted: ops that are registered in its core, but not in its Python}]
    sets      allowed values and kernel tables, each written once and referenced by its index
    ops       op → [[bit mask of the engines with this definition; attrs; inputs], ...]
    kernels   op → [[bit mask, sets index], ...]; that set: one {attr: types} per kind of CPU kernel

An attr is ``[type, default, minimum, sets index of the allowed values]``, without trailing 0 and null. ``default`` is
0 if the attr has none, else 1, or the DataType number of a type. An input is "1" for one tensor, the name of the attr
that holds the number of tensors, or ``*`` and the name of the attr that holds the list of their types. Names and types
of arguments and the outputs are left out, because no engine checks them.
"""
import gzip
import json
import sys
from typing import Any, Dict, Iterable, List, Optional, Tuple

Row = Dict[str, List[int]]
Dump = Dict[str, Any]

# A kernel for DEFAULT runs on any device. Before 2.6, XLA_CPU is a device that runs some ops which CPU does not.
DEVICES = {"CPU", "XLA_CPU"}
ANY_DEVICE = "DEFAULT"


def registered() -> Any:
    """The engine's OpList."""
    from tensorflow.core.framework import op_def_pb2
    try:
        from tensorflow.python.client.pywrap_tf_session import TF_GetAllOpList, TF_GetBuffer
    except ImportError:  # before 2.2
        from tensorflow.python.pywrap_tensorflow import TF_GetAllOpList, TF_GetBuffer
    return op_def_pb2.OpList.FromString(TF_GetBuffer(TF_GetAllOpList()))


def attr_row(attr: Any) -> List[Any]:
    """The type, default, minimum and allowed values of an attr."""
    allowed = attr.allowed_values.list
    values = sorted(allowed.type) or sorted(value.decode("utf-8") for value in allowed.s)
    default = (attr.default_value.type or 1) if attr.HasField("default_value") else 0
    row = [attr.type, default, attr.minimum if attr.has_minimum else None, values or None]
    while row[-1] in (None, 0):  # most attrs have only a type
        row.pop()
    return row


def op_row(op: Any) -> List[Any]:
    """The attrs and inputs of an op."""
    inputs = ["*" + argument.type_list_attr if argument.type_list_attr else argument.number_attr or "1"
              for argument in op.input_arg]
    return [{attr.name: attr_row(attr) for attr in op.attr}, inputs]


def kernel_rows() -> Dict[str, List[Row]]:
    """op → the distinct {attr: types} of its CPU kernels; [{}] accepts all types."""
    from tensorflow.python.client import device_lib
    from tensorflow.python.framework import kernels
    devices = {device.device_type for device in device_lib.list_local_devices()} & DEVICES | {ANY_DEVICE}
    rows, counts = {}, {}  # type: Dict[str, List[Tuple[str, Row]]], Dict[str, int]
    for kernel in kernels.get_all_registered_kernels().kernel:
        if kernel.device_type in devices and not kernel.label:
            row = {each.name: sorted(each.allowed_values.list.type) for each in kernel.constraint}
            key = json.dumps([kernel.op, kernel.device_type, kernel.priority, row], sort_keys=True)
            rows.setdefault(kernel.op, []).append((key, row))
            counts[key] = counts.get(key, 0) + 1
    # Two equal kernels fail like a missing one: "Multiple OpKernel registrations match" (1.13, bfloat16).
    return {op: united([row for key, row in pairs if counts[key] == 1]) for op, pairs in rows.items()}


def united(rows: Iterable[Row]) -> List[Row]:
    """Merge kernels that differ only in the types of one attr; {} accepts all types."""
    if {} in rows:
        return [{}]
    rows = [dict(row) for row in sorted(rows, key=json.dumps)]
    for attr in sorted({name for row in rows for name in row}):
        groups = {}  # type: Dict[str, Row]
        for row in rows:
            others = {name: types for name, types in row.items() if name != attr}
            group = groups.setdefault(json.dumps([sorted(row), others], sort_keys=True), dict(row))
            if attr in row:
                group[attr] = sorted(set(group[attr]) | set(row[attr]))
        rows = [groups[key] for key in sorted(groups)]
    return rows


def unlisted(names: Iterable[str]) -> List[str]:
    """Ops that are registered in the engine's core but not in its Python; 1.x lists only those of imported modules."""
    from tensorflow.python.framework import op_def_registry
    if not hasattr(op_def_registry, "get_registered_ops"):
        return []
    return sorted(set(names) - set(op_def_registry.get_registered_ops()))


def dump() -> Dump:
    """The content of the data file for the TensorFlow that runs this script."""
    import tensorflow as tf
    from tensorflow.core.framework import types_pb2
    from tensorflow.python.framework import versions
    ops = {op.name: op_row(op) for op in registered().op}
    return {"tensorflow": tf.__version__,
            "graph_def_version": versions.GRAPH_DEF_VERSION,
            "types": sorted(value for value in types_pb2.DataType.values() if 0 < value < 100),
            "unlisted": unlisted(ops),
            "ops": ops,
            "kernels": kernel_rows()}


def shared(values: List[Optional[Any]]) -> List[Tuple[int, Any]]:
    """(bit mask of engines, value) for each distinct value except None."""
    masks = {}  # type: Dict[str, int]
    for index, value in enumerate(values):
        if value is not None:
            text = json.dumps(value, sort_keys=True)
            masks[text] = masks.get(text, 0) | 1 << index
    return [(mask, json.loads(text)) for text, mask in sorted(masks.items(), key=lambda item: item[1])]


def merge(dumps: List[Tuple[str, Dump]]) -> Dict[str, Any]:
    """The content of the data file for pairs of an engine's name and its dump."""
    sets, indexes = [], {}  # type: List[Any], Dict[str, int]

    def index(value: Any) -> int:
        text = json.dumps(value, sort_keys=True)
        if text not in indexes:
            indexes[text] = len(sets)
            sets.append(value)
        return indexes[text]

    ops, kernels = {}, {}  # type: Dict[str, List[Any]], Dict[str, List[Any]]
    for op in sorted({name for _, content in dumps for name in content["ops"]}):
        ops[op] = [[mask, {name: attr[:3] + [index(attr[3])] if len(attr) > 3 else attr
                           for name, attr in sorted(attrs.items())}, inputs]
                   for mask, (attrs, inputs) in shared([content["ops"].get(op) for _, content in dumps])]
        kernels[op] = [[mask, index(rows)] for mask, rows in shared(
            [content["kernels"].get(op) for _, content in dumps])]
    facts = ("tensorflow", "graph_def_version", "types", "unlisted")
    engines = [dict({key: content[key] for key in facts}, name=name) for name, content in dumps]
    return {"engines": engines, "sets": sets, "ops": ops, "kernels": kernels}


def write(content: Dict[str, Any], path: str) -> None:
    """Write the file. The same content gives the same bytes (with the same zlib): sorted keys, no time, no name."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    with open(path, "wb") as target, gzip.GzipFile("", "wb", 9, target, 0) as packed:
        packed.write(text.encode("utf-8"))


def main(arguments: List[str]) -> int:
    if arguments == ["dump"]:
        json.dump(dump(), sys.stdout, sort_keys=True)
        return 0
    if len(arguments) < 3 or arguments[0] != "merge" or not all("=" in pair for pair in arguments[2:]):
        print(__doc__, file=sys.stderr)
        return 2
    dumps = []
    for name, path in (pair.split("=", 1) for pair in arguments[2:]):
        with open(path) as source:
            dumps.append((name, json.load(source)))
    write(merge(dumps), arguments[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
