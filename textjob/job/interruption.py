"""SIGTERM: the platform's word that the machine is wanted back.

While a model trains, the step is finished and a checkpoint written first; at any other time the job stops at once.
"""
import contextlib
import signal
from types import FrameType
from typing import Iterator, Optional

from textjob.errors import TerminatedError


class _State:
    asked = False
    deferred = False


def _handle(_number: int, _frame: Optional[FrameType]) -> None:
    _State.asked = True
    if not _State.deferred:
        stop_if_asked()


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Turn SIGTERM into a :class:`TerminatedError` inside this block."""
    _State.asked = False
    before = signal.signal(signal.SIGTERM, _handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Inside this block it waits until somebody calls :func:`stop_if_asked`."""
    _State.deferred = True
    try:
        yield
    finally:
        _State.deferred = False


def asked() -> bool:
    """Has SIGTERM come?"""
    return _State.asked


def stop_if_asked() -> None:
    """Stop the job if so.

    Raises:
        TerminatedError: SIGTERM has come.
    """
    if _State.asked:
        raise TerminatedError("stopped by SIGTERM; the same command goes on where it stopped")
