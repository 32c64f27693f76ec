"""Finds the SavedModel in a folder, and converts other files of a graph to the binary SavedModel of the later steps."""
import re
import shutil
from pathlib import Path
from typing import Any, Callable, List, NamedTuple, Optional

from textjob.engines.saved_graph import Message
from textjob.errors import PackageError
from textjob.packaging.package import MODEL

TEXT = MODEL + "txt"  # the text format of saved_model.pb
TABLE_INITIALIZERS = (
    "InitializeTable", "InitializeTableV2", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2",
    "LookupTableImport", "LookupTableImportV2")


class Located(NamedTuple):
    """The folder of a binary SavedModel, and notes for the user."""

    folder: Path
    notes: List[str]


def saved_model(path: Path, scratch: Path) -> Optional[Located]:
    """The SavedModel in ``path``, in its folder ``model``, or in the newest version of a TensorFlow Serving base.

    None if there is none.
    """
    for folder in (path, path / "model"):
        if (folder / MODEL).is_file():
            return Located(folder, [])
        if (folder / TEXT).is_file():
            return Located(_from_text(folder, scratch / "parsed"), [])
    versions = [each for each in path.iterdir() if re.fullmatch(r"\d+", each.name) and (
        (each / MODEL).is_file() or (each / TEXT).is_file())] if path.is_dir() else []
    if not versions:
        return None
    versions.sort(key=lambda version: int(version.name))
    located = saved_model(versions[-1], scratch)
    assert located
    others = ", ".join(version.name for version in versions[:-1])
    return Located(located.folder, [
        f"the source is the version {versions[-1].name} of {path}" + (
            f", the newest one; for another one of {others}, give its folder as --source" if others else "")])


def _from_text(folder: Path, copy: Path) -> Path:
    """A copy of a SavedModel whose graph is a text file."""
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2
    model = _parsed(folder / TEXT, lambda content: text_format.Parse(
        content.decode("utf-8"), saved_model_pb2.SavedModel()))
    shutil.copytree(str(folder), str(copy), ignore=shutil.ignore_patterns(TEXT))
    (copy / MODEL).write_bytes(model.SerializeToString())
    return copy


def _parsed(file: Path, parse: Callable[[bytes], Message]) -> Message:
    try:
        return parse(file.read_bytes())
    except Exception as error:  # of the disk, of the text, of protobuf, whose class differs between releases
        raise PackageError(f"{file} cannot be read: {error}. Export the model again")


def frozen(file: Path) -> Message:
    """The graph of a ``.pb`` file.

    Raises:
        PackageError: it is neither a GraphDef nor a SavedModel.
    """
    import tensorflow as tf
    graph_def = _parsed(file, tf.compat.v1.GraphDef.FromString)
    if not graph_def.node:
        raise PackageError(f"{file} contains no graph; expected a frozen GraphDef, or the folder of a SavedModel")
    variables = sorted(node.name for node in graph_def.node if node.op in ("VariableV2", "VarHandleOp", "Variable"))
    if variables:
        raise PackageError(f"{file} is a graph without the values of its {len(variables)} variables "
                           f"({', '.join(variables[:3])}, ...): freeze it with tf.compat.v1.graph_util."
                           "convert_variables_to_constants, or adopt its checkpoint (NAME.meta beside NAME.index)")
    return graph_def


def as_saved_model(graph_def: Message, signature: Callable[[Message], Any], key: str, folder: Path) -> None:
    """Write a graph without variables as a SavedModel, whose main op fills the lookup tables of the graph."""
    from tensorflow.core.protobuf import saved_model_pb2
    model = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    meta = model.meta_graphs.add()
    meta.meta_info_def.tags.append("serve")
    meta.graph_def.CopyFrom(graph_def)
    initializers = [node.name for node in graph_def.node if node.op in TABLE_INITIALIZERS]
    if initializers:
        name = "adopted_initializers"
        meta.graph_def.node.add(name=name, op="NoOp", input=["^" + each for each in initializers])
        meta.collection_def["saved_model_main_op"].node_list.value.append(name)
    meta.signature_def[key].CopyFrom(signature(graph_def))
    folder.mkdir()
    (folder / MODEL).write_bytes(model.SerializeToString())
