"""The inference service: it serves any exported text classifier on ModelArts, without changes.

The platform makes one instance of :class:`TextClassifierService` and calls it from many threads. The sections of this
file stand in the order in which a request passes through: its items, their rows, the answers. The decision table and
the loading of the model come last; they are used once, before the first request.

An item is ``{"text": "..."}`` or a string, for a model of ids ``{"input_x": [ids]}`` or a list; an item may also use
the model's own aliases, and must if the model has several inputs. Its answer is ``{"predicted_label": "sport",
"score": 0.98, "scores": [["sport", 0.98], ...]}``; without the scores if the model gives labels only; or, if this item
alone has an error, ``{"error": {"code": ..., "message": ...}}``. ``top_k`` and ``threshold`` beside the items shorten
``scores``; ``meta`` is returned with the answers.

The decision table derives from the model which tensors are its inputs and outputs, and what its scores mean. Where a
model leaves a choice open, the load fails with an error that names the key of ``service.json`` which decides;
``service.json`` is an optional file beside the model.

Needs numpy, TensorFlow (1.15 or later) and Python (3.6 or later) only. Other modules of the project use these names:
    FEEDS, Graph, INPUTS, LoadError, Model, PROBES, RequestError, answer, choose, classify, decide, describe,
    known_words, matching, names_of, observe, open_function, open_session, parse_object, read_file, read_labels,
    read_plan; and textjob.check reads the log lines of a load. A server may answer several requests by one call of the
model, because ``TextClassifierService.rows`` takes the items of any number of requests.
"""
import base64
import collections
import csv
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
)                                 # the last form: uploaded files under any key, to resp_data


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
        return request, self.rows(request.items)

    def _postprocess(self, request_and_rows: Any) -> Dict[str, Any]:
        request, rows = request_and_rows
        answers = [answer(row, request.top_k, request.threshold) for row in rows]
        response = answers if request.wrapper else answers[0]  # type: Any
        for key in reversed(request.wrapper):
            response = {key: response}
        return dict(response, **request.meta)

    def rows(self, items: Sequence[Any]) -> List[Any]:
        """One row per item, for ``_postprocess((request, rows))``; the items may be those of several requests."""
        return classify(self.model, items)


# --- from the request to its items ------------------------------------------------------------------------------

Request = collections.namedtuple("Request", "wrapper meta items top_k threshold")


def read_request(data: Any, plan: "Plan") -> Request:
    """The parts of a request; each of its ``items`` has the inputs of the model or is a :class:`RequestError`."""
    if not isinstance(data, dict):
        raise RequestError("bad_request", f'the request is {type(data).__name__}, expected an object as {{"text": ""}}')
    items, holder, wrapper = find_items(data, plan)
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
    size = sum(map(size_of, inputs))
    if size > MAX_REQUEST:
        raise RequestError("too_large", f"the request has {size} bytes, expected at most {MAX_REQUEST}; divide it")
    return Request(wrapper, echoed_meta(data), inputs, int(top_k), threshold)


def find_items(data: Dict[str, Any], plan: "Plan") -> Tuple[List[Any], Dict[str, Any], Tuple[str, ...]]:
    """The items of a request, the object that contains them, and the wrapper of the answers (``()``: no wrapper)."""
    for (*outer, key), wrapper in FORMS:
        holder = data.get(outer[0]) if outer else data
        if not isinstance(holder, dict) or key not in holder or is_upload(holder[key]):
            continue
        items, expected = holder[key], "a list of items or a string" if key == "text" else "a list of items"
        if isinstance(items, list):
            return items, holder, wrapper
        if key == "text" and isinstance(items, str):
            return [items], holder, ()
        code, kind = ("missing_text", "null") if items is None else ("wrong_type", type(items).__name__)
        raise RequestError(code, f"{key} is {kind}, expected {expected}")
    uploads = [file for field in data.values() if is_upload(field) for file in field.items()]
    if uploads:
        items = [item for name, file in uploads for item in read_upload(str(name), file.read(), plan)]
        return items, {}, ("resp_data",)
    keys = ", ".join(sorted(map(repr, data))) or "no keys"
    raise RequestError("bad_request", f"the request has no text; it has {keys[:500]}, expected one of the keys "
                                      "data.req_data, req_data, instances, text, or an uploaded text file")


def is_upload(field: Any) -> bool:
    """Whether a field holds uploaded files, which the platform passes as ``{file name: readable}``."""
    return isinstance(field, dict) and bool(field) and all(hasattr(file, "read") for file in field.values())


def read_upload(name: str, content: bytes, plan: "Plan") -> List[Any]:
    """The items of an uploaded file: JSON values, the rows of a .csv or .tsv file, or else one text per line."""
    lines, suffix, columns = read_lines(name, content), os.path.splitext(name)[1].lower(), {"text", *plan.inputs}
    if not lines:
        return []
    separator = "\t" if "\t" in lines[0] else ","
    try:
        if suffix in (".json", ".jsonl") or lines[0].startswith('{"'):
            whole = suffix == ".json" and not lines[0].endswith("}")  # one value; else one value per line
            items = json.loads("\n".join(lines)) if whole else [json.loads(line) for line in lines if line.strip()]
            return items if isinstance(items, list) else [items]
        if suffix in (".csv", ".tsv"):
            return read_table(lines, separator, columns)
    except (ValueError, RecursionError, csv.Error) as error:
        raise RequestError("bad_request", f"{name} cannot be read as JSON objects or as a table: {error}")
    if separator in lines[0] and columns & set(lines[0].split(separator)):
        raise RequestError("bad_request", f"the first line of {name} looks like the header of a table; rename the file "
                           "to .csv or .tsv if it is one, or else send its lines as JSON")
    return lines


