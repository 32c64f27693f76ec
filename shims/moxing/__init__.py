"""Stands in for the platform's package of this name, off the platform: ``mox.file`` for local paths, obs:// and s3://.

The platform's own always wins, even where this one comes first on ``sys.path``. A package that merely bears the name
(the one on PyPI does) has no ``file.copy_parallel``: one warning, and this one is used.
"""
import importlib.util
import os
import sys
import warnings
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Optional


def _other() -> Optional[ModuleSpec]:
    """The next package of this name on the path that is no copy of this one."""
    entries = [entry for entry in sys.path if isinstance(entry, str)
               and not os.path.isdir(os.path.join(entry or os.curdir, "moxing", "_shim"))]
    spec = PathFinder.find_spec("moxing", entries)
    # A folder that happens to be called moxing is found as well, as a namespace: it has no code, hence no origin.
    return spec if spec is not None and spec.loader is not None and spec.has_location else None


def _platforms_own(spec: ModuleSpec) -> Optional[ModuleType]:
    """The package, imported in this one's place, where it is the platform's; else None, and nothing of it remains."""
    ours, known = sys.modules["moxing"], set(sys.modules)
    module = importlib.util.module_from_spec(spec)
    sys.modules["moxing"] = module
    try:
        assert spec.loader is not None
        spec.loader.exec_module(module)
        if callable(getattr(getattr(module, "file", None), "copy_parallel", None)):
            return module
        found = "it has no file.copy_parallel"
    except Exception as error:
        # The real one, broken: to work on with another in its place would hide that.
        if any(os.path.exists(os.path.join(root, "framework")) for root in spec.submodule_search_locations or []):
            raise
        found = f"its import fails: {error}"
    for name in [name for name in sys.modules if name.startswith("moxing.") and name not in known]:
        del sys.modules[name]
    sys.modules["moxing"] = ours
    warnings.warn(f"{spec.origin} is not the platform's moxing ({found}); using this project's stand-in {os.path.dirname(__file__)}", RuntimeWarning, stacklevel=2)
    return None


_found = _other()
if _found is None or _platforms_own(_found) is None:
    from moxing._shim import start
    from moxing.framework import file

    __version__ = start.VERSION
    start.greet()
    __all__ = ["file"]
