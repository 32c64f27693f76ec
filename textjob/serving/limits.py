"""The limits of the server; each has a flag of ``infer.py serve``."""
from typing import NamedTuple

MEGABYTE = 2 ** 20
HEADER = 64 * 1024  # bytes of a request's header
BODIES = 64 * MEGABYTE  # bytes of all bodies and large responses in memory; parsed JSON takes up to 25 times as much
LARGE = 64 * 1024  # a body of more bytes is parsed outside the event loop
DRAIN_SECONDS = 1.0  # the least time between SIGTERM and the exit, in which /health answers 503


class Limits(NamedTuple):
    """What the server accepts; the defaults are those of the platform."""

    body: int = 12 * MEGABYTE  # bytes
    work: float = 40.0  # seconds from the complete request to its response
    arrival: float = 30.0  # seconds from the first byte of a request to its last, and for a client to read
    keep_alive: int = 200  # seconds between two requests of a connection
    queue: int = 1000  # requests that wait or are being answered
    threads: int = 8  # simultaneous calls of a service that the server cannot batch
