"""The predictions of a package, by requests to its own service."""
import time
from typing import Any, Callable, Dict, List, Sequence

import numpy as np

from textjob.report.predictions import NO_ANSWER, Predictions, Rows

_CHUNK = 512
_TOP_K = 100
"""Scores per answer. With more classes, the probability of a true label that is not among them counts as 0."""
_REQUESTS = 15

Classify = Callable[..., List[Dict[str, Any]]]
"""Texts, and the options of a request, to one answer per text."""


def predict(classify: Classify, rows: Rows) -> Predictions:
    """The predictions for all rows; an item with an error gets the label ``NO_ANSWER``."""
    predicted = [NO_ANSWER] * len(rows.texts)
    confidence, of_label = np.zeros(len(rows.texts)), np.zeros(len(rows.texts))
    by_length = sorted(range(len(rows.texts)), key=lambda row: len(rows.texts[row]))  # less padding per request
    for first in range(0, len(by_length), _CHUNK):
        some = by_length[first:first + _CHUNK]
        for row, answer in zip(some, classify([rows.texts[row] for row in some], top_k=_TOP_K)):
            if "predicted_label" in answer:
                scores = {str(name): float(score) for name, score in answer.get("scores", [])}
                predicted[row] = str(answer["predicted_label"])
                confidence[row] = float(answer.get("score", scores.get(predicted[row], 0.0)))
                of_label[row] = scores.get(rows.labels[row], 0.0)
    return Predictions(rows.labels, predicted, confidence, of_label)


def milliseconds(classify: Classify, texts: Sequence[str]) -> float:
    """The median time of a request with one text."""
    times = []
    for text in list(texts[:_REQUESTS + 1]):
        began = time.perf_counter()
        classify([text])
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times[1:] or times))
