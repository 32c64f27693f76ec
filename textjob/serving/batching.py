"""Dynamic batching: the items of simultaneous requests share calls of the model.

One thread calls the model. Whenever the model is free, the thread takes the next batch from the queue, without waiting
for more items: under load the queue fills while the model computes, and a request without company does not wait.

Items of similar length share a batch, because a batch is padded to its longest item. The length classes take turns, and
within a class so do the requests, so that neither long texts nor large requests delay short ones by more than a few
batches. Items of the neighbouring classes join a batch as long as the padding costs less than a further call of the
model. The rows of a request keep the order of its items.
"""
import asyncio
import threading
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple

ITEMS = 128  # per batch
BYTES = 64 * 1024  # of a batch, padded to its longest item; an item that is longer forms a batch of its own
PADDING = 2 * 1024  # bytes that the items of each neighbouring length class may add to the padding of a batch
CLASSES = 5  # of lengths: below 64, 256, 1024 and 4096 bytes, and longer ones


class Job:
    """The items of one request; ``future`` gets their rows, or an exception."""

    __slots__ = ("future", "items", "left", "rows")

    def __init__(self, items: Sequence[Any], future: "asyncio.Future[List[Any]]") -> None:
        self.items, self.future = items, future
        self.rows: List[Any] = [None] * len(items)
        self.left = len(items)


Part = Tuple[Job, Deque[int]]
"""The items of a request in one length class: the indexes of those that no batch contains yet."""
Result = Tuple[Job, int, Any]


class Batcher:
    """Calls ``rows``, which maps items to rows, with batches; ``observe`` gets the number of items of each batch."""

    def __init__(self, rows: Callable[[List[Any]], List[Any]], loop: asyncio.AbstractEventLoop,
                 observe: Callable[[int], None]) -> None:
        self._rows, self._loop, self._observe = rows, loop, observe
        self._classes: List[Deque[Part]] = [deque() for _ in range(CLASSES)]
        self._new: List[Tuple[Job, Dict[int, Deque[int]]]] = []
        self._turn = 0
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="batches", daemon=True)
        self._thread.start()

    def submit(self, items: Sequence[Any], future: "asyncio.Future[List[Any]]") -> None:
        """Queue the items of a request; they are dropped if the future is done before their turn."""
        if future.done():
            return
        if not items:
            future.set_result([])
            return
        job = Job(items, future)
        parts: Dict[int, Deque[int]] = {}
        for index, item in enumerate(items):
            parts.setdefault(_length_class(item), deque()).append(index)
        if not self._new:
            self._loop.call_soon(self._queue_new)
        self._new.append((job, parts))

    def _queue_new(self) -> None:
        """Queue the requests that arrived in one round of the event loop together, so that they share a batch."""
        with self._changed:
            for job, parts in self._new:
                for length_class, part in parts.items():
                    self._classes[length_class].append((job, part))
            self._changed.notify()
        self._new.clear()

    def stop(self) -> None:
        """End the thread after its current batch."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def join(self) -> None:
        """Wait for the end of the thread."""
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                batch = self._take()
                while not batch and not self._stopped:
                    self._changed.wait()
                    batch = self._take()
                if self._stopped:
                    return
            self._observe(len(batch))
            results = self._results(batch)
            self._loop.call_soon_threadsafe(_deliver, results)

    def _take(self) -> List[Tuple[Job, int]]:
        """The next batch: items of the next length class that has any, and fitting items of its neighbours."""
        for _ in range(CLASSES):
            turn, self._turn = self._turn, (self._turn + 1) % CLASSES
            batch = _Batch()
            batch.fill(self._classes[turn], BYTES)
            if batch.items:
                for neighbour in (turn - 1, turn + 1):
                    if 0 <= neighbour < CLASSES:
                        batch.fill(self._classes[neighbour], PADDING)
                return batch.items
        return []

    def _results(self, batch: List[Tuple[Job, int]]) -> List[Result]:
        try:
            rows = self._rows([job.items[index] for job, index in batch])
            if len(rows) != len(batch):
                raise ValueError(f"the service gave {len(rows)} rows for {len(batch)} items")
        except Exception as error:  # of a service file: each request gets a call of its own, so that only one fails
            jobs = list({id(job): job for job, _ in batch}.values())
            if len(jobs) == 1:
                return [(jobs[0], -1, error)]
            return [result for job in jobs for result in self._results([pair for pair in batch if pair[0] is job])]
        return [(job, index, row) for (job, index), row in zip(batch, rows)]


def _size(item: Any) -> int:
    """The length of a text, the number of values of an array, the sum of both for an item with several inputs."""
    if isinstance(item, (bytes, list)):
        return len(item)
    if isinstance(item, dict):
        return sum(map(_size, item.values()))
    return int(getattr(item, "size", 0))


def _length_class(item: Any) -> int:
    return min(max(0, _size(item).bit_length() - 5) // 2, CLASSES - 1)


class _Batch:
    """Items for one call of the model, with the length of the longest item and of all items."""

    def __init__(self) -> None:
        self.items: List[Tuple[Job, int]] = []
        self._longest, self._total = 1, 0

    def fill(self, queue: Deque[Part], padding: int) -> None:
        """Take items from the front of a queue, one of each request in turn; they may add ``padding`` bytes."""
        padding += self._longest * len(self.items) - self._total
        while queue and len(self.items) < ITEMS:
            job, indexes = queue[0]
            if job.future.done():  # the time of the request is over, or its client has gone
                queue.popleft()
                continue
            size = _size(job.items[indexes[0]])
            longest, total = max(self._longest, size), self._total + size
            padded = longest * (len(self.items) + 1)
            if self.items and (padded > BYTES or padded - total > padding):
                break
            self._longest, self._total = longest, total
            self.items.append((job, indexes.popleft()))
            queue.popleft()
            if indexes:
                queue.append((job, indexes))


def _deliver(results: List[Result]) -> None:
    """Runs in the event loop: complete the requests whose last row is here."""
    for job, index, row in results:
        if job.future.done():
            continue
        if isinstance(row, Exception) and index < 0:
            job.future.set_exception(row)
            continue
        job.rows[index] = row
        job.left -= 1
        if not job.left:
            job.future.set_result(job.rows)


def rows_method(service: Any) -> Optional[Callable[[List[Any]], List[Any]]]:
    """The method ``rows`` of a service that can be batched: defined together with ``_inference``, which it replaces."""
    rows, inference = (next((each for each in type(service).__mro__ if name in vars(each)), None)
                       for name in ("rows", "_inference"))
    return service.rows if rows is not None and rows is inference else None
