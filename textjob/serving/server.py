"""``infer.py serve``: the process of the server, from the listening socket to the exit."""
import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
from pathlib import Path
from typing import Any, Awaitable, Callable, Iterator, NamedTuple, Optional

import uvicorn
import uvloop

from textjob.errors import INTERRUPTED, UsageError
from textjob.serving.connections import Connection
from textjob.serving.experiment import Experiment
from textjob.serving.http import App
from textjob.serving.limits import DRAIN_SECONDS, Limits
from textjob.serving.lines import Lines, LinesHandler
from textjob.serving.loading import Loader
from textjob.serving.metrics import Metrics
from textjob.serving.model_base import ModelBase
from textjob.serving.polling import Poller
from textjob.serving.versions import Versions

BACKLOG = 4096  # connections that wait to be accepted
DEADLINE_SECONDS = 0.25  # after which the end of a deadline is noticed
VERSION = 1  # of a server with one package

Supply = Callable[[Versions, Loader], Awaitable[None]]
"""Loads versions and decides which of them answer, until it is cancelled."""


class Options(NamedTuple):
    """The flags of ``infer.py serve``."""

    name: str = "serve"
    host: str = "127.0.0.1"
    port: int = 8080
    strict: bool = False
    token_file: str = ""
    grpc_port: Optional[int] = None


class _Uvicorn(uvicorn.Server):  # type: ignore[misc]
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to :class:`Process`."""
        yield


def package_of(folder: Path) -> Supply:
    """One package, which is never replaced."""
    async def supply(versions: Versions, loader: Loader) -> None:
        version = await loader.load(str(VERSION), folder)
        versions.add(VERSION, version)
        versions.use(version)

    return supply


def versions_of(base: ModelBase, seconds: float, experiment: Optional[Experiment]) -> Supply:
    """The versions of a model base, which is polled; ``experiment`` is None if there must be none."""
    async def supply(versions: Versions, loader: Loader) -> None:
        await Poller(base, seconds, experiment, versions, loader).run()

    return supply


class Process:
    """One run of the server; ``prepare`` imports what the service of a package needs."""

    def __init__(self, options: Options, limits: Limits, supply: Supply, prepare: Callable[[Path], None]) -> None:
        self._options, self._supply = options, supply
        self._socket = _listen(options.host, options.port)
        self._lines = Lines()
        logging.basicConfig(level=logging.INFO, handlers=[LinesHandler(self._lines)], force=True)
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        metrics, self._token = Metrics(), read_token(options.token_file)
        self._versions = Versions(metrics, options.name, self._announce)
        self._loader = Loader(options.name, prepare, limits, metrics, options.strict)
        self._app = App(limits, metrics, self._lines, self._versions, self._token, options.strict)
        self._uvicorn = _Uvicorn(uvicorn.Config(
            self._app, http=Connection, loop="none", ws="none", lifespan="off", interface="asgi3", log_config=None,
            access_log=False, proxy_headers=False, server_header=False, timeout_keep_alive=limits.keep_alive,
            backlog=BACKLOG, timeout_graceful_shutdown=int(limits.work + limits.arrival)))
        self._ready = asyncio.Event()
        self._grpc: Any = None  # the class GrpcApi imports TensorFlow
        self._signal: Optional[int] = None
        self._draining: Optional[asyncio.Task[None]] = None

    def run(self) -> int:
        """Serve until a signal; returns the exit code."""
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._main())
            return INTERRUPTED if self._signal == signal.SIGINT else 0
        finally:
            self._lines.close()

    async def _main(self) -> None:
        loop = asyncio.get_event_loop()
        self._close_late()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        serving = asyncio.ensure_future(self._uvicorn.serve(sockets=[self._socket]))
        waiting = {serving, asyncio.ensure_future(self._supply(self._versions, self._loader))}
        if self._options.grpc_port is not None:
            waiting.add(asyncio.ensure_future(self._start_grpc(self._options.grpc_port)))
        try:
            while not serving.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in waiting - {serving}:
                task.cancel()
            self._uvicorn.should_exit = True
            await serving
            if self._grpc is not None:
                await self._grpc.stop()
            self._app.shadow.stop()
            self._versions.stop()

    def _close_late(self) -> None:
        """Keep the deadlines of the requests and the connections."""
        loop = asyncio.get_event_loop()
        now = loop.time()
        self._app.admission.stop_late(now)
        for connection in list(self._uvicorn.server_state.connections):
            connection.close_late(now)
        loop.call_later(DEADLINE_SECONDS, self._close_late)

    def _announce(self, version: str) -> None:
        """The first version is loaded."""
        print(f"serving {self._options.name} version {version} on {_url(self._socket)}", flush=True)
        self._ready.set()

    async def _start_grpc(self, port: int) -> None:
        await self._ready.wait()
        from textjob.serving.tfs.grpc_api import GrpcApi  # after the load, because it imports TensorFlow

        self._grpc = GrpcApi(self._versions, self._app, self._token)
        address = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        try:
            port = await self._grpc.start(f"{address}:{port}")
        except RuntimeError as error:
            raise UsageError(f"cannot listen on --host {self._options.host} --grpc_port {port}: {error}; choose "
                             "another address or port")
        print(f"serving {self._options.name} by gRPC on {address}:{port}", flush=True)

    def _on_signal(self, number: int) -> None:
        if self._signal is not None:
            self._lines.close(0.2)
            os._exit(128 + number)  # a second signal: at once
        self._signal = number
        self._app.admission.draining = True
        if self._grpc is not None:
            self._draining_grpc = asyncio.ensure_future(self._grpc.set_ready(False))
        self._draining = asyncio.ensure_future(self._drain(0.0 if number == signal.SIGINT else DRAIN_SECONDS))

    async def _drain(self, seconds: float) -> None:
        """Answer what is in flight; the listening socket stays open, so that /health is seen to be 503."""
        if self._versions.served is not None:
            await asyncio.sleep(seconds)
        while self._app.admission.in_flight:
            await asyncio.sleep(0.02)
        self._uvicorn.should_exit = True


def read_token(file: str) -> str:
    """The token in the file; empty if no file is given."""
    if not file:
        return ""
    token = Path(file).read_text(encoding="utf-8").strip()
    if not token or not token.isascii() or len(token.split()) > 1:
        raise UsageError(f"--token_file {file}: expected one line with a token of ASCII characters without blanks")
    return token


def _listen(address: str, port: int) -> socket.socket:
    if not 0 <= port < 65536:
        raise UsageError(f"--port {port}: expected 0 (any free port) to 65535")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a connection needs a descriptor
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(target)
    except OSError as error:
        raise UsageError(f"cannot listen on --host {address} --port {port}: {error}; choose another address or port")
    listening.listen(BACKLOG)
    return listening


def _url(listening: socket.socket) -> str:
    address, port = listening.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
