"""The single inference entry: serves any exported text classifier on ModelArts, unchanged.

The platform makes one instance of the service class and calls it from many threads. A request passes through this
file from top to bottom: its form and its texts, what the model says, the answers. The last section, from the folder
to the model, runs once, before the first request.

An item is ``{"text": "..."}`` or a bare string (``{"input_x": [ids]}`` for a model of ids), its answer
``{"predicted_label": "sport", "score": 0.98, "scores": [["sport", 0.98], ...]}`` or, for that item alone, ``{"error":
{"code": ..., "message": ...}}``. ``top_k`` and ``threshold`` beside the items shorten ``scores``, ``meta`` comes back.

How a model is asked is found from the model alone, by the decision table below. Where a choice is open, a small file
``service.json`` beside the model decides; the error names its key. Needs numpy and TensorFlow (1.15 to today's) alone.
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
except ImportError:  # off the platform
    class TfServingBaseService:  # type: ignore[no-redef]
        """What the platform's base class does with a request."""

        def inference(self: Any, data: Any) -> Any:
            return self._postprocess(self._inference(self._preprocess(data)))

logging.basicConfig(level=logging.INFO)  # the platform's images show warnings only
log = logging.getLogger("customize_service")

TOP_K = 5
MAX_TEXT = 1 << 20          # characters of a text; the rest is cut here, long before a model's own cap matters
MAX_REQUEST = 12 * 2 ** 20  # bytes of a request's texts, after that cut; the platform's own limit is 12 MB
MAX_ITEMS = 100000          # texts of a request: twelve million empty lines are 12 MB too
BATCH = 128                 # texts in one call of the model: bounds its memory, whatever the size of a request
TOLERANCE = 1e-4            # engines agree to 1e-6; a table or a kernel that is wrong is off by far more

FORMS = (  # of a request, first match wins: where its items stand, where their answers go
    (("data", "req_data"), ("data", "resp_data")),
    (("req_data",), ("resp_data",)),
    (("instances",), ("predictions",)),
    (("text",), ("resp_data",)),  # a text by itself, not in a list, gets its bare answer
)                                 # then uploaded text files under any name, a line a text: resp_data


class LoadError(Exception):
    """The model cannot be served; the message names cause and remedy."""


