"""Which requests the server accepts, and for how long each may take; for every API on every port."""
import asyncio
from typing import Any, Dict

from textjob.serving.limits import Limits
from textjob.serving.versions import StoppedError, Version, Versions

DRAINING, LOADING, FULL = "the server is ending", "no model is loaded yet", "too many requests wait for an answer"


class Admission:
    """The requests that wait or are being answered; ``draining`` is set when the server is to end."""

    def __init__(self, limits: Limits, versions: Versions) -> None:
        self.draining = False
        self._deadlines: Dict[asyncio.Future[Any], float] = {}  # of the work on each request, the next one first
        self._limits, self._versions = limits, versions

    @property
    def in_flight(self) -> int:
        """The number of requests that wait or are being answered."""
        return len(self._deadlines)

    def refusal(self) -> str:
        """Why a request cannot be accepted now: ``DRAINING``, ``LOADING`` or ``FULL``; "" if it can."""
        if self.draining or self._versions.served is None:
            return DRAINING if self.draining else LOADING
        return FULL if len(self._deadlines) >= self._limits.queue else ""

    def begin(self, version: Version) -> "asyncio.Future[Any]":
        """Count a request and keep its version loaded; the future gets a StoppedError when its time is over."""
        loop = asyncio.get_event_loop()
        work: asyncio.Future[Any] = loop.create_future()
        self._deadlines[work] = loop.time() + self._limits.work
        version.begin()
        return work

    def end(self, version: Version, work: "asyncio.Future[Any]") -> None:
        """A request was answered, or will not be answered."""
        del self._deadlines[work]
        work.cancel()
        version.end()

    def stop_late(self, now: float) -> None:
        """End the work on the requests whose time is over; a timer per request would take more CPU time."""
        for work, deadline in self._deadlines.items():
            if deadline > now:
                return
            stop(work, True)


def stop(work: "asyncio.Future[Any]", time_is_over: bool) -> None:
    """End the work on a request, because its time is over or its client has gone."""
    if not work.done():
        work.set_exception(StoppedError(time_is_over))
