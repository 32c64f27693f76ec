"""Runs each side of a comparison in its own process, with its default number of threads."""
import multiprocessing
import statistics
import time
from typing import Any, Callable, List, Sequence, Tuple

_PROCESSES = multiprocessing.get_context("spawn")  # TensorFlow does not work after a fork


class Side:
    """The object ``make(*arguments)`` in a process; it has the methods ``train``, ``dev`` and the field ``weights``."""

    def __init__(self, title: str, make: Callable[..., Any], *arguments: Any) -> None:
        self.title = title
        self._pipe, end = _PROCESSES.Pipe()
        _PROCESSES.Process(target=_serve, args=(end, make, arguments), daemon=True).start()
        end.close()  # otherwise ``recv`` would block after the process has ended
        self.weights: int = self._pipe.recv()

    def train(self) -> float:
        """Train for one epoch; returns the seconds."""
        self._pipe.send("train")
        return float(self._pipe.recv())

    def dev(self) -> float:
        """Evaluate on dev; returns the accuracy."""
        self._pipe.send("dev")
        return float(self._pipe.recv())

    def close(self) -> None:
        """End the process."""
        self._pipe.close()


def _serve(pipe: Any, make: Callable[..., Any], arguments: Sequence[Any]) -> None:
    side = make(*arguments)
    pipe.send(side.weights)
    while True:
        try:
            method = pipe.recv()
        except EOFError:  # the other end is closed
            return
        began = time.perf_counter()
        result = getattr(side, method)()
        pipe.send(result if method == "dev" else time.perf_counter() - began)


def alternate(sides: Sequence[Side], rounds: int) -> Tuple[List[List[float]], List[Tuple[float, float]]]:
    """Train and evaluate the sides in turns.

    Returns:
        the seconds of each side in each round except the first; for each side the seconds to its best dev accuracy, and
        that accuracy in %.
    """
    seconds: List[List[float]] = []
    scores: List[List[float]] = [[] for _ in sides]
    for number in range(rounds + 1):
        taken = [0.0] * len(sides)
        for i in sorted(range(len(sides)), reverse=number % 2 == 0):
            taken[i] = sides[i].train()
            scores[i].append(sides[i].dev())
        seconds.append(taken)
    best = [scored.index(max(scored)) for scored in scores]
    return seconds[1:], [(sum(taken[i] for taken in seconds[:last + 1]), 100 * scores[i][last])
                         for i, last in enumerate(best)]


def ratios(seconds: Sequence[Sequence[float]], side: int) -> str:
    """The ratio of a side's time to that of the first side: median, minimum and maximum over the rounds."""
    ratio = [taken[side] / taken[0] for taken in seconds]
    return f"{statistics.median(ratio):.2f} ({min(ratio):.2f}-{max(ratio):.2f})"
