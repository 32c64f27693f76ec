"""Loads a version in a thread while other versions answer, and frees the memory of those that do not answer any more.

A version is warm after its load, because the load verifies the golden texts as a batch and alone: further calls before
the first request do not make it faster. Loading runs Python code for about a second. While it does, threads give up the
interpreter after half a millisecond instead of five, because each request needs it several times.

TensorFlow's modules are excluded from garbage collection (``gc.freeze``), because a collection of all objects stops the
process for 0.1 s. The graph of a version has reference cycles, so it needs a collection when the version is freed.
"""
import asyncio
import contextlib
import gc
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

from textjob.errors import PackageError
from textjob.paths import SHIMS
from textjob.serving import host
from textjob.serving.calls import deliver
from textjob.serving.limits import Limits
from textjob.serving.metrics import Metrics
from textjob.serving.versions import Version

SWITCH_SECONDS = 0.0005
YOUNG_OBJECTS = 10000  # before a collection; with the default of 700, collections take 4 % of the event loop's time


class Loader:
    """Makes versions; ``prepare`` imports what the service of a package needs."""

    def __init__(self, name: str, prepare: Callable[[Path], None], limits: Limits, metrics: Metrics, strict: bool
                 ) -> None:
        self._name, self._prepare, self._limits = name, prepare, limits
        self._metrics, self._strict = metrics, strict
        self._last: Optional[Path] = None  # the package that was loaded last

    async def load(self, number: str, folder: Path, freed: Callable[[], None] = lambda: None) -> Version:
        """A version that is ready to answer; ``freed`` is called, in a thread, when it is freed.

        Raises:
            PackageError: the service does not start.
        """
        began = time.perf_counter()
        server: host.Server = await in_thread(lambda: self._load(folder))
        version = Version(number, server, self._limits, self._metrics, self._strict, freed)
        self._metrics.load_time(number, time.perf_counter() - began)
        return version

    def _load(self, folder: Path) -> host.Server:
        self._prepare(folder)
        if self._last is None:
            gc.freeze()
            gc.set_threshold(YOUNG_OBJECTS, 10, 10)
        else:
            _forget_modules(self._last)
        self._last = folder
        with _short_turns():
            try:
                return host.Server(str(folder), str(SHIMS), self._name)
            except host.ServiceError as error:
                raise PackageError(str(error))


async def in_thread(function: Callable[[], Any]) -> Any:
    """What a function returns, which runs in a thread that does not delay the end of the process."""
    loop = asyncio.get_event_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def run() -> None:
        try:
            outcome, failure = function(), None
        except Exception as error:
            outcome, failure = None, error
        with contextlib.suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(deliver, future, outcome, failure)

    threading.Thread(target=run, name="load", daemon=True).start()
    return await future


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _forget_modules(folder: Path) -> None:
    """Forget the modules that a service file imported from its package, so that the next one imports its own."""
    inside = os.path.abspath(str(folder)) + os.sep
    for name, module in list(sys.modules.items()):
        if os.path.abspath(getattr(module, "__file__", None) or os.sep).startswith(inside):
            del sys.modules[name]
    for path in [path for path in sys.path_importer_cache if (os.path.abspath(path) + os.sep).startswith(inside)]:
        del sys.path_importer_cache[path]
