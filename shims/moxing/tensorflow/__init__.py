"""``import moxing.tensorflow as mox`` gives ``mox.file``; its training half is out of scope."""
from moxing.framework import file

__all__ = ["file"]
