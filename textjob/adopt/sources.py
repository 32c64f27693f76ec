"""Whatever a model was saved as, made a SavedModel with a signature: the form in which the rest of adoption takes it.

=========================================  ==================================================================
source                                     what becomes of it
=========================================  ==================================================================
a SavedModel whose signature can be asked  itself
a SavedModel, tensors named                a copy with a signature of these tensors
``.meta`` and checkpoint, tensors named    restored, and written as a SavedModel with such a signature
``.keras``, ``.h5``                        loaded by Keras, and written by ``tf.saved_model.save``
variables alone                            a refusal: nothing tells how the model computes
=========================================  ==================================================================
"""
import os
import re
import shutil
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import tensorflow as tf

from textjob.adopt.old_h5 import in_todays_words
from textjob.adopt.wanted import Wanted
from textjob.check import graph as graph_check
from textjob.check.finding import FAULT, Finding
from textjob.engines.saved_graph import Message, ancestors, source
from textjob.errors import PackageError, UsageError

v1 = tf.compat.v1

SIGNATURE = "adopted"
KERAS = (".keras", ".h5", ".hdf5")
PLACEHOLDERS = ("Placeholder", "PlaceholderWithDefault", "PlaceholderV2")


class Located(NamedTuple):
    """A SavedModel's folder, and the choices under ``service.json``'s keys that say how to ask it."""

    kind: str
    folder: Path
    options: Dict[str, Any]


def locate(wanted: Wanted, scratch: Path) -> Located:
    """The source as a SavedModel; what has to be written for that goes to ``scratch``.

    Raises:
        PackageError: it is nothing that can be adopted.
        UsageError: a tensor has to be named on the command line, or is not there.
    """
    path = Path(wanted.source)
    if not path.exists() and not Path(wanted.source + ".index").exists():
        raise UsageError(f"--source {path}: there is no such file or folder")
    for folder in (path, path / "model"):
        if (folder / "saved_model.pb").is_file():
            return _saved_model(wanted, folder, scratch)
    if path.suffix in KERAS:
        return _keras(wanted, path, scratch)
    return _checkpoint(wanted, path, scratch)


def _saved_model(wanted: Wanted, folder: Path, scratch: Path) -> Located:
    import customize_service as service

    options = dict(service.read_file(str(folder), "service.json", service.parse_object, {}), **wanted.options())
    _, meta = graph_check.chosen(folder, options)
    keys = [key for key in meta.signature_def if not key.startswith("__")]
    aliases = {alias for key in keys for side in (meta.signature_def[key].inputs, meta.signature_def[key].outputs)
               for alias in side}
    if keys and all(not name or name in aliases for name in (wanted.input_tensor, wanted.output_tensor)):
        return Located("SavedModel", folder, options)
    if meta.HasField("object_graph_def"):
        raise UsageError("{} was written by tf.saved_model.save: it can be asked by the aliases of its signatures "
                         "alone, which are {}".format(folder, ", ".join(sorted(aliases)) or "none"))
    signed = scratch / "signed"
    shutil.copytree(str(folder), str(signed))
    meta.signature_def[SIGNATURE].CopyFrom(_signature(meta.graph_def, wanted))
    from tensorflow.core.protobuf import saved_model_pb2
    model = saved_model_pb2.SavedModel(saved_model_schema_version=1, meta_graphs=[meta])
    (signed / "saved_model.pb").write_bytes(model.SerializeToString())
    return Located("SavedModel, tensors named", signed, dict(_without_names(options), signature=SIGNATURE))


def _without_names(options: Dict[str, Any]) -> Dict[str, Any]:
    """The choices but for those names that have become aliases by now."""
    return {key: value for key, value in options.items() if key not in ("input", "output")}


