"""The shadow: a second version that answers the same requests, after the first one and without the client.

Its work is dropped first under load: a request is not answered in the shadow if many requests are in flight, if many
wait for the shadow, or if it is large.
"""
import asyncio
import json
import time
from typing import Any, Callable, List, Set, Tuple

from textjob.serving.admission import stop
from textjob.serving.limits import Limits
from textjob.serving.metrics import Metrics, answers_in
from textjob.serving.versions import StoppedError, Version

BUSY = 64  # requests in flight, from which on the shadow gets none
WAITING = 128  # requests that wait for the shadow


class Shadow:
    """Runs and compares the answers of the shadow."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._tasks: Set[asyncio.Task[None]] = set()

    def offer(self, version: Version, served: str, parse: Callable[[], Any], response: bytes, in_flight: int) -> None:
        """Let the shadow answer a request that was answered with ``response``, unless there is too much load.

        ``parse`` returns the data of the request anew, because a service may change them or read its files to the end.
        """
        if in_flight >= BUSY or len(self._tasks) >= WAITING:
            self._metrics.shadow_dropped(version.number)
            return
        version.begin()  # before the task, in which the version may have been replaced already
        task = asyncio.ensure_future(self._answer(version, served, parse, response))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Cancel the requests that wait for the shadow."""
        for task in self._tasks:
            task.cancel()

    async def _answer(self, version: Version, served: str, parse: Callable[[], Any], response: bytes) -> None:
        loop, began = asyncio.get_event_loop(), time.perf_counter()
        work: asyncio.Future[Any] = loop.create_future()
        timer = loop.call_later(self._limits.work, stop, work, True)
        try:
            status, answer, _ = await version.respond(parse(), work, False)
        except StoppedError:
            self._metrics.shadow_dropped(version.number)
            return
        finally:
            timer.cancel()
            work.cancel()
            version.end()
        items, disagreements = compared(response, answer if status == 200 else b"null")
        self._metrics.shadow(version.number, served, time.perf_counter() - began, items, disagreements)


def compared(response: bytes, other: bytes) -> Tuple[int, int]:
    """The number of items of a response, and of those with another label or error in the other response."""
    outcomes, others = _outcomes(json.loads(response)), _outcomes(json.loads(other))
    if len(others) != len(outcomes):
        return len(outcomes), len(outcomes)
    return len(outcomes), sum(one != another for one, another in zip(outcomes, others))


def _outcomes(response: Any) -> List[Any]:
    """The label or the code of the error of each item; the response itself, if it is of another kind of service."""
    answers = answers_in(response)
    if answers and all("predicted_label" in answer or "error" in answer for answer in answers):
        return [answer.get("predicted_label", answer.get("error")) for answer in answers]
    return [response]
