"""Stand-in for the platform's package of this name, outside the platform: ``mox.file`` for local paths, obs:// and s3://.

Hyper parameters and flags are read from the command line; a training function raises an error with its replacement.
The platform's package is used even if this one comes first on ``sys.path``. An unrelated package of the same name (such
as the one on PyPI) has no ``file.copy_parallel``: it causes one warning, and the stand-in is used.
"""
import importlib.util
import os
import sys
import warnings
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Optional


def _next_on_path() -> Optional[ModuleSpec]:
    """The next package of this name on the path that is not a copy of the stand-in."""
    entries = [entry for entry in sys.path if isinstance(entry, str)
               and not os.path.isdir(os.path.join(entry or os.curdir, "moxing", "_shim"))]
    spec = PathFinder.find_spec("moxing", entries)
    # A folder named moxing that contains no code is a namespace package: it has no loader or no origin.
    return spec if spec is not None and spec.loader is not None and spec.has_location else None


def _import_real(spec: ModuleSpec) -> Optional[ModuleType]:
    """The platform's package, imported in place of this one; None, and no trace in sys.modules, for any other."""
    stand_in, imported = sys.modules["moxing"], set(sys.modules)
    module = importlib.util.module_from_spec(spec)
    sys.modules["moxing"] = module
    try:
        assert spec.loader is not None
        spec.loader.exec_module(module)
        if callable(getattr(getattr(module, "file", None), "copy_parallel", None)):
            return module
        reason = "it has no file.copy_parallel"
    except Exception as error:
        # A damaged installation of the platform's package must not be hidden by the stand-in.
        if any(os.path.exists(os.path.join(root, "framework")) for root in spec.submodule_search_locations or []):
            raise
        reason = f"its import fails: {error}"
    for name in [name for name in sys.modules if name.startswith("moxing.") and name not in imported]:
        del sys.modules[name]
    sys.modules["moxing"] = stand_in
    warnings.warn(f"{spec.origin} is not the platform's moxing ({reason}); using the stand-in in"
                  f" {os.path.dirname(__file__)}", RuntimeWarning, stacklevel=2)
    return None


_next = _next_on_path()
if _next is None or _import_real(_next) is None:
    import logging

    from moxing._shim import settings
    from moxing._shim.training import (
        ModeKeys,
        get_flag,
        get_hyper_parameter,
        set_flag,
        set_hyper_parameter,
        unsupported,
    )
    from moxing.framework import file

    __getattr__ = unsupported("moxing")

    __version__ = "2.1.0+shim"
    if not settings.silent():  # as the platform's package does on import
        logging.getLogger().setLevel(logging.INFO)
        print(f"INFO:root:Using MoXing-v{__version__}")
    __all__ = ["ModeKeys", "file", "get_flag", "get_hyper_parameter", "set_flag", "set_hyper_parameter"]
