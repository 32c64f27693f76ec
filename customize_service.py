"""The single inference entry: serves any exported text classifier on ModelArts, unchanged.

The platform makes one instance of the service class and calls it from many threads; a request passes through
this file from top to bottom::

    data -> _preprocess (which form, which texts) -> _inference (the model) -> _postprocess (answers) -> reply

=================================================  =======================================
request (first match wins)                         reply
=================================================  =======================================
``{"data": {"req_data": [item, ...]}}``            ``{"data": {"resp_data": [answer, ...]}}``
``{"req_data": [item, ...]}``                      ``{"resp_data": [answer, ...]}``
``{"instances": [item, ...]}``                     ``{"predictions": [answer, ...]}``
``{"text": "..."}``                                ``answer``
``{"text": ["...", ...]}``, an uploaded text file  ``{"resp_data": [answer, ...]}``
=================================================  =======================================

An item is ``{"text": "..."}`` or a bare string (``{"input_x": [ids]}`` for a model that takes ids). An answer is
``{"predicted_label": "sport", "score": 0.98, "scores": [["sport", 0.98], ...]}`` or, for that item alone,
``{"error": {"code": ..., "message": ...}}``. ``top_k`` and ``threshold`` beside the list shorten ``scores``;
``meta`` beside the data comes back. Nothing that a client sends raises.

What the model calls its inputs and outputs is found from the model alone. Where a choice is open, a small file
``service.json`` beside the model decides; the error names its key. Only the standard library, numpy and TensorFlow
(1.15 to today's) are needed, and Python 3.6 can read this file.
"""
import collections
import hashlib
import itertools
import json
import logging
import os

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

try:
    from model_service.tfserving_model_service import TfServingBaseService
except ImportError:  # off the platform
    class TfServingBaseService(object):
        """What the platform's base class does with a request."""

        def inference(self, data):
            return self._postprocess(self._inference(self._preprocess(data)))

logging.basicConfig(level=logging.INFO)  # the platform's images show warnings only
log = logging.getLogger("customize_service")

TOP_K = 5
MAX_TEXT = 1 << 20          # characters of a text; the rest is cut here, long before a model's own cap matters
MAX_REQUEST = 12 * 2 ** 20  # bytes of a request's texts, after that cut; the platform's own limit is 12 MB
MAX_ITEMS = 100000          # texts of a request: twelve million empty lines are 12 MB too
BATCH = 128                 # texts in one call of the model: bounds its memory, whatever the size of a request
TOLERANCE = 1e-4            # engines agree to 1e-6; a table or a kernel that is wrong is off by far more


class LoadError(Exception):
    """The model cannot be served; the message names cause and remedy."""


class Refusal(Exception):
    """A request, or one item of it, that cannot be answered."""

    def __init__(self, code, message):
        super(Refusal, self).__init__(message)
        self.answer = {"error": {"code": code, "message": message}}


class TextClassifierService(TfServingBaseService):
    """Answers requests with the model in the folder ``model_path``."""

    def __init__(self, model_name, model_path):
        folder = model_path if os.path.isdir(model_path) else os.path.dirname(model_path)
        check_files(folder)
        options = read_json(os.path.join(folder, "service.json"))
        ask = None
        if options.get("backend") == "tfserving":
            # Only for this backend: the base class's constructor connects to TensorFlow Serving.
            super(TextClassifierService, self).__init__(model_name, model_path)
            ask = super(TextClassifierService, self)._inference
        self.model_name, self.model_path = model_name, model_path
        self.model = load(folder, options, ask)

    def _preprocess(self, data):
        try:
            return read_request(data, self.model.plan)
        except Refusal as refusal:
            reply = refusal.answer
            return Request(lambda answers: reply, echoed_meta(data), [], TOP_K, 0.0)

    def _inference(self, request):
        return request, classify(self.model, request.items)

    def _postprocess(self, outcome):
        request, rows = outcome
        reply = request.wrap([answer(row, self.model.labels, request) for row in rows])
        return dict(reply, **request.meta)


# --- from the request to its items ------------------------------------------------------------------------------

Request = collections.namedtuple("Request", "wrap meta items top_k threshold")


def read_request(data, plan):
    """What a request asks; ``items`` are model inputs, with a :class:`Refusal` where an item is none."""
    if not isinstance(data, dict):
        raise Refusal("bad_request", 'expected a JSON object such as {"text": "..."}')
    items, beside, wrap = find_items(data)
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
    return Request(wrap, echoed_meta(data), inputs, int(top_k), threshold)


