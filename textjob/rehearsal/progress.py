"""The progress of ``infer.py batch`` on standard error: a line that changes on a terminal, a line per minute in a log.
"""
import sys
import time
from typing import Any, Callable, Optional, TextIO

Report = Callable[[int, int, int], None]
"""A function that receives the rows of a call, and the first and the last line of those that were read for it."""


class Progress:
    """Prints rows, rate and time left; ``lines`` is the number of lines of the input, or 0 if it is not known."""

    def __init__(self, lines: int, stream: Optional[TextIO] = None) -> None:
        self._lines, self._stream = lines, stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._interval = 0.5 if self._terminal else 60.0
        self._began = self._printed = time.monotonic()
        self._rows = self._first_line = self._lines_before = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._terminal:
            self._stream.write("\r\033[K")
            self._stream.flush()

    def of_part(self, first_line: int, lines: int) -> Report:
        """:meth:`add` for the next part of the input, whose lines begin with another number."""
        before = self._lines_before - first_line + 1
        self._lines_before += lines
        return lambda rows, first, line: self.add(rows, before + first, before + line)

    def add(self, rows: int, first_line: int, line: int) -> None:
        """``rows`` more rows have been classified, of those in the lines from ``first_line`` to ``line``."""
        self._first_line = self._first_line or first_line
        self._rows += rows
        now = time.monotonic()
        if now - self._printed < self._interval:
            return
        self._printed = now
        text = state(self._rows, now - self._began, self._first_line, line, self._lines)
        self._stream.write(f"\r\033[K{text}" if self._terminal else text + "\n")
        self._stream.flush()


def state(rows: int, seconds: float, first_line: int, line: int, lines: int) -> str:
    """The progress in words: ``rows`` rows in ``seconds``, from ``first_line`` to ``line`` of ``lines`` lines."""
    parts = [f"{rows:,} rows", f"{rows / seconds:,.0f} rows/s"]
    if 0 < first_line <= line <= lines:
        left = seconds * (lines - line) / (line - first_line + 1)
        parts += [f"{100 * line // lines} %", f"{duration(left)} left"]
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min`` or ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
