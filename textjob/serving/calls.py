"""Calls of a service that the server cannot batch: one thread per simultaneous request."""
import asyncio
import threading
from queue import SimpleQueue
from typing import Any, Callable, Optional

ABANDONED = 64  # calls that may go on after their time limit; further ones keep their thread


class Call:
    """A call of ``function``; ``future`` gets what it returns or raises."""

    def __init__(self, function: Callable[[], Any], future: "asyncio.Future[Any]") -> None:
        self.function, self.future = function, future
        self.running = self.abandoned = False


class Calls:
    """A fixed number of threads; a call that is over its time limit loses its thread to the other requests."""

    def __init__(self, threads: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._size = loop, threads
        self._queue: SimpleQueue[Optional[Call]] = SimpleQueue()
        self._lock = threading.Lock()
        self._abandoned = 0
        for _ in range(threads):
            self._start()

    def submit(self, function: Callable[[], Any], future: "asyncio.Future[Any]") -> Call:
        """Queue a call; it is dropped if the future is done before its turn."""
        call = Call(function, future)
        self._queue.put(call)
        return call

    def abandon(self, call: Call) -> None:
        """Give the thread of a running call to the other requests; the call itself cannot be interrupted."""
        with self._lock:
            if call.running and not call.abandoned and self._abandoned < ABANDONED:
                call.abandoned = True
                self._abandoned += 1
                self._start()

    def stop(self) -> None:
        """End each thread after its current call."""
        for _ in range(self._size):
            self._queue.put(None)

    def _start(self) -> None:
        threading.Thread(target=self._run, name="call", daemon=True).start()

    def _run(self) -> None:
        for call in iter(self._queue.get, None):
            if call.future.done():  # the time of the request is over, or its client has gone
                continue
            call.running = True
            try:
                outcome, failure = call.function(), None
            except Exception as error:
                outcome, failure = None, error
            self._loop.call_soon_threadsafe(deliver, call.future, outcome, failure)
            with self._lock:
                call.running = False
                if call.abandoned:
                    self._abandoned -= 1
                    return


def deliver(future: "asyncio.Future[Any]", outcome: Any, failure: Optional[Exception]) -> None:
    """Runs in the event loop: complete a future with what a thread has computed, unless nobody waits any more."""
    if future.done():
        return
    if failure is None:
        future.set_result(outcome)
    else:
        future.set_exception(failure)