def _signature(graph_def: Message, wanted: Wanted, graph: Optional[Any] = None) -> Message:
    """A SignatureDef of named tensors. Its inputs are the placeholders that the scores depend on, by their names.

    Raises:
        UsageError: the scores' tensor is not named, or there is none of that name.
    """
    if not wanted.output_tensor:
        raise UsageError("nothing in {} says which tensor holds the scores: name it with --output_tensor NAME:0. It "
                         "may be {}".format(wanted.source, ", ".join(_likely(graph_def)) or "any"))
    if graph is None:
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(graph_def, name="")
    info = v1.saved_model.build_tensor_info
    output = tensor(graph, wanted.output_tensor, "--output_tensor")
    needed = {node.name: node for node in ancestors(graph_def.node, [output.name])}
    inputs = {name: tensor(graph, name + ":0", name) for name, node in needed.items() if node.op in PLACEHOLDERS}
    if wanted.input_tensor:
        inputs[source(wanted.input_tensor)] = tensor(graph, wanted.input_tensor, "--input_tensor")
    defaulted = {name for name in inputs if name in needed and needed[name].op == "PlaceholderWithDefault"}
    inputs = {name: found for name, found in inputs.items() if name not in defaulted or _is_told(name, found)}
    with graph.as_default():
        return v1.saved_model.build_signature_def(
            {name.replace("/", "_"): info(found) for name, found in inputs.items()},
            {source(output.name): info(output)}, v1.saved_model.signature_constants.PREDICT_METHOD_NAME)


def _is_told(name: str, found: Any) -> bool:
    """Does the service's table say what this input gets? (Else its default will do.)"""
    import customize_service as service
    return any(part in name.lower() and (found.dtype.is_floating if kind == "float" else found.dtype.is_bool)
               for part, kind, _ in service.FEEDS)


def tensor(graph: Any, name: str, flag: str) -> Any:
    """A tensor of a graph, ``NAME`` meaning ``NAME:0``.

    Raises:
        UsageError: there is none; the error names near ones.
    """
    try:
        return graph.get_tensor_by_name(name if ":" in name else name + ":0")
    except (KeyError, ValueError):
        from difflib import get_close_matches
        near = get_close_matches(source(name), [operation.name for operation in graph.get_operations()], 3, 0.5)
        raise UsageError("{} {}: the graph has no such tensor{}".format(
            flag, name, "; near it: " + ", ".join(n + ":0" for n in near) if near else ""))


def _likely(graph_def: Message) -> List[str]:
    """What may be the scores: what a softmax or a sigmoid makes, else sums with a bias; gradients apart."""
    for ops in (("Softmax", "Sigmoid"), ("BiasAdd", "Add", "AddV2")):
        found = [node.name + ":0" for node in graph_def.node if node.op in ops and "gradients" not in node.name]
        if found:
            return found[-5:]
    return []


def _checkpoint(wanted: Wanted, path: Path, scratch: Path) -> Located:
    """A graph and its variables, as ``tf.train.Saver`` leaves them (the tutorial's way 2)."""
    prefix = _newest(path) if path.is_dir() else str(path)
    prefix = re.sub(r"\.(meta|index|data-\d+-of-\d+)$", "", prefix)
    if not os.path.exists(prefix + ".index"):
        raise PackageError("{}: neither a SavedModel (a folder with saved_model.pb), nor a checkpoint (NAME.index "
                           "beside NAME.meta), nor a Keras file ({})".format(wanted.source, ", ".join(KERAS)))
    if not os.path.exists(prefix + ".meta"):
        raise PackageError(
            f"{prefix} holds variables alone: how the model computes is known only to the code that built it, so it cannot "
            f"be adopted without that code. Run that code once more: build the graph, restore {prefix} into it, and save "
            f"with tf.train.Saver (which writes {prefix}.meta) or, better, SavedModelBuilder; then adopt that")
    _look_through(prefix + ".meta", wanted, scratch)
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        saver = v1.train.import_meta_graph(prefix + ".meta", clear_devices=True)
        saver.restore(session, prefix)
        signature = _signature(graph.as_graph_def(), wanted, graph)
        builder = v1.saved_model.Builder(str(scratch / "restored"))
        builder.add_meta_graph_and_variables(
            session, ["serve"], {SIGNATURE: signature}, main_op=v1.tables_initializer(), saver=saver,
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS))
        session.run(v1.tables_initializer())
        builder.save()
    return Located(".meta and checkpoint", scratch / "restored", dict(_without_names(wanted.options()), tags=["serve"],
                                                                      signature=SIGNATURE))