def read_table(lines: List[str], separator: str, columns: Any) -> List[Any]:
    """The rows below a header, of tab-separated values, which know no quotes, or as in RFC 4180."""
    head, *rows = csv.reader((line + "\n" for line in lines), delimiter=separator,
                             quoting=csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL)
    if not columns & set(head):
        raise ValueError(f"its header has no column {' or '.join(sorted(columns))}; add it, or upload a .txt file with "
                         "one text per line")
    return [{column: cell for column, cell in zip(head, row) if column in columns} if len(row) == len(head) else
            RequestError("bad_request", f"the row has {len(row)} cells, expected {len(head)} as in the header")
            for row in rows if row]


def read_lines(name: str, content: bytes) -> List[str]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            lines = content.decode(encoding).split("\n")
        except UnicodeDecodeError:
            continue
        lines = lines if lines[-1] else lines[:-1]  # a newline at the end of the file begins no further text
        return [line[:-1] if line.endswith("\r") else line for line in lines]
    raise RequestError("bad_request", f"{name} is neither UTF-8 nor GB18030; save it as UTF-8 text")


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
    if not isinstance(data, dict) or "meta" not in data:
        return {}
    try:
        json.dumps(data["meta"], allow_nan=False, ensure_ascii=False).encode("utf-8")
        return {"meta": data["meta"]}
    except (TypeError, ValueError, RecursionError):
        return {}


def read_item(item: Any, plan: "Plan") -> Any:
    """The inputs of an item, alias to UTF-8 bytes or array; a :class:`RequestError` if one is missing or wrong."""
    if isinstance(item, RequestError):
        return item
    fields = item if isinstance(item, dict) and set(item) != {"b64"} else {plan.input: item}
    try:
        inputs = {alias: read_value(alias, fields, plan) for alias, each in plan.inputs.items()
                  if not each.rule or alias in fields}
    except RequestError as error:
        return error
    if len(inputs) < len(plan.inputs):
        ids = next(value for value in inputs.values() if np.ndim(value))
        inputs.update({alias: np.full(ids.shape if each.shape else (), ITEM_FEEDS[each.rule](ids), each.dtype)
                       for alias, each in plan.inputs.items() if alias not in inputs})
    return inputs


def read_value(alias: str, fields: Dict[str, Any], plan: "Plan") -> Any:
    """The value of one input. The only input that an item must have may also be called as in the contract."""
    names = [alias] + (["input_x"] if plan.takes_ids else ["text", "input_x"]) * (alias == plan.input)
    value = next((fields[name] for name in names if fields.get(name) is not None), None)
    if value is not None:
        expected = plan.inputs[alias]
        return read_text(alias, value) if expected.dtype == object else read_array(alias, value, expected)
    if not plan.input:
        keys = ", ".join(key for key, each in plan.inputs.items() if not each.rule)
        raise RequestError("missing_text", f"the item has no {alias}; send an object with the keys {keys}")
    if not plan.takes_ids:
        raise RequestError("missing_text", 'the item has no text; send {"text": "..."} or a string')
    raise RequestError("wrong_type" if "text" in fields else "missing_text", "the item has no ids, but this model "
                       'takes ids, not text; send {"input_x": [1, 2, ...]}')


def read_text(alias: str, value: Any) -> bytes:
    if isinstance(value, dict) and set(value) == {"b64"}:  # bytes, as TensorFlow Serving writes them
        try:
            value = base64.b64decode(value["b64"], validate=True).decode("utf-8", "replace")
        except (TypeError, ValueError):
            raise RequestError("wrong_type", "b64 is not a string in base64")
    if not isinstance(value, str):
        raise RequestError("wrong_type", f"the text {alias} is of the type {type(value).__name__}, expected a string")
    # By UTF-16, surrogates that form a pair are joined, and the others become U+FFFD.
    return value[:MAX_TEXT].encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def read_array(alias: str, value: Any, expected: "Input") -> Any:
    """Numbers of the type and the shape of an input; -1 in the shape is any size."""
    array, kind = np.array(value, object), expected.dtype.kind
    types = {"f": (int, float), "b": (bool,)}.get(kind, (int,))
    limits = np.iinfo(expected.dtype) if kind in "iu" else np.finfo(
        np.float32 if expected.dtype.itemsize > 2 else np.float16)  # a larger number would become infinite
    least, greatest = np.array([limits.min, limits.max]).tolist()  # Python's numbers compare with any other
    if not all(type(each) in types and least <= each <= greatest for each in array.ravel()):
        raise RequestError("wrong_type", f"{alias} must be a list of {expected.dtype.name} numbers")
    array = array.reshape(()) if expected.shape == () and array.shape == (1,) else array
    if array.ndim != len(expected.shape) or any(size not in (-1, n) for n, size in zip(array.shape, expected.shape)):
        raise RequestError("wrong_type", f"{alias} has the shape {list(array.shape)}, expected {list(expected.shape)} "
                                         "(-1: any size)")
    return array.astype(expected.dtype)


# --- from the items to their rows and the answers ---------------------------------------------------------------

Row = collections.namedtuple("Row", "label names scores")  # the model's own label or None; float64 scores or None


def size_of(item: Any) -> int:
    """The bytes of the texts and the count of the numbers of an item; 0 if the item is an error."""
    return 0 if isinstance(item, RequestError) else sum(
        len(value) if isinstance(value, bytes) else value.size for value in item.values())


def classify(model: "Model", items: Sequence[Any]) -> List[Any]:
    """One :class:`Row` per item, or its error."""
    rows = list(items)
    # Items of similar length share a batch, so that little is padded; numbers are not padded: their shapes are equal.
    good = [i for i, item in enumerate(items) if not isinstance(item, RequestError)]
    shapes = {i: [value.shape for value in items[i].values() if not isinstance(value, bytes)] for i in good}
    good.sort(key=lambda i: (shapes[i], size_of(items[i])))
    for _, same_shapes in itertools.groupby(good, key=lambda i: shapes[i]):
        group = list(same_shapes)
        for first in range(0, len(group), BATCH):
            batch = group[first:first + BATCH]
            for i, row in zip(batch, predict(model, [items[i] for i in batch])):
                rows[i] = row
    return rows


