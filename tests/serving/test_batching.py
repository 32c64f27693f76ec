"""The queue of items and the batches that the model gets (docs/faults.md: R6, R7)."""
import asyncio
import threading
from collections import Counter
from typing import Any, Awaitable, Callable, List

import numpy as np
import pytest

from textjob.serving import batching
from textjob.serving.batching import BYTES, ITEMS, Batcher, rows_method


class Model:
    """Rows that are derived from the items; records each batch, and waits before it if ``closed``."""

    def __init__(self) -> None:
        self.batches: List[List[Any]] = []
        self.open = threading.Event()
        self.open.set()
        self.started = threading.Event()

    def rows(self, items: List[Any]) -> List[Any]:
        self.started.set()
        self.open.wait()
        self.batches.append(items)
        if b"bad" in items:
            raise KeyError("bad")
        return [row_of(item) for item in items]


def row_of(item: Any) -> Any:
    return ("row", item)


def run(work: Callable[[Batcher, Model], Awaitable[None]]) -> Model:
    """Run a coroutine with a batcher; returns the model."""
    async def main() -> None:
        batcher = Batcher(model.rows, asyncio.get_event_loop(), lambda items: None)
        try:
            await work(batcher, model)
        finally:
            model.open.set()
            batcher.stop()

    model = Model()
    asyncio.run(main())
    return model


def submit(batcher: Batcher, items: List[Any]) -> "asyncio.Future[List[Any]]":
    future = asyncio.get_event_loop().create_future()
    batcher.submit(items, future)
    return future


async def occupy(batcher: Batcher, model: Model) -> "asyncio.Future[List[Any]]":
    """Let the model work on a batch until ``model.open`` is set."""
    model.open.clear()
    first = submit(batcher, [b"first"])
    await asyncio.get_event_loop().run_in_executor(None, model.started.wait)
    return first