def find_items(data):
    """The items of a request, the object that they stand in, and what wraps their answers."""
    inner = data.get("data")
    if isinstance(inner, dict) and "req_data" in inner:
        return a_list(inner, "req_data"), inner, lambda answers: {"data": {"resp_data": answers}}
    if "req_data" in data and not is_upload(data["req_data"]):
        return a_list(data, "req_data"), data, lambda answers: {"resp_data": answers}
    if "instances" in data and not is_upload(data["instances"]):
        return a_list(data, "instances"), data, lambda answers: {"predictions": answers}
    text = data.get("text")
    if isinstance(text, str):
        return [text], data, lambda answers: answers[0]
    if isinstance(text, list):
        return text, data, lambda answers: {"resp_data": answers}
    files = [file for field in data.values() if is_upload(field) for file in field.values()]
    if files:
        return [line for file in files for line in read_lines(file)], {}, lambda answers: {"resp_data": answers}
    if text is not None:
        raise Refusal("wrong_type", "text must be a string or a list of strings, not %s" % type(text).__name__)
    if "text" in data:
        raise Refusal("missing_text", "text is null")
    raise Refusal("bad_request", "no text found: expected one of the keys data.req_data, req_data, instances, text, "
                                 "or an uploaded text file; found %s" % (", ".join(sorted(map(repr, data))) or "none"))


def a_list(holder, key):
    if holder[key] is None:
        raise Refusal("missing_text", "%s is null" % key)
    if not isinstance(holder[key], list):
        raise Refusal("wrong_type", "%s must be a list, not %s" % (key, type(holder[key]).__name__))
    return holder[key]


def is_upload(field):
    """A form's file field, as the platform passes it: ``{file name: readable}``."""
    return isinstance(field, dict) and bool(field) and all(hasattr(file, "read") for file in field.values())


def read_lines(file):
    content = file.read()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            lines = content.decode(encoding).split("\n")
        except UnicodeDecodeError:
            continue
        lines = lines if lines[-1] else lines[:-1]  # the last newline adds no text
        return [line[:-1] if line.endswith("\r") else line for line in lines]
    raise Refusal("bad_request", "the uploaded file is neither UTF-8 nor GB18030 text")


def number(name, value, least, greatest):
    """A number, also as text: forms send nothing else."""
    try:
        value = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        value = float("nan")
    if not least <= value <= greatest:
        raise Refusal("bad_request", "%s must be a number from %g to %g" % (name, least, greatest))
    return value


def echoed_meta(data):
    """``{"meta": ...}`` where the request has one that JSON can carry back, else nothing."""
    try:
        json.dumps(data["meta"], allow_nan=False, ensure_ascii=False).encode("utf-8")
        return {"meta": data["meta"]}
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}


def read_item(item, plan):
    """A model's input from an item: UTF-8 bytes, or a list of ids; a :class:`Refusal` where it is none."""
    try:
        return ids_of(item, plan) if plan.takes_ids else text_of(item)
    except Refusal as refusal:
        return refusal


def text_of(item):
    text = item.get("text") if isinstance(item, dict) else item
    if text is None:
        raise Refusal("missing_text", 'an item is {"text": "..."} or a string; this one has no text')
    if not isinstance(text, str):
        raise Refusal("wrong_type", "text must be a string, not %s" % type(text).__name__)
    text = text[:MAX_TEXT]
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # lone surrogates: pairs are joined, the others become U+FFFD
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def ids_of(item, plan):
    ids = item.get(plan.input, item.get("input_x")) if isinstance(item, dict) else None
    if ids is None:
        raise Refusal("missing_text", 'this model takes ids, not text: an item is {"%s": [1, 2, ...]}' % plan.input)
    limit = np.iinfo(plan.dtype)
    if not isinstance(ids, list) or not all(type(i) is int and limit.min <= i <= limit.max for i in ids):
        raise Refusal("wrong_type", "%s must be a list of %s numbers" % (plan.input, plan.dtype.name))
    if plan.length is not None and len(ids) != plan.length:
        raise Refusal("wrong_type", "%s must hold %d ids, not %d" % (plan.input, plan.length, len(ids)))
    return ids


# --- from the items to scores -----------------------------------------------------------------------------------

