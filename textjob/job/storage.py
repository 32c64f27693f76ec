"""Object stores as local folders: data is downloaded before it is read, output is written locally and uploaded.

Uses the platform's ``moxing``, or the stand-in in ``shims/``, which gives way to the platform's. The readers verify the
downloaded files: packages and checkpoints by the hashes in their manifests.
"""
import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from textjob import manifest
from textjob.errors import DiskFullError, StorageError, UsageError
from textjob.paths import SHIMS, scratch

REMOTE = ("obs://", "s3://")
LOCK = "job.lock"
"""The object below a remote output that ``remote_lock.py`` writes; it is not a part of the output."""

MARKS = ("saved_model.pb", manifest.MANIFEST)
"""The marker files of a complete folder, uploaded last and in reverse order: if the first exists, all files exist."""


def is_remote(url: str) -> bool:
    """Whether the URL is in an object store."""
    return url.startswith(REMOTE)


def moxing() -> Any:
    """``moxing.file`` of the platform, or of the stand-in."""
    shims = str(SHIMS)
    if shims not in sys.path:
        # First, so that no unrelated package of the same name hides the stand-in, which itself prefers the platform's.
        sys.path.insert(0, shims)
    import moxing as mox
    return mox.file


@contextlib.contextmanager
def fetched(url: str) -> Iterator[str]:
    """A local path with the content of a remote file or folder; a local path itself."""
    if not is_remote(url):
        yield url
        return
    with _temporary_copy(url) as target:
        with storage_errors(url):
            mox = moxing()
            if not mox.exists(url):
                raise StorageError(f"{url}: no such object or folder; check the URL and upload the data first")
            mox.copy_parallel(url, target)
        yield target


@contextlib.contextmanager
def written(url: str) -> Iterator[str]:
    """A local path for a file that is continued: with its remote content, uploaded at the end, even after an error."""
    if not is_remote(url):
        yield url
        return
    with _temporary_copy(url) as target:
        with storage_errors(url):
            mox = moxing()
            if mox.exists(url):
                mox.copy(url, target)
        try:
            yield target
        finally:
            if os.path.exists(target):
                with storage_errors(url):
                    mox.copy(target, url)


class Workspace:
    """The output folder of a job: ``root`` is always local, ``send`` uploads a part of it if ``url`` is remote."""

    def __init__(self, url: str, root: Path) -> None:
        self.url, self.root = url, root
        self._sent: Dict[str, Tuple[int, int]] = {}

    def send(self, part: str = "") -> None:
        """Make the remote copy of a part (a path below the root) equal to the local one.

        Marker files are uploaded last. If a folder is replaced, its remote markers are deleted first, so that a partial
        folder is never marked as complete.
        """
        if not is_remote(self.url):
            return
        mox, base = moxing(), self.root / part
        local = sorted(path.relative_to(self.root).as_posix() for path in base.rglob("*") if path.is_file())
        changed = [name for name in local if self._sent.get(name) != self._stamp(name)]
        remote = self._remote_names(mox, part)
        markers = [name for name in remote if name in changed and name.split("/")[-1] in MARKS]
        for name in sorted(markers, key=_markers_last, reverse=True) + [name for name in remote if name not in local]:
            with storage_errors(self._key(name)):
                mox.remove(self._key(name))
            self._sent.pop(name, None)
        for name in sorted(changed, key=_markers_last):
            with storage_errors(self._key(name)):
                mox.copy(str(self.root / name), self._key(name))
            self._sent[name] = self._stamp(name)

    def fetch(self) -> None:
        """Download the output of an earlier run."""
        with storage_errors(self.url):
            mox = moxing()
            if mox.exists(self.url):
                mox.copy_parallel(self.url, str(self.root))
        with contextlib.suppress(FileNotFoundError):
            (self.root / LOCK).unlink()
        for path in self.root.rglob("*"):
            if path.is_file():
                name = path.relative_to(self.root).as_posix()
                self._sent[name] = self._stamp(name)

    def _remote_names(self, mox: Any, part: str) -> List[str]:
        """The remote files of a part, as paths below the root."""
        url = self._key(part)
        with storage_errors(url):
            names = mox.list_directory(url, recursive=True, skip_dir=True) if mox.exists(url) else []
        prefix = part + "/" if part else ""
        return [prefix + name.rstrip("/") for name in names if prefix + name != LOCK]

    def _key(self, name: str) -> str:
        return self.url.rstrip("/") + ("/" + name if name else "")

    def _stamp(self, name: str) -> Tuple[int, int]:
        status = (self.root / name).stat()
        return status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def workspace(url: str) -> Iterator[Workspace]:
    """The workspace of ``--train_url``: a local folder itself, or a local copy of a remote one."""
    if not is_remote(url):
        yield Workspace(url, Path(url))
        return
    # The same path for each run with this URL, so that the next run deletes the files of a killed one.
    name = hashlib.sha256(url.rstrip("/").encode("utf-8")).hexdigest()[:16]
    root = Path(scratch()) / f"text-classifier-job-{os.getuid()}-{name}"
    shutil.rmtree(str(root), ignore_errors=True)
    root.mkdir(parents=True)
    try:
        work = Workspace(url, root)
        work.fetch()
        yield work
    finally:
        shutil.rmtree(str(root), ignore_errors=True)


def check_writable(url: str, flag: str) -> None:
    """Check that a local file or folder can be written, before work is spent on it; nothing is created.

    Raises:
        UsageError: it cannot be written; ``flag`` is where it was given.
        DiskFullError: its disk has no free space.
    """
    if is_remote(url):
        return
    place = Path(url).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if place != Path(url).absolute() and not place.is_dir():
        raise UsageError(f"{flag} {url} cannot be written, because {place} is a file; give another path")
    if not os.access(str(place), os.W_OK | (os.X_OK if place.is_dir() else 0)):
        raise UsageError(f"{flag} {url} cannot be written, because {place} is read-only for this user; give another "
                         "path")
    if not shutil.disk_usage(str(place)).free:
        raise DiskFullError(f"{flag} {url}: the disk is full; free some space, then run the same command again")


@contextlib.contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Convert a failure of the store into a StorageError of one line."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{url}: {' '.join(str(error).split())}")


@contextlib.contextmanager
def _temporary_copy(url: str) -> Iterator[str]:
    """A path in a temporary folder, with the name of the remote file or folder."""
    with scratch_folder() as folder:
        yield str(folder / url.rstrip("/").split("/")[-1])


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder on the disk for large files."""
    folder = tempfile.mkdtemp(dir=scratch())
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a thread may still write to it when a server ends


def _markers_last(name: str) -> Tuple[int, str]:
    """A sort key that puts the marker files behind all others."""
    marker = name.split("/")[-1]
    return (len(MARKS) - MARKS.index(marker) if marker in MARKS else 0), name
