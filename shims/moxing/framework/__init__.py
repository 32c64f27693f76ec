"""Where the platform's package keeps ``file`` and ``util``."""
from moxing.framework import file

__all__ = ["file"]
