"""Starts a package's own service and sends it requests, in a process that imports nothing else of this project."""
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from textjob import manifest, process
from textjob.check.finding import FAULT, NOTE, OK, Finding, has_fault
from textjob.engines.saved_graph import meta_graphs
from textjob.packaging import golden, package
from textjob.paths import SHIMS
from textjob.serving import host

MAX_BODY = 12 * 2 ** 20   # bytes: the platform's limit for a request
MAX_SECONDS = 40.0        # the platform's time limit for a response
LENGTHS = (3, 4, 1, 100)  # ids per item, where a model takes any number; further, an item without ids
START_SECONDS = 600       # the platform gives a deployment 20 minutes, which include the download of its image


class Request(NamedTuple):
    """The body of a request, the promise that it tests, and whether a response keeps the promise."""

    promise: str
    body: Any
    kept: Callable[[Any], bool]


class Response(NamedTuple):
    """A response of the service, or the result of its start (status 0)."""

    status: int
    body: Any
    seconds: float


Send = Callable[[Path, List[Any]], Tuple[List[Response], str]]
"""A function as :func:`send_to_process`."""


def findings(folder: Path, plan: Any, send: Optional[Send] = None) -> List[Finding]:
    """Start the service and send requests; ``plan`` is that of :func:`textjob.check.graph.signature`."""
    promises = requests(plan, _known_words(folder, plan))
    try:
        (start, *responses), log = (send or send_to_process)(folder, [request.body for request in promises])
    except StartError as error:
        return [Finding(FAULT, "answers", str(error))]
    results = [Finding(OK, "answers", f"the service starts in {start.seconds:.1f} s: {_loading(log)}"), _golden(folder)]
    for request, response in zip(promises, responses):
        body = json.dumps(response.body, ensure_ascii=False)[:300]
        if response.status != 200 or not kept(request, response.body):
            remedy = f"Correct {package.SERVICE}" if "model_error" not in body else (
                "Export the model again, so that it gives valid scores for such items, or convert it with infer.py "
                "adopt")
            results.append(Finding(FAULT, "answers", f"expected: {request.promise}; the response has the status "
                                   f"{response.status} and the body {body}. {remedy}"))
        elif response.seconds > MAX_SECONDS:
            results.append(Finding(FAULT, "answers", f"expected: {request.promise}; the response took "
                                   f"{response.seconds:.0f} s, but the platform's limit is {MAX_SECONDS:.0f} s. "
                                   "Use a smaller model"))
    if len(responses) < len(promises):
        results.append(Finding(FAULT, "answers", "the service's process ended while it processed a request (expected: "
                               f"{promises[len(responses)].promise}). The end of its log: {log[-300:]}"))
    if not has_fault(results):
        slowest = max(response.seconds for response in responses)
        results.append(Finding(OK, "answers", f"{len(responses)} requests have the expected responses; the slowest "
                               f"took {slowest:.2f} s"))
    return results


def kept(request: Request, body: Any) -> bool:
    """Whether the body of a response keeps the promise of its request."""
    try:
        return request.kept(body)
    except (LookupError, TypeError):  # the body has another structure
        return False


class StartError(Exception):
    """The service does not start; the message is the reason."""


