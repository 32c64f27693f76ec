"""Converts any source to a SavedModel with a signature, which the later steps of an adoption take.

=========================================  ==================================================================
source                                     result
=========================================  ==================================================================
a SavedModel with a usable signature       the same folder
a SavedModel, tensors named                a copy with a signature of these tensors
``saved_model.pbtxt``                      a copy with the binary form
a base of TensorFlow Serving               its newest version
a frozen graph, tensors named              a SavedModel with a signature of these tensors
``.meta`` and checkpoint, tensors named    restored, and saved with a signature of these tensors
``.keras``, ``.h5``                        loaded by Keras, and saved by ``tf.saved_model.save``
variables without a graph                  refused, because only the code of the model defines its graph
=========================================  ==================================================================
"""
import os
import re
import shutil
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import tensorflow as tf

from textjob.adopt import graph_files, keras_files
from textjob.adopt.options import AdoptOptions
from textjob.check import graph as graph_check
from textjob.check.finding import FAULT, Finding
from textjob.engines.saved_graph import Message, ancestors, node_of
from textjob.errors import PackageError, UsageError

v1 = tf.compat.v1

SIGNATURE = "adopted"
PLACEHOLDERS = ("Placeholder", "PlaceholderWithDefault", "PlaceholderV2")


class Source(NamedTuple):
    """The folder of a SavedModel, and the choices of its signature and tensors under the keys of ``service.json``."""

    kind: str
    folder: Path
    options: Dict[str, Any]
    notes: Sequence[str] = ()


def locate(options: AdoptOptions, scratch: Path) -> Source:
    """Find the source and convert it, where necessary into the folder ``scratch``.

    Raises:
        PackageError: the source is not a model that can be adopted.
        UsageError: a tensor must be named by a flag, or a named tensor does not exist.
    """
    path = Path(options.source)
    if not path.exists() and not Path(options.source + ".index").exists():
        raise UsageError(f"--source {path}: no such file or folder; give a SavedModel's folder, NAME.meta, a folder of "
                         "checkpoints, NAME.keras, NAME.h5 or a frozen graph NAME.pb")
    located = graph_files.saved_model(path, scratch)
    if located:
        return _saved_model(options, located.folder, scratch)._replace(notes=located.notes)
    if path.suffix == ".pb":
        return _frozen(options, path, scratch)
    if path.suffix in keras_files.SUFFIXES:
        scores = keras_files.save_as_saved_model(path, scratch / "saved", scratch, options.scores)
        choices = dict(options.service_options(), **({"scores": scores} if scores else {}))
        return Source("Keras " + path.suffix, scratch / "saved", choices)
    return _checkpoint(options, path, scratch)


def refuse(findings: List[Finding]) -> None:
    """Raise an error if a check of the source reports a fault, before anything of the source is loaded."""
    faults = [finding.message for finding in findings if finding.level == FAULT]
    if faults:
        raise PackageError(f"refusing to load the source: {'; '.join(faults)}")


def _saved_model(options: AdoptOptions, folder: Path, scratch: Path) -> Source:
    import customize_service as service

    choices = dict(service.read_file(str(folder), "service.json", service.parse_object, {}))
    choices.update(options.service_options())
    _, meta = graph_check.choose_meta_graph(folder, choices)
    keys = [key for key in meta.signature_def if not key.startswith("__")]
    aliases = {alias for key in keys for side in (meta.signature_def[key].inputs, meta.signature_def[key].outputs)
               for alias in side}
    if keys and all(not name or name in aliases for name in (options.input_tensor, options.output_tensor)):
        return Source("SavedModel", folder, choices)
    if meta.HasField("object_graph_def"):
        names = ", ".join(sorted(aliases)) or "it has no signature; export it again with one"
        raise UsageError(f"{folder} was written by tf.saved_model.save, so --input_tensor and --output_tensor must be "
                         f"aliases of its signatures: {names}")
    signed = scratch / "signed"
    shutil.copytree(str(folder), str(signed))
    meta.signature_def[SIGNATURE].CopyFrom(_signature(meta.graph_def, options))
    from tensorflow.core.protobuf import saved_model_pb2
    model = saved_model_pb2.SavedModel(saved_model_schema_version=1, meta_graphs=[meta])
    (signed / "saved_model.pb").write_bytes(model.SerializeToString())
    return Source("SavedModel, tensors named", signed, dict(_without_tensors(choices), signature=SIGNATURE))


def _frozen(options: AdoptOptions, path: Path, scratch: Path) -> Source:
    """A GraphDef whose variables are constants."""
    graph_files.as_saved_model(
        graph_files.frozen(path), lambda graph_def: _signature(graph_def, options), SIGNATURE, scratch / "frozen")
    return Source("frozen graph", scratch / "frozen", dict(
        _without_tensors(options.service_options()), tags=["serve"], signature=SIGNATURE))


def _without_tensors(choices: Dict[str, Any]) -> Dict[str, Any]:
    """The choices without the names of tensors, which the new signature replaces."""
    return {key: value for key, value in choices.items() if key not in ("input", "output")}


