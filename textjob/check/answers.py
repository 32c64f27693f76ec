"""Real requests to a package's own service, in a process that has nothing but the package on its path."""
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from textjob import manifest
from textjob.check.finding import FAULT, NOTE, OK, Finding
from textjob.packaging import golden, package
from textjob.paths import SHIMS
from textjob.serving import host

MAX_BODY = 12 * 2 ** 20   # bytes: the platform's limit for a request
MAX_SECONDS = 40.0        # for an answer, end to end
START_SECONDS = 600       # the platform gives a deployment 20 minutes, the pull of its image among them


class Request(NamedTuple):
    """A body, what the promise is, and whether an answer keeps it."""

    promise: str
    body: Any
    kept: Callable[[Any], bool]


def findings(folder: Path, plan: Any) -> List[Finding]:
    """What the service answers; ``plan`` tells how the model is asked (:func:`textjob.check.graph.signature`)."""
    requests = _requests(plan)
    try:
        replies, log = ask(folder, [request.body for request in requests])
    except _NoStartError as error:
        return [Finding(FAULT, "answers", str(error))]
    (_, _, seconds), replies = replies[0], replies[1:]
    found = [Finding(OK, "answers", f"the service starts in {seconds:.1f} s: {_how(log)}")]
    found += _golden(folder, log)
    for request, (status, reply, took) in zip(requests, replies):
        if status != 200 or not _kept(request, reply):
            found.append(Finding(FAULT, "answers", f"{request.promise}: answered {status} {json.dumps(reply, ensure_ascii=False)[:300]}"))
        elif took > MAX_SECONDS:
            found.append(Finding(FAULT, "answers", f"{request.promise}: after {took:.0f} s, the platform waits {MAX_SECONDS:.0f} s"))
    if len(replies) < len(requests):
        found.append(Finding(FAULT, "answers", f"the service's process died of a request ({requests[len(replies)].promise}): {log[-300:]}"))
    if not any(finding.level == FAULT for finding in found):
        slowest = max(took for _, _, took in replies)
        found.append(Finding(OK, "answers", f"{len(replies)} requests answered as they should be, the slowest in {slowest:.2f} s"))
    return found


def _kept(request: Request, reply: Any) -> bool:
    try:
        return request.kept(reply)
    except (LookupError, TypeError):  # a reply of another shape
        return False


class _NoStartError(Exception):
    pass


def ask(folder: Path, bodies: List[Any]) -> Tuple[List[Tuple[int, Any, float]], str]:
    """(status, reply, seconds) of the start and of each body, and what the process logged."""
    lines = b"".join(json.dumps(body).encode("utf-8") + b"\n" for body in bodies)
    command = [sys.executable, "-I", str(Path(host.__file__).resolve()), str(folder.resolve()), str(SHIMS)]
    try:
        done = subprocess.run(command, input=lines, capture_output=True, cwd=os.path.sep, timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        raise _NoStartError(f"the service did not answer within {START_SECONDS} s")
    log = done.stderr.decode("utf-8", "replace")
    replies = [tuple(json.loads(line)) for line in done.stdout.decode("utf-8").splitlines()]
    if not replies:
        raise _NoStartError(log.strip().splitlines()[-1] if log.strip() else "the service's process died at its start")
    return replies, log  # type: ignore[return-value]


def _requests(plan: Any) -> List[Request]:
    items: List[Any] = [{"text": text} for text in golden.TEXTS]
    if plan.takes_ids:
        items = [{"input_x": [1] * int(plan.length or n)} for n in (3, 4)]  # not 0: padding alone may have no answer
    one = items[2 % len(items)]
    forms: List[Tuple[Any, Callable[[Any], Any]]] = [
        ({"data": {"req_data": items}}, lambda reply: reply["data"]["resp_data"]),
        ({"req_data": items}, lambda reply: reply["resp_data"]),
        ({"instances": items}, lambda reply: reply["predictions"]),
    ]
    asked = [Request(f"{next(iter(body))} gets an answer for each item", body, _all(answers, len(items)))
             for body, answers in forms]
    asked += [
        Request("an empty list gets an empty list", {"req_data": []}, lambda reply: reply == {"resp_data": []}),
        Request("what is no text is an error of its item alone", {"req_data": [one, 5, {}]},
                lambda reply: [_is_answer(row) for row in reply["resp_data"]] == [True, False, False]),
        Request("a request without a form is an error", {"nothing": 1}, lambda reply: "error" in reply),
        Request("meta is echoed", {"meta": {"uuid": 1}, "req_data": [one]}, lambda reply: reply["meta"] == {"uuid": 1}),
    ]
    if not plan.takes_ids:
        asked.append(Request("a text is answered bare", {"text": golden.TEXTS[2]}, _is_answer))
        asked.append(Request("a text of 12 MB is answered", {"text": "a word " * (MAX_BODY // 7 - 10)}, _is_answer))
    return asked


def _all(answers: Callable[[Any], Any], count: int) -> Callable[[Any], bool]:
    return lambda reply: len(answers(reply)) == count and all(_is_answer(answer) for answer in answers(reply))


def _is_answer(answer: Any) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("predicted_label"), str)


def _how(log: str) -> str:
    """What the service's log says of how it loaded the model."""
    said = [line.split("INFO:customize_service:")[1] for line in log.splitlines()
            if line.startswith("INFO:customize_service:")]
    return "; ".join(line.split(" as Plan(")[0].split(": ", 1)[-1] for line in said) or "it says nothing of how"


def _golden(folder: Path, log: str) -> List[Finding]:
    card: Dict[str, Any] = manifest.read_json(folder / package.CARD) if (folder / package.CARD).exists() else {}
    count = len(card.get("golden", []))
    if not count:
        return [Finding(NOTE, "answers", f"no golden answers in {package.CARD}: an engine that computes this model wrongly goes "
                        "unnoticed (infer.py adopt adds them)")]
    return [Finding(OK, "answers", f"{count} golden answers replayed")]
