"""Ends a request whose body nobody takes any more: the client's own time-outs are for answers alone.

Measured: a server that stops reading in the middle of a body holds aiohttp for ever, 3.8 as well as 3.14.
"""
import asyncio
import io
import time
from typing import Any, Dict


class WatchedBody(io.BytesIO):
    """A body that knows when it was last read from."""

    last_read = 0.0

    def read(self, size: Any = -1) -> bytes:
        """As BytesIO's."""
        self.last_read = time.monotonic()
        return super().read(size)


async def sent(fs: Any, verb: str, patience: float, **arguments: Any) -> Dict[str, Any]:
    """The answer to a request with a body; an error where the body stood still for so many seconds.

    They have to be more than the client waits for an answer, which begins when the body has gone out.
    """
    body: WatchedBody = arguments["Body"]
    body.last_read = time.monotonic()
    task = asyncio.ensure_future(fs._call_s3(verb, **arguments))
    try:
        while not task.done():
            left = body.last_read + patience - time.monotonic()
            if left <= 0:
                raise ConnectionAbortedError("the store takes no more of the body")
            await asyncio.wait({task}, timeout=left)
        answer: Dict[str, Any] = task.result()
        return answer
    finally:
        task.cancel()
