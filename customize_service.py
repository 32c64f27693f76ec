"""The inference service: it serves any exported text classifier on ModelArts, without changes.

The platform makes one instance of :class:`TextClassifierService` and calls it from many threads. The sections of this
file stand in the order in which a request passes through: its items, their scores, the answers. The decision table and
the loading of the model come last; they are used once, before the first request.

An item is ``{"text": "..."}`` or a string (``{"input_x": [ids]}`` for a model of ids). Its answer is
``{"predicted_label": "sport", "score": 0.98, "scores": [["sport", 0.98], ...]}`` or, if this item alone has an error,
``{"error": {"code": ..., "message": ...}}``. ``top_k`` and ``threshold`` beside the items shorten ``scores``; ``meta``
is returned with the answers.

The decision table derives from the model which tensors are its inputs and outputs, and what its scores mean. Where a
model leaves a choice open, the load fails with an error that names the key of ``service.json`` which decides;
``service.json`` is an optional file beside the model.

Needs numpy, TensorFlow (1.15 or later) and Python (3.6 or later) only. Other modules of the project use these names:
    FEEDS, LoadError, Model, PROBES, choose, classify, decide_scores, describe, feeds_of, open_function, open_session,
    parse_object, read_file, read_plan; and textjob.check reads the log lines of a load.
"""
import collections
import hashlib
import itertools
import json
import logging
import os
import re
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

try:
    from model_service.tfserving_model_service import TfServingBaseService
except ImportError:  # not on the platform
    class TfServingBaseService:  # type: ignore[no-redef]
        """The life cycle of a request in the platform's base class."""

        def inference(self: Any, data: Any) -> Any:
            return self._postprocess(self._inference(self._preprocess(data)))

log = logging.getLogger("customize_service")

TOP_K = 5
MAX_TEXT = 1 << 20          # characters per text; the rest is cut off, long before the length cap of a model applies
MAX_REQUEST = 12 * 2 ** 20  # bytes of all texts of a request, after that cut; the platform's own limit is 12 MB
MAX_ITEMS = 100000          # items per request, because twelve million empty lines are no more than 12 MB
BATCH = 128                 # items per call of the model; limits the memory, whatever the size of the request
TOLERANCE = 1e-4            # engines agree to 1e-6; an error in a lookup table or a kernel is far larger

FORMS = (  # of a request, first match wins: the path of its items, the path of their answers
    (("data", "req_data"), ("data", "resp_data")),
    (("req_data",), ("resp_data",)),
    (("instances",), ("predictions",)),
    (("text",), ("resp_data",)),  # a single text, not in a list, gets its answer without a wrapper
)                                 # the last form: uploaded text files under any key, one text per line, to resp_data


class LoadError(Exception):
    """The model cannot be served; the message names the cause and the remedy."""


