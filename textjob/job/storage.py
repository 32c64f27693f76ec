"""Object stores as local folders: data is fetched before it is read, output is written here and sent there.

All by the platform's ``moxing``, or the stand-in for it in ``shims/``, which always gives way to the real one. What
arrives is verified by whoever reads it: packages and checkpoints by the hashes of their manifests.
"""
import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple, TypeVar

from textjob import manifest
from textjob.errors import StorageError
from textjob.job import nodes
from textjob.paths import SHIMS

REMOTE = ("obs://", "s3://")
MARKS = ("saved_model.pb", manifest.MANIFEST)
"""Sent last, the first of these after the second: what finds it finds everything."""

T = TypeVar("T")


def is_remote(url: str) -> bool:
    """Is this in an object store?"""
    return url.startswith(REMOTE)


def moxing() -> Any:
    """``moxing.file``: the platform's, else the stand-in."""
    shims = str(SHIMS)
    if shims not in sys.path:
        # First, so that an unrelated package of the name does not hide it; the stand-in itself looks for the real one.
        sys.path.insert(0, shims)
    import moxing as mox
    return mox.file


def _asked(what: str, call: Callable[[], T]) -> T:
    """What a call to the store gives.

    Raises:
        StorageError: it fails; the sentence says of what, and why.
    """
    try:
        return call()
    except OSError as error:
        raise StorageError("{}: {}".format(what, " ".join(str(error).split())))


@contextlib.contextmanager
def fetched(url: str) -> Iterator[str]:
    """A local path with the content of a file or folder; a local one itself."""
    if not is_remote(url):
        yield url
        return
    with tempfile.TemporaryDirectory(dir=nodes.scratch()) as folder:
        target = os.path.join(folder, url.rstrip("/").split("/")[-1])
        mox = moxing()
        if not _asked(url, lambda: mox.exists(url)):
            raise StorageError(f"{url}: there is no such object or folder")
        _asked(url, lambda: mox.copy_parallel(url, target))
        yield target


@contextlib.contextmanager
def written(url: str) -> Iterator[str]:
    """A local path for a file that is written on, with what is there already; sent at the end, however it ends."""
    if not is_remote(url):
        yield url
        return
    mox = moxing()
    with tempfile.TemporaryDirectory(dir=nodes.scratch()) as folder:
        target = os.path.join(folder, url.rstrip("/").split("/")[-1])
        if _asked(url, lambda: mox.exists(url)):
            _asked(url, lambda: mox.copy(url, target))
        try:
            yield target
        finally:
            if os.path.exists(target):
                _asked(url, lambda: mox.copy(target, url))


class Workspace:
    """The output folder of a job: ``root`` is always local, ``send`` brings a part of it to where it belongs."""

    def __init__(self, url: str, root: Path) -> None:
        self.url, self.root = url, root
        self._sent: Dict[str, Tuple[int, int]] = {}

    def send(self, part: str = "") -> None:
        """Make the store's copy of a part (a path below the root) like the local one; nothing where it is local.

        A folder's marks come last; of one that is replaced they go first, so that there is never half of one.
        """
        if not is_remote(self.url):
            return
        mox, base = moxing(), self.root / part
        here = sorted(path.relative_to(self.root).as_posix() for path in base.rglob("*") if path.is_file())
        changed = [name for name in here if self._sent.get(name) != self._stamp(name)]
        there = self._there(mox, part)
        marks = [name for name in there if name in changed and name.split("/")[-1] in MARKS]
        for name in sorted(marks, key=_last, reverse=True) + [name for name in there if name not in here]:
            _asked(name, lambda name=name: mox.remove(self._key(name)))  # type: ignore[misc]
            self._sent.pop(name, None)
        for name in sorted(changed, key=_last):
            _asked(name, lambda name=name: mox.copy(str(self.root / name), self._key(name)))  # type: ignore[misc]
            self._sent[name] = self._stamp(name)

    def _there(self, mox: Any, part: str) -> List[str]:
        """What the store has of a part, as paths below the root."""
        url = self._key(part)
        if not _asked(url, lambda: mox.exists(url)):
            return []
        names: List[str] = _asked(url, lambda: mox.list_directory(url, recursive=True, skip_dir=True))
        prefix = part + "/" if part else ""
        return [prefix + name.rstrip("/") for name in names]

    def fetch(self) -> None:
        """Bring what an earlier run left there."""
        mox = moxing()
        if _asked(self.url, lambda: mox.exists(self.url)):
            _asked(self.url, lambda: mox.copy_parallel(self.url, str(self.root)))
        for path in self.root.rglob("*"):
            if path.is_file():
                name = path.relative_to(self.root).as_posix()
                self._sent[name] = self._stamp(name)

    def _key(self, name: str) -> str:
        return self.url.rstrip("/") + ("/" + name if name else "")

    def _stamp(self, name: str) -> Tuple[int, int]:
        found = (self.root / name).stat()
        return found.st_size, found.st_mtime_ns


def _last(name: str) -> Tuple[int, str]:
    """Sorts the marks behind everything else."""
    mark = name.split("/")[-1]
    return (len(MARKS) - MARKS.index(mark) if mark in MARKS else 0), name


@contextlib.contextmanager
def workspace(url: str) -> Iterator[Workspace]:
    """The workspace of ``--train_url``, with what is there already; of a local one the folder itself."""
    if not is_remote(url):
        yield Workspace(url, Path(url))
        return
    # The same place each time, so that a killed job leaves its files to the next one, which begins with none.
    name = hashlib.sha256(url.rstrip("/").encode("utf-8")).hexdigest()[:16]
    root = Path(nodes.scratch()) / f"text-classifier-job-{os.getuid()}-{name}"
    shutil.rmtree(str(root), ignore_errors=True)
    root.mkdir(parents=True)
    try:
        work = Workspace(url, root)
        work.fetch()
        yield work
    finally:
        shutil.rmtree(str(root), ignore_errors=True)
