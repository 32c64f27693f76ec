"""Where the parts of the project are."""
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The folder of ``train.py``."""

SHIMS = PROJECT / "shims"
"""The stand-ins for the platform's ``moxing`` and ``model_service``."""
