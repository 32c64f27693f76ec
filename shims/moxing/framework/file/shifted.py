"""``mox.file.shift('os', 'mox')``: Python's own file functions also accept URLs of an object store.

A call without such a URL goes to the original function with the same arguments. A call with one has the same arguments,
too: :mod:`moxing.framework.file.url_functions` respects each of them, or refuses it with a sentence.
"""
import builtins
import functools
import glob
import inspect
import os
import shutil
from typing import Any, Callable, Dict, NamedTuple, Tuple

from moxing._shim.locations import is_object_url
from moxing.framework.file import file_io, url_functions


class Shifted(NamedTuple):
    """A function of Python, the function that replaces it for URLs, and how many of its first arguments are paths."""

    module: Any
    name: str
    for_urls: Callable[..., Any]
    paths: int = 1


FUNCTIONS: Tuple[Shifted, ...] = (
    Shifted(builtins, "open", url_functions.open_url),
    Shifted(os, "listdir", url_functions.listdir),
    Shifted(os, "makedirs", url_functions.makedirs),
    Shifted(os, "mkdir", url_functions.mkdir),
    Shifted(os, "remove", url_functions.remove),
    Shifted(os, "rename", url_functions.rename, paths=2),
    Shifted(os, "scandir", url_functions.Scan),
    Shifted(os, "stat", url_functions.stat),
    Shifted(os, "walk", url_functions.walk),
    Shifted(os.path, "exists", file_io.exists),
    Shifted(os.path, "getsize", url_functions.getsize),
    Shifted(os.path, "isdir", file_io.is_directory),
    Shifted(glob, "glob", url_functions.glob),
    Shifted(shutil, "copyfile", url_functions.copyfile, paths=2),
    Shifted(shutil, "copytree", url_functions.copytree, paths=2),
    Shifted(shutil, "rmtree", url_functions.rmtree),
)
_originals: Dict[str, Any] = {}


def shift(origin: str, target: str) -> None:
    """Replace the functions, once per process; a second call has no effect."""
    if (origin, target) != ("os", "mox"):
        raise ValueError(f"shift({origin!r}, {target!r}): shift('os', 'mox') is the only supported call")
    if _originals:
        return
    for entry in FUNCTIONS:
        original = getattr(entry.module, entry.name)
        replacement = accepting_urls(original, entry)
        _originals[f"{entry.module.__name__}.{entry.name}"] = original
        setattr(entry.module, entry.name, replacement)
        # shutil looks its functions up in these sets before it passes dir_fd or follow_symlinks.
        for supported in (os.supports_dir_fd, os.supports_effective_ids, os.supports_fd, os.supports_follow_symlinks):
            if original in supported:
                supported.add(replacement)


def accepting_urls(original: Callable[..., Any], entry: Shifted) -> Callable[..., Any]:
    """The function that calls ``entry.for_urls`` if a path is a URL, and else the original, with all arguments."""
    signature = inspect.signature(original)
    paths = list(signature.parameters)[:entry.paths]
    accepted = inspect.signature(entry.for_urls).parameters
    keywords = [*paths, "root_dir"]  # glob.glob's root_dir is a path, too

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        if not any(map(is_object_url, (*args[:entry.paths], *map(kwargs.get, keywords)))):
            return original(*args, **kwargs)
        given = dict(signature.bind(*args, **kwargs).arguments)
        urls = [given.pop(name) for name in paths]
        for name in [name for name in given if name not in accepted]:  # an argument that a newer Python has
            if given.pop(name) != signature.parameters[name].default:
                raise url_functions.unsupported(entry.name, urls[0], name, "this version of the stand-in lacks it")
        return entry.for_urls(*urls, **given)

    return function
