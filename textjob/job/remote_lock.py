"""One job at a time per output in an object store, whichever machines the jobs run on.

The lock is an object below ``--train_url`` whose content the job that holds it changes every few seconds. Another job
refuses to start while the content changes, and takes the lock over when it has not changed for a minute, because the
job that wrote it was killed. Only changes count, because the clocks of two machines can differ. A job of the same
machine takes it over at once, because it holds the local lock (``lock.py``).
"""
import contextlib
import json
import os
import platform
import signal
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Dict, Iterator

from textjob.errors import RefusedError
from textjob.job.storage import LOCK, moxing, storage_errors

INTERVAL = 15.0  # seconds between two changes
EXPIRES = 60.0   # seconds without a change after which the job that wrote the lock has ended
_SETTLE = 2.0    # seconds in which another job that starts at the same moment overwrites the lock


@contextlib.contextmanager
def held(url: str) -> Iterator[None]:
    """Hold the lock of an output URL; it is removed at the end.

    Raises:
        RefusedError: another job holds the lock; the message names its host and process.
        StorageError: the object store refused a request.
    """
    lock = _Lock(f"{url.rstrip('/')}/{LOCK}")
    lock.take()
    beats = threading.Thread(target=lock.beat, name="lock", daemon=True)
    beats.start()
    try:
        yield
    finally:
        lock.ended.set()
        beats.join(INTERVAL)
        lock.release()


class _Lock:
    """The object of a lock, and the name of this job in it."""

    def __init__(self, url: str) -> None:
        self._url, self._file = url, moxing()
        self._job, self._beat = f"{platform.node()}, process {os.getpid()} ({uuid.uuid4().hex[:8]})", 0
        self.ended = threading.Event()

    def take(self) -> None:
        before = self._read()
        if before and _content(before).get("machine") != _machine():
            self._wait_until_it_expires(before)
        self._write()
        time.sleep(_SETTLE)
        self._refuse_another(self._read())

    def _wait_until_it_expires(self, before: str) -> None:
        print(f"{self._url} is the lock of the job {_job(before)}; this job starts if the lock does not change within "
              f"{EXPIRES:g} seconds", flush=True)
        end = time.monotonic() + EXPIRES
        while time.monotonic() < end:
            time.sleep(min(INTERVAL / 5, EXPIRES / 5))
            now = self._read()
            if not now:
                return
            if now != before:
                self._refuse_another(now)

    def _refuse_another(self, content: str) -> None:
        if _job(content) != self._job:
            raise RefusedError(f"--train_url {self._url[:-len(LOCK) - 1]} is in use by another job "
                               f"({_job(content)}); wait until that job has ended, or give another --train_url")

    def beat(self) -> None:
        """Change the content until the job has ended; stop the job if another one has taken the lock over."""
        while not self.ended.wait(INTERVAL):
            try:
                content = self._read()
                if content and _job(content) != self._job:
                    print(f"error: {self._url} was taken over by another job ({_job(content)}), because this job could "
                          f"not change it for {EXPIRES:g} seconds; this job stops", file=sys.stderr, flush=True)
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
                self._write()
            except Exception as error:  # the store may answer again before the lock expires
                print(f"warning: {self._url} could not be changed: {error}", file=sys.stderr, flush=True)

    def release(self) -> None:
        """Remove the object if it is still the lock of this job."""
        with storage_errors(self._url):
            if _job(self._read()) == self._job:
                self._file.remove(self._url)

    def _read(self) -> str:
        with storage_errors(self._url):
            content: str = self._file.read(self._url) if self._file.exists(self._url) else ""
            return content

    def _write(self) -> None:
        self._beat += 1
        with storage_errors(self._url):
            self._file.write(self._url, json.dumps({"job": self._job, "machine": _machine(), "beat": self._beat}))


def _job(content: str) -> Any:
    """The name of the job in the content of a lock."""
    return _content(content).get("job", content[:100])


def _content(content: str) -> Dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _machine() -> str:
    """The host, its current start and the user, as far as the system tells them."""
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        started = uuid.uuid4().hex  # unknown, so that no other job counts as one of this machine
    return f"{platform.node()} {started} {os.getuid()}"
