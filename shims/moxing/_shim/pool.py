"""Many pieces of work by a bounded number of threads; a line of progress now and then; the first failure ends it."""
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Callable, Iterator, List, Sequence, TypeVar

from moxing._shim.retry import stoppable

T = TypeVar("T")
PROGRESS_SECONDS = 5.0

log = logging.getLogger("moxing")


def each(work: Callable[[T], None], items: Sequence[T], threads: int, doing: str) -> None:
    """``work`` on every item. ``threads`` below 2: one after another, in this thread."""
    progress = _Progress(len(items), doing)
    if threads < 2 or len(items) < 2:
        for item in items:
            work(item)
            progress.step()
        return
    stop, feed, lock = threading.Event(), iter(items), threading.Lock()
    failures: List[BaseException] = []

    def rest() -> Iterator[T]:
        while not stop.is_set():
            with lock:
                try:
                    item = next(feed)
                except StopIteration:
                    return
            yield item

    def run() -> None:
        try:
            with stoppable(stop):
                for item in rest():
                    work(item)
                    progress.step()
        except BaseException as error:
            failures.append(error)  # the first is the cause; the others may only be waits cut short by it
            stop.set()

    # A thread takes the next item when it is free: a queue of a million futures would cost more than the items.
    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        try:
            wait([pool.submit(run) for _ in range(min(threads, len(items)))])
        finally:
            stop.set()
    if failures:
        raise failures[0]


class _Progress:
    """Says how far it is, at most every few seconds, from whichever thread notices."""

    def __init__(self, total: int, doing: str) -> None:
        self._total, self._doing, self._done = total, doing, 0
        self._lock, self._said = threading.Lock(), time.monotonic()

    def step(self) -> None:
        """One more is done."""
        with self._lock:
            self._done += 1
            due = time.monotonic() - self._said >= PROGRESS_SECONDS
            if due:
                self._said = time.monotonic()
        if due:
            log.info("%s: %d of %d", self._doing, self._done, self._total)
