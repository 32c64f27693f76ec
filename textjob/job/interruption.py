"""SIGTERM, which the platform sends before it reclaims the machine.

While a model trains, the current steps are finished and a checkpoint is written; at any other time the job stops at
once.
"""
import contextlib
import signal
from types import FrameType
from typing import Iterator, Optional

from textjob.errors import TerminatedError


class _State:
    requested = False
    deferred = False


def _handle(_number: int, _frame: Optional[FrameType]) -> None:
    _State.requested = True
    if not _State.deferred:
        stop_if_requested()


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Turn SIGTERM into a :class:`TerminatedError` inside this block."""
    _State.requested = False
    before = signal.signal(signal.SIGTERM, _handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def restore_handler() -> None:
    """Handle SIGTERM again after a library has installed its own handler."""
    signal.signal(signal.SIGTERM, _handle)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Inside this block, SIGTERM takes effect when :func:`stop_if_requested` is called."""
    _State.deferred = True
    try:
        yield
    finally:
        _State.deferred = False


def requested() -> bool:
    """Whether SIGTERM has been received."""
    return _State.requested


def stop_if_requested() -> None:
    """Stop the job if SIGTERM has been received.

    Raises:
        TerminatedError: it has been received.
    """
    if _State.requested:
        raise TerminatedError("stopped by SIGTERM; run the same command again to continue")
