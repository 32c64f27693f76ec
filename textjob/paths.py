"""Where the parts of the project are, and the folder for large temporary files."""
import os
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The folder of ``train.py``."""

SHIMS = PROJECT / "shims"
"""The stand-ins for the platform's ``moxing`` and ``model_service``."""

CACHE = Path("/cache")
"""The fast local disk of the platform's training nodes."""


def scratch() -> str:
    """The folder for large temporary files: the platform's fast disk where this machine has it."""
    return str(CACHE) if os.access(str(CACHE), os.W_OK) else tempfile.gettempdir()
