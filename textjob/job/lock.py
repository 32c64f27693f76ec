"""One job at a time per output: a file on one machine, and an object in an object store (``remote_lock.py``)."""
import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Iterator

from textjob.errors import RefusedError
from textjob.job import remote_lock, storage


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
    """Hold the lock of an output folder or URL. The system releases it when the process ends, even by SIGKILL.

    The lock file is among the temporary files, so that a job that is refused leaves nothing in the folder.

    Raises:
        RefusedError: another job holds the lock; the message names its process.
    """
    place = os.path.realpath(folder) if "://" not in folder else folder
    digest = hashlib.sha256(place.encode("utf-8")).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"text-classifier-job-{os.getuid()}-{digest}.lock"
    with open(str(path), "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise RefusedError(f"--train_url {folder} is in use by another job {file.read().strip()}; wait until that "
                               "job has ended, or give another --train_url")
        file.truncate(0)
        json.dump({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}, file)
        file.flush()
        with remote_lock.held(folder) if storage.is_remote(folder) else contextlib.nullcontext():
            yield
