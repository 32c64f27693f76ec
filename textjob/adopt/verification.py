"""Starts the service of an adopted package, and compares its answers with those of the source."""
import contextlib
import logging
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np

from textjob import manifest
from textjob.errors import PackageError
from textjob.packaging import package
from textjob.paths import SHIMS
from textjob.serving import host

MAX_DIFFERENCE = 1e-4  # of scores: the service accepts as much for golden texts


def verify(folder: Path) -> None:
    """Start the package's own service in the life cycle of the platform, and send it the golden items.

    The model card holds the answers of the source. The service runs in this process, which has imported TensorFlow.
    ``infer.py check`` starts it in a process of its own.

    Raises:
        PackageError: the service does not start, or its answers differ from those of the source.
    """
    card = manifest.read_json(folder / package.CARD)
    golden, labels = card["golden"], card["labels"]
    items = [{key: value for key, value in each.items() if key not in ("label", "probabilities")} for each in golden]
    with _surroundings():
        try:
            server = host.Server(str(folder), str(SHIMS))
        except host.ServiceError as error:
            raise PackageError(f"the package is not written, because its service does not start: {error}")
        _, body = server.request({"req_data": items, "top_k": len(labels) or 1})
    rows = body.get("resp_data", []) if isinstance(body, dict) else []
    if len(rows) != len(golden):
        raise PackageError(f"the package is not written, because its service answers {str(body)[:1000]} to "
                           f"{len(golden)} golden texts")
    for expected, answer in zip(golden, rows):
        reason = _difference(expected, answer, labels)
        if reason:
            raise PackageError(f"the package is not written, because its service answers {str(expected)[:60]} other "
                               f"than the source: {reason}. Report the model to the authors of this template")


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """Those of a deployment: another working folder, so that a graph that reads a file by a relative path fails.

    The messages that the service logs about its load are left out, because they are for the log of a deployment.
    """
    folder, log = os.getcwd(), logging.getLogger("customize_service")
    level = log.level
    os.chdir(os.path.sep)
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        os.chdir(folder)
        log.setLevel(level)


def _difference(expected: Dict[str, Any], answer: Dict[str, Any], labels: List[str]) -> str:
    """How an answer differs from the expected one; "" if it does not."""
    if "error" in answer:
        return str(answer["error"])
    probabilities = expected.get("probabilities")
    if probabilities is None or len(probabilities) != len(labels):
        return "" if answer["predicted_label"] == expected["label"] else (
            f"{answer['predicted_label']!r}, expected {expected['label']!r}")
    scores = dict(answer.get("scores", []))
    difference = max((abs(scores.get(label, np.inf) - each) for label, each in zip(labels, probabilities)), default=0.0)
    return "" if difference <= MAX_DIFFERENCE else f"the scores differ by {difference:.2g}"
