"""Starts the service of an adopted package, and compares its answers with those of the source."""
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from textjob import manifest
from textjob.check import answers
from textjob.errors import PackageError
from textjob.packaging import package

MAX_DIFFERENCE = 1e-4  # of scores: the service accepts as much for golden texts


def verify(folder: Path) -> None:
    """Start the package's own service in a process of its own, and send it the golden items.

    The model card holds the answers of the source.

    Raises:
        PackageError: the service does not start, or answers other than the source.
    """
    card = manifest.read_json(folder / package.CARD)
    golden, labels = card["golden"], card["labels"]
    items = [{key: value for key, value in each.items() if key not in ("label", "probabilities")} for each in golden]
    try:
        (_, *responses), log = answers.send(folder, [{"req_data": items, "top_k": len(labels) or 1}])
    except answers.StartError as error:
        raise PackageError(f"the package is not written, because its service does not start: {error}")
    if not responses:
        raise PackageError("the package is not written, because the process of its service ended while it answered the "
                           f"golden texts. The end of its log: {log[-1000:]}")
    body = responses[0].body
    rows = body.get("resp_data", []) if isinstance(body, dict) else []
    if len(rows) != len(golden):
        raise PackageError(f"the package is not written, because its service answers {str(body)[:1000]} to "
                           f"{len(golden)} golden texts")
    for expected, answer in zip(golden, rows):
        reason = _difference(expected, answer, labels)
        if reason:
            raise PackageError(f"the package is not written, because its service answers {str(expected)[:60]} other "
                               f"than the source: {reason}. Report the model to the authors of this template")


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