def predict(model: "Model", inputs: List[Any]) -> List[Any]:
    """The rows of one batch. If the batch fails, each item is tried alone, so that only the failing ones get errors."""
    try:
        return rows_of(model, outputs_of(model.plan, model.run, inputs), len(inputs))
    except Exception:  # an engine may raise any error; the process must go on and answer the other items
        if len(inputs) > 1:
            return [row for item in inputs for row in predict(model, [item])]
        log.exception("the model failed on an item")
        return [RequestError("model_error", "the model failed on this item; the log of the service has the cause")]


def outputs_of(plan: "Plan", run: Any, items: List[Any]) -> Dict[str, Any]:
    """Alias to output. A model with a fixed batch is called with batches of that size, the last one filled up."""
    size, parts = plan.batch or len(items), []
    for first in range(0, len(items), size):
        part = items[first:first + size]
        outputs = run(feeds_of(plan, part + part[-1:] * (size - len(part))), plan.outputs)
        parts.append({alias: value[:len(part)] if np.shape(value)[:1] == (size,) else value
                      for alias, value in outputs.items()})
    return {alias: np.concatenate([part[alias] for part in parts]) if len(parts) > 1 and np.ndim(value) else value
            for alias, value in parts[0].items()}


def feeds_of(plan: "Plan", items: List[Any]) -> Dict[str, Any]:
    """Alias to array for a batch of items."""
    feeds = {alias: np.array([item[alias] for item in items], each.dtype) for alias, each in plan.inputs.items()}
    return dict(plan.feeds, **{alias: array.reshape([len(items), 1]) if plan.inputs[alias].shape == (1,) else array
                               for alias, array in feeds.items()})


def rows_of(model: "Model", outputs: Dict[str, Any], count: int) -> List[Any]:
    """The rows of a batch; an error where the scores refute the meaning that was decided while the model was loaded."""
    plan = model.plan
    used = {alias: np.asarray(outputs[alias]) for alias in (plan.label, plan.scores, plan.classes) if alias}
    if any(len(value) != count for value in used.values()):
        raise ValueError(f"the model gave {', '.join(str(len(each)) for each in used.values())} rows for {count} items")
    labels = names_of(used[plan.label], model.labels)[:, 0] if plan.label else [None] * count
    if not plan.scores:
        return [Row(label, [], None) for label in labels]
    scores = probabilities(plan.rule, used[plan.scores])
    if scores.shape[1] != plan.columns:
        raise ValueError(f"the model gave {scores.shape[1]} scores per item, but {plan.columns} when it was loaded")
    names = names_of(used[plan.classes], model.labels) if plan.classes else [model.labels] * count
    faults = {"are not finite numbers": ~np.isfinite(scores).all(axis=1),
              "are outside [0, 1]": ((scores < -SUM_TOLERANCE) | (scores > 1 + SUM_TOLERANCE)).any(axis=1),
              "do not sum to 1": (np.abs(scores.sum(axis=1) - 1) > SUM_TOLERANCE) & plan.sums}
    rows = []  # type: List[Any]
    for i, (label, row_names, row) in enumerate(zip(labels, names, np.clip(scores, 0.0, 1.0))):
        fault = next((fault for fault, holds in faults.items() if holds[i]), None)
        rows.append(RequestError("model_error", f"the model's scores for this item {fault}") if fault else
                    Row(label, row_names, row) if len(row_names) == len(row) else
                    Row(label, [label], row.max(keepdims=True)))
    return rows


def probabilities(rule: str, scores: Any) -> Any:
    """float64 ``[batch, classes]`` by the rule that was decided while the model was loaded."""
    x = np.asarray(scores, np.float64)
    x = x.reshape(len(x), int(np.prod(x.shape[1:])))  # also of no rows
    if rule == "softmax":
        x = np.exp(x - x.max(axis=1, keepdims=True))
        x = x / x.sum(axis=1, keepdims=True)
    elif rule == "sigmoid":
        x = 0.5 * (1.0 + np.tanh(0.5 * x))
    return np.concatenate([1.0 - x, x], axis=1) if x.shape[1] == 1 and rule != "confidence" else x


def names_of(values: Any, labels: List[str]) -> Any:
    """Class names ``[batch, n]`` of an output of strings or numbers; numbers are line numbers of ``labels.txt``."""
    def name(value: Any) -> str:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        number = int(text) if text.isdecimal() and len(text) < 7 and text not in labels else len(labels)
        return labels[number] if number < len(labels) else text
    values = np.asarray(values)
    return np.array([name(value) for value in values.ravel().tolist()], object).reshape(
        len(values), -1 if values.size else 1)


def answer(row: Any, top_k: int = TOP_K, threshold: float = 0.0) -> Dict[str, Any]:
    """The JSON answer to an item."""
    if isinstance(row, RequestError):
        return row.answer
    names, scores = row.names, [] if row.scores is None else row.scores.tolist()
    best_first = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)  # stable
    if not best_first or row.label not in (None, names[best_first[0]]):
        return {"predicted_label": row.label}  # the model's own label decides, also against its scores
    return {"predicted_label": names[best_first[0]], "score": scores[best_first[0]],
            "scores": [[names[i], scores[i]] for i in best_first[:top_k] if scores[i] >= threshold]}


# --- the decision table, as in docs/serving-any-model.md --------------------------------------------------------