class RequestError(Exception):
    """A request, or one item of it, cannot be answered; ``answer`` is returned instead."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = {"error": {"code": code, "message": message}}


class TextClassifierService(TfServingBaseService):  # type: ignore[misc]
    """Answers requests with the model in the folder ``model_path``."""

    def __init__(self, model_name: str, model_path: str) -> None:
        # The platform's images show warnings only. No effect in a process that has configured its own logging.
        logging.basicConfig(level=logging.INFO)
        folder = model_path if os.path.isdir(model_path) else os.path.dirname(model_path)
        check_files(folder)
        options, tf_serving = read_file(folder, "service.json", parse_object, {}), None
        check_options(options)
        if options.get("backend") == "tfserving":
            # Only for this backend, because the constructor of the base class connects to TensorFlow Serving.
            super().__init__(model_name, model_path)
            tf_serving = super()._inference
        self.model_name, self.model_path = model_name, model_path
        self.model = load(folder, options, tf_serving)

    def _preprocess(self, data: Any) -> "Request":
        try:
            return read_request(data, self.model.plan)
        except RequestError as error:
            return Request((), echoed_meta(data), [error], TOP_K, 0.0)

    def _inference(self, request: "Request") -> Any:
        return request, classify(self.model, request.items)

    def _postprocess(self, request_and_rows: Any) -> Dict[str, Any]:
        request, rows = request_and_rows
        answers = [answer(row, self.model.labels, request.top_k, request.threshold) for row in rows]
        response = answers if request.wrapper else answers[0]  # type: Any
        for key in reversed(request.wrapper):
            response = {key: response}
        return dict(response, **request.meta)


# --- from the request to its items ------------------------------------------------------------------------------

Request = collections.namedtuple("Request", "wrapper meta items top_k threshold")


def read_request(data: Any, plan: "Plan") -> Request:
    """The parts of a request; each of its ``items`` is an input of the model or a :class:`RequestError`."""
    if not isinstance(data, dict):
        raise RequestError("bad_request", f'the request is {type(data).__name__}, expected an object as {{"text": ""}}')
    items, holder, wrapper = find_items(data)
    options = dict(data, **holder)
    top_k = read_number("top_k", options.get("top_k", TOP_K), 1, 1e9)
    threshold = read_number("threshold", options.get("threshold", 0.0), 0.0, 1.0)
    if top_k != int(top_k):
        raise RequestError("bad_request", f"top_k is {top_k:g}, expected a whole number")
    if "meta" in data and not echoed_meta(data):
        raise RequestError("bad_request", "meta must be JSON without NaN, infinities, lone surrogates and deep nesting")
    if len(items) > MAX_ITEMS:
        raise RequestError("too_large", f"the request has {len(items)} items, expected at most {MAX_ITEMS}; divide it")
    inputs = [read_item(item, plan) for item in items]
    size = sum(len(item) for item in inputs if not isinstance(item, RequestError))
    if size > MAX_REQUEST:
        raise RequestError("too_large", f"the request has {size} bytes, expected at most {MAX_REQUEST}; divide it")
    return Request(wrapper, echoed_meta(data), inputs, int(top_k), threshold)


def find_items(data: Dict[str, Any]) -> Tuple[List[Any], Dict[str, Any], Tuple[str, ...]]:
    """The items of a request, the object that contains them, and the wrapper of the answers (``()``: no wrapper)."""
    uploads = [file for field in data.values() if is_upload(field) for file in field.values()]
    for (*outer, key), wrapper in FORMS:
        holder = data.get(outer[0]) if outer else data
        if not isinstance(holder, dict) or key not in holder or is_upload(holder[key]):
            continue
        items, may_be_single = holder[key], key == "text"
        if isinstance(items, list):
            return items, holder, wrapper
        if may_be_single and isinstance(items, str):
            return [items], holder, ()
        if may_be_single and uploads:
            break
        code, kind = ("missing_text", "null") if items is None else ("wrong_type", type(items).__name__)
        raise RequestError(code, f"{key} is {kind}, expected a list of items{' or a string' if may_be_single else ''}")
    if uploads:
        return [line for file in uploads for line in read_lines(file)], {}, ("resp_data",)
    keys = ", ".join(sorted(map(repr, data))) or "no keys"
    raise RequestError("bad_request", f"the request has no text; it has {keys[:500]}, expected one of the keys "
                                      "data.req_data, req_data, instances, text, or an uploaded text file")


def is_upload(field: Any) -> bool:
    """Whether a field holds uploaded files, which the platform passes as ``{file name: readable}``."""
    return isinstance(field, dict) and bool(field) and all(hasattr(file, "read") for file in field.values())


def read_lines(file: Any) -> List[str]:
    """The texts of an uploaded file, one per line."""
    content = file.read()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            lines = content.decode(encoding).split("\n")
        except UnicodeDecodeError:
            continue
        lines = lines if lines[-1] else lines[:-1]  # a newline at the end of the file begins no further text
        return [line[:-1] if line.endswith("\r") else line for line in lines]
    raise RequestError("bad_request", "the uploaded file is neither UTF-8 nor GB18030; save it as UTF-8 text")


def read_number(name: str, value: Any, least: float, greatest: float) -> float:
    """A number of the request, which may be a string, because the fields of a form are strings."""
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not least <= number <= greatest:
        raise RequestError("bad_request", f"{name} must be a number from {least:g} to {greatest:g}")
    return number


def echoed_meta(data: Any) -> Dict[str, Any]:
    """``{"meta": ...}`` if the request has a ``meta`` that can be returned as JSON, else ``{}``."""
    try:
        json.dumps(data["meta"], allow_nan=False, ensure_ascii=False).encode("utf-8")
        return {"meta": data["meta"]}
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}


def read_item(item: Any, plan: "Plan") -> Any:
    """The model's input for an item: UTF-8 bytes or a list of ids; a :class:`RequestError` if the item has none."""
    fields = item if isinstance(item, dict) else {"text": item}
    return read_ids(fields, plan) if plan.takes_ids else read_text(fields)


