"""Functions that send requests to a service and compare its answers."""
import functools
import importlib.util
import json
import sys
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import tensorflow as tf

from textjob.check import answers
from textjob.paths import SHIMS
from textjob.serving import host

PROJECT = Path(__file__).resolve().parents[2]

GOAL, SOUP, CROWD = TEXTS = ["goal team score", "soup bread 好吃", "体育 crowd of the stadium"]
"""One text per class of ``sample_data.TOPICS``; their answers differ."""

NESTED: List[Any] = functools.reduce(lambda inner, _: [inner], range(100000), [])
"""A list that is nested more deeply than any parser accepts."""


@functools.lru_cache(maxsize=None)
def service_of(package: Path) -> Any:
    """The package's own service, loaded once per process."""
    return load(package / "customize_service.py", package)


def load(service_file: Path, package: Path) -> Any:
    """An instance of the service class of a file for a package; the file is loaded by its path, as on the platform."""
    return module_of(service_file).TextClassifierService("text-classifier", str(package))


def answered_in_process(package: Path, bodies: List[Any]) -> Tuple[List[answers.Response], str]:
    """As ``answers.send_to_process``, without a process of its own."""
    try:
        server = host.Server(str(package), str(SHIMS))
    except host.ServiceError as error:
        raise answers.StartError(str(error))
    return [answers.Response(0, {}, 0.0), *(answers.Response(*server.request(body), 0.0) for body in bodies)], ""


def module_of(service_file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("service_under_test", str(service_file))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    was, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # other tests use the same package
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = was
    return module


def made_service(folder: Path, scores: Callable[[Any], Any], labels: Sequence[str]) -> Any:
    """The repository's service with a model of these probabilities; ``scores`` maps a tensor of texts to them."""
    v1 = tf.compat.v1
    info, method = v1.saved_model.build_tensor_info, v1.saved_model.signature_constants.PREDICT_METHOD_NAME
    with tf.Graph().as_default(), v1.Session() as session:
        texts = v1.placeholder(tf.string, [None])
        inputs, outputs = {"input_x": info(texts)}, {"output": info(scores(texts))}
        signature = v1.saved_model.build_signature_def(inputs, outputs, method)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    (folder / "labels.txt").write_text("".join(label + "\n" for label in labels), encoding="utf-8")
    (folder / "service.json").write_text(json.dumps({"scores": "probabilities"}), encoding="utf-8")
    return load(PROJECT / "customize_service.py", folder)


def upload(*contents: bytes) -> Dict[str, BytesIO]:
    """The file field of a form, as the platform passes it."""
    return OrderedDict((f"{name}.txt", BytesIO(content)) for name, content in zip("abc", contents))


def ask(service: Any, body: Any) -> Any:
    """The response, which must consist of JSON types only: no tuples, no NumPy types, no NaN, no lone surrogates."""
    reply = service.inference(body)
    sent = json.dumps(reply, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert json.loads(sent.decode("utf-8")) == reply
    return reply


def same(one: Dict[str, Any], other: Dict[str, Any]) -> bool:
    """Whether two answers are equal except for rounding, which may differ between a batch and a single text."""
    if "error" in one or "error" in other:
        return one == other
    ours, theirs = dict(one["scores"]), dict(other["scores"])
    if ours.keys() != theirs.keys() or abs(one["score"] - other["score"]) > 5e-6:
        return False
    best = sorted(ours.values(), reverse=True)
    tie = len(best) > 1 and best[0] - best[1] < 1e-5
    return all(abs(ours[label] - theirs[label]) <= 5e-6 for label in ours) and (
        tie or one["predicted_label"] == other["predicted_label"])


def are_answers(answers: Any, service: Any, texts: Sequence[str]) -> bool:
    """Whether these are the answers that the texts get alone."""
    return isinstance(answers, list) and len(answers) == len(texts) and all(
        same(answer, ask(service, {"text": text})) for answer, text in zip(answers, texts))


def code(reply: Any) -> str:
    """The error code of a response or an answer, which must have no other content."""
    assert set(reply) == {"error"} and set(reply["error"]) == {"code", "message"}
    assert isinstance(reply["error"]["message"], str) and reply["error"]["message"]
    return str(reply["error"]["code"])


def labels_of(answer: Dict[str, Any]) -> str:
    """The labels of the scores of an answer, in their order."""
    return "".join(label for label, _ in answer["scores"])


def short(value: Any) -> str:
    """A parameter as it appears in the name of a test."""
    return "deep" if value is NESTED else ascii(value)[:20]


FORMS: Dict[str, Callable[[List[Any]], Any]] = {
    "data": lambda items: {"data": {"req_data": items}},
    "req_data": lambda items: {"req_data": items},
    "instances": lambda items: {"instances": items},
    "text": lambda items: {"text": items},
}
"""The forms of a request that hold a list of items."""


def unwrapped(form: str, reply: Any) -> Any:
    """The answers in the wrapper of a response; None if it is not the wrapper of the form, or has further content."""
    if form == "data":
        return unwrapped("req_data", reply["data"]) if set(reply) == {"data"} else None
    key = "predictions" if form == "instances" else "resp_data"
    return reply[key] if set(reply) == {key} else None