# The keys of service.json.
KEYS = {"tags": list, "signature": str, "input": str, "feeds": dict, "output": str, "scores": str, "backend": str}
MEANINGS = ("probabilities", "softmax", "sigmoid", "confidence")  # values of "scores"; others are aliases of outputs
# The tensors that can be the main input, further inputs of an item, outputs: dtype and shape as describe() writes them.
INPUTS = r"string\[-?\d+(, 1)?\]|int\[-?\d+(, -?\d+)?\]|(string|int)\[\?\]"  # texts (at most one column), or ids
FURTHER = INPUTS + r"|(float|int|bool)\[-1(, -?\d+)*\]"
OUTPUTS = r"(float|string|int)\[(\?|-?\d+(, -?\d+)?)\]"
FEEDS = (  # the value of a further scalar input, first match wins: part of its alias, its dtype, the value
    ("keep", "float", 1.0),  # the probability of keeping a unit
    ("drop", "float", 0.0),  # the share of units to drop; 1.0 would make every answer wrong without an error
    ("rate", "float", 0.0),
    ("training", "bool", False),
)
ITEM_FEEDS = {  # the values of a further input of an item, as a function of its ids
    "ones": lambda ids: 1, "zeros": lambda ids: 0, "length": np.size}  # type: Dict[str, Callable[[Any], int]]
# op: see origin(); loss: "softmax" or "sigmoid" if such a loss in the graph reads the scores; named: whether the
# columns are those of known names or numbers; labelled: whether the model gives labels; sum_error: |row sum - 1|
Scores = collections.namedtuple("Scores", "alias op loss columns named labelled minimum maximum sum_error")
RULES = (  # the meaning of the scores, first match wins; logits go through a softmax, one column through a sigmoid
    ("made by Softmax", lambda s: s.op in ("Softmax", "TopKV2 of Softmax") and s.columns > 1, "probabilities"),
    ("made by LogSoftmax", lambda s: s.op == "LogSoftmax" and s.columns > 1, "logits"),
    ("one column made by Sigmoid", lambda s: s.op == "Sigmoid" and s.columns == 1, "probabilities"),
    ("picked from a Softmax beside a label", lambda s: s.op in PICKED and s.columns == 1 and s.labelled, "confidence"),
    ("an alias that contains conf beside a label",
     lambda s: "conf" in s.alias.lower() and s.columns == 1 and s.labelled, "confidence"),
    ("read by a softmax loss in the graph", lambda s: s.loss == "softmax" and s.columns > 1, "logits"),
    ("read by a sigmoid loss in the graph", lambda s: s.loss == "sigmoid" and s.columns == 1, "logits"),
    ("rows that sum to 1", lambda s: s.columns > 1 and s.minimum >= 0 and s.sum_error < 1e-3, "probabilities"),
    ("an alias that contains logit", lambda s: "logit" in s.alias.lower(), "logits"),
    ("columns with names and values outside [0, 1]",
     lambda s: s.columns > 1 and s.named and (s.minimum < 0 or s.maximum > 1), "logits"),
)
SUM_TOLERANCE = 1e-2        # of the scores of a request; half-precision models miss a sum of 1 by more than 1e-3
PASSING = ("Identity", "Reshape", "Squeeze", "ExpandDims", "Cast", "StopGradient", "Snapshot")  # keep all values
PICKING = ("Max", "TopKV2", "GatherNd", "GatherV2")  # keep some of the values
PICKED = tuple(f"{op} of Softmax" for op in PICKING)  # type: Tuple[str, ...]
LABEL = re.compile("label|class|categor|topic|intent|predict|sentiment")  # in the alias of an output of labels


# --- from the folder to the model: once, in the constructor -----------------------------------------------------

# labels: the names of the columns of the scores; [] if each row has names of its own, or its label alone has a score;
# run(feeds, outputs, signature): alias to array, for a batch; without a signature, that of the plan.
Model = collections.namedtuple("Model", "plan labels run")
# input: the only input that an item must have, or "" if there are several; inputs: alias to Input; batch: its fixed
# size, or 0; feeds: alias to the value of an input without items; outputs: the aliases to fetch; label, classes,
# scores: aliases or ""; rule, columns, sums: the meaning of the scores, their count, whether they sum to 1.
Plan = collections.namedtuple("Plan", "tags signature input inputs takes_ids batch feeds outputs "
                              "label classes scores rule columns sums")
Input = collections.namedtuple("Input", "dtype shape rule")  # of one item; rule: a key of ITEM_FEEDS, or ""
PROBES = [b"a", b"good", b"\xe5\xa5\xbd\xe7\x9a\x84", b"one two three", b"it is not bad at all"]


def load(folder: str, options: Dict[str, Any], tf_serving: Any = None) -> Model:
    """The model in a Session, or by ``tf.saved_model.load`` if no Session can run it, or behind TensorFlow Serving."""
    graphs = {tuple(sorted(graph.meta_info_def.tags)): graph for graph in read_file(
        folder, "saved_model.pb", saved_model_pb2.SavedModel.FromString).meta_graphs}
    tags = choose("tags", "a tag set", options, ("serve",), sorted(graphs), graphs)
    plan, listed = read_plan(tags, graphs[tags], options), read_labels(folder)
    if tf_serving:  # it loads the model by itself and may not be ready yet, so the model is not run here
        return Model(*decide(plan, graphs[tags], options, folder, listed, None), lambda feeds, _: tf_serving(
            {alias: value.tolist() for alias, value in feeds.items()}))
    golden = read_file(folder, "model_card.json", parse_golden, [])
    probes = [read_item(item, plan) for item in golden]
    for probe in probes:
        if isinstance(probe, RequestError):
            raise LoadError(f"model_card.json: a golden text does not fit this model: {probe}. Export it again")
    failures = []
    for loader, open_model in (("a Session", open_session), ("tf.saved_model.load", open_function)):
        try:
            run = open_model(folder, plan, graphs[tags])
            outputs = observe(plan, run, probes if len(probes) > 1 else probes + made_probes(
                plan, known_words(Graph(graphs[tags]), folder)))
        except Exception as error:  # an engine may raise any error; the other loader may succeed
            failures.append(f"{loader}: {' '.join(str(error).split())[:300]}")
            continue
        model = Model(*decide(plan, graphs[tags], options, folder, listed, outputs), run)
        replay(model, golden, probes)
        log.info("%s: loaded by %s as %s", folder, loader, model.plan)
        return model
    reads_examples = any(node.op.startswith("ParseExample") for node in graphs[tags].graph_def.node)
    remedy = "Its input is a tf.Example: convert it with infer.py adopt" if reads_examples else (
        "infer.py check names the engines that can load it; if no engine can, infer.py adopt says what to change")
    raise LoadError(f"TensorFlow {tf.__version__} cannot run {folder} with the inputs {', '.join(plan.inputs)}. "
                    f"{'; '.join(failures)}. {remedy}")


