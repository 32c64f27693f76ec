"""The metrics of the server, for Prometheus."""
import threading
from typing import Any, Dict, List, Tuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 40)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters and histograms; those of predictions have the version of the model as a label."""

    def __init__(self) -> None:
        disable_created_metrics()  # a further line per counter, of no use here
        self._registry = CollectorRegistry()
        more: Dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("textjob_requests", "Requests by path, status and version of the model.",
                                 ["path", "status", "version"], **more)
        self._seconds = Histogram("textjob_request_seconds", "Time from the header of a request for a prediction to "
                                  "its response.", ["version"], buckets=SECONDS, **more)
        self._items = Counter("textjob_items", "Items of requests.", ["version"], **more)
        self._batches = Histogram("textjob_batch_items", "Items per call of the model.", ["version"], buckets=SIZES,
                                  **more)
        self._labels = Counter("textjob_labels", "Predictions per label.", ["version", "label"], **more)
        self._errors = Counter("textjob_errors", "Items and requests with an error, by code.", ["version", "code"],
                               **more)
        self._model = Gauge("textjob_model_loaded", "1 for the version that answers.", ["name", "version"], **more)
        self._states = Gauge("textjob_version_state", "1 for the state of each version: LOADING, AVAILABLE, UNLOADING "
                             "or END.", ["version", "state"], **more)
        self._shadow_seconds = Histogram("textjob_shadow_seconds", "Time for an answer in the shadow.", ["version"],
                                         buckets=SECONDS, **more)
        self._shadow_items = Counter("textjob_shadow_items", "Items that were answered in the shadow, too.",
                                     ["version", "served"], **more)
        self._disagreements = Counter("textjob_shadow_disagreements", "Items with another label in the shadow.",
                                      ["version", "served"], **more)
        self._dropped = Counter("textjob_shadow_dropped", "Requests that were not answered in the shadow, because of "
                                "the load or their size.", ["version"], **more)
        self._experiment = Counter("textjob_experiment_labels", "Predictions per label since the experiment was "
                                   "changed.", ["version", "role", "label"], **more)
        self._roles: Dict[str, str] = {}  # of the versions, during an experiment
        self._load = Gauge("textjob_model_load_seconds", "Time from the start of the load to readiness.", ["version"],
                           **more)
        self.queue = Gauge("textjob_queue_requests", "Requests that wait or are being answered.", **more)
        ProcessCollector(**more)
        self._lock = threading.Lock()
        self._counted: Dict[Tuple[Any, Tuple[str, ...]], int] = {}  # since the last flush, which takes longer
        self._histograms: Dict[Any, Any] = {}  # labels() takes longer than a look-up

    def load_time(self, version: str, seconds: float) -> None:
        """A version was loaded."""
        self._load.labels(version).set(seconds)

    def state(self, version: str, before: str, state: str) -> None:
        """A version has another state."""
        if before:
            self._states.remove(version, before)
        self._states.labels(version, state).set(1)

    def use(self, name: str, served: str, others: Dict[str, str]) -> None:
        """A version answers from now on; ``others`` are the roles of further versions, during an experiment."""
        self._model.clear()
        self._model.labels(name, served).set(1)
        roles = dict(others, **{served: "served"}) if others else {}
        if roles != self._roles:
            self._roles = roles
            self._flush()
            self._experiment.clear()

    def shadow(self, version: str, served: str, seconds: float, items: int, disagreements: int) -> None:
        """A request was answered in the shadow, too."""
        self._histogram(self._shadow_seconds, version).observe(seconds)
        self._count(items, self._shadow_items, version, served)
        self._count(disagreements, self._disagreements, version, served)

    def shadow_dropped(self, version: str) -> None:
        """A request was not answered in the shadow."""
        self._count(1, self._dropped, version)

    def request(self, path: str, status: Any, version: str) -> None:
        """A response was sent."""
        self._count(1, self._requests, path, status, version)

    def prediction(self, version: str, seconds: float, items: int) -> None:
        """A request for a prediction was answered."""
        self._histogram(self._seconds, version).observe(seconds)
        self._count(items, self._items, version)

    def batch(self, version: str, items: int) -> None:
        """The model was called."""
        self._histogram(self._batches, version).observe(items)

    def response(self, version: str, response: Any) -> None:
        """Count the labels and the codes of errors in a response of the project's own service."""
        role = self._roles.get(version)
        for answer in answers_in(response):
            if "predicted_label" in answer:
                self._count(1, self._labels, version, answer["predicted_label"])
                if role is not None:
                    self._count(1, self._experiment, version, role, answer["predicted_label"])
            elif isinstance(answer.get("error"), dict):
                self._count(1, self._errors, version, answer["error"].get("code", ""))

    def error(self, version: str, code: str) -> None:
        """A request was answered with an error."""
        self._count(1, self._errors, version, code)

    def text(self) -> bytes:
        """The text format of Prometheus."""
        self._flush()
        text: bytes = generate_latest(self._registry)
        return text

    def _count(self, amount: int, counter: Any, *labels: Any) -> None:
        key = counter, labels
        with self._lock:  # large responses are counted in a thread
            self._counted[key] = self._counted.get(key, 0) + amount

    def _flush(self) -> None:
        with self._lock:
            counted, self._counted = self._counted, {}
        for (counter, labels), amount in counted.items():
            counter.labels(*labels).inc(amount)

    def _histogram(self, histogram: Any, version: str) -> Any:
        key = histogram, version
        if key not in self._histograms:
            self._histograms[key] = histogram.labels(version)
        return self._histograms[key]


def answers_in(response: Any) -> List[Dict[str, Any]]:
    """The answers of a response, in whichever wrapper; a service may also return anything else."""
    for key in ("data", "resp_data", "predictions"):
        if isinstance(response, dict) and key in response:
            response = response[key]
    answers = response if isinstance(response, list) else [response]
    return [answer for answer in answers if isinstance(answer, dict)]
