"""Which requests the server accepts, and for how long each may take; for every API on every port."""
import asyncio
import contextlib
from typing import Any, Iterator

from textjob.serving.limits import Limits
from textjob.serving.versions import StoppedError, Version, Versions

DRAINING, LOADING, FULL = "the server is ending", "no model is loaded yet", "too many requests wait for an answer"


class Admission:
    """Counts the requests that wait or are being answered; ``draining`` is set when the server is to end."""

    def __init__(self, limits: Limits, versions: Versions) -> None:
        self.draining = False
        self.in_flight = 0
        self._limits, self._versions = limits, versions

    def refusal(self) -> str:
        """Why a request cannot be accepted now: ``DRAINING``, ``LOADING`` or ``FULL``; "" if it can."""
        if self.draining or self._versions.served is None:
            return DRAINING if self.draining else LOADING
        return FULL if self.in_flight >= self._limits.queue else ""

    @contextlib.contextmanager
    def work(self, version: Version) -> Iterator["asyncio.Future[Any]"]:
        """Count a request and keep its version loaded; the future gets a StoppedError when its time is over."""
        loop = asyncio.get_event_loop()
        work: asyncio.Future[Any] = loop.create_future()
        timer = loop.call_later(self._limits.work, stop, work, True)
        self.in_flight += 1
        try:
            with version.request():
                yield work
        finally:
            self.in_flight -= 1
            timer.cancel()
            work.cancel()


def stop(work: "asyncio.Future[Any]", time_is_over: bool) -> None:
    """End the work on a request, because its time is over or its client has gone."""
    if not work.done():
        work.set_exception(StoppedError(time_is_over))
