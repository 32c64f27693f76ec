"""The loaded versions of a model: how each answers requests, and which of them answers a request."""
import asyncio
import contextlib
import gc
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, List, NamedTuple, Optional, Tuple

from textjob.serving import experiment, host
from textjob.serving.batching import Batcher, rows_method
from textjob.serving.calls import Calls
from textjob.serving.exchange import encode
from textjob.serving.limits import Limits
from textjob.serving.metrics import Metrics
from textjob.serving.tfs.predictor import Predictor
from textjob.serving.tfs.signatures import Signature, Signatures, has_signatures
from textjob.serving.tfs.tensor_json import Arrays

MANY_ITEMS = 64  # the answers to more items are made outside the event loop
LOADING, AVAILABLE, UNLOADING, END = "LOADING", "AVAILABLE", "UNLOADING", "END"  # the words of TensorFlow Serving

log = logging.getLogger(__name__)

Reply = Tuple[int, bytes, Optional[int]]
"""Status, body, and the number of items (None: unknown, of a service of another project)."""


class StoppedError(Exception):
    """A request is not answered any more, because its time is over or its client has gone."""

    def __init__(self, time_is_over: bool) -> None:
        super().__init__()
        self.time_is_over = time_is_over


class Version:
    """The service of a package. It is batched if its class defines ``rows``, else called once per request."""

    def __init__(self, number: str, server: host.Server, limits: Limits, metrics: Metrics, strict: bool,
                 freed: Callable[[], None] = lambda: None) -> None:
        self.number, self._server, self._metrics, self._freed = number, server, metrics, freed
        self._requests = 0
        self._retired: Optional[Callable[[], None]] = None
        self._loop = asyncio.get_event_loop()
        self._large = ThreadPoolExecutor(1)  # one at a time, because a large request takes much memory
        rows = None if strict else rows_method(server.service)
        self._batcher = Batcher(rows, self._loop, partial(metrics.batch, number)) if rows else None
        self._calls = None if rows else Calls(limits.threads, self._loop)
        self.has_signatures = not strict and has_signatures(server.service)
        self._predictor = Predictor(server.service, self._loop, partial(metrics.batch, number))

    @property
    def folder(self) -> Path:
        """The package."""
        return Path(self._server.package)

    def respond(self, data: Any, stopped: "asyncio.Future[Any]", is_large: bool) -> Awaitable[Reply]:
        """The response to a parsed body; raises what ``stopped`` gets as an exception while the request waits."""
        if self._batcher is not None:
            return self._batched(self._batcher, data, stopped, is_large)
        assert self._calls is not None
        return self._called(self._calls, data, stopped)

    async def _called(self, calls: Calls, data: Any, stopped: "asyncio.Future[Any]") -> Reply:
        call = calls.submit(partial(self._call, data), stopped)
        try:
            status, body = await stopped
        except StoppedError as error:
            if error.time_is_over:
                calls.abandon(call)
            raise
        if status != 200:
            self._metrics.error(self.number, "MR.0105")
        return status, body, None

    async def in_background(self, function: Callable[[], Any]) -> Any:
        """Run a function that takes long because its request is large."""
        return await self._loop.run_in_executor(self._large, function)

    async def signatures(self) -> Signatures:
        """The signatures of the model; only if ``has_signatures``, which a foreign service class has not."""
        return await self._predictor.signatures(self.in_background)

    async def outputs(self, signature: Signature, inputs: Arrays, stopped: "asyncio.Future[Any]") -> Arrays:
        """All outputs of a signature; raises what ``stopped`` gets as an exception while the request waits."""
        return await self._predictor.outputs(signature, inputs, stopped)

    def begin(self) -> None:
        """Keep the version loaded until :meth:`end`."""
        self._requests += 1

    def end(self) -> None:
        """A request was answered."""
        self._requests -= 1
        self._end_if_idle()

    def retire(self, ended: Callable[[], None]) -> None:
        """Free the version when its last request is answered; then call ``ended`` in the event loop."""
        self._retired = ended
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._retired is not None and not self._requests:
            ended, self._retired = self._retired, None
            self.stop()
            threading.Thread(target=self._free, args=(ended,), name="free", daemon=True).start()

    def _free(self, ended: Callable[[], None]) -> None:
        if self._batcher is not None:
            self._batcher.join()
        self._freed()
        self._predictor.join()
        del self._server, self._batcher, self._calls, self._predictor
        gc.collect()
        with contextlib.suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(ended)

    def stop(self) -> None:
        """End the threads, each after what it does now."""
        self._large.shutdown(wait=False)
        for threads in (self._batcher, self._calls, self._predictor):
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
            request = await self.in_background(partial(service._preprocess, data)) if is_large else (
                service._preprocess(data))
            items = len(request.items)
            batcher.submit(request.items, rows)
            answered = request, await rows
            return 200, await self.in_background(partial(self._finish, answered)) if items > MANY_ITEMS else (
                self._finish(answered)), items
        except StoppedError:
            raise
        except Exception as error:
            self._metrics.error(self.number, "MR.0105")
            status, text = host.failed(error)
            return status, text.encode("utf-8"), items

    def _finish(self, answered: Any) -> bytes:
        response = self._server.service._postprocess(answered)
        body = encode(response)
        self._metrics.response(self.number, response)
        return body


