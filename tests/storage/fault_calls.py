"""A store with one object in it, and a call of each kind for it."""
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


def method_of(call: str) -> Dict[str, str]:
    return {"method": "GET", "where": "prefix="} if call == "LIST" else {"method": call, "where": "folder/x"}
