"""One function on many items, with a bounded number of threads, progress lines, and an end at the first failure."""
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Callable, Iterator, List, Sequence, TypeVar

from moxing._shim.retry import interruptible

T = TypeVar("T")
PROGRESS_SECONDS = 5.0

log = logging.getLogger("moxing")


def for_each(function: Callable[[T], None], items: Sequence[T], threads: int, title: str) -> None:
    """Call ``function`` with every item. ``threads`` below 2: one after another, in this thread."""
    progress = _Progress(len(items), title)
    if threads < 2 or len(items) < 2:
        for item in items:
            function(item)
            progress.step()
        return
    stop, queue, lock = threading.Event(), iter(items), threading.Lock()
    failures: List[BaseException] = []

    def next_items() -> Iterator[T]:
        while not stop.is_set():
            with lock:
                try:
                    item = next(queue)
                except StopIteration:
                    return
            yield item

    def run() -> None:
        try:
            with interruptible(stop):
                for item in next_items():
                    function(item)
                    progress.step()
        except BaseException as error:
            failures.append(error)  # the first is the cause; later ones may be waits that it interrupted
            stop.set()

    # Each thread takes the next item when it is free, because a million futures would cost more than the items.
    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        try:
            wait([pool.submit(run) for _ in range(min(threads, len(items)))])
        finally:
            stop.set()
    if failures:
        raise failures[0]


class _Progress:
    """Logs the number of finished items, at most once every few seconds."""

    def __init__(self, total: int, title: str) -> None:
        self._total, self._title, self._done = total, title, 0
        self._lock, self._logged = threading.Lock(), time.monotonic()

    def step(self) -> None:
        """Count one more finished item."""
        with self._lock:
            self._done += 1
            due = time.monotonic() - self._logged >= PROGRESS_SECONDS
            if due:
                self._logged = time.monotonic()
        if due:
            log.info("%s: %d of %d", self._title, self._done, self._total)
