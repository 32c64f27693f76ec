"""The predictions of one model for the rows of one part of the data, which the sections of a report are made from."""
from pathlib import Path
from typing import List, NamedTuple, Sequence

import numpy as np

from textjob import metrics
from textjob.results import Evaluation

NO_ANSWER = "(no answer)"
"""The predicted label of a text for which the service returns an error."""


class Rows(NamedTuple):
    """Labelled texts of one part."""

    part: str
    texts: Sequence[str]
    labels: Sequence[str]

    def sample(self, most: int) -> "Rows":
        """At most ``most`` rows, at equal distances over the part."""
        if len(self.texts) <= most:
            return self
        chosen = np.linspace(0, len(self.texts) - 1, most).astype(int)
        return self._replace(texts=[self.texts[i] for i in chosen], labels=[self.labels[i] for i in chosen])


class Predictions(NamedTuple):
    """The predictions of a model; all fields have one element for each row."""

    labels: Sequence[str]
    """The true labels."""
    predicted: List[str]
    confidence: np.ndarray
    """The probability of the predicted label; 0 without an answer."""
    of_label: np.ndarray
    """The probability of the true label; 0 if the model does not know the label."""

    @property
    def right(self) -> np.ndarray:
        """Whether each row is predicted correctly."""
        return np.array([label == predicted for label, predicted in zip(self.labels, self.predicted)], bool)

    @property
    def wrong_rows(self) -> List[int]:
        """The numbers of the rows with a wrong prediction."""
        return list(map(int, np.flatnonzero(~self.right)))

    def evaluation(self) -> Evaluation:
        """Accuracy, macro averages, figures per class and the confusion matrix."""
        return metrics.evaluate_names(self.labels, self.predicted)


def of_probabilities(probabilities: np.ndarray, names: Sequence[str], labels: Sequence[str]) -> Predictions:
    """The predictions of a classifier whose probabilities are ``[rows, classes]``, in the order of ``names``."""
    number = {name: i for i, name in enumerate(names)}
    known = np.array([number.get(label, -1) for label in labels], int)
    of_label = np.where(known < 0, 0.0, probabilities[np.arange(len(known)), known])
    return Predictions(list(labels), [names[i] for i in probabilities.argmax(1)], probabilities.max(1), of_label)


def save(path: Path, predictions: Predictions) -> None:
    """Write predictions to a file of NumPy, without the texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        str(path), labels=np.array(predictions.labels), predicted=np.array(predictions.predicted),
        confidence=predictions.confidence.astype(np.float32), of_label=predictions.of_label.astype(np.float32))


def load(path: Path) -> Predictions:
    """The predictions that :func:`save` wrote."""
    with np.load(str(path)) as arrays:
        return Predictions(arrays["labels"].tolist(), arrays["predicted"].tolist(), arrays["confidence"],
                           arrays["of_label"])
