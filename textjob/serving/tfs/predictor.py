"""Calls the signatures of a version's model for TensorFlow Serving's APIs; requests by rows share calls."""
import asyncio
from functools import partial
from typing import Any, Awaitable, Callable, Dict, List, Optional

import numpy as np

from textjob.serving.batching import Batcher
from textjob.serving.calls import Calls
from textjob.serving.tfs.signatures import Signature, Signatures
from textjob.serving.tfs.tensor_json import Arrays

InBackground = Callable[[Callable[[], Any]], Awaitable[Any]]


class Predictor:
    """The signatures of one version; ``observe`` gets the number of rows of each batch."""

    def __init__(self, service: Any, loop: asyncio.AbstractEventLoop, observe: Callable[[int], None]) -> None:
        self._service, self._loop, self._observe = service, loop, observe
        self._signatures: Optional[Signatures] = None
        self._batchers: Dict[str, Batcher] = {}
        self._calls: Optional[Calls] = None

    async def signatures(self, in_background: InBackground) -> Signatures:
        """The signatures of the model, which are read when they are first needed."""
        if self._signatures is None:
            self._signatures = await in_background(partial(Signatures, self._service))
        return self._signatures

    async def outputs(self, signature: Signature, inputs: Arrays, stopped: "asyncio.Future[Any]") -> Arrays:
        """All outputs of a signature; raises what ``stopped`` gets as an exception while the request waits."""
        items = rows_of(inputs, signature)
        if items is None:
            self._calls = self._calls or Calls(1, self._loop)
            self._calls.submit(partial(signature.call, inputs), stopped)
            return dict(await stopped)
        if signature.name not in self._batchers:
            self._batchers[signature.name] = Batcher(signature.rows, self._loop, self._observe)
        self._batchers[signature.name].submit(items, stopped)
        rows = await stopped
        return {alias: np.array([row[alias] for row in rows], signature.output_dtypes[alias])
                for alias in signature.output_dtypes}

    def stop(self) -> None:
        """End the threads, each after its current call."""
        for threads in (*self._batchers.values(), self._calls):
            if threads is not None:
                threads.stop()

    def join(self) -> None:
        """Wait for the end of the threads."""
        for batcher in self._batchers.values():
            batcher.join()


def rows_of(inputs: Arrays, signature: Signature) -> Optional[List[Arrays]]:
    """The rows of the inputs, which may share calls with other requests; None if the request needs its own call."""
    sizes = {len(value) if value.ndim else -1 for value in inputs.values()}
    if not signature.has_rows or len(sizes) != 1 or sizes <= {-1, 0} or set(inputs) & set(signature.values):
        return None
    return [dict(zip(inputs, row)) for row in zip(*inputs.values())]
