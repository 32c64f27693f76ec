"""The progress of an epoch: one line on a terminal, rewritten in place; nothing in a log file."""
import time
from typing import TextIO

_INTERVAL = 0.1  # seconds between two updates
_CLEAR = "\r\033[K"


class Progress:
    """A line such as ``cnn epoch 3/20: 40 of 137 batches, loss 0.4321``, if the stream is a terminal."""

    def __init__(self, title: str, batches: int, stream: TextIO) -> None:
        self._title, self._batches, self._stream = title, batches, stream
        self._terminal, self._shown = stream.isatty(), 0.0

    def show(self, batch: int, loss: float) -> None:
        """Show the number of finished batches and the loss of the last one."""
        now = time.monotonic()
        if self._terminal and now - self._shown >= _INTERVAL:
            self._shown = now
            self._write(f"{_CLEAR}{self._title}: {batch} of {self._batches} batches, loss {loss:.4f}")

    def clear(self) -> None:
        """Remove the line."""
        if self._terminal:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