def made_probes(plan: Plan, words: List[bytes]) -> List[Any]:
    """Items for which a model without golden texts runs while it is loaded: built-in texts, known words, or ids."""
    texts = PROBES + words if any(each.dtype == object for each in plan.inputs.values()) else PROBES[:2]
    return [{alias: text if each.dtype == object else np.full(np.maximum(each.shape, 1), i % 2, each.dtype)
             for alias, each in plan.inputs.items()} for i, text in enumerate(texts)]  # the ids 0 and 1 always exist


def known_words(graph: "Graph", folder: str) -> List[bytes]:
    """Some lines of each asset and some strings of each constant list; many of them are words that the model knows."""
    lists = [lines for _, lines in asset_lines(folder)] + [each.tolist() for each in graph.constants()]
    return [word[:100] for words in lists for word in words[::len(words) // 8 + 1] if word.strip()]


def observe(plan: Plan, run: Any, probes: List[Any]) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """The outputs for the probes: ``[probes, width]`` of those with a row per item and a constant width; the others."""
    many, one = outputs_of(plan, run, probes), outputs_of(plan, run, [min(probes, key=size_of)])
    rows, others = {}, {}
    for alias, value in ((alias, np.asarray(many[alias])) for alias in plan.outputs):
        if value.ndim in (1, 2) and len(value) == len(probes) and np.shape(one[alias]) == (1,) + value.shape[1:]:
            rows[alias] = value.reshape([len(value), -1])
        else:
            others[alias] = value
    return rows, others


def unobserved(info: Any, classes: int) -> Any:
    """No rows of an output, where the model was not run; the width is that in the signature, or that of labels.txt."""
    widths = [max(d.size, 0) or classes for d in info.tensor_shape.dim[1:]] or [1]
    return np.zeros([0] + widths, tf.as_dtype(info.dtype).as_numpy_dtype)


# --- which outputs are the answer -------------------------------------------------------------------------------

Choice = collections.namedtuple("Choice", "rank plan names certainty")  # certainty: the best score of each probe


def decide(plan: Plan, meta_graph: Any, options: Dict[str, Any], folder: str, listed: List[str], outputs: Any
           ) -> Tuple[Plan, List[str]]:
    """The plan with its outputs and the meaning of the scores, and the class names, by the outputs for the probes.

    A label of the model itself is the answer; floats are its scores if they explain the label of every probe.
    """
    infos, graph = meta_graph.signature_def[plan.signature].outputs, Graph(meta_graph)
    rows, others = outputs or ({alias: unobserved(infos[alias], len(listed)) for alias in plan.outputs}, {})
    kinds = {alias: describe(infos[alias]).split("[")[0] for alias in sorted(rows)}
    floats = [alias for alias in kinds if kinds[alias] == "float"]
    lists = [alias for alias in kinds if kinds[alias] != "float" and rows[alias].shape[1] > 1]
    labels = [alias for alias in kinds if alias not in floats + lists]
    named = {str(options[key]) for key in ("output", "scores")
             if key in options and not (key == "scores" and options[key] in MEANINGS)}
    if not named <= set(kinds) or not floats + labels:
        raise LoadError(f"expected {', '.join(sorted(named)) or 'an output'} with one row per item; such outputs are "
                        f"{', '.join(kinds) or 'missing'}. Name labels (string or int [batch]) or scores (float "
                        "[batch, classes]) under 'output' in service.json, or export the model with them")
    floats, labels = preferred(floats, named, "output"), preferred(labels, named, "label")
    labels = [alias for alias in labels if kinds[alias] == "string" or alias in named] or labels  # names, not numbers
    texts = {label: names_of(rows[label], listed)[:, 0].tolist() for label in labels}
    for label in labels:
        if not one_to_one(texts[label], texts[labels[0]]):
            raise LoadError(f"the labels {labels[0]!r} and {label!r} differ. Name one of them under 'output' in "
                            "service.json")
    strings = any(kinds[label] == "string" for label in labels)
    static = [listed] if listed else names_in(graph, folder, others, strings)
    choices, problems = [], []  # type: List[Choice], List[str]
    for alias in floats:
        same = {each: names_of(rows[each], listed).tolist() for each in lists if rows[each].shape == rows[alias].shape}
        same = {each: value for each, value in same.items() if all(len(set(row)) == len(row) for row in value)}
        try:
            known = any(len(each) == rows[alias].shape[1] for each in static) or any(
                text == rows[alias].argmax(axis=1).astype(str).tolist() for text in texts.values())
            rule = rule_of(alias, options, graph, infos[alias].name, rows[alias], known, bool(labels))
        except LoadError as error:
            problems.append(str(error))
            continue
        chosen = plan._replace(scores=alias, rule=rule)
        alone = alias == options.get("output") or not labels
        choices += explanations(chosen, rows[alias], same, listed, static, texts, alone)
    best = max(choices, key=lambda each: each.rank, default=None)  # type: Any
    for each in choices:
        if each.rank == best.rank and not np.allclose(each.certainty, best.certainty, atol=1e-3, equal_nan=True):
            raise LoadError(f"{best.plan.scores!r} and {each.plan.scores!r} give different answers. Name one of them "
                            f"under '{'scores' if named else 'output'}' in service.json")
    best = best or label_alone(plan, rows, kinds, floats, labels, named, problems, listed)
    used = [alias for alias in (best.plan.label, best.plan.scores, best.plan.classes) if alias]
    return best.plan._replace(outputs=used), best.names


def label_alone(plan: Plan, rows: Dict[str, Any], kinds: Dict[str, str], floats: List[str], labels: List[str],
                named: Any, problems: List[str], listed: List[str]) -> Choice:
    """A label without scores, if service.json or its alias says that it is a label, or no scores contradict it."""
    without_meaning = len(problems) == len(floats)
    single = [label for label in labels if label in named or LABEL.search(label.lower()) or not floats
              or (kinds[label] == "string" and without_meaning)]
    single = single or [each for each in rows if kinds[each] == "string" and each not in labels and any(
        rows[alias].shape == rows[each].shape and (np.diff(rows[alias]) <= 0).all() for alias in floats)]  # best first
    if len(single) != 1 or named & set(floats):
        raise LoadError("; ".join(problems) or f"the outputs {', '.join(labels + floats)} do not agree. Name one of "
                        "them under 'output' in service.json")
    log.info("%s: no scores explain this label, so it is answered without scores", single[0])
    return Choice(0, plan._replace(label=single[0]), listed, None)


def explanations(plan: Plan, values: Any, lists: Dict[str, Any], listed: List[str], static: List[List[str]],
                 texts: Dict[str, List[str]], alone: bool) -> List[Choice]:
    """How these scores explain each label: by the names of their columns, or else as the certainty of the label.

    With ``alone``, scores that explain no label are an answer by themselves.
    """
    scores = probabilities(plan.rule, values)
    certainty, finite = scores.max(axis=1), np.flatnonzero(np.isfinite(scores).all(axis=1)).tolist()
    best, count = scores[finite].argmax(axis=1).tolist(), scores.shape[1]
    sums = np.abs(scores[finite].sum(axis=1) - 1)
    plan = plan._replace(columns=count, sums=bool(count > 1 and len(sums) and sums.max() < 1e-3))
    if listed and not lists and plan.rule != "confidence" and len(listed) != count:
        raise LoadError(f"labels.txt has {len(listed)} labels, the model {count} classes; write one label per class")
    names = [(alias, value, []) for alias, value in lists.items()]  # type: List[Tuple[str, Any, List[str]]]
    static = static + [[str(i) for i in range(count)]]
    names += [("", [each] * len(scores), each) for each in static if len(each) == count]
    choices = []
    for label, text in texts.items():
        chosen, text = plan._replace(label=label), [text[i] for i in finite]
        own = Choice(1, chosen, listed, certainty)  # listed: the names of labels that are numbers
        match = next((each for each in names if [each[1][i][k] for i, k in zip(finite, best)] == names_of(
            text, each[2])[:, 0].tolist()), None)
        if plan.rule == "confidence":
            choices.append(own)
        elif match:
            choices.append(Choice(3, chosen._replace(classes=match[0]), match[2], certainty))
        elif one_to_one(text, best) and (plan.sums or values.shape[1] == 1) and not any(
                set(text) <= set(each[2]) for each in names):
            # Names in labels.txt replace those of the model; without names, only the label's own score is known.
            choices.append(Choice(2, plan, listed, certainty) if listed else own)
    if alone and not choices:
        choices.append(Choice(2, plan._replace(classes=names[0][0]), names[0][2], certainty))
    return choices


def one_to_one(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether equal values of one correspond to equal values of the other."""
    return len(set(zip(one, other))) == len(set(one)) == len(set(other))


def rule_of(alias: str, options: Dict[str, Any], graph: "Graph", tensor: str, rows: Any, named: bool, labelled: bool
            ) -> str:
    """What scores mean; decided once at load, never by the rows of a request, which may only refute it."""
    rows, rule = rows[np.isfinite(rows).all(axis=1)], options.get("scores")
    op = graph.origin(tensor)[0]
    columns, of_logits = rows.shape[1], "softmax" if rows.shape[1] > 1 else "sigmoid"  # a softmax of one is always 1
    sums = [rows.min(), rows.max(), np.abs(rows.sum(axis=1) - 1).max()] if rows.size else [np.nan] * 3
    scores = Scores(alias, op, graph.loss(tensor) if " of " not in op else "", columns, named, labelled, *sums)
    if rule not in MEANINGS:
        reason, rule = next(((reason, rule) for reason, holds, rule in RULES if holds(scores)), ("", ""))
        rule = of_logits if rule == "logits" else rule
        if rule:
            log.info("%s: %s, so the rule of the scores is %s", alias, reason, rule)
    if not rule:
        raise LoadError(f"the output {alias!r} ({op or 'unknown op'}, width {columns}) has no known meaning. "
                        "A regression or an embedding is not a classifier and cannot be served. If these are scores of "
                        "classes, write 'probabilities', 'softmax' or 'sigmoid' under 'scores' in service.json")
    if rule == "softmax" and columns == 1:
        raise LoadError(f"{alias!r} has one column, whose softmax is always 1. Write 'sigmoid' under 'scores' in "
                        "service.json")
    given = probabilities(rule, rows)
    if rows.size and (given.min() < -SUM_TOLERANCE or given.max() > 1 + SUM_TOLERANCE):
        raise LoadError(f"{alias!r} has values from {sums[0]:.3g} to {sums[1]:.3g}, not in [0, 1] as {rule}. If they "
                        "are logits, write 'softmax' or 'sigmoid' under 'scores' in service.json; else name another "
                        "output")
    return rule


def names_in(graph: "Graph", folder: str, others: Dict[str, Any], labelled: bool) -> List[List[str]]:
    """Lists that may be the class names: constant outputs, assets and, where labels can prove it, constants."""
    constants = [value for value in others.values() if value.ndim == 1 and value.dtype == object]
    lists = [names_of(value, [])[:, 0].tolist() for value in constants + (graph.constants() if labelled else [])]
    lists += [names_of(lines, [])[:, 0].tolist() for name, lines in asset_lines(folder)
              if labelled or LABEL.search(name.lower())]
    return [[name for name in each if name] for each in lists]


def preferred(aliases: List[str], named: Any, contract: str) -> List[str]:
    """The aliases that service.json names, else that of the contract, else all."""
    return [each for each in aliases if each in named] or [each for each in aliases if each == contract] or aliases


class Graph:
    """What the ops of a MetaGraph tell about its tensors."""

    def __init__(self, meta_graph: Any) -> None:
        self.nodes = {node.name: node for node in meta_graph.graph_def.node}
        self.functions = {each.signature.name: each for each in meta_graph.graph_def.library.function}

    def origin(self, tensor: str) -> Tuple[str, str]:
        """The ops that make a tensor, the last one first, as in ``Max of Softmax``, and the name of the first node."""
        nodes, ops = self.nodes, []  # type: Dict[str, Any], List[str]
        while True:
            name, _, index = tensor.partition(":")
            node = nodes.get(name)
            if node is None:  # an argument of a function
                return " of ".join(ops), name
            function = self.functions.get(node.attr["f"].func.name) if "f" in node.attr else None
            if function is not None:
                argument = function.signature.output_arg[int(index.split(":")[-1] or 0)].name
                nodes, tensor = {each.name: each for each in function.node_def}, function.ret[argument]
                continue
            if node.op not in PASSING:
                ops.append(node.op)
                if node.op not in PICKING or (node.op == "GatherV2" and not node.attr["batch_dims"].i):
                    return " of ".join(ops), name
            tensor = node.input[0]

    def ancestors(self, tensors: List[str]) -> Any:
        """The names of the nodes that some tensors depend on."""
        waiting, found = list(tensors), set()  # type: List[str], Any
        while waiting:
            name = waiting.pop().lstrip("^").split(":")[0]
            if name in self.nodes and name not in found:
                found.add(name)
                waiting.extend(self.nodes[name].input)
        return found

    def loss(self, tensor: str) -> str:
        """``softmax`` or ``sigmoid`` if the graph still contains such a loss, and it reads this tensor; else ``""``."""
        target = self.origin(tensor)[1]
        for node in self.nodes.values():
            softmax, sigmoid = "SoftmaxCrossEntropyWithLogits" in node.op, "logistic_loss" in node.name
            if (softmax or sigmoid) and any(self.origin(each)[1] == target for each in node.input[:1 + sigmoid]):
                return "softmax" if softmax else "sigmoid"
        return ""

    def constants(self) -> List[Any]:
        """The constant lists of strings, except for the names of variables that the saver reads."""
        nodes = [*self.nodes.values(), *(node for each in self.functions.values() for node in each.node_def)]
        saver = {name.split(":")[0] for node in nodes if node.op in ("SaveV2", "RestoreV2") for name in node.input}
        tensors = [node.attr["value"].tensor for node in nodes if node.op == "Const" and node.name not in saver]
        return [tf.make_ndarray(each) for each in tensors
                if each.dtype == tf.string.as_datatype_enum and len(each.tensor_shape.dim) == 1]


# --- the files beside the model ---------------------------------------------------------------------------------

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


def asset_lines(folder: str) -> List[Tuple[str, List[bytes]]]:
    """The name and the lines of each file in ``assets``; folders in it belong to other tools."""
    assets = os.path.join(folder, "assets")
    names = sorted(os.listdir(assets)) if os.path.isdir(assets) else []
    return [(name, read_file(assets, name, lambda content: content.split(b"\n"))) for name in names
            if os.path.isfile(os.path.join(assets, name))]


def read_labels(folder: str) -> List[str]:
    """The class names in ``assets/labels.txt``, else in ``labels.txt``; ``[]`` if there is no such file."""
    files = [read_file(folder, name, lambda content: content.decode("utf-8").strip("\n"), "")
             for name in ("assets/labels.txt", "labels.txt")]
    return [line for line in (files[0] or files[1]).split("\n") if line]


# --- the tag set, the signature and the inputs -----------------------------------------------------------------

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
    remedy = f"Name one that fits under {key!r} in service.json" if fitting else (
        "Export the model with one, or convert it with infer.py adopt")
    raise LoadError(f"expected {noun}, {name!r} or the only one; the model has {listing}. {remedy}")


def read_plan(tags: Tuple[str, ...], meta_graph: Any, options: Dict[str, Any]) -> Plan:
    """The inputs and the possible outputs, from the signature alone; :func:`decide` chooses among the outputs."""
    signatures = {key: value for key, value in meta_graph.signature_def.items() if not key.startswith("__")}
    key = choose("signature", "a signature", options, "serving_default", sorted(signatures), signatures)
    infos, outputs = signatures[key].inputs, signatures[key].outputs
    graph = Graph(meta_graph)
    candidates = [alias for alias in matching(outputs, OUTPUTS)
                  if not graph.origin(outputs[alias].name)[0].startswith("Placeholder")]
    if not candidates:
        choose("output", "an output of labels (string or int [batch]) or scores (float [batch] or [batch, classes])",
               options, "output", [], outputs)
    noun = "an input of texts (string [batch] or [batch, 1]) or ids (int [batch] or [batch, n])"
    fitting = matching(infos, INPUTS)
    if not fitting:  # before any advice about further inputs
        choose("input", noun, options, "input_x", [], infos)
    used = graph.ancestors([outputs[alias].name for alias in candidates])
    read = [alias for alias in sorted(infos) if infos[alias].name.split(":")[0] in used]
    if meta_graph.HasField("object_graph_def") or not read:  # a function takes all inputs
        read = sorted(infos)
    values = {alias: feed(alias, infos[alias], options, signatures[key]) for alias in read}
    inputs = {alias: input_of(infos[alias], value) for alias, value in values.items() if isinstance(value, str)}
    needed = [alias for alias, each in inputs.items() if not each.rule]
    main = [alias for alias in needed if alias in fitting]
    if not main or "input" in options:
        main = [choose("input", noun, options, "input_x", main, infos)]
    shape = infos[main[0]].tensor_shape
    return Plan(tags, key, main[0] if len(needed) == 1 else "", inputs,
                all(each.dtype != object for each in inputs.values()), max(shape.dim[0].size, 0) if shape.dim else 0,
                {alias: value for alias, value in values.items() if alias not in inputs}, candidates,
                label="", classes="", scores="", rule="", columns=0, sums=False)


def input_of(info: Any, rule: str) -> Input:
    """What an item has for an input. Ids of an unknown shape are a list; texts of an unknown shape are not."""
    dtype, sizes = tf.as_dtype(info.dtype), tuple(d.size for d in info.tensor_shape.dim[1:])
    if info.tensor_shape.unknown_rank and dtype.is_integer:
        sizes = (-1,)
    if dtype == tf.string:
        sizes = (1,) * len(sizes)
    return Input(np.dtype(dtype.as_numpy_dtype), sizes, rule)


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
    """The value of an input that is the same for all items; for an input of each item, its rule of ITEM_FEEDS or ""."""
    defaults, reason = getattr(signature, "defaults", {}), ""  # TensorFlow 1.15 and 2.1 do not have this field
    kind, given = describe(info), options.get("feeds", {}).get(alias)
    if given is not None and re.match(r"\w+\[-1", kind):
        if not isinstance(given, str) or given not in ITEM_FEEDS or kind.startswith("string"):
            raise LoadError(f"service.json: the input {alias!r}, {kind}, must come from each item, so 'feeds' can give "
                            f"only one of the rules {', '.join(ITEM_FEEDS)} to numbers. Correct it or leave it out")
        return given
    try:
        if given is not None:
            return np.array(given).astype(tf.as_dtype(info.dtype).as_numpy_dtype)
        for part, dtype, value in FEEDS:
            if part in alias.lower() and kind in (f"{dtype}[]", f"{dtype}[?]"):
                return np.array(value, tf.as_dtype(info.dtype).as_numpy_dtype)
        if info.name and re.fullmatch(FURTHER, kind):
            return ""
        if re.match(r"\w+\[-1", kind):
            raise LoadError(f"the input {alias!r}, {kind}, must come from each item, but it is neither numbers nor a "
                            "text (string [batch] or [batch, 1]). Export the model with an input of texts or ids")
        if alias in defaults:
            shape = [d.size for d in defaults[alias].tensor_shape.dim]
            if np.prod(shape, dtype=np.float64) <= MAX_TEXT:
                return tf.make_ndarray(defaults[alias])
            reason = f" (its default is too large: {shape})"
    except (TypeError, ValueError) as error:
        reason = f" ({error})"
    example = np.zeros([max(d.size, 1) for d in info.tensor_shape.dim], tf.as_dtype(info.dtype).as_numpy_dtype).tolist()
    raise LoadError(f"the further input {alias!r}, {kind}, has no known value{reason}. Write its value under 'feeds' "
                    f"in service.json, as in {json.dumps({'feeds': {alias: example}})}")


def open_session(folder: str, plan: Plan, meta_graph: Any) -> Callable[..., Any]:
    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        tf.compat.v1.saved_model.loader.load(session, list(plan.tags), folder)

    def run(feeds: Dict[str, Any], aliases: List[str], key: str = plan.signature) -> Any:
        signature = meta_graph.signature_def[key]
        return session.run({alias: signature.outputs[alias].name for alias in aliases},
                           {signature.inputs[alias].name: value for alias, value in feeds.items()})
    return run


def open_function(folder: str, plan: Plan, _: Any) -> Callable[..., Any]:
    model = tf.saved_model.load(folder, tags=list(plan.tags))  # TensorFlow 1 raises, because it has no such loader

    def run(feeds: Dict[str, Any], aliases: List[str], key: str = plan.signature) -> Any:
        function = model.signatures[key]  # keeps a reference to the model, which its functions need
        outputs = function(**{alias: tf.constant(value) for alias, value in feeds.items()})
        return {alias: outputs[alias].numpy() for alias in aliases}
    return run


def replay(model: Model, golden: List[Dict[str, Any]], probes: List[Any]) -> None:
    """Compare the answers to the golden texts with those that they got at export."""
    for item, row in zip(golden, classify(model, probes)):
        if "probabilities" in item:
            expected = np.array(item["probabilities"])
            scores = getattr(row, "scores", None)
            comparable = scores is not None and scores.shape == expected.shape
            difference = np.abs(scores - expected).max() if comparable else np.inf
        else:
            difference = 0.0 if answer(row).get("predicted_label") == item["label"] else np.inf
        if not difference <= TOLERANCE:
            text = str(item.get("text", item))[:40]
            raise LoadError(f"the golden text {text!r} gets another answer than at export (off by {difference:.2g}, "
                            f"{TOLERANCE:g} allowed): a file was changed, or TensorFlow {tf.__version__} computes this "
                            "model wrongly. Upload the package again, or choose another engine")