def read_text(fields: Dict[str, Any]) -> Any:
    text = fields.get("text")
    if text is None:
        return RequestError("missing_text", 'the item has no text; send {"text": "..."} or a string')
    if not isinstance(text, str):
        return RequestError("wrong_type", f"the text is of the type {type(text).__name__}, expected a string")
    try:
        return text[:MAX_TEXT].encode("utf-8")
    except UnicodeEncodeError:  # lone surrogates: pairs are joined, the others become U+FFFD
        return text[:MAX_TEXT].encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def read_ids(fields: Dict[str, Any], plan: "Plan") -> Any:
    ids, limits = fields.get(plan.input, fields.get("input_x")), np.iinfo(plan.dtype)
    if ids is None:
        return RequestError("wrong_type" if "text" in fields else "missing_text", "the item has no ids, but this model "
                            'takes ids, not text; send {"input_x": [1, 2, ...]}')
    if not isinstance(ids, list) or not all(type(i) is int and limits.min <= i <= limits.max for i in ids):
        return RequestError("wrong_type", f"input_x must be a list of {plan.dtype.name} numbers")
    if plan.length not in (None, len(ids)):
        return RequestError("wrong_type", f"input_x has {len(ids)} ids, expected {plan.length} ids")
    return ids


# --- from the items to the scores and the answers ---------------------------------------------------------------

def classify(model: "Model", items: Sequence[Any]) -> List[Any]:
    """One row per item: its scores (float array), or its label if the model gives labels only, or its error."""
    rows = list(items)
    # Items of similar length share a batch, so that little is padded; ids are not padded, so their lengths are equal.
    good = [i for i, item in enumerate(items) if not isinstance(item, RequestError)]
    good.sort(key=lambda i: len(items[i]))
    for _, same_length in itertools.groupby(good, key=lambda i: len(items[i]) if model.plan.takes_ids else 0):
        group = list(same_length)
        for first in range(0, len(group), BATCH):
            batch = group[first:first + BATCH]
            for i, row in zip(batch, predict(model, [items[i] for i in batch])):
                rows[i] = row
    return rows


def predict(model: "Model", inputs: List[Any]) -> List[Any]:
    """The rows of one batch. If the batch fails, each item is tried alone, so that only the failing ones get errors."""
    try:
        rows = scores_of(model.plan, model.run(feeds_of(model.plan, inputs)))
        if len(rows) != len(inputs):
            raise ValueError(f"the model gave {len(rows)} rows for {len(inputs)} items")
    except Exception:  # an engine may raise any error; the process must go on and answer the other items
        if len(inputs) > 1:
            return [row for item in inputs for row in predict(model, [item])]
        log.exception("the model failed on an item")
        return [RequestError("model_error", "the model failed on this item; the log of the service has the cause")]
    return [row if isinstance(row, str) or np.isfinite(row).all() else
            RequestError("model_error", "the model's scores for this item are not finite numbers") for row in rows]


def scores_of(plan: "Plan", outputs: Dict[str, Any]) -> Any:
    """Probabilities ``[batch, classes]`` by the rule that was chosen at load; labels if the model gives labels only."""
    if plan.rule == "labels":
        return [label.decode("utf-8", "replace") if isinstance(label, bytes) else label
                for label in np.reshape(outputs[plan.output], -1).tolist()]
    x = np.asarray(outputs[plan.output], np.float64)
    x = x.reshape(len(x), -1)
    if plan.rule == "softmax":
        x = np.exp(x - x.max(axis=1, keepdims=True))
        x = x / x.sum(axis=1, keepdims=True)
    elif plan.rule == "sigmoid":
        x = 0.5 * (1.0 + np.tanh(0.5 * x))
    return np.concatenate([1.0 - x, x], axis=1) if x.shape[1] == 1 else x


