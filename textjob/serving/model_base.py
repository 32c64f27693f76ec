"""The folder of ``--model_base``: numeric folders of versions, on this machine or in an object store.

::

    3/  or  3/model/      the package of version 3
    3.unavailable         a marker file: version 3 is kept and not served (infer.py rollback)
    experiment.yaml       the experiment (textjob/serving/experiment.py)

Files are read by ``moxing.file`` or its stand-in, which has the same functions for local paths and for ``obs://``.
"""
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from textjob import manifest
from textjob.errors import PackageError, UsageError
from textjob.packaging import package

UNAVAILABLE = ".unavailable"
EXPERIMENT = "experiment.yaml"
NUMBER = re.compile("[0-9]{1,18}")


class Candidate(NamedTuple):
    """A version folder as it is now."""

    number: int
    url: str
    stamp: Tuple[Any, ...]
    """Names, sizes and times of its files; differs when a file changes."""
    problem: str
    """Why it is not a complete package; empty if it is one."""


class ModelBase:
    """A model base; ``cache`` is the folder for copies of remote versions, None if the base is local."""

    def __init__(self, url: str, files: Any, cache: Optional[Path] = None) -> None:
        self.url, self._files, self._cache = url.rstrip("/") or "/", files, cache
        self._copies = itertools.count()
        if not files.exists(url) or not files.is_directory(url):
            raise UsageError(f"--model_base {url}: no such folder; expected a folder of versions, such as {url}/1/ "
                             "with a package in it")

    def names(self) -> Dict[int, str]:
        """The folder name of each version without a marker file."""
        names = {name.rstrip("/") for name in self._files.list_directory(self.url)}
        return {int(name): name for name in sorted(names) if NUMBER.fullmatch(name) and name + UNAVAILABLE not in names}

    def inspect(self, number: int, name: str) -> Candidate:
        """The state of a version folder."""
        url = f"{self.url}/{name}"
        if not self._files.exists(f"{url}/{manifest.MANIFEST}") and self._files.exists(f"{url}/model"):
            url += "/model"
        try:
            names = self._files.list_directory(url, recursive=True, skip_dir=True)
            stats = {name: self._files.stat(f"{url}/{name}") for name in names if "__pycache__" not in name}
            sizes = {name: stat.length for name, stat in stats.items()}
            problem = self._problem(url, sizes)
        except OSError as error:  # it is a file, or is being deleted
            return Candidate(number, url, (), str(error))
        return Candidate(number, url, tuple(sorted(
            (name, stat.length, stat.mtime_nsec) for name, stat in stats.items())), problem)

    def _problem(self, url: str, sizes: Dict[str, int]) -> str:
        if manifest.MANIFEST not in sizes:
            return f"{manifest.MANIFEST} is missing; infer.py adopt makes a package of a model without one"
        try:
            listed = {entry["path"]: entry["size"] for entry in json.loads(
                self._files.read(f"{url}/{manifest.MANIFEST}", binary=True))["files"]}
        except (ValueError, KeyError, TypeError):
            return f"{manifest.MANIFEST} is not complete"
        for required in (package.MODEL, package.SERVICE):
            if required not in listed:
                return f"{manifest.MANIFEST} does not list {required}"
        for path, size in listed.items():
            if sizes.get(path) != size:
                return f"{path} has {sizes[path]} of {size} bytes" if path in sizes else f"{path} is missing"
        return ""

    def fetch(self, candidate: Candidate) -> Path:
        """The local folder of a complete version; a remote version is copied, completely or not at all."""
        if self._cache is None:
            return Path(candidate.url)
        folder = self._cache / f"{candidate.number}.{next(self._copies)}"
        with manifest.staged(folder) as staging:
            self._files.copy_parallel(candidate.url, str(staging))
            problems = manifest.differences(staging)
            if problems:
                raise PackageError(f"the copy of {candidate.url} is not complete: {problems[0]}")
        return folder

    def release(self, folder: Path) -> None:
        """Delete the copy of a remote version."""
        if self._cache is not None:
            shutil.rmtree(str(folder), ignore_errors=True)

    def experiment(self) -> Optional[str]:
        """The text of ``experiment.yaml``; None if there is no such file."""
        if not self._files.exists(f"{self.url}/{EXPERIMENT}"):
            return None
        content: bytes = self._files.read(f"{self.url}/{EXPERIMENT}", binary=True)
        return content.decode("utf-8", "replace")

    def rollback(self) -> Tuple[int, int, str]:
        """Make the newest complete version unavailable; returns it, the next one, and the path of the marker file."""
        names = self.names()
        complete: List[int] = []
        for number in sorted(names, reverse=True):
            if not self.inspect(number, names[number]).problem:
                complete.append(number)
            if len(complete) == 2:
                break
        else:
            state = f"only version {complete[0]} is available" if complete else "no version is available"
            raise UsageError(f"--model_base {self.url}: {state}, so that the server could not go back to another one; "
                             f"add a version, or delete a marker file N{UNAVAILABLE}")
        newest, previous = complete
        marker = f"{self.url}/{names[newest]}{UNAVAILABLE}"
        self._files.write(marker, f"infer.py rollback made version {newest} unavailable. Delete this file to serve it "
                          "again.\n")
        return newest, previous, marker