def classify(model, items):
    """For each item its scores (float array), its label (where the model gives no scores), or a :class:`Refusal`."""
    rows = list(items)
    good = sorted((i for i, item in enumerate(items) if not isinstance(item, Refusal)), key=lambda i: len(items[i]))
    # Alike in length, so that little is padded; ids are not padded at all.
    for _, group in itertools.groupby(good, key=lambda i: len(items[i]) if model.plan.takes_ids else 0):
        group = list(group)
        for first in range(0, len(group), BATCH):
            batch = group[first:first + BATCH]
            for i, row in zip(batch, scored(model, [items[i] for i in batch])):
                rows[i] = row
    return rows


def scored(model, inputs):
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


def scores_of(plan, outputs):
    """Probabilities ``[batch, classes]`` from what the model gives, by the rule that was chosen at load."""
    if plan.is_label:
        return [label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)
                for label in np.reshape(outputs[plan.output], -1).tolist()]
    x = np.asarray(outputs[plan.output], np.float64)
    x = x.reshape(len(x), -1)
    if plan.rule == "softmax":
        x = np.exp(x - x.max(axis=1, keepdims=True))
        x = x / x.sum(axis=1, keepdims=True)
    elif plan.rule == "sigmoid":
        x = 0.5 * (1.0 + np.tanh(0.5 * x))
    return np.concatenate([1.0 - x, x], axis=1) if x.shape[1] == 1 else x


def answer(row, labels, request):
    """The JSON answer for an item's scores."""
    if isinstance(row, Refusal):
        return row.answer
    if isinstance(row, str):
        return {"predicted_label": row}
    best_first = np.argsort(-row, kind="mergesort").tolist()  # stable: equal scores in the order of the labels
    return {"predicted_label": labels[best_first[0]], "score": float(row[best_first[0]]),
            "scores": [[labels[i], float(row[i])] for i in best_first[:request.top_k] if row[i] >= request.threshold]}


# --- from the folder to the model: once, in the constructor -----------------------------------------------------------

Model = collections.namedtuple("Model", "plan labels run")
Plan = collections.namedtuple("Plan", "tags signature input dtype rank takes_ids length feeds output is_label rule")

FEEDS = (  # what a further input gets while serving: where its alias holds this, of this kind, then this value
    ("keep", "float", 1.0),  # the probability of keeping a unit
    ("drop", "float", 0.0),  # the share of units to drop: 1.0 would ruin every answer silently
    ("rate", "float", 0.0),
    ("training", "bool", False),
)
RULES = ("probabilities", "softmax", "sigmoid")  # what is made of the scores; the first leaves them as they are
PROBES = [b"", b"a", b"good", b"\xe5\xa5\xbd\xe7\x9a\x84", b"one two three", b"it is not bad at all"]


def load(folder, options, tf_serving=None):
    """The model, by a Session where that loads it, else by ``tf.saved_model.load``; or as TensorFlow Serving has it."""
    meta_graphs = read_meta_graphs(folder)
    tags = choose("tag set", "tags", options, ("serve",), sorted(meta_graphs))
    plan = read_plan(tags, meta_graphs[tags], options)
    if tf_serving:  # loads by itself and may not be up yet, so nothing is asked of it here
        return Model(*judge(plan, meta_graphs[tags], options, folder, None), lambda feeds: tf_serving(
            {alias: value.tolist() for alias, value in feeds.items()}))
    golden = read_json(os.path.join(folder, "model_card.json")).get("golden", [])
    probes = [read_item(item, plan) for item in golden] or PROBES
    if plan.takes_ids and not golden:
        probes = [[0] * (plan.length or 1), [1] * (plan.length or 1)]
    faults = []
    for way, opened in (("a Session", open_session), ("tf.saved_model.load", open_function)):
        try:
            run = opened(folder, plan, meta_graphs[tags])
            seen = run(feeds_of(plan, probes))[plan.output]
        except Exception as error:  # engines raise errors of every kind; the other loader may do
            faults.append("%s: %s" % (way, " ".join(str(error).split())[:300]))
            continue
        model = Model(*judge(plan, meta_graphs[tags], options, folder, seen), run)
        replay(model, probes, golden)
        log.info("%s: loaded by %s as %s", folder, way, model.plan)
        return model
    raise LoadError("TensorFlow %s cannot load %s. %s" % (tf.__version__, folder, "; ".join(faults)))


