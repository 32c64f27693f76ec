"""Polls a model base: loads new versions, and decides which versions answer.

The newest complete version that does not take part in the experiment is the served version; if all take part, it is the
newest of them. A version replaces another one only when it is loaded, verified and warm. A version that fails to load
is logged once and not tried again until its files change.
"""
import asyncio
import logging
from functools import partial
from typing import Any, Dict, List, Optional, Tuple

from textjob.errors import JobError, PackageError, UsageError, one_line
from textjob.serving import experiment
from textjob.serving.experiment import Experiment
from textjob.serving.loading import Loader, in_thread
from textjob.serving.model_base import EXPERIMENT, Candidate, ModelBase
from textjob.serving.versions import END, LOADING, Version, Versions

log = logging.getLogger(__name__)


class Poller:
    """Keeps the loaded versions as the model base and the experiment require; ``flags`` is the experiment of the flags,
    None if experiments are not allowed."""

    def __init__(self, base: ModelBase, seconds: float, flags: Optional[Experiment], versions: Versions,
                 loader: Loader) -> None:
        self._base, self._seconds, self._versions, self._loader = base, seconds, versions, loader
        self._flags = flags
        self._experiment = flags or experiment.NONE
        self._refused: Dict[int, Tuple[Any, ...]] = {}
        self._said: Dict[str, str] = {}

    async def run(self) -> None:
        """Poll until the task is cancelled."""
        while True:
            try:
                await self.poll()
                self._say("base", logging.INFO, "")
            except Exception as error:  # a client of an object store may raise any
                self._say("base", logging.ERROR, f"--model_base {self._base.url} cannot be read: {_reason(error)}; the "
                          "loaded versions go on answering")
            await asyncio.sleep(self._seconds)

    async def poll(self) -> None:
        """Compare the loaded versions with the model base once."""
        names: Dict[int, str] = await in_thread(self._base.names)
        if self._flags is not None:
            self._read_experiment(self._flags, await in_thread(self._base.experiment))
        for number in [number for number in self._refused if number not in names]:
            del self._refused[number]
        wanted = self._experiment.among(names)
        parts = wanted.versions()
        others = [number for number in sorted(names, reverse=True) if number not in parts]
        served = await self._first_loadable(others + sorted(parts, reverse=True), names)
        if served is None:
            remedy = (f"version {self._versions.served.number} is still loaded and goes on answering"
                      if self._versions.served else "requests get 503 until there is one")
            self._say("none", logging.WARNING, f"{self._base.url} has no version that can be served; {remedy}")
            return
        self._say("none", logging.INFO, "")
        self._versions.use(served, wanted)
        for number in parts:
            if await self._obtain(number, names[number]) is not None:
                self._versions.use(served, wanted)
        missing = [str(number) for number in self._experiment.versions()
                   if number not in names or self._versions.loaded(number) is None]
        self._say("missing", logging.WARNING, f"the experiment names version {', '.join(missing)}, which cannot be "
                  f"served; version {served.number} gets its requests" if missing else "")

    async def _first_loadable(self, numbers: List[int], names: Dict[int, str]) -> Optional[Version]:
        for number in numbers:
            version = await self._obtain(number, names[number])
            if version is not None:
                return version
        return None

    async def _obtain(self, number: int, name: str) -> Optional[Version]:
        """The loaded version; None if it is not complete yet, or cannot be loaded."""
        version = self._versions.loaded(number)
        if version is not None:
            return version
        candidate: Candidate = await in_thread(lambda: self._base.inspect(number, name))
        if self._refused.get(number) == candidate.stamp:
            return None
        if candidate.problem:
            # Only a problem that stays is logged, because a package that is being copied has another one at each poll.
            key, problem = f"incomplete {number}", f"version {number} is not a complete package: {candidate.problem}"
            if self._said.get(key + " seen") == problem:
                self._say(key, logging.WARNING, problem)
            self._said[key + " seen"] = problem
            return None
        return await self._load(candidate)

    async def _load(self, candidate: Candidate) -> Optional[Version]:
        number = candidate.number
        self._versions.set_state(number, LOADING)
        folder = None
        try:
            folder = await in_thread(lambda: self._base.fetch(candidate))
            self._say(f"copy {number}", logging.INFO, "")
            version = await self._loader.load(str(number), folder, partial(self._base.release, folder))
        except Exception as error:  # a service file may raise any exception
            reason = _reason(error)
            self._versions.set_state(number, END, reason)
            if folder is None and not isinstance(error, PackageError):
                self._say(f"copy {number}", logging.ERROR, f"version {number} cannot be copied: {reason}; the next "
                          "poll tries again")
                return None
            log.error("version %s is not served: %s; it is tried again when its files change", number, reason)
            self._refused[number] = candidate.stamp
            if folder is not None:
                self._base.release(folder)
            return None
        self._refused.pop(number, None)
        self._versions.add(number, version)
        return version

    def _read_experiment(self, flags: Experiment, text: Optional[str]) -> None:
        try:
            wanted = flags if text is None else experiment.of_file(text)
            self._say("experiment", logging.INFO, "")
        except UsageError as error:
            self._say("experiment", logging.ERROR, f"{EXPERIMENT} is not used: {error}; the experiment stays as it was")
            return
        if wanted != self._experiment:
            log.info("experiment: %s", wanted)
        self._experiment = wanted

    def _say(self, key: str, level: int, message: str) -> None:
        """Log a message that differs from the last one with this key; an empty one is not logged."""
        if message and self._said.get(key) != message:
            log.log(level, message)
        self._said[key] = message


def _reason(error: Exception) -> str:
    return one_line(str(error) if isinstance(error, (JobError, OSError)) else f"{type(error).__name__}: {error}")
