"""Counts and hashes what passes through it."""
import hashlib
from typing import Any


class Sink:
    """Where bytes go; ``target`` may be None, where only their size and hash are wanted."""

    def __init__(self, target: Any = None) -> None:
        self.size = 0
        self._target = target
        self._md5 = hashlib.md5()

    def write(self, data: bytes) -> int:
        """As a file's."""
        self.size += len(data)
        self._md5.update(data)
        if self._target is not None:
            self._target.write(data)
        return len(data)

    @property
    def md5(self) -> str:
        """Of everything so far, in hex."""
        return self._md5.hexdigest()