async def queued() -> None:
    """Let the event loop queue what was submitted."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_each_request_gets_the_rows_of_its_items_in_their_order() -> None:
    requests = [[bytes([65 + i]) * (1 + (i * j * 37) % 3000) for j in range(1 + i * 7 % 50)] for i in range(26)]

    async def work(batcher: Batcher, model: Model) -> None:
        answers = await asyncio.gather(*[submit(batcher, items) for items in requests])
        assert answers == [[row_of(item) for item in items] for items in requests]

    run(work)


def test_a_request_without_items_gets_no_rows() -> None:
    async def work(batcher: Batcher, model: Model) -> None:
        assert await submit(batcher, []) == []

    assert run(work).batches == []


def test_requests_that_arrive_together_share_a_batch_and_a_request_alone_does_not_wait() -> None:
    async def work(batcher: Batcher, model: Model) -> None:
        await submit(batcher, [b"alone"])
        await asyncio.gather(*[submit(batcher, [b"%d" % number]) for number in range(10)])

    assert [len(batch) for batch in run(work).batches] == [1, 10]


def test_requests_that_arrive_while_the_model_computes_share_the_next_batch() -> None:
    async def work(batcher: Batcher, model: Model) -> None:
        first = await occupy(batcher, model)
        others = []
        for number in range(20):
            others.append(submit(batcher, [b"%d" % number]))
            await queued()
        model.open.set()
        await asyncio.gather(first, *others)

    assert [len(batch) for batch in run(work).batches] == [1, 20]


def test_a_batch_is_bounded_by_its_items_and_its_padded_length() -> None:
    items = [b"x" * (10 + i % 50) for i in range(1000)] + [b"y" * (1 + i * 97 % 20000) for i in range(500)] + [
        b"z" * (1 << 20)] * 3

    async def work(batcher: Batcher, model: Model) -> None:
        assert await submit(batcher, items) == [row_of(item) for item in items]

    batches = run(work).batches
    assert Counter(item for batch in batches for item in batch) == Counter(items)
    assert max(map(len, batches)) == ITEMS
    assert all(len(batch) == 1 or len(batch) * max(map(len, batch)) <= BYTES for batch in batches)


def test_short_texts_are_not_padded_to_long_ones() -> None:
    async def work(batcher: Batcher, model: Model) -> None:
        await asyncio.gather(*[submit(batcher, [b"x" * size]) for size in [20, 5000, 30, 900, 40, 6000] * 5])

    for batch in run(work).batches:
        sizes = [len(item) for item in batch]
        assert max(sizes) < 64 or max(sizes) <= 8 * min(sizes)


def test_titles_of_two_length_classes_share_a_batch() -> None:
    titles = [b"t" * size for size in range(30, 94)]

    async def work(batcher: Batcher, model: Model) -> None:
        await asyncio.gather(*[submit(batcher, [title]) for title in titles])

    assert [len(batch) for batch in run(work).batches] == [len(titles)]


def test_neighbouring_length_classes_do_not_share_a_batch_if_that_adds_much_padding() -> None:
    async def work(batcher: Batcher, model: Model) -> None:
        await asyncio.gather(*[submit(batcher, [b"x" * size]) for size in [20] * 60 + [250] * 5])

    batches = run(work).batches
    assert [len(batch) for batch in batches] == [60, 5]
    assert all(len(batch) * max(map(len, batch)) - sum(map(len, batch)) <= 2 * batching.PADDING for batch in batches)


def test_long_texts_and_large_requests_delay_a_short_one_by_a_few_batches_only() -> None:
    async def work(batcher: Batcher, model: Model) -> None:
        first = await occupy(batcher, model)
        others = [submit(batcher, [b"l" * 5000] * 2000), submit(batcher, [b"s" * 20] * 5000),
                  *[submit(batcher, [b"m" * 300] * 1000) for _ in range(3)]]
        short = submit(batcher, [b"short"])
        await queued()
        model.open.set()
        await asyncio.gather(first, short, *others)

    batches = run(work).batches
    position = next(number for number, batch in enumerate(batches) if b"short" in batch)
    assert position <= batching.CLASSES < len(batches)


def test_an_exception_for_the_items_of_one_request_reaches_this_request_only() -> None:
    async def work(batcher: Batcher, model: Model) -> None:
        first = await occupy(batcher, model)
        good, bad, other = (submit(batcher, items) for items in ([b"a", b"b"], [b"c", b"bad"], [b"d"]))
        await queued()
        model.open.set()
        await first
        with pytest.raises(KeyError):
            await bad
        assert (await good, await other) == ([row_of(b"a"), row_of(b"b")], [row_of(b"d")])

    run(work)


def test_a_wrong_number_of_rows_is_an_error_of_the_request() -> None:
    async def main() -> None:
        batcher = Batcher(lambda items: [], asyncio.get_event_loop(), lambda items: None)
        with pytest.raises(ValueError, match="0 rows for 1 items"):
            await submit(batcher, [b"a"])
        batcher.stop()

    asyncio.run(main())


def test_items_of_a_request_that_has_ended_are_not_passed_to_the_model() -> None:
    async def work(batcher: Batcher, model: Model) -> None:
        first = await occupy(batcher, model)
        gone, late, good = submit(batcher, [b"gone"] * 300), submit(batcher, [b"late"]), submit(batcher, [b"good"])
        await queued()
        gone.cancel()
        late.set_exception(TimeoutError())
        model.open.set()
        assert await good == [row_of(b"good")]
        await first
        with pytest.raises(TimeoutError):
            await late

    assert run(work).batches == [[b"first"], [b"good"]]


def test_items_that_are_errors_or_lists_of_ids_are_batched_too() -> None:
    items = [ValueError("an item with an error"), [1, 2, 3], b"text"]

    async def work(batcher: Batcher, model: Model) -> None:
        assert await submit(batcher, items) == [row_of(item) for item in items]

    run(work)


@pytest.mark.parametrize("long", [b"x" * 1000, [1] * 1000, {"a": b"x" * 500, "b": np.zeros(500)}],
                         ids=["text", "ids", "inputs"])
def test_items_of_every_kind_are_divided_by_their_size(long: Any) -> None:
    short = {"a": b"x"}

    async def work(batcher: Batcher, model: Model) -> None:
        await submit(batcher, [long, short] * 200)

    batches = run(work).batches
    assert all(all(item is batch[0] for item in batch) for batch in batches)
    assert max(len(batch) for batch in batches if batch[0] is long) == BYTES // 1000


class Own:
    def _inference(self, request: Any) -> Any: ...

    def rows(self, items: Any) -> Any: ...


class Changed(Own):
    def _inference(self, request: Any) -> Any: ...


class Extended(Own):
    def _preprocess(self, data: Any) -> Any: ...


class Foreign:
    def _inference(self, request: Any) -> Any: ...


def test_only_a_service_whose_rows_belong_to_its_inference_is_batched() -> None:
    assert [rows_method(service) is not None for service in (Own(), Extended(), Changed(), Foreign())] == [
        True, True, False, False]