def check_files(folder):
    """Every file that ``manifest.json`` lists is there and as it was; further ones are reported."""
    listed = {entry["path"]: entry for entry in read_json(os.path.join(folder, "manifest.json")).get("files", [])}
    for path, entry in sorted(listed.items()):
        digest = hashlib.sha256()
        try:
            with open(os.path.join(folder, path), "rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    digest.update(block)
        except OSError as error:
            raise LoadError("%s, listed in manifest.json, cannot be read: %s. Upload the package again" % (path, error))
        if digest.hexdigest() != entry["sha256"]:
            raise LoadError("%s was cut or changed: %d bytes, manifest.json lists %d. Upload the package again" % (
                path, os.path.getsize(os.path.join(folder, path)), entry["size"]))
    found = {os.path.relpath(os.path.join(top, name), folder).replace(os.sep, "/")
             for top, _, names in os.walk(folder) for name in names if "__pycache__" not in top}
    if listed and found - set(listed) - {"manifest.json"}:
        log.warning("not listed in manifest.json: %s", ", ".join(sorted(found - set(listed) - {"manifest.json"})))


def read_json(path):
    """The object in a JSON file; an empty one where there is no such file."""
    if not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError) as error:
        raise LoadError("%s cannot be read: %s" % (path, error))
    if not isinstance(content, dict):
        raise LoadError("%s must hold a JSON object" % path)
    return content


def read_meta_graphs(folder):
    """Tag sets, as sorted tuples, to MetaGraphDefs."""
    path = os.path.join(folder, "saved_model.pb")
    try:
        with open(path, "rb") as file:
            saved_model = saved_model_pb2.SavedModel.FromString(file.read())
    except Exception as error:  # protobuf's own error class moves from release to release
        raise LoadError("%s is no SavedModel: %s" % (path, error))
    return {tuple(sorted(graph.meta_info_def.tags)): graph for graph in saved_model.meta_graphs}


def choose(what, key, options, preferred, found):
    """One of the names found: what service.json says under ``key``, else the preferred, else the only one."""
    asked = options.get(key, preferred)
    asked = tuple(sorted(asked)) if isinstance(asked, list) else asked
    if asked in found:
        return asked
    if key not in options and len(found) == 1:
        return found[0]
    raise LoadError("no %s %r; the model has: %s. Name one under %r in service.json" % (
        what, asked, ", ".join(map(repr, found)) or "none that fits", key))


def read_plan(tags, meta_graph, options):
    """How to ask the model, from its signature; docs/decisions.md has these rules as a table."""
    keys = sorted(key for key in meta_graph.signature_def if not key.startswith("__"))
    key = choose("signature", "signature", options, "serving_default", keys)
    inputs, outputs = meta_graph.signature_def[key].inputs, meta_graph.signature_def[key].outputs
    name = choose("input of texts or ids", "input", options, "input_x", fitting(inputs, ("string", "int")))
    scores = fitting(outputs, ("float",))
    output = choose("output", "output", options, "output" if scores else "label",
                    scores or fitting(outputs, ("string", "int")))
    takes_ids, sizes = kind(inputs[name]) == "int", [d.size for d in inputs[name].tensor_shape.dim]
    length = 1 if len(sizes) == 1 else sizes[-1] if sizes and sizes[-1] > 0 else None
    return Plan(tags, key, name, np.dtype(tf.as_dtype(inputs[name].dtype).as_numpy_dtype), len(sizes) or 1 + takes_ids,
                takes_ids, length if takes_ids else None,
                {alias: feed(alias, info, options) for alias, info in inputs.items() if alias != name},
                output, output not in scores, None)


def kind(info):
    dtype = tf.as_dtype(info.dtype)
    return ("string" if dtype == tf.string else "int" if dtype.is_integer else
            "float" if dtype.is_floating else "bool" if dtype.is_bool else "other")


def fitting(infos, kinds):
    """The aliases of dense tensors of these kinds with a batch axis and at most one more."""
    return sorted(alias for alias, info in infos.items() if info.name and kind(info) in kinds and
                  (info.tensor_shape.unknown_rank or len(info.tensor_shape.dim) in (1, 2)))


def feed(alias, info, options):
    """What a further input gets: what service.json's ``feeds`` says, else a scalar by the table FEEDS."""
    dtype = tf.as_dtype(info.dtype).as_numpy_dtype
    if alias in options.get("feeds", {}):
        return np.array(options["feeds"][alias], dtype)
    for part, wanted, value in FEEDS:
        if part in alias.lower() and kind(info) == wanted and not info.tensor_shape.dim:
            return np.array(value, dtype)
    raise LoadError("the model also wants %r (%s, %d axes): say what it gets in service.json, as in %s" % (
        alias, kind(info), len(info.tensor_shape.dim), json.dumps({"feeds": {alias: 0}})))