def send_to_process(folder: Path, bodies: List[Any]) -> Tuple[List[Response], str]:
    """The result of the start and the response to each body, and the log of the process."""
    lines = b"".join(json.dumps(body).encode("utf-8") + b"\n" for body in bodies)
    command = [sys.executable, "-I", str(Path(host.__file__).resolve()), str(folder.resolve()), str(SHIMS)]
    # As in infer.py: the service of this template does not need Keras, whose import takes seconds.
    environment = dict(process.WITHOUT_KERAS if package.has_own_service(folder) else {}, **os.environ)
    try:
        done = subprocess.run(command, input=lines, capture_output=True, cwd=os.path.sep, env=environment,
                              timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        raise StartError(f"the service did not start and respond within {START_SECONDS} s")
    log = done.stderr.decode("utf-8", "replace")
    responses = [Response(*json.loads(line)) for line in done.stdout.decode("utf-8").splitlines()]
    if not responses:
        raise StartError(log.strip().splitlines()[-1] if log.strip() else
                         f"the service's process ended during its start without a message; see {package.SERVICE}")
    return responses, log


def _known_words(folder: Path, plan: Any) -> List[str]:
    """Some words that the model knows, alone and as one text."""
    import customize_service as service
    meta, = (meta for meta in meta_graphs(str(folder)) if tuple(sorted(meta.meta_info_def.tags)) == plan.tags)
    words = [word.decode("utf-8", "replace") for word in service.known_words(service.Graph(meta), str(folder))]
    return [*words, " ".join(words)] if words else []


def requests(plan: Any, known: Sequence[str] = ()) -> List[Request]:
    """The requests that every service must answer as promised; ``known``: texts of words that the model knows."""
    items = [_item(plan, text, LENGTHS[0]) for text in [*golden.TEXTS, *known]]
    if plan.takes_ids:
        items = [_item(plan, "", length) for length in LENGTHS]
    item = items[2 % len(items)]
    forms: List[Tuple[Any, Callable[[Any], Any]]] = [
        ({"data": {"req_data": items}}, lambda body: body["data"]["resp_data"]),
        ({"req_data": items}, lambda body: body["resp_data"]),
        ({"instances": items}, lambda body: body["predictions"]),
    ]
    promises = [Request(f"one answer per item of {next(iter(request))}", request, _answers_all(answers_of, len(items)))
                for request, answers_of in forms]
    promises += [
        Request(f"an answer to each of {count} items", {"req_data": (items * 7)[:count]},
                _answers_all(lambda body: body["resp_data"], count)) for count in (1, 2, 7)]
    promises += [
        Request("an empty list for an empty list", {"req_data": []}, lambda body: body == {"resp_data": []}),
        Request("an error only for each item that is not a text", {"req_data": [item, 5, {}]},
                lambda body: [_is_answer(answer) for answer in body["resp_data"]] == [True, False, False]),
        Request("an error for a request without a known form", {"nothing": 1}, lambda body: "error" in body),
        Request("meta is returned unchanged", {"meta": {"uuid": 1}, "req_data": [item]},
                lambda body: body["meta"] == {"uuid": 1}),
    ]
    if any(-1 in each.shape for each in plan.inputs.values()):
        without_ids = {"req_data": [_item(plan, "", 0)]}
        promises.append(Request("an answer for an item without ids", without_ids, _answers_all(
            lambda body: body["resp_data"], 1)))
    if plan.input and not plan.takes_ids:
        promises.append(Request("an answer without a list for one text", {"text": golden.TEXTS[2]}, _is_answer))
        promises.append(Request("an answer for 12 MB of text", {"text": "a word " * (MAX_BODY // 7 - 10)}, _is_answer))
    return promises


def _item(plan: Any, text: str, ids: int) -> Dict[str, Any]:
    """An item with this text and this number of ids in each input; the ids are 1, because 0 may be the padding."""
    if plan.input and not plan.takes_ids:
        return {"text": text}
    return {"input_x" if alias == plan.input else alias: text if each.dtype == object else np.full(
        [size if size > 0 else ids for size in each.shape], 1, each.dtype).tolist()
        for alias, each in plan.inputs.items() if not each.rule}


def _answers_all(answers_of: Callable[[Any], Any], count: int) -> Callable[[Any], bool]:
    return lambda body: len(answers_of(body)) == count and all(_is_answer(answer) for answer in answers_of(body))


def _is_answer(answer: Any) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("predicted_label"), str)


def _loading(log: str) -> str:
    """How the service loaded the model, from its log."""
    messages = [line.split("INFO:customize_service:")[1] for line in log.splitlines()
                if line.startswith("INFO:customize_service:")]
    return "; ".join(message.split(" as Plan(")[0].split(": ", 1)[-1] for message in messages) or (
        "its log does not contain how it loads the model")


def _golden(folder: Path) -> Finding:
    card: Dict[str, Any] = manifest.read_json(folder / package.CARD) if (folder / package.CARD).exists() else {}
    count = len(card.get("golden", []))
    if not count:
        return Finding(NOTE, "answers", f"{package.CARD} has no golden answers, so an engine that computes this model "
                       "incorrectly is not detected (infer.py adopt adds them)")
    return Finding(OK, "answers", f"the predictions for {count} golden texts equal those at export")