def _signature(graph_def: Message, options: AdoptOptions, graph: Optional[Any] = None) -> Message:
    """A SignatureDef whose output is ``--output_tensor`` and whose inputs are the placeholders that it depends on.

    Raises:
        UsageError: ``--output_tensor`` is missing or does not exist.
    """
    if not options.output_tensor:
        candidates = ", ".join(_score_candidates(graph_def))
        raise UsageError(f"{options.source} has no signature, so the tensor of the scores must be named: give "
                         f"--output_tensor NAME:0{'. Candidates: ' + candidates if candidates else ''}")
    if graph is None:
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(graph_def, name="")
    info = v1.saved_model.build_tensor_info
    output = tensor(graph, options.output_tensor, "--output_tensor")
    needed = {node.name: node for node in ancestors(graph_def.node, [output.name])}
    inputs = {name: tensor(graph, name + ":0", name) for name, node in needed.items() if node.op in PLACEHOLDERS}
    if options.input_tensor:
        inputs[node_of(options.input_tensor)] = tensor(graph, options.input_tensor, "--input_tensor")
    with_default = {name for name in inputs if name in needed and needed[name].op == "PlaceholderWithDefault"}
    inputs = {name: each for name, each in inputs.items() if name not in with_default or _service_feeds(name, each)}
    with graph.as_default():
        return v1.saved_model.build_signature_def(
            {name.replace("/", "_"): info(each) for name, each in inputs.items()},
            {node_of(output.name): info(output)}, v1.saved_model.signature_constants.PREDICT_METHOD_NAME)


def _service_feeds(name: str, placeholder: Any) -> bool:
    """Whether the service's table FEEDS has a value for this input. If not, its default in the graph is used."""
    import customize_service as service
    dtype = placeholder.dtype
    return any(part in name.lower() and (dtype.is_floating if kind == "float" else dtype.is_bool)
               for part, kind, _ in service.FEEDS)


def tensor(graph: Any, name: str, flag: str) -> Any:
    """A tensor of a graph; ``NAME`` stands for ``NAME:0``.

    Raises:
        UsageError: it does not exist; the message contains similar names.
    """
    try:
        return graph.get_tensor_by_name(name if ":" in name else name + ":0")
    except (KeyError, ValueError):
        close = get_close_matches(node_of(name), [operation.name for operation in graph.get_operations()], 3, 0.5)
        hint = f"; similar names: {', '.join(each + ':0' for each in close)}" if close else ""
        raise UsageError(f"{flag} {name}: the graph has no such tensor{hint}")


def _score_candidates(graph_def: Message) -> List[str]:
    """Tensors that may be the scores: softmax and sigmoid outputs, else sums with a bias; not those of gradients."""
    for ops in (("Softmax", "Sigmoid"), ("BiasAdd", "Add", "AddV2")):
        names = [node.name + ":0" for node in graph_def.node if node.op in ops and "gradients" not in node.name]
        if names:
            return names[-5:]
    return []


def _checkpoint(options: AdoptOptions, path: Path, scratch: Path) -> Source:
    """A graph and its variables, as written by ``tf.train.Saver``."""
    prefix = _newest(path) if path.is_dir() else str(path)
    prefix = re.sub(r"\.(meta|index|data-\d+-of-\d+)$", "", prefix)
    if not os.path.exists(prefix + ".index"):
        raise PackageError(f"--source {options.source} is neither a SavedModel (a folder with saved_model.pb), nor a "
                           "checkpoint (NAME.index beside NAME.meta), nor a Keras file "
                           f"({', '.join(keras_files.SUFFIXES)})")
    if not os.path.exists(prefix + ".meta"):
        raise PackageError(
            f"{prefix} contains variables without a graph, so only the code that built the model can restore it. Run "
            f"that code again: build the graph, restore {prefix}, save it with SavedModelBuilder or tf.train.Saver "
            f"(which writes {prefix}.meta), and adopt the result")
    _check_meta_file(prefix + ".meta", options, scratch)
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        saver = v1.train.import_meta_graph(prefix + ".meta", clear_devices=True)
        saver.restore(session, prefix)
        signature = _signature(graph.as_graph_def(), options, graph)
        builder = v1.saved_model.Builder(str(scratch / "restored"))
        builder.add_meta_graph_and_variables(
            session, ["serve"], {SIGNATURE: signature}, main_op=v1.tables_initializer(), saver=saver,
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS))
        session.run(v1.tables_initializer())
        builder.save()
    choices = dict(_without_tensors(options.service_options()), tags=["serve"], signature=SIGNATURE)
    return Source(".meta and checkpoint", scratch / "restored", choices)


def _newest(folder: Path) -> str:
    """The checkpoint of the folder with the highest step; steps are compared as numbers."""
    prefixes = [str(path)[:-len(".index")] for path in folder.glob("*.index")]
    if not prefixes:
        raise PackageError(f"--source {folder} contains neither saved_model.pb nor a checkpoint (NAME.index); give the "
                           "folder that does")
    return max(prefixes, key=lambda prefix: ([int(n) for n in re.findall(r"\d+", os.path.basename(prefix))], prefix))


def _check_meta_file(file: str, options: AdoptOptions, scratch: Path) -> None:
    """Refuse dangerous ops before anything of the graph runs: restoring it and initializing its tables run ops."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
    try:
        meta = meta_graph_pb2.MetaGraphDef.FromString(Path(file).read_bytes())
    except (OSError, DecodeError) as error:
        raise PackageError(f"{file} cannot be read: {error}")
    for name in meta.collection_def["asset_filepaths"].node_list.value:
        meta.asset_file_def.add().tensor_info.name = name
    folder = scratch / "meta_file"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(saved_model_pb2.SavedModel(meta_graphs=[meta]).SerializeToString())
    refuse(graph_check.unsafe_ops(folder, options.allowed))
