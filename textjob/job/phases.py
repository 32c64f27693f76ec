"""The time of a job, phase by phase."""
import time
from typing import Dict


class Phases:
    """A stopwatch for the phases of a job; a phase may occur several times."""

    def __init__(self, start: float) -> None:
        """``start`` is a reading of ``time.time()``."""
        self._start = self._last = start
        self.seconds: Dict[str, float] = {}

    def end(self, name: str) -> None:
        """Add the time since the end of the last phase to the phase of this name."""
        now = time.time()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self.seconds.items())
        return f"{self._last - self._start:.1f} s: {parts}"
