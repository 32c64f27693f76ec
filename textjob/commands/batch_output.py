"""The output folder of ``infer.py batch``, on this machine or in an object store: a file for each shard.

::

    part-00000-of-00040.jsonl    the output of a shard, complete or absent
    _counts/part-00000-....json  its numbers of rows, written before it
    _run.json                    the package, the data and the settings to which the output belongs
    _SUCCESS                     the totals; it exists when every shard is complete

Each file is written under another name and renamed, or uploaded in one request.
"""
import contextlib
import json
import os
import platform
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

from textjob.errors import RefusedError
from textjob.job import storage
from textjob.rehearsal.batch import REMEDY, differences
from textjob.rehearsal.output import FORMATS

RUN, SUCCESS, COUNTS = "_run.json", "_SUCCESS", "_counts"
SHARD = re.compile(rf"part-\d{{5,}}-of-\d{{5,}}\.({'|'.join(FORMATS)})")


class OutputFolder:
    """The files below ``--output_url``."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._remote = storage.is_remote(url)

    def claim(self, run: Dict[str, Any], overwrite: bool) -> None:
        """Write which run the output belongs to, or compare it with the record of an earlier call or another node.

        Raises:
            RefusedError: the folder holds the output of another run, and ``overwrite`` is False.
        """
        reason = self._difference(run)
        if reason and overwrite:
            self._clear()
        elif reason:
            raise RefusedError(f"{self.url} {reason}; {REMEDY}")
        if not self.read(RUN):
            self.write(RUN, json.dumps(run, ensure_ascii=False) + "\n")
        self.check(run)

    def check(self, run: Dict[str, Any]) -> None:
        """Compare the record with this run.

        Raises:
            RefusedError: another run has replaced it.
        """
        if self._difference(run):
            raise RefusedError(f"{self.url} was taken over by another run: {RUN} has changed; {REMEDY}")

    def _difference(self, run: Dict[str, Any]) -> str:
        """Why the folder is not an output of this run, or ``""``."""
        text = self.read(RUN)
        if not text:
            return f"holds shards, but their record {RUN} is missing" if self.shards() else ""
        try:
            other = json.loads(text)
        except ValueError:
            other = {}
        different = differences(other, run)
        return f"holds the output of another run: another {' and '.join(different)}" if different else ""

    def shards(self) -> Set[str]:
        """The names of the complete shards."""
        return {name for name in self._names() if SHARD.fullmatch(name)}

    def _clear(self) -> None:
        """Remove the files of another run, the record last."""
        self.remove(SUCCESS)
        for name in sorted(self.shards()):
            self.remove(name)
            self.remove(counts_of(name))
        self.remove(RUN)

    def _names(self) -> List[str]:
        if not self._remote:
            return os.listdir(self.url) if os.path.isdir(self.url) else []
        with storage.storage_errors(self.url):
            mox = storage.moxing()
            names: List[str] = mox.list_directory(self.url) if mox.exists(self.url) else []
        return [name.rstrip("/") for name in names]

    def read(self, name: str) -> str:
        """The content of a small file; ``""`` if it does not exist."""
        if not self._remote:
            path = Path(self.url, name)
            return path.read_text(encoding="utf-8") if path.is_file() else ""
        with storage.storage_errors(self._key(name)):
            mox = storage.moxing()
            text: str = mox.read(self._key(name)) if mox.exists(self._key(name)) else ""
        return text

    def write(self, name: str, text: str) -> None:
        """Write a small file."""
        with self.staged(name) as path:
            path.write_text(text, encoding="utf-8")

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        if not self._remote:
            with contextlib.suppress(FileNotFoundError):
                Path(self.url, name).unlink()
            return
        with storage.storage_errors(self._key(name)):
            mox = storage.moxing()
            if mox.exists(self._key(name)):
                mox.remove(self._key(name))

    @contextlib.contextmanager
    def staged(self, name: str) -> Iterator[Path]:
        """A path for a file that gets its name, or is uploaded, when the block ends; without a file, nothing happens.
        """
        if self._remote:
            with storage.scratch_folder() as folder:
                staging = folder / Path(name).name
                yield staging
                with storage.storage_errors(self._key(name)):
                    storage.moxing().copy(str(staging), self._key(name))
            return
        path = Path(self.url, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = path.parent / f".{path.name}.{platform.node()}.{os.getpid()}"
        try:
            yield staging
            _publish(staging, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                staging.unlink()

    def _key(self, name: str) -> str:
        return f"{self.url}/{name}"


def _publish(staging: Path, path: Path) -> None:
    """Give a file its name, and remove the unfinished files that killed processes have left of it."""
    try:
        with open(str(staging), "rb+") as file:
            os.fsync(file.fileno())
        os.replace(str(staging), str(path))
    except FileNotFoundError:
        if not path.exists():  # otherwise another process has published the same file and removed this one
            raise
    for leftover in path.parent.glob(f".{path.name}.*"):
        with contextlib.suppress(FileNotFoundError):
            leftover.unlink()


def counts_of(shard: str) -> str:
    """The file with the numbers of rows of a shard."""
    return f"{COUNTS}/{shard.rsplit('.', 1)[0]}.json"
