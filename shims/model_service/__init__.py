"""Stand-in for the platform's package of this name, outside the platform.

The platform's package is used even if this one comes first on ``sys.path``: this module then loads its code.
"""
import os
import sys
from importlib.machinery import PathFinder

_here = os.path.realpath(os.path.dirname(os.path.dirname(__file__)))
_real = PathFinder.find_spec(__name__, [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != _here])
if _real is not None and _real.submodule_search_locations and _real.loader is not None:
    __path__ = list(_real.submodule_search_locations)
    __file__ = _real.origin or __file__
    _real.loader.exec_module(sys.modules[__name__])
