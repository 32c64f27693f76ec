"""The local folder for the files of data larger than memory, and the memory that decides which data are larger.

A job locks its folder (``flock``) until its process ends, so that the next job deletes the folders of killed jobs and
no other folder. The lock is on the folder itself; the file ``.lock`` is locked while folders are created and deleted.
"""
import contextlib
import fcntl
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Dict, Iterator, NamedTuple

from textjob import paths
from textjob.errors import DISK_FULL, DiskFullError, UsageError
from textjob.settings import DataSettings, Settings

SHARE = 0.5
"""The share of the memory of the machine that the data may need, where the setting ``memory_mb`` is 0."""

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container, v2 and v1
RUN, IDS = "run-", "ids-"  # how the folders of a job, and the folders that the next job can use, are named
_KEPT = 2  # folders of ids that no job uses

_held: Dict[str, int] = {}  # the file descriptors of the locked folders


class Place(NamedTuple):
    """The memory in bytes that the data may need, and the folder that is chosen for the files of larger data."""

    memory: float
    folder: str

    def root(self) -> Path:
        """The folder for the files of this user; it is created.

        Raises:
            UsageError: it cannot be written.
        """
        path = Path(self.folder or paths.scratch()) / f"text-classifier-data-{os.getuid()}"
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.stat().st_uid != os.getuid():
                raise PermissionError(f"it belongs to the user {path.stat().st_uid}")
        except OSError as error:
            if error.errno in DISK_FULL:
                raise
            raise UsageError(f"{path} cannot be used for the files of data larger than memory ({error}); choose a "
                             "folder with --scratch")
        return path


def place(settings: DataSettings) -> Place:
    """The place that settings choose."""
    if not isinstance(settings, Settings):
        return Place(SHARE * total_memory(), "")
    return Place(settings.memory_mb * 1e6 or SHARE * total_memory(), settings.scratch)


def total_memory() -> int:
    """The memory of this machine, or of its container if that is less, in bytes."""
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for name in _LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" means no limit
            sizes.append(int(Path(name).read_text()))
    return min(sizes)


def new_folder(place_: Place, owner: object) -> Path:
    """A new folder, which is deleted with its owner, at the latest when the process ends.

    Folders of processes that have ended are deleted.
    """
    root = place_.root()
    with full_disk(root), _locked(root):
        for path in sorted(root.glob(RUN + "*")):
            remove(path)
        folder = Path(tempfile.mkdtemp(prefix=RUN, dir=str(root)))
        key = _hold(folder)
    weakref.finalize(owner, _delete, folder, key)
    return folder


def _delete(folder: Path, key: str) -> None:
    shutil.rmtree(str(folder), ignore_errors=True)
    os.close(_held.pop(key))


def publish(folder: Path, name: str) -> Path:
    """Give a complete folder the name under which the next job looks for it; deletes old folders that no job uses."""
    target = folder.parent.parent / (IDS + name)
    with _locked(target.parent):
        if not target.exists():
            folder.rename(target)
        others = sorted((path for path in target.parent.glob(IDS + "*") if path != target),
                        key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[_KEPT - 1:]:
            remove(path)
    return published(target.parent, name)


def published(root: Path, name: str) -> Path:
    """The folder of this name, locked for this process."""
    target = root / (IDS + name)
    with _locked(root):
        if target.is_dir():
            os.utime(str(target))  # the folder that was used last is deleted last
            _hold(target, fcntl.LOCK_SH)
    return target


def release(folder: Path) -> None:
    """Unlock a folder that this process does not use any more."""
    held = _held.pop(_key(folder), None)
    if held is not None:
        os.close(held)


def discard(folder: Path) -> bool:
    """Delete a damaged folder of ids, unless a process holds it; returns whether it is deleted."""
    with _locked(folder.parent):
        remove(folder)
        return not folder.exists()


def remove(path: Path) -> None:
    """Delete a folder, unless a process holds it."""
    try:
        descriptor = os.open(str(path), os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(str(path), ignore_errors=True)
    finally:
        os.close(descriptor)


def check_free(folder: Path, needed: int) -> None:
    """Check that files of this size fit on the disk of a folder.

    Raises:
        DiskFullError: they do not fit.
    """
    free = shutil.disk_usage(str(folder)).free
    if free < needed:
        raise DiskFullError(f"the disk of {folder} has {free:,} free bytes; the files of data larger than memory need "
                            f"about {needed:,}. Free some space or choose another folder with --scratch, then run the "
                            "same command again")


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Turns a full disk into a sentence that names the folder and the setting."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise DiskFullError(f"{folder}: {error.strerror}, while the files of data larger than memory were written; "
                            "free some space or choose another folder with --scratch, then run the same command again")


def _hold(folder: Path, kind: int = fcntl.LOCK_EX) -> str:
    """Lock a folder until the process ends; returns the key of the lock. A lock that this process has is kept."""
    key = _key(folder)
    if key not in _held:
        _held[key] = os.open(str(folder), os.O_RDONLY)
        fcntl.flock(_held[key], kind)
    return key


def _key(folder: Path) -> str:
    return f"{folder.stat().st_dev}:{folder.stat().st_ino}"


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
