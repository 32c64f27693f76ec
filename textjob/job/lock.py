"""One job at a time on one output folder of this machine."""
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


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
    """Hold the lock of an output folder (or URL); the system lets go of it when the process ends, however it does.

    It lies among the temporary files, so that a job which is refused leaves nothing in the folder.

    Raises:
        RefusedError: another job holds it; the error names that one.
    """
    place = os.path.realpath(folder) if "://" not in folder else folder
    name = "text-classifier-job-{}-{}.lock".format(
        os.getuid(), hashlib.sha256(place.encode("utf-8")).hexdigest()[:16])
    with open(str(Path(tempfile.gettempdir()) / name), "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise RefusedError(f"--train_url {folder} is in use by another job {file.read().strip()}; wait for it, or give another")
        file.truncate(0)
        json.dump({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}, file)
        file.flush()
        yield