def feeds_of(plan, inputs):
    """Aliases to arrays for a batch of items."""
    array = np.array(inputs, plan.dtype)
    return dict(plan.feeds, **{plan.input: array.reshape([len(inputs)] + [-1] * (plan.rank - 1))})


def open_session(folder, plan, meta_graph):
    signature = meta_graph.signature_def[plan.signature]
    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        tf.compat.v1.saved_model.loader.load(session, list(plan.tags), folder)
    fetches = {plan.output: signature.outputs[plan.output].name}
    return lambda feeds: session.run(fetches, {signature.inputs[alias].name: value for alias, value in feeds.items()})


def open_function(folder, plan, _):
    if tf.__version__.startswith("1."):
        raise LoadError("TensorFlow 1 has no such loader")
    model = tf.saved_model.load(folder, tags=list(plan.tags))

    def run(feeds):
        function = model.signatures[plan.signature]  # by way of the model, which must outlive its functions
        return {plan.output: function(**{a: tf.constant(v) for a, v in feeds.items()})[plan.output].numpy()}
    return run


def judge(plan, meta_graph, options, folder, seen):
    """The plan with its rule, and the class names; ``seen`` are outputs for texts of many kinds, or None."""
    if plan.is_label:
        return plan, []
    info = meta_graph.signature_def[plan.signature].outputs[plan.output]
    columns = seen.reshape(len(seen), -1).shape[1] if seen is not None else (
        info.tensor_shape.dim[1].size if len(info.tensor_shape.dim) == 2 else 1)
    plan = plan._replace(rule=rule_of(plan, columns, options, producer(meta_graph, info.name), seen))
    classes = max(2, columns)
    for path in (os.path.join(folder, "assets", "labels.txt"), os.path.join(folder, "labels.txt")):
        if os.path.exists(path):
            with open(path, encoding="utf-8", newline="\n") as file:
                labels = [line for line in file.read().split("\n") if line]
            if len(labels) != classes:
                raise LoadError("%s has %d labels, the model %d classes" % (path, len(labels), classes))
            return plan, labels
    return plan, [str(i) for i in range(classes)]


def producer(meta_graph, tensor):
    """The type of the op that makes a tensor; the call's, where a function makes it."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    node = nodes.get(tensor.split(":")[0])
    while node is not None and node.op == "Identity":
        node = nodes.get(node.input[0].split(":")[0])
    return node.op if node is not None else ""


def rule_of(plan, columns, options, op, seen):
    """Which of RULES makes probabilities of the scores: decided here, once, never by the rows of a request."""
    if "scores" in options:
        if options["scores"] not in RULES:
            raise LoadError("service.json: scores is %r; expected one of %s" % (options["scores"], ", ".join(RULES)))
        return options["scores"]
    logits = "softmax" if columns > 1 else "sigmoid"  # a softmax over one column would always be 1
    if "logit" in plan.output.lower():
        return logits
    if op == "Softmax" or (op == "Sigmoid" and columns == 1):
        return "probabilities"
    if seen is not None and op != "Sigmoid":
        rows = seen.reshape(len(seen), -1)
        if rows.min() < 0 or rows.max() > 1:
            log.info("%s lies outside [0, 1]: logits, turned by a %s", plan.output, logits)
            return logits
        if columns == 1 or np.abs(rows.sum(axis=1) - 1).max() < 1e-3:
            return "probabilities"
    raise LoadError("the rows of %r (%d columns, made by %s) need not sum to 1: say 'probabilities', 'softmax' or "
                    "'sigmoid' under 'scores' in service.json" % (plan.output, columns, op or "nothing known"))


def replay(model, probes, golden):
    """The golden texts get the answers here that they got where the model was exported."""
    for row, item in zip(classify(model, probes), golden):
        expected = np.array(item["probabilities"])
        off = np.inf if isinstance(row, Refusal) or row.shape != expected.shape else np.abs(row - expected).max()
        if not off <= TOLERANCE:
            raise LoadError("the golden text %r gets another answer than at export (off by %.2g, %g allowed): "
                            "TensorFlow %s computes this model wrongly, or a file was changed" % (
                                item["text"][:40], off, TOLERANCE, tf.__version__))