def answer(row: Any, labels: List[str], top_k: int = TOP_K, threshold: float = 0.0) -> Dict[str, Any]:
    """The JSON answer to an item."""
    if isinstance(row, RequestError):
        return row.answer
    if isinstance(row, (str, int)):
        return {"predicted_label": labels[int(row)] if row in range(len(labels)) else str(row)}
    best_first = np.argsort(-row, kind="mergesort").tolist()  # stable: equal scores in the order of the labels
    return {"predicted_label": labels[best_first[0]], "score": float(row[best_first[0]]),
            "scores": [[labels[i], float(row[i])] for i in best_first[:top_k] if row[i] >= threshold]}


# --- the decision table, as in docs/serving-any-model.md --------------------------------------------------------

# The keys of service.json.
KEYS = {"tags": list, "signature": str, "input": str, "feeds": dict, "output": str, "scores": str, "backend": str}
# The tensors that can be the input, the scores, the labels: dtype and shape as describe() writes them.
INPUTS = r"string\[-?\d+(, -?1)?\]|int\[-?\d+(, -?\d+)?\]|(string|int)\[\?\]"  # texts (at most one column), or ids
SCORES = r"float\[-?\d+(, -?\d+)?\]|float\[\?\]"
LABELS = r"(string|int)\[(-?\d+(, -?1)?|\?)\]"  # used if the model has no scores
FEEDS = (  # the value of a further scalar input, first match wins: part of its alias, its dtype, the value
    ("keep", "float", 1.0),  # the probability of keeping a unit
    ("drop", "float", 0.0),  # the share of units to drop; 1.0 would make every answer wrong without an error
    ("rate", "float", 0.0),
    ("training", "bool", False),
)
Scores = collections.namedtuple("Scores", "alias op columns minimum maximum sum_error")  # sum_error: |row sum - 1|
RULES = (  # the meaning of the scores, first match wins; logits go through a softmax, one column through a sigmoid
    ("made by Softmax", lambda s: s.op == "Softmax" and s.columns > 1, "probabilities"),
    ("one column made by Sigmoid", lambda s: s.op == "Sigmoid" and s.columns == 1, "probabilities"),
    ("rows that sum to 1", lambda s: s.columns > 1 and s.minimum >= 0 and s.sum_error < 1e-3, "probabilities"),
    ("an alias that contains logit", lambda s: "logit" in s.alias.lower(), "logits"),
    ("values outside [0, 1]", lambda s: s.minimum < 0 or s.maximum > 1, "logits"),
    ("one column in [0, 1]", lambda s: s.columns == 1 and s.minimum >= 0, "probabilities"),
)


# --- from the folder to the model: once, in the constructor -----------------------------------------------------

Model = collections.namedtuple("Model", "plan labels run")
Plan = collections.namedtuple("Plan", "tags signature input dtype rank takes_ids length feeds output rule")
PROBES = [b"a", b"good", b"\xe5\xa5\xbd\xe7\x9a\x84", b"one two three", b"it is not bad at all"]


def load(folder: str, options: Dict[str, Any], tf_serving: Any = None) -> Model:
    """The model in a Session, or by ``tf.saved_model.load`` if no Session can run it, or behind TensorFlow Serving."""
    graphs = {tuple(sorted(graph.meta_info_def.tags)): graph for graph in read_file(
        folder, "saved_model.pb", saved_model_pb2.SavedModel.FromString).meta_graphs}
    tags = choose("tags", "a tag set", options, ("serve",), sorted(graphs), graphs)
    plan = read_plan(tags, graphs[tags], options)
    if tf_serving:  # it loads the model by itself and may not be ready yet, so the model is not run here
        return Model(*decide_scores(plan, graphs[tags], options, folder, None), lambda feeds: tf_serving(
            {alias: value.tolist() for alias, value in feeds.items()}))
    golden = read_file(folder, "model_card.json", parse_golden, [])
    probes = [read_item(item, plan) for item in golden] or (
        [[i] * int(plan.length or 1) for i in (0, 1)] if plan.takes_ids else PROBES)
    for probe in probes:
        if isinstance(probe, RequestError):
            raise LoadError(f"model_card.json: a golden text does not fit this model: {probe}. Export it again")
    failures = []
    for loader, open_model in (("a Session", open_session), ("tf.saved_model.load", open_function)):
        try:
            run = open_model(folder, plan, graphs[tags])
            rows = np.asarray(run(feeds_of(plan, probes))[plan.output], None if plan.rule == "labels" else np.float64)
            if len(rows) != len(probes):
                raise ValueError(f"the output {plan.output!r} has {len(rows)} rows for {len(probes)} texts")
        except Exception as error:  # an engine may raise any error; the other loader may succeed
            failures.append(f"{loader}: {' '.join(str(error).split())[:300]}")
            continue
        model = Model(*decide_scores(plan, graphs[tags], options, folder, rows), run)
        replay(model, golden, probes)
        log.info("%s: loaded by %s as %s", folder, loader, model.plan)
        return model
    raise LoadError(f"TensorFlow {tf.__version__} cannot load {folder}. {'; '.join(failures)}. infer.py check names "
                    "the engines that can load it")


