"""Lines on standard error that never delay a request: a thread writes them, and they are dropped if it cannot."""
import functools
import json
import logging
import os
import threading
import time
from collections import deque
from typing import Deque

CAPACITY = 10000  # lines that wait to be written


class Lines:
    """Writes lines to a file descriptor in a thread of its own."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._lines: Deque[str] = deque()
        self._dropped = 0
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._closed = False
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def write(self, line: str) -> None:
        """Queue a line; count it as dropped if too many lines wait."""
        if len(self._lines) >= CAPACITY:
            self._dropped += 1
            return
        self._lines.append(line)
        if not self._changed.is_set():
            self._changed.set()

    def close(self, seconds: float = 1.0) -> None:
        """Write what waits; give up after some seconds, because nobody may read the other end of a pipe."""
        self._closed = True
        self._changed.set()
        self._ended.wait(seconds)

    def _run(self) -> None:
        while not self._closed or self._lines:
            self._changed.wait()
            if not self._closed:
                time.sleep(0.1)  # one write for the lines of many requests
            self._changed.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if self._dropped:
                lines.append(json.dumps({"dropped_log_lines": self._dropped}))
                self._dropped = 0
            self._write("".join(line + "\n" for line in lines).encode("utf-8", "backslashreplace"), len(lines))
        self._ended.set()

    def _write(self, content: bytes, lines: int) -> None:
        try:
            while content:
                content = content[os.write(self._descriptor, content):]
        except OSError:  # a full disk, a closed pipe: requests are answered all the same
            self._dropped += lines


class LinesHandler(logging.Handler):
    """Passes the records of :mod:`logging` to :class:`Lines` as JSON."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        entry = {"time": timestamp(record.created), "level": record.levelname, "logger": record.name,
                 "message": record.getMessage()}
        if record.exc_info:
            entry["traceback"] = logging.Formatter().formatException(record.exc_info)
        self._lines.write(json.dumps(entry, ensure_ascii=False))


@functools.lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def timestamp(seconds: float) -> str:
    """A time as in ``2026-11-26T13:04:31.250Z``."""
    return f"{_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"
