"""Where a job's time goes, phase by phase."""
import time
from typing import Dict


class Phases:
    """A stopwatch that is told at the end of each phase which one it was; a phase may come several times."""

    def __init__(self, began: float) -> None:
        """``began`` is a reading of ``time.time()``."""
        self._began = self._last = began
        self.seconds: Dict[str, float] = {}

    def end(self, name: str) -> None:
        """What has passed since the last phase's end was ``name``."""
        now = time.time()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now

    def __str__(self) -> str:
        return "{:.1f} s: {}".format(self._last - self._began, ", ".join(
            f"{name} {seconds:.1f}" for name, seconds in self.seconds.items()))
