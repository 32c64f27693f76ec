"""``import moxing.tensorflow as mox`` gives ``mox.file``; the training functions of that module are not provided."""
from moxing.framework import file

__all__ = ["file"]
