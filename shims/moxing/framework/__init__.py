"""Contains ``file`` and ``util``, as in the platform's package."""
from moxing.framework import file

__all__ = ["file"]