class Refusal(Exception):
    """A request, or one item of it, that cannot be answered."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = {"error": {"code": code, "message": message}}


class TextClassifierService(TfServingBaseService):  # type: ignore[misc]
    """Answers requests with the model in the folder ``model_path``."""

    def __init__(self, model_name: str, model_path: str) -> None:
        folder = model_path if os.path.isdir(model_path) else os.path.dirname(model_path)
        check_files(folder)
        options, ask = read(folder, "service.json", an_object, {}), None
        for key, value in options.items():
            if not isinstance(value, KEYS.get(key, ())):
                raise LoadError("service.json: %r: %r is not one of its keys, or of the wrong kind; they are %s" % (
                    key, value, ", ".join("%s (%s)" % (k, v.__name__) for k, v in sorted(KEYS.items()))))
        if options.get("backend") == "tfserving":
            # Only for this backend: the base class's constructor connects to TensorFlow Serving.
            super().__init__(model_name, model_path)
            ask = super()._inference
        self.model_name, self.model_path = model_name, model_path
        self.model = load(folder, options, ask)

    def _preprocess(self, data: Any) -> "Request":
        try:
            return read_request(data, self.model.plan)
        except Refusal as refusal:
            return Request((), echoed_meta(data), [refusal], TOP_K, 0.0)

    def _inference(self, request: "Request") -> Any:
        return request, classify(self.model, request.items)

    def _postprocess(self, outcome: Any) -> Dict[str, Any]:
        request, rows = outcome
        answers = [answer(row, self.model.labels, request) for row in rows]
        reply = answers if request.reply else answers[0]  # type: Any
        for key in reversed(request.reply):
            reply = {key: reply}
        return dict(reply, **request.meta)


# --- from the request to its items ------------------------------------------------------------------------------

Request = collections.namedtuple("Request", "reply meta items top_k threshold")


def read_request(data: Any, plan: "Plan") -> Request:
    """What a request asks; ``items`` are model inputs, with a :class:`Refusal` where an item is none."""
    if not isinstance(data, dict):
        raise Refusal("bad_request", 'expected a JSON object such as {"text": "..."}')
    items, beside, reply = find_items(data)
    options = dict(data, **beside)
    top_k = number("top_k", options.get("top_k", TOP_K), 1, 1e9)
    threshold = number("threshold", options.get("threshold", 0.0), 0.0, 1.0)
    if top_k != int(top_k):
        raise Refusal("bad_request", "top_k must be a whole number")
    if "meta" in data and not echoed_meta(data):
        raise Refusal("bad_request", "meta must be plain JSON, without NaN, infinities and lone surrogates")
    if len(items) > MAX_ITEMS:
        raise Refusal("too_large", "a request may hold %d texts, not %d" % (MAX_ITEMS, len(items)))
    inputs = [read_item(item, plan) for item in items]
    if sum(len(item) for item in inputs if not isinstance(item, Refusal)) > MAX_REQUEST:
        raise Refusal("too_large", "the texts of a request may have %d bytes together" % MAX_REQUEST)
    return Request(reply, echoed_meta(data), inputs, int(top_k), threshold)


def find_items(data: Dict[str, Any]) -> Tuple[List[Any], Dict[str, Any], Tuple[str, ...]]:
    """The items of a request, the object that they stand in, and where their answers go (``()``: bare)."""
    uploads = [file for field in data.values() if is_upload(field) for file in field.values()]
    for (*outer, key), reply in FORMS:
        holder = data.get(outer[0]) if outer else data
        if not isinstance(holder, dict) or key not in holder or is_upload(holder[key]):
            continue
        items, alone = holder[key], key == "text"
        if isinstance(items, list):
            return items, holder, reply
        if alone and isinstance(items, str):
            return [items], holder, ()
        if alone and uploads:
            break
        if items is None:
            raise Refusal("missing_text", "%s is null" % key)
        raise Refusal("wrong_type", "%s must be %sa list, not %s" % (
            key, "a string or " if alone else "", type(items).__name__))
    if uploads:
        return [line for file in uploads for line in read_lines(file)], {}, ("resp_data",)
    raise Refusal("bad_request", "no text found: expected one of the keys data.req_data, req_data, instances, text, "
                                 "or an uploaded text file; found %s" % (", ".join(sorted(map(repr, data))) or "none"))


def is_upload(field: Any) -> bool:
    """A form's file field, as the platform passes it: ``{file name: readable}``."""
    return isinstance(field, dict) and bool(field) and all(hasattr(file, "read") for file in field.values())


def read_lines(file: Any) -> List[str]:
    content = file.read()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            lines = content.decode(encoding).split("\n")
        except UnicodeDecodeError:
            continue
        lines = lines if lines[-1] else lines[:-1]  # the last newline adds no text
        return [line[:-1] if line.endswith("\r") else line for line in lines]
    raise Refusal("bad_request", "the uploaded file is neither UTF-8 nor GB18030 text")


def number(name: str, value: Any, least: float, greatest: float) -> float:
    """A number, also as text: forms send nothing else."""
    try:
        found = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not least <= found <= greatest:
        raise Refusal("bad_request", "%s must be a number from %g to %g" % (name, least, greatest))
    return found


def echoed_meta(data: Any) -> Dict[str, Any]:
    """``{"meta": ...}`` where the request has one that JSON can carry back, else nothing."""
    try:
        json.dumps(data["meta"], allow_nan=False, ensure_ascii=False).encode("utf-8")
        return {"meta": data["meta"]}
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}


def read_item(item: Any, plan: "Plan") -> Any:
    """A model's input from an item: UTF-8 bytes, or a list of ids; a :class:`Refusal` where it is none."""
    fields = item if isinstance(item, dict) else {"text": item}
    if plan.takes_ids:
        ids, limit = fields.get(plan.input, fields.get("input_x")), np.iinfo(plan.dtype)
        if ids is None:
            return Refusal("wrong_type" if "text" in fields else "missing_text", "this model takes ids, not text: an "
                           'item is {"input_x": [1, 2, ...]}')
        if not isinstance(ids, list) or not all(type(i) is int and limit.min <= i <= limit.max for i in ids):
            return Refusal("wrong_type", "input_x must be a list of %s numbers" % plan.dtype.name)
        if plan.length not in (None, len(ids)):
            return Refusal("wrong_type", "input_x must hold %d ids, not %d" % (plan.length, len(ids)))
        return ids
    text = fields.get("text")
    if text is None:
        return Refusal("missing_text", 'an item is {"text": "..."} or a string; this one has no text')
    if not isinstance(text, str):
        return Refusal("wrong_type", "text must be a string, not %s" % type(text).__name__)
    try:
        return text[:MAX_TEXT].encode("utf-8")
    except UnicodeEncodeError:  # lone surrogates: pairs are joined, the others become U+FFFD
        return text[:MAX_TEXT].encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


