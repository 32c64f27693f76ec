"""A loaded version of a model, and how it answers requests.

The place for ``--model_base``: what polls its folders makes the next :class:`Version`, replaces ``App.version`` by it
between two batches, and calls :meth:`Version.stop` of the old one when its last request is answered.
"""
import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Callable, Optional, Tuple

from textjob.serving import host
from textjob.serving.batching import Batcher, rows_method
from textjob.serving.calls import Calls
from textjob.serving.limits import Limits
from textjob.serving.metrics import Metrics

MANY_ITEMS = 64  # the answers to more items are made outside the event loop

Reply = Tuple[int, bytes, Optional[int]]
"""Status, body, and the number of items (None: a service that does not tell)."""


class StoppedError(Exception):
    """A request is not answered any more, because its time is over or its client has gone."""

    def __init__(self, time_is_over: bool) -> None:
        super().__init__()
        self.time_is_over = time_is_over


class Version:
    """The service of a package. It is batched if its class defines ``rows``, else called once per request."""

    def __init__(self, number: str, server: host.Server, limits: Limits, metrics: Metrics, strict: bool) -> None:
        self.number, self._server, self._metrics = number, server, metrics
        self._loop = asyncio.get_event_loop()
        self._large = ThreadPoolExecutor(1)  # one at a time, because a large request takes much memory
        rows = None if strict else rows_method(server.service)
        self._batcher = Batcher(rows, self._loop, partial(metrics.batch, number)) if rows else None
        self._calls = None if rows else Calls(limits.threads, self._loop)

    async def respond(self, data: Any, stopped: "asyncio.Future[Any]", is_large: bool) -> Reply:
        """The response to a parsed body; raises what ``stopped`` gets as an exception while the request waits."""
        if self._batcher is not None:
            return await self._batched(self._batcher, data, stopped, is_large)
        assert self._calls is not None
        call = self._calls.submit(partial(self._call, data), stopped)
        try:
            status, body = await stopped
        except StoppedError as error:
            if error.time_is_over:
                self._calls.abandon(call)
            raise
        if status != 200:
            self._metrics.error(self.number, "MR.0105")
        return status, body, None

    async def in_background(self, function: Callable[[], Any]) -> Any:
        """Run a function that takes long because its request is large."""
        return await self._loop.run_in_executor(self._large, function)

    def stop(self) -> None:
        """End the threads, each after what it does now."""
        self._large.shutdown(wait=False)
        for threads in (self._batcher, self._calls):
            if threads is not None:
                threads.stop()

    def _call(self, data: Any) -> Tuple[int, bytes]:
        status, text = self._server.respond(data)
        try:
            return status, text.encode("utf-8")
        except UnicodeEncodeError as error:  # a lone surrogate
            status, text = host.failed(error)
            return status, text.encode("utf-8")

    async def _batched(self, batcher: Batcher, data: Any, rows: "asyncio.Future[Any]", is_large: bool) -> Reply:
        service, items = self._server.service, None
        try:
            prepare = partial(service._preprocess, data)
            request = await self.in_background(prepare) if is_large else prepare()
            items = len(request.items)
            batcher.submit(request.items, rows)
            finish = partial(self._finish, request, await rows)
            return 200, await self.in_background(finish) if items > MANY_ITEMS else finish(), items
        except StoppedError:
            raise
        except Exception as error:
            self._metrics.error(self.number, "MR.0105")
            status, text = host.failed(error)
            return status, text.encode("utf-8"), items

    def _finish(self, request: Any, rows: Any) -> bytes:
        response = self._server.service._postprocess((request, rows))
        body = host.encode(response).encode("utf-8")
        self._metrics.response(self.number, response)
        return body