class State(NamedTuple):
    """The state of a version, and the reason if it is not served."""

    name: str
    reason: str = ""


class Versions:
    """Which version answers a request: one of the split by the request's id, else the served version."""

    def __init__(self, metrics: Metrics, name: str, on_first: Callable[[str], None]) -> None:
        self.served: Optional[Version] = None
        self.shadow: Optional[Version] = None
        self._split: List[Tuple[float, Version]] = []
        self._loaded: Dict[int, Version] = {}
        self._states: Dict[str, State] = {}
        self._metrics, self.name, self._on_first = metrics, name, on_first

    def choose(self, request_id: bytes) -> Optional[Version]:
        """The version that answers the request; None if no version is loaded yet."""
        if self._split:
            position = experiment.position(request_id)
            for end, version in self._split:
                if position < end:
                    return version
        return self.served

    def loaded(self, number: int) -> Optional[Version]:
        """A loaded version, also one that no request is sent to by its id."""
        return self._loaded.get(number)

    def states(self) -> Dict[str, State]:
        """The state of each version that was loaded, or whose load failed, since the start."""
        return dict(self._states)

    def set_state(self, number: int, state: str, reason: str = "") -> None:
        """Record the state of a version."""
        before = self._states.get(str(number))
        self._states[str(number)] = State(state, reason)
        self._metrics.state(str(number), before.name if before else "", state)

    def add(self, number: int, version: Version) -> None:
        """A version was loaded."""
        self._loaded[number] = version
        self.set_state(number, AVAILABLE)

    def use(self, served: Version, wanted: experiment.Experiment = experiment.NONE) -> None:
        """From now on, send new requests to these versions; the others are freed when their requests are answered."""
        shares = [(percent, self._loaded[number]) for number, percent in wanted.split if number in self._loaded]
        ends = [sum(percent for percent, _ in shares[:index + 1]) for index in range(len(shares))]
        self._split = [(end, version) for end, (_, version) in zip(ends, shares)]
        shadow = self._loaded.get(wanted.shadow) if wanted.shadow is not None else None
        self.shadow = None if shadow is served else shadow
        before, self.served = self.served, served
        roles = {version.number: "split" for _, version in shares if version is not served}
        if self.shadow is not None:
            roles[self.shadow.number] = "shadow"
        self._metrics.use(self.name, served.number, roles)
        if before is None:
            self._on_first(served.number)
        elif before is not served:
            log.info("version %s answers now, instead of version %s", served.number, before.number)
        for number, version in list(self._loaded.items()):
            if version is not served and version.number not in roles:
                self._retire(number, version)

    def stop(self) -> None:
        """End the threads of all versions."""
        for version in self._loaded.values():
            version.stop()

    def _retire(self, number: int, version: Version) -> None:
        def ended() -> None:
            if self._loaded.get(number) is None:  # it has not been loaded again meanwhile
                self.set_state(number, END)
            log.info("version %s is freed", number)

        del self._loaded[number]
        self.set_state(number, UNLOADING)
        version.retire(ended)
