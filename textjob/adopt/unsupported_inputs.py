"""Refuses a source whose inputs have a form that no package can have, and names the change of the source."""
import re
from typing import Any, Dict, Mapping, Tuple

import customize_service as service
from textjob.adopt.sources import Source
from textjob.check.graph import choose_meta_graph
from textjob.engines.saved_graph import Message, ancestors, node_of
from textjob.errors import PackageError

RAGGED, WORDS, VECTORS, ONE_TEXT = "ragged", "words", "vectors", "one text"
REASONS = {  # form → what the inputs are, what a package has instead, the signature to export
    RAGGED: (
        "the parts of a RaggedTensor (the values of all texts in one row, and the beginning of each text)",
        "each item of a request has values of its own",
        "one text (string [batch]) or one row of ids (int [batch, n]) per item, which makes the RaggedTensor within "
        "the graph (tf.strings.split(texts), or tf.RaggedTensor.from_tensor(ids, padding=0)), and adopt that export"),
    WORDS: (
        "a list of words per text", "a package takes whole texts",
        "one text (string [batch]) per item, which is split within the graph (tf.strings.split(texts).to_tensor()), "
        "and adopt that export"),
    VECTORS: (
        "a vector per word", "the table of the word vectors is not a part of the source",
        "the ids of the words (int [batch, n]), whose vectors are looked up within the graph "
        "(tf.nn.embedding_lookup(vectors, ids)), and adopt that export with --vocabulary and --tokenizer"),
    ONE_TEXT: (
        "one text per call", "a service classifies several texts per call",
        "texts (string [batch], the placeholder has the shape [None]) and one row per text in each output, and adopt "
        "that export"),
}


def refuse(source: Source) -> None:
    """Raise the reason if the inputs of a source have one of these forms.

    Raises:
        PackageError: they have.
        LoadError: the signature is not decided.
    """
    _, meta = choose_meta_graph(source.folder, source.options)
    signatures = {key: value for key, value in meta.signature_def.items() if not key.startswith("__")}
    key = service.choose("signature", "a signature", source.options, "serving_default", sorted(signatures), signatures)
    infos = {alias: info for alias, info in _read(meta, signatures[key]).items()
             if alias not in source.options.get("feeds", {})}
    form, aliases = _form(infos)
    if form:
        given, expected, remedy = REASONS[form]
        names = ", ".join(f"{alias} ({service.describe(infos[alias])})" for alias in aliases)
        raise PackageError(f"the source cannot be adopted because of the form of its input {names}: {given}, but "
                           f"{expected}. In the code of the source model, export a signature that takes {remedy}")


def _read(meta: Message, signature: Message) -> Mapping[str, Message]:
    """The inputs that the outputs depend on; of a function, all inputs."""
    if meta.HasField("object_graph_def"):
        return dict(signature.inputs)
    names = {node.name for node in ancestors(meta.graph_def.node, [info.name for info in signature.outputs.values()])}
    return {alias: info for alias, info in signature.inputs.items() if not info.name or node_of(info.name) in names}


def _form(infos: Mapping[str, Message]) -> Tuple[str, Tuple[str, ...]]:
    """One of these forms and the aliases of the inputs that have it; "" if none has one."""
    kinds: Dict[str, str] = {alias: service.describe(info) for alias, info in sorted(infos.items())}

    def fitting(pattern: str) -> Tuple[str, ...]:
        return tuple(alias for alias, kind in kinds.items() if re.fullmatch(pattern, kind))

    composite = tuple(alias for alias, info in infos.items() if info.HasField("composite_tensor"))
    # tf.saved_model.save calls the parts of a composite input x, x_1, ...
    parts: Any = [(alias, alias + "_1") for alias in fitting(r"(string|int)\[-1\]")
                  if kinds.get(alias + "_1") == "int[-1]"]
    words = tuple(alias for alias in fitting(r"string\[-?\d+(, -?\d+)+\]") if kinds[alias][-4:] != ", 1]")
    if composite or parts:
        return RAGGED, composite or parts[0]
    if words:
        return WORDS, words
    if not service.matching(infos, service.INPUTS):
        for form, pattern in ((VECTORS, r"float\[-?\d+(, -?\d+){2,}\]"), (ONE_TEXT, r"string\[\]")):
            if fitting(pattern):
                return form, fitting(pattern)
    return "", ()
