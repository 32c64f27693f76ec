"""``import moxing.pytorch as mox`` gives the same as ``import moxing as mox``."""
from moxing._shim.training import ModeKeys, get_flag, get_hyper_parameter, set_flag, set_hyper_parameter, unsupported
from moxing.framework import file

__all__ = ["ModeKeys", "file", "get_flag", "get_hyper_parameter", "set_flag", "set_hyper_parameter"]
__getattr__ = unsupported(__name__)