# --- from the items to scores -----------------------------------------------------------------------------------

def classify(model: "Model", items: Sequence[Any]) -> List[Any]:
    """For each item its scores (float array), its label (where the model gives no scores), or a :class:`Refusal`."""
    rows = list(items)
    good = sorted((i for i, item in enumerate(items) if not isinstance(item, Refusal)), key=lambda i: len(items[i]))
    # Alike in length, so that little is padded; ids are not padded at all.
    for _, alike in itertools.groupby(good, key=lambda i: len(items[i]) if model.plan.takes_ids else 0):
        group = list(alike)
        for first in range(0, len(group), BATCH):
            batch = group[first:first + BATCH]
            for i, row in zip(batch, scored(model, [items[i] for i in batch])):
                rows[i] = row
    return rows


def scored(model: "Model", inputs: List[Any]) -> List[Any]:
    try:
        rows = scores_of(model.plan, model.run(feeds_of(model.plan, inputs)))
        if len(rows) != len(inputs):
            raise ValueError("the model gave %d rows for %d texts" % (len(rows), len(inputs)))
    except Exception:  # whatever an engine may raise: the process must live, and the others be answered
        if len(inputs) > 1:
            return [row for item in inputs for row in scored(model, [item])]
        log.exception("the model failed on an item")
        return [Refusal("model_error", "the model failed on this item")]
    return [row if isinstance(row, str) or np.isfinite(row).all() else
            Refusal("model_error", "the model's scores for this item are not finite") for row in rows]


def scores_of(plan: "Plan", outputs: Dict[str, Any]) -> Any:
    """Probabilities ``[batch, classes]`` by the rule that was chosen at load; of a label-only output its labels."""
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


def answer(row: Any, labels: List[str], request: Any) -> Dict[str, Any]:
    """The JSON answer for an item's scores, or for its label."""
    if isinstance(row, Refusal):
        return row.answer
    if isinstance(row, (str, int)):
        return {"predicted_label": labels[int(row)] if row in range(len(labels)) else str(row)}
    best_first = np.argsort(-row, kind="mergesort").tolist()  # stable: equal scores in the order of the labels
    return {"predicted_label": labels[best_first[0]], "score": float(row[best_first[0]]),
            "scores": [[labels[i], float(row[i])] for i in best_first[:request.top_k] if row[i] >= request.threshold]}


# --- how a model is used: the decision table, as in docs/serving-any-model.md ------------------------------------

KEYS = {"tags": list, "signature": str, "input": str, "feeds": dict, "output": str, "scores": str, "backend": str}
# What may be the input, the scores, the labels: kind and shape as described() writes them.
INPUTS = r"string\[-?\d+(, -?1)?\]|int\[-?\d+(, -?\d+)?\]|(string|int)\[\?\]"  # texts (a column at most), or ids
SCORES = r"float\[-?\d+(, -?\d+)?\]|float\[\?\]"
LABELS = r"(string|int)\[(-?\d+(, -?1)?|\?)\]"  # where there are no scores
FEEDS = (  # what a further scalar gets while serving: where its alias holds this and it is of this kind
    ("keep", "float", 1.0),  # the probability of keeping a unit
    ("drop", "float", 0.0),  # the share of units to drop: 1.0 would ruin every answer silently
    ("rate", "float", 0.0),
    ("training", "bool", False),
)
Seen = collections.namedtuple("Seen", "alias op columns least greatest off")  # off: how far the rows' sums are from 1
RULES = (  # what the scores are, first match wins; of logits a softmax, of one column of them a sigmoid, is made
    ("made by Softmax", lambda seen: seen.op == "Softmax" and seen.columns > 1, "probabilities"),
    ("one column made by Sigmoid", lambda seen: seen.op == "Sigmoid" and seen.columns == 1, "probabilities"),
    ("rows that sum to 1", lambda seen: seen.columns > 1 and seen.least >= 0 and seen.off < 1e-3, "probabilities"),
    ("an alias with logit", lambda seen: "logit" in seen.alias.lower(), "logits"),
    ("values outside [0, 1]", lambda seen: seen.least < 0 or seen.greatest > 1, "logits"),
    ("one column in [0, 1]", lambda seen: seen.columns == 1 and seen.least >= 0, "probabilities"),
)