def check_files(folder: str) -> None:
    """Compare every file with its entry in ``manifest.json``; files that it does not list are logged."""
    listed = read_file(folder, "manifest.json", parse_manifest, {})
    for path, expected in sorted(listed.items()):
        digest = hashlib.sha256()
        try:
            with open(os.path.join(folder, path), "rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
                size = file.tell()
        except (OSError, ValueError) as error:  # ValueError: the path is not a possible one
            raise LoadError(f"{path}, listed in manifest.json, cannot be read: {error}. Upload the package again")
        if (digest.hexdigest(), size) != expected:
            raise LoadError(f"{path} was cut or changed: {size} bytes with SHA-256 {digest.hexdigest()}, expected "
                            f"{expected[1]} bytes with {expected[0]} by manifest.json. Upload the package again")
    present = {os.path.relpath(os.path.join(top, name), folder).replace(os.sep, "/")
               for top, _, names in os.walk(folder) for name in names if "__pycache__" not in top}
    unlisted = present - set(listed) - {"manifest.json"}
    if listed and unlisted:
        log.warning("not listed in manifest.json: %s", ", ".join(sorted(unlisted)))


def check_options(options: Dict[str, Any]) -> None:
    for key, value in options.items():
        if not isinstance(value, KEYS.get(key, ())):
            known = ", ".join(f"{name} ({kind.__name__})" for name, kind in sorted(KEYS.items()))
            raise LoadError(f"service.json: {key!r}: {value!r} has an unknown key or a wrong type. Use {known}")


def read_file(folder: str, name: str, parse: Callable[[bytes], Any], *default: Any) -> Any:
    """The parsed content of a file; the default, if one is given and the file does not exist."""
    path = os.path.join(folder, name)
    if default and not os.path.exists(path):
        return default[0]
    try:
        with open(path, "rb") as file:
            return parse(file.read())
    except Exception as error:  # of json, of protobuf (whose error class differs between releases), of the disk
        raise LoadError(f"{path} cannot be read: {error}. Correct it or upload the package again")


def parse_object(content: bytes) -> Dict[str, Any]:
    value = json.loads(content.decode("utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"it contains a {type(value).__name__}, expected a JSON object")
    return value


def parse_manifest(content: bytes) -> Dict[str, Tuple[str, int]]:
    """Path to SHA-256 and size."""
    files = {entry["path"]: (str(entry["sha256"]), entry["size"]) for entry in parse_object(content)["files"]}
    "".join(files).encode("utf-8")  # raises if a path is not a string or not valid Unicode
    return files


def parse_golden(content: bytes) -> List[Dict[str, Any]]:
    """The golden texts of a model card, each with its label and, usually, its probabilities."""
    items = list(parse_object(content).get("golden", []))
    for item in items:
        if not isinstance(item, dict) or "label" not in item:
            raise ValueError(f"golden: {item!r:.80} has no label")
        np.array(item.get("probabilities", []), np.float64)  # raises if they are not numbers
    return items


def choose(key: str, noun: str, options: Dict[str, Any], preferred: Any, fitting: List[Any], present: Any) -> Any:
    """The name in ``service.json`` under ``key``, else the preferred one, else the only one; it must be fitting."""
    name = options.get(key, preferred)
    if key == "tags":
        name = tuple(sorted(map(str, name)))
    if name in fitting:
        return name
    if key not in options and len(fitting) == 1:
        return fitting[0]
    listing = ", ".join(f"{each} {describe(info)}".strip() for each, info in sorted(present.items())) or "none"
    remedy = f"Name one that fits under {key!r} in service.json" if fitting else "Convert the model with infer.py adopt"
    raise LoadError(f"expected {noun}, {name!r} or the only one; the model has {listing}. {remedy}")


def read_plan(tags: Tuple[str, ...], meta_graph: Any, options: Dict[str, Any]) -> Plan:
    """The inputs and outputs to use, from the signature alone; the rule of the scores is decided later."""
    signatures = {key: value for key, value in meta_graph.signature_def.items() if not key.startswith("__")}
    key = choose("signature", "a signature", options, "serving_default", sorted(signatures), signatures)
    inputs, outputs = signatures[key].inputs, signatures[key].outputs
    name = choose("input", "an input of texts (string [batch] or [batch, 1]) or ids (int [batch] or [batch, n])",
                  options, "input_x", matching(inputs, INPUTS), inputs)
    scores = matching(outputs, SCORES)
    output = choose("output", "an output of scores (float [batch] or [batch, classes]) or labels (string or int)",
                    options, "output" if scores else "label", scores or matching(outputs, LABELS), outputs)
    dtype, sizes = tf.as_dtype(inputs[name].dtype), [d.size for d in inputs[name].tensor_shape.dim]
    length = 1 if len(sizes) == 1 else sizes[1] if sizes and sizes[1] > 0 else None
    feeds = {alias: feed(alias, info, options, signatures[key]) for alias, info in inputs.items() if alias != name}
    return Plan(tags, key, name, np.dtype(dtype.as_numpy_dtype), len(sizes) or 1 + dtype.is_integer, dtype.is_integer,
                length, feeds, output, None if output in scores else "labels")


def describe(info: Any) -> str:
    """The dtype and shape of a tensor, as in ``string[-1, 1]`` (-1: any size, ?: any rank); "" for another object."""
    if not hasattr(info, "tensor_shape"):
        return ""
    shape = info.tensor_shape
    try:
        dtype = tf.as_dtype(info.dtype)
        kind = "float" if dtype.is_floating else "int" if dtype.is_integer else dtype.name
    except TypeError:  # a dtype of a later TensorFlow; 0 for a ragged tensor and other composite ones
        kind = f"type {info.dtype}"
    return f"{kind}[{'?' if shape.unknown_rank else ', '.join(str(d.size) for d in shape.dim)}]"


def matching(infos: Any, pattern: str) -> List[str]:
    """The aliases of the tensors whose description matches."""
    return sorted(alias for alias, info in infos.items() if info.name and re.fullmatch(pattern, describe(info)))


def feed(alias: str, info: Any, options: Dict[str, Any], signature: Any) -> Any:
    """The value of a further input: from service.json, else by the table FEEDS, else the signature's own default."""
    defaults, reason = getattr(signature, "defaults", {}), ""  # TensorFlow 1.15 and 2.1 do not have this field
    try:
        if alias in options.get("feeds", {}):
            return np.array(options["feeds"][alias]).astype(tf.as_dtype(info.dtype).as_numpy_dtype)
        for part, kind, value in FEEDS:
            if part in alias.lower() and describe(info) in (f"{kind}[]", f"{kind}[?]"):
                return np.array(value, tf.as_dtype(info.dtype).as_numpy_dtype)
        if alias in defaults:
            shape = [d.size for d in defaults[alias].tensor_shape.dim]
            if np.prod(shape, dtype=np.float64) <= MAX_TEXT:
                return tf.make_ndarray(defaults[alias])
            reason = f" (its default is too large: {shape})"
    except (TypeError, ValueError) as error:
        reason = f" ({error})"
    raise LoadError(f"the further input {alias!r}, {describe(info)}, has no known value{reason}. Write its value in "
                    f"service.json, for example {json.dumps({'feeds': {alias: 0}})}")


def feeds_of(plan: Plan, inputs: List[Any]) -> Dict[str, Any]:
    """Aliases to arrays for a batch of items."""
    array = np.array(inputs, plan.dtype)
    return dict(plan.feeds, **{plan.input: array.reshape([len(inputs)] + [-1] * (plan.rank - 1))})


def open_session(folder: str, plan: Plan, meta_graph: Any) -> Callable[[Dict[str, Any]], Dict[str, Any]]:
    signature, graph = meta_graph.signature_def[plan.signature], tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        tf.compat.v1.saved_model.loader.load(session, list(plan.tags), folder)
    fetches = {plan.output: signature.outputs[plan.output].name}
    return lambda feeds: session.run(fetches, {signature.inputs[alias].name: value for alias, value in feeds.items()})


def open_function(folder: str, plan: Plan, _: Any) -> Callable[[Dict[str, Any]], Dict[str, Any]]:
    model = tf.saved_model.load(folder, tags=list(plan.tags))  # TensorFlow 1 raises, because it has no such loader

    def run(feeds: Dict[str, Any]) -> Dict[str, Any]:
        function = model.signatures[plan.signature]  # keeps a reference to the model, which its functions need
        return {plan.output: function(**{a: tf.constant(v) for a, v in feeds.items()})[plan.output].numpy()}
    return run


def decide_scores(plan: Plan, meta_graph: Any, options: Dict[str, Any], folder: str, rows: Any
                  ) -> Tuple[Plan, List[str]]:
    """The plan with the rule of its scores, and the class names; ``rows`` are the outputs for the probes, or None."""
    files = [read_file(folder, name, lambda content: content.decode("utf-8").strip("\n"), "")
             for name in ("assets/labels.txt", "labels.txt")]
    labels = [line for line in (files[0] or files[1]).split("\n") if line]
    if plan.rule == "labels":
        return plan, labels
    info = meta_graph.signature_def[plan.signature].outputs[plan.output]
    columns = info.tensor_shape.dim[1].size if len(info.tensor_shape.dim) == 2 else 1
    rows = np.zeros([0, max(columns, 1)]) if rows is None else np.reshape(rows, [len(rows), -1])
    classes = max(2, rows.shape[1])
    if labels and len(labels) != classes:
        raise LoadError(f"labels.txt has {len(labels)} labels, the model {classes} classes; write one label per class")
    rule = rule_of(plan.output, options, op_of(meta_graph, info.name), rows)
    return plan._replace(rule=rule), labels or [str(i) for i in range(classes)]


def op_of(meta_graph: Any, tensor: str) -> str:
    """The type of the op that makes a tensor; if a function makes it, the type of the call."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    node = nodes.get(tensor.split(":")[0])
    while node is not None and node.op == "Identity":
        node = nodes.get(node.input[0].split(":")[0])
    return node.op if node is not None else ""


def rule_of(alias: str, options: Dict[str, Any], op: str, rows: Any) -> str:
    """How the scores become probabilities; decided once at load, never by the rows of a request."""
    columns, rows = rows.shape[1], rows[np.isfinite(rows).all(axis=1)]
    of_logits = "softmax" if columns > 1 else "sigmoid"  # the softmax of one column is always 1
    sums = [rows.min(), rows.max(), np.abs(rows.sum(axis=1) - 1).max()] if rows.size else [np.nan] * 3
    for reason, holds, meaning in RULES:
        if "scores" not in options and holds(Scores(alias, op, columns, *sums)):
            rule = of_logits if meaning == "logits" else meaning
            log.info("%s: %s, so the rule of the scores is %s", alias, reason, rule)
            return rule
    if options.get("scores") in ("probabilities", "softmax", "sigmoid"):
        return str(options["scores"])
    raise LoadError(f"the rows of {alias!r} ({columns} columns, made by {op or 'an unknown op'}) need not sum to 1. "
                    "Write 'probabilities', 'softmax' or 'sigmoid' under 'scores' in service.json")


def replay(model: Model, golden: List[Dict[str, Any]], probes: List[Any]) -> None:
    """Compare the answers to the golden texts with those that they got at export."""
    for item, row in zip(golden, classify(model, probes)):
        if "probabilities" in item:
            expected = np.array(item["probabilities"])
            comparable = isinstance(row, np.ndarray) and row.shape == expected.shape
            difference = np.abs(row - expected).max() if comparable else np.inf
        else:
            difference = 0.0 if answer(row, model.labels).get("predicted_label") == item["label"] else np.inf
        if not difference <= TOLERANCE:
            text = str(item.get("text", item))[:40]
            raise LoadError(f"the golden text {text!r} gets another answer than at export (off by {difference:.2g}, "
                            f"{TOLERANCE:g} allowed): a file was changed, or TensorFlow {tf.__version__} computes this "
                            "model wrongly. Upload the package again, or choose another engine")
