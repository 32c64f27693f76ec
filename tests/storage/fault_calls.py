"""An object, and one call of ``mox.file`` per kind of request."""
from pathlib import Path
from typing import Any, Callable, Dict

DATA = bytes(range(256)) * 40
URL = "obs://bucket/folder/x"
ATTEMPTS = 4  # MOX_FILE_RETRY in conftest.py

CALLS: Dict[str, Callable[[Any, Path], Any]] = {
    "PUT": lambda file, here: file.write(URL, DATA, binary=True),
    "HEAD": lambda file, here: file.stat(URL),
    "GET": lambda file, here: file.copy(URL, str(here / "x")),
    "DELETE": lambda file, here: file.remove(URL),
    "LIST": lambda file, here: file.list_directory("obs://bucket/folder"),
}


def matching(call: str) -> Dict[str, str]:
    """The arguments of ``server.fail`` and ``server.received`` that match the requests of a call."""
    return {"method": "GET", "where": "prefix="} if call == "LIST" else {"method": call, "where": "folder/x"}
