"""Lines on the progress of a phase that reads all rows, with the time that remains."""
import time
from typing import Callable, Optional

INTERVAL = 10.0
"""Seconds between two lines; a phase that takes less prints none."""


class Progress:
    """Prints ``counting the words: 1,200,000 of 5,000,000 rows, about 40 s left`` every ten seconds.

    Args:
        phase: what is done.
        total: the amount of work, in the unit of :meth:`at`; None if it is not known.
        show: prints a line.
        rows: the number of rows, if it is known.
        clock: returns the time in seconds.
    """

    def __init__(self, phase: str, total: Optional[int], show: Callable[[str], None], rows: Optional[int] = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._phase, self._total, self._show, self._rows, self._clock = phase, total, show, rows, clock
        self._start = self._shown = clock()

    def at(self, rows: int, done: int) -> None:
        """Show the number of finished rows, and the time that remains at the mean speed of the finished work."""
        now = self._clock()
        if now - self._shown < INTERVAL:
            return
        self._shown = now
        of = f" of {self._rows:,}" if self._rows else ""
        left = ""
        if self._total and done:
            seconds = max(0.0, (now - self._start) * (self._total - done) / done)
            left = f", about {seconds:,.0f} s left" if seconds < 120 else f", about {seconds / 60:,.0f} minutes left"
        self._show(f"{self._phase}: {rows:,}{of} rows{left}")


def printed(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)