def _look_through(file: str, wanted: Wanted, scratch: Path) -> None:
    """Refuse what could do harm, before anything of the graph runs: restoring it and filling its tables do."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
    try:
        meta = meta_graph_pb2.MetaGraphDef.FromString(Path(file).read_bytes())
    except (OSError, DecodeError) as error:
        raise PackageError(f"{file} cannot be read: {error}")
    for name in meta.collection_def["asset_filepaths"].node_list.value:
        meta.asset_file_def.add().tensor_info.name = name
    looked = scratch / "looked_through"
    looked.mkdir()
    (looked / "saved_model.pb").write_bytes(saved_model_pb2.SavedModel(meta_graphs=[meta]).SerializeToString())
    refuse(graph_check.harm(looked, wanted.allowed))


def refuse(findings: List[Finding]) -> None:
    """Nothing that may be a trap is loaded."""
    faults = [finding.message for finding in findings if finding.level == FAULT]
    if faults:
        raise PackageError("the source is not touched: {}".format("; ".join(faults)))


def _newest(folder: Path) -> str:
    """The checkpoint of a folder that has the highest step: ckpt-10 comes after ckpt-9."""
    found = [str(path)[:-len(".index")] for path in folder.glob("*.index")]
    if not found:
        raise PackageError(f"{folder}: neither saved_model.pb nor a checkpoint in this folder")
    return max(found, key=lambda prefix: ([int(n) for n in re.findall(r"\d+", os.path.basename(prefix))], prefix))


def _loaded(path: Path, scratch: Path) -> Any:
    """Keras' model; an ``.h5`` that today's Keras does not understand is put into its words."""
    try:
        return tf.keras.models.load_model(str(path), compile=False)
    except Exception as error:  # Keras raises errors of every kind
        said = " ".join(str(error).split())
    if re.search("no model (config )?found", said, re.I):
        said = "it holds weights alone; save the whole model with model.save(). Keras says: " + said
    elif path.suffix != ".keras":
        try:
            return tf.keras.models.load_model(str(in_todays_words(path, scratch / "model.h5")), compile=False)
        except Exception as error:
            said += "; written again in today's words: " + " ".join(str(error).split())
    raise PackageError("{} cannot be loaded by Keras {}: {}".format(
        path, getattr(tf.keras, "__version__", tf.__version__), said[:600]))


def _keras(wanted: Wanted, path: Path, scratch: Path) -> Located:
    model = _loaded(path, scratch)
    if len(model.inputs) != 1:
        raise PackageError(f"{path} has {len(model.inputs)} inputs; a text classifier has one")
    given = model.inputs[0]
    first = next((layer for layer in model.layers if not isinstance(layer, tf.keras.layers.InputLayer)), None)
    # A Sequential that nobody told of its input takes ids as floats.
    kind = tf.int32 if isinstance(first, tf.keras.layers.Embedding) else tf.as_dtype(given.dtype)

    class Served(tf.Module):  # type: ignore[misc]
        """Keras' own export loses the aliases."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        @tf.function(input_signature=[tf.TensorSpec([None, *given.shape[1:]], kind, "input_x")])  # type: ignore
        def serve(self, input_x: Any) -> Dict[str, Any]:
            """Scores by the name of the output."""
            scores = self.model(tf.cast(input_x, given.dtype) if kind != given.dtype else input_x, training=False)
            if isinstance(scores, dict):
                return dict(scores)
            many = scores if isinstance(scores, (list, tuple)) else [scores]
            return {"output" if len(many) == 1 else f"output_{i}": one for i, one in enumerate(many)}

    served = Served()
    folder = scratch / "saved"
    tf.saved_model.save(served, str(folder), signatures={"serving_default": served.serve})
    return Located("Keras " + path.suffix, folder, wanted.options())