# --- from the folder to the model: once, in the constructor -----------------------------------------------------

Model = collections.namedtuple("Model", "plan labels run")
Plan = collections.namedtuple("Plan", "tags signature input dtype rank takes_ids length feeds output rule")
PROBES = [b"a", b"good", b"\xe5\xa5\xbd\xe7\x9a\x84", b"one two three", b"it is not bad at all"]


def load(folder: str, options: Dict[str, Any], tf_serving: Any = None) -> Model:
    """The model, by a Session where that loads it, else by ``tf.saved_model.load``; or as TensorFlow Serving has it."""
    graphs = {tuple(sorted(graph.meta_info_def.tags)): graph for graph in read(
        folder, "saved_model.pb", saved_model_pb2.SavedModel.FromString).meta_graphs}
    tags = choose("tags", "a tag set", options, ("serve",), sorted(graphs), graphs)
    plan = read_plan(tags, graphs[tags], options)
    if tf_serving:  # loads by itself and may not be up yet, so nothing is asked of it here
        return Model(*judge(plan, graphs[tags], options, folder, None), lambda feeds: tf_serving(
            {alias: value.tolist() for alias, value in feeds.items()}))
    golden = read(folder, "model_card.json", golden_items, [])
    probes = [read_item(item, plan) for item in golden] or (
        [[i] * int(plan.length or 1) for i in (0, 1)] if plan.takes_ids else PROBES)
    for probe in probes:
        if isinstance(probe, Refusal):
            raise LoadError("model_card.json: a golden item is no input of this model: %s" % probe)
    faults = []
    for way, opened in (("a Session", open_session), ("tf.saved_model.load", open_function)):
        try:
            run = opened(folder, plan, graphs[tags])
            seen = np.asarray(run(feeds_of(plan, probes))[plan.output], None if plan.rule == "labels" else np.float64)
            if len(seen) != len(probes):
                raise ValueError("%d rows for %d texts" % (len(seen), len(probes)))
        except Exception as error:  # engines raise errors of every kind; the other loader may do
            faults.append("%s: %s" % (way, " ".join(str(error).split())[:300]))
            continue
        model = Model(*judge(plan, graphs[tags], options, folder, seen), run)
        replay(model, golden, probes)
        log.info("%s: loaded by %s as %s", folder, way, model.plan)
        return model
    raise LoadError("TensorFlow %s cannot load %s. %s" % (tf.__version__, folder, "; ".join(faults)))


