"""Each side of a comparison in a process of its own: with threads as its users have them, nothing of others' beside."""
import multiprocessing
import statistics
import time
from typing import Any, Callable, List, Sequence, Tuple

_PROCESSES = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork


class Side:
    """What ``make(*arguments)`` gives, made and used in a process: it has ``train()``, ``dev()`` and ``weights``."""

    def __init__(self, title: str, make: Callable[..., Any], *arguments: Any) -> None:
        self.title = title
        self._pipe, end = _PROCESSES.Pipe()
        _PROCESSES.Process(target=_serve, args=(end, make, arguments), daemon=True).start()
        end.close()  # so that a side that died is an error here, not a wait
        self.weights: int = self._pipe.recv()

    def train(self) -> float:
        """One pass; its seconds."""
        self._pipe.send("train")
        return float(self._pipe.recv())

    def dev(self) -> float:
        """Accuracy on the dev part."""
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
            asked = pipe.recv()
        except EOFError:  # closed: no more is asked
            return
        began = time.perf_counter()
        answer = getattr(side, asked)()
        pipe.send(answer if asked == "dev" else time.perf_counter() - began)


def alternate(sides: Sequence[Side], rounds: int) -> Tuple[List[List[float]], List[Tuple[float, float]]]:
    """The seconds of each side in each round but the first; of each the seconds to its best dev accuracy, and that."""
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
    """How much faster the first side is: the median, and in brackets the least and the greatest of the rounds."""
    found = [taken[side] / taken[0] for taken in seconds]
    return f"{statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f})"
