"""The progress of an epoch, as one line on a terminal, rewritten in place; and the estimated time of a training."""
import time
from typing import Callable, List, Optional, TextIO

MEASURED = 100
"""The number of steps whose speed gives the estimated time."""

_LONG = 60.0  # seconds; the time of a shorter training is not printed
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


class Estimate:
    """The time that a training will take, by the speed of its first hundred steps.

    Args:
        name: the model.
        steps: the number of steps that will be made, unless training stops early.
        epochs: their number of epochs.
        clock: returns the time in seconds.
    """

    def __init__(self, name: str, steps: int, epochs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._steps, self._epochs, self._clock = name, steps, epochs, clock
        self._start: Optional[float] = None
        self._made = 0

    def line(self, steps: int) -> List[str]:
        """Count these steps; returns a line at the end of the first hundred of a training that takes over a minute.

        The steps of the first call are not measured, because the first step takes longer than the others.
        """
        if self._start is None:
            self._start = self._clock()
            return []
        before, self._made = self._made, self._made + steps
        if before >= MEASURED or self._made < MEASURED:
            return []
        rate = self._made / max(self._clock() - self._start, 1e-9)
        if self._steps / rate <= _LONG:
            return []
        return [f"{self._name}: about {self._steps / rate / 60:,.0f} minutes for {self._epochs:,} epochs at "
                f"{rate:.1f} steps per second"]