def check_files(folder: str) -> None:
    """Every file that ``manifest.json`` lists is there and as it was; further ones are reported."""
    listed = read(folder, "manifest.json", hashes_and_sizes, {})
    for path, expected in sorted(listed.items()):
        digest, size = hashlib.sha256(), 0
        try:
            with open(os.path.join(folder, path), "rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
                    size += len(block)
        except (OSError, ValueError) as error:  # ValueError: a path that none can be
            raise LoadError("%s, listed in manifest.json, cannot be read: %s. Upload the package again" % (path, error))
        if (digest.hexdigest(), size) != expected:
            raise LoadError("%s was cut or changed: %d bytes, manifest.json lists %s. Upload the package again" % (
                path, size, expected[1]))
    found = {os.path.relpath(os.path.join(top, name), folder).replace(os.sep, "/")
             for top, _, names in os.walk(folder) for name in names if "__pycache__" not in top}
    if listed and found - set(listed) - {"manifest.json"}:
        log.warning("not listed in manifest.json: %s", ", ".join(sorted(found - set(listed) - {"manifest.json"})))


def read(folder: str, name: str, parse: Callable[[bytes], Any], *default: Any) -> Any:
    """What ``parse`` makes of a file's bytes; the default, where there is one and no such file."""
    path = os.path.join(folder, name)
    if default and not os.path.exists(path):
        return default[0]
    try:
        with open(path, "rb") as file:
            return parse(file.read())
    except Exception as error:  # of json, of protobuf (whose error class moves from release to release), of the disk
        raise LoadError("%s cannot be read: %s" % (path, error))


def an_object(content: bytes) -> Dict[str, Any]:
    found = json.loads(content.decode("utf-8"))
    if not isinstance(found, dict):
        raise ValueError("it must hold a JSON object")
    return found


def hashes_and_sizes(content: bytes) -> Dict[str, Tuple[Any, Any]]:
    """The files of a manifest."""
    found = {entry["path"]: (entry["sha256"], entry["size"]) for entry in an_object(content)["files"]}
    "".join(found).encode("utf-8")  # raises where a path is none
    return found


def golden_items(content: bytes) -> List[Dict[str, Any]]:
    """The golden texts of a model card, each with its answer."""
    found = list(an_object(content).get("golden", []))
    for item in found:
        if not isinstance(item, dict) or "label" not in item:
            raise ValueError("golden: %.80r has no label" % (item,))
        np.array(item.get("probabilities", []), np.float64)  # raises where they are none
    return found


def choose(key: str, expected: str, options: Dict[str, Any], preferred: Any, fitting: List[Any], there: Any) -> Any:
    """One of the names that fit: what service.json says under ``key``, else the preferred, else the only one."""
    asked = options.get(key, preferred)
    if key == "tags":
        asked = tuple(sorted(map(str, asked)))
    if asked in fitting:
        return asked
    if key not in options and len(fitting) == 1:
        return fitting[0]
    found = [("%s %s" % (name, described(info))).strip() for name, info in sorted(there.items())]
    raise LoadError("expected %s, %r or the only one; found %s. Name the one to use under %r in service.json" % (
        expected, asked, ", ".join(found) or "none", key))


def read_plan(tags: Tuple[str, ...], meta_graph: Any, options: Dict[str, Any]) -> Plan:
    """How to ask the model, from its signature alone."""
    signatures = {key: found for key, found in meta_graph.signature_def.items() if not key.startswith("__")}
    key = choose("signature", "a signature", options, "serving_default", sorted(signatures), signatures)
    inputs, outputs = signatures[key].inputs, signatures[key].outputs
    name = choose("input", "an input of texts (string [batch] or [batch, 1]) or ids (int [batch] or [batch, n])",
                  options, "input_x", fitting(inputs, INPUTS), inputs)
    scores = fitting(outputs, SCORES)
    output = choose("output", "an output of scores (float [batch] or [batch, classes]) or labels (string or int)",
                    options, "output" if scores else "label", scores or fitting(outputs, LABELS), outputs)
    dtype, sizes = tf.as_dtype(inputs[name].dtype), [d.size for d in inputs[name].tensor_shape.dim]
    length = 1 if len(sizes) == 1 else sizes[1] if sizes and sizes[1] > 0 else None
    feeds = {alias: feed(alias, info, options, signatures[key]) for alias, info in inputs.items() if alias != name}
    return Plan(tags, key, name, np.dtype(dtype.as_numpy_dtype), len(sizes) or 1 + dtype.is_integer, dtype.is_integer,
                length, feeds, output, None if output in scores else "labels")


def described(info: Any) -> str:
    """``string[-1, 1]``: a tensor's kind and shape, -1 for any size, ? for any rank; "" for what is no tensor."""
    if not hasattr(info, "tensor_shape"):
        return ""
    shape = info.tensor_shape
    try:
        dtype = tf.as_dtype(info.dtype)
        kind = "float" if dtype.is_floating else "int" if dtype.is_integer else dtype.name
    except TypeError:  # of a later TensorFlow; 0: ragged, and whatever else is no single tensor
        kind = "type %d" % info.dtype
    return "%s[%s]" % (kind, "?" if shape.unknown_rank else ", ".join(str(d.size) for d in shape.dim))


def fitting(infos: Any, pattern: str) -> List[str]:
    return sorted(alias for alias, info in infos.items() if info.name and re.fullmatch(pattern, described(info)))


def feed(alias: str, info: Any, options: Dict[str, Any], signature: Any) -> Any:
    """What a further input gets: what service.json says, else a scalar by the table FEEDS, else the model's default."""
    defaults, why = getattr(signature, "defaults", {}), ""  # a field that TensorFlow 1.15 and 2.1 do not know
    try:
        if alias in options.get("feeds", {}):
            return np.array(options["feeds"][alias]).astype(tf.as_dtype(info.dtype).as_numpy_dtype)
        for part, wanted, value in FEEDS:
            if part in alias.lower() and described(info) in (wanted + "[]", wanted + "[?]"):
                return np.array(value, tf.as_dtype(info.dtype).as_numpy_dtype)
        if alias in defaults:
            shape = [d.size for d in defaults[alias].tensor_shape.dim]
            if np.prod(shape, dtype=np.float64) <= MAX_TEXT:
                return tf.make_ndarray(defaults[alias])
            why = " (its default has the shape %s)" % shape
    except (TypeError, ValueError) as error:
        why = " (%s)" % error
    raise LoadError("the model also wants %r, %s%s: say what it gets in service.json, as in %s" % (
        alias, described(info), why, json.dumps({"feeds": {alias: 0}})))


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
    model = tf.saved_model.load(folder, tags=list(plan.tags))  # TensorFlow 1 raises: it has no such loader

    def run(feeds: Dict[str, Any]) -> Dict[str, Any]:
        function = model.signatures[plan.signature]  # by way of the model, which must outlive its functions
        return {plan.output: function(**{a: tf.constant(v) for a, v in feeds.items()})[plan.output].numpy()}
    return run


def judge(plan: Plan, meta_graph: Any, options: Dict[str, Any], folder: str, seen: Any) -> Tuple[Plan, List[str]]:
    """The plan with its rule, and the class names; ``seen`` are outputs for texts of many kinds, or None."""
    files = [read(folder, name, lambda content: [line for line in content.decode("utf-8").split("\n") if line], [])
             for name in ("assets/labels.txt", "labels.txt")]
    labels = files[0] or files[1]
    if plan.rule == "labels":
        return plan, labels
    info = meta_graph.signature_def[plan.signature].outputs[plan.output]
    columns = info.tensor_shape.dim[1].size if len(info.tensor_shape.dim) == 2 else 1
    rows = np.zeros([0, max(columns, 1)]) if seen is None else np.reshape(seen, [len(seen), -1])
    classes = max(2, rows.shape[1])
    if labels and len(labels) != classes:
        raise LoadError("labels.txt has %d labels, the model %d classes" % (len(labels), classes))
    rule = rule_of(plan.output, options, producer(meta_graph, info.name), rows)
    return plan._replace(rule=rule), labels or [str(i) for i in range(classes)]


def producer(meta_graph: Any, tensor: str) -> str:
    """The type of the op that makes a tensor; the call's, where a function makes it."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    node = nodes.get(tensor.split(":")[0])
    while node is not None and node.op == "Identity":
        node = nodes.get(node.input[0].split(":")[0])
    return node.op if node is not None else ""


def rule_of(alias: str, options: Dict[str, Any], op: str, rows: Any) -> str:
    """What makes probabilities of the scores: decided here, once, never by the rows of a request."""
    columns, rows = rows.shape[1], rows[np.isfinite(rows).all(axis=1)]
    logits = "softmax" if columns > 1 else "sigmoid"  # a softmax of one column would always be 1
    sums = [rows.min(), rows.max(), np.abs(rows.sum(axis=1) - 1).max()] if rows.size else [np.nan] * 3
    for why, holds, rule in RULES:
        if "scores" not in options and holds(Seen(alias, op, columns, *sums)):
            log.info("%s: %s, %s", alias, why, rule if rule == "probabilities" else "so %s by %s" % (rule, logits))
            return rule if rule == "probabilities" else logits
    if options.get("scores") in ("probabilities", "softmax", "sigmoid"):
        return str(options["scores"])
    raise LoadError("the rows of %r (%d columns, made by %s) need not sum to 1: say 'probabilities', 'softmax' or "
                    "'sigmoid' under 'scores' in service.json" % (alias, columns, op or "nothing known"))


def replay(model: Model, golden: List[Dict[str, Any]], probes: List[Any]) -> None:
    """The golden texts get the answers here that they got where the model was exported."""
    for item, row in zip(golden, classify(model, probes)):
        expected, off = np.array(item.get("probabilities", [])), np.inf
        if isinstance(row, np.ndarray) and row.shape == expected.shape:
            off = np.abs(row - expected).max()
        elif "probabilities" not in item and answer(row, model.labels, Request((), {}, (), TOP_K, 0.0)).get(
                "predicted_label") == item["label"]:
            off = 0.0
        if not off <= TOLERANCE:
            raise LoadError("the golden text %r gets another answer than at export (off by %.2g, %g allowed): "
                            "TensorFlow %s computes this model wrongly, or a file was changed" % (
                                str(item.get("text", item))[:40], off, TOLERANCE, tf.__version__))
