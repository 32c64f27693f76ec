"""Directories: copied with what is in them, moved, and matched by patterns, wherever they lie."""
import fnmatch
import glob
import logging
import os
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence

from moxing._shim import pool, settings
from moxing._shim.errors import MoxFileNameDuplicateException, missing
from moxing._shim.local import is_behind_link
from moxing._shim.stores import Entry, Place, locate
from moxing._shim.transfer import transfer

log = logging.getLogger("moxing")


class Copied(NamedTuple):
    """What a copy has moved, by names relative to both ends: nothing else may be deleted after it."""

    files: List[str]
    folders: List[str]


def copy_all(source: Place, target: Place, names: Optional[Sequence[str]], threads: int) -> Copied:
    """What is in ``source``, or of it what ``names`` names, into ``target``."""
    entries = source.store.tree(source.path) if names is None else _named(source, names, threads)
    if not entries:
        log.warning("%s: No files to copy", source.url)
        return Copied([], [])
    _check_names(entries, target)
    files = [entry for entry in entries if not entry.is_dir]
    folders = [entry.name for entry in entries if entry.is_dir]
    above = {entry.name.rpartition("/")[0] for entry in entries}
    for name in folders:
        if name not in above:  # the others come into being with what is in them
            target.child(name).store.make_dir(target.child(name).path)

    def one(entry: Entry) -> None:
        transfer(source.child(entry.name), target.child(entry.name))

    # Large uploads go one at a time, each in many parts: together they would fill the memory.
    in_parts = {entry for entry in files if not target.store.local and entry.size > settings.largest_single_put()}
    doing = f"{source.url} to {target.url}"
    pool.each(one, [entry for entry in files if entry not in in_parts], threads, doing)
    pool.each(one, [entry for entry in files if entry in in_parts], 0, doing)
    return Copied([entry.name for entry in files], folders)


def move(source: Place, target: Place, threads: int) -> None:
    """A file or a directory. What is deleted is what was copied and proven, not what a later listing shows."""
    if (source.store, source.path) == (target.store, target.path):
        return
    if source.store.head(source.path) is not None:
        transfer(source, target)
        source.store.delete(source.path)
        return
    if not source.store.is_dir(source.path):
        raise missing(source.url)
    if not source.store.tree(source.path):
        target.store.make_dir(target.path)
    copied = copy_all(source, target, None, threads)
    ours = [name for name in copied.files if not (source.store.local and is_behind_link(source.path, name))]
    pool.each(lambda name: source.store.delete(source.child(name).path), ours, threads, "moving")
    source.store.drop_dirs(source.path, copied.folders)


def match(pattern: Place) -> List[str]:
    """What a pattern matches, as full URLs; as glob.glob does it, hidden files and all."""
    if pattern.store.local:
        prefix = pattern.url[:len(pattern.url) - len(pattern.path)]  # file:// where that was written
        return sorted(prefix + path for path in glob.glob(pattern.path))
    scheme, _, rest = pattern.url.partition("://")
    first, *parts = rest.split("/")
    found = [locate(f"{scheme}://{first}")]
    for part in parts:
        found = list(_matched(found, part))
    return sorted(place.url for place in found if place.exists())


def _matched(folders: Iterable[Place], part: str) -> Iterable[Place]:
    for folder in folders:
        if not glob.has_magic(part):
            yield folder.child(part)
            continue
        for entry in folder.store.ls(folder.path):
            if fnmatch.fnmatchcase(entry.name, part) and (part[0] == "." or entry.name[0] != "."):
                yield folder.child(entry.name)


def _named(source: Place, names: Sequence[str], threads: int) -> List[Entry]:
    """A file_list as entries; what list_directory gives may stand in it, directories included."""
    entries: Dict[str, Entry] = {}

    def look(name: str) -> None:
        bare = name.strip("/")
        place = source.child(bare)
        seen = None if name.endswith("/") else source.store.head(place.path)
        if seen is None and not source.store.is_dir(place.path):
            raise missing(place.url)
        entries[bare] = Entry(bare, seen is None, seen.size if seen else 0)

    top = source.url.rstrip("/") + "/"
    wanted = [os.fspath(name) for name in names]
    pool.each(look, [name[len(top):] if name.startswith(top) else name for name in wanted], threads, source.url)
    return [entries[name] for name in sorted(entries)]


def _check_names(entries: Sequence[Entry], target: Place) -> None:
    """Before anything is written: names that would leave the target, and files that are folders as well."""
    files = {entry.name for entry in entries if not entry.is_dir}
    folders = {entry.name for entry in entries if entry.is_dir}
    refused = ("", ".", "..") if target.store.local else (".", "..")
    for name in sorted(files | folders):
        if any(part in refused for part in name.split("/")):
            raise MoxFileNameDuplicateException(f"{name!r}: a name that would not stay below {target.url}")
    for name in sorted(files & folders if target.store.local else ()):
        raise MoxFileNameDuplicateException(f"{name}: a file and a directory of that name cannot both lie in {target.url}")
