"""Many files at once: directories copied and moved, a manifest's files, and periodic synchronisation."""
import atexit
import json
import logging
import os
import posixpath
import threading
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from moxing._shim import settings
from moxing._shim.errors import MoxFileNameDuplicateException, missing
from moxing._shim.local import is_behind_link
from moxing._shim.locations import locate
from moxing._shim.store import Entry, Location
from moxing._shim.threads import for_each
from moxing._shim.transfer import transfer

log = logging.getLogger("moxing")


class Copied(NamedTuple):
    """The names that were copied, relative to both ends: only these may be deleted afterwards."""

    files: List[str]
    folders: List[str]


def copy_tree(source: Location, target: Location, names: Optional[Sequence[str]], threads: int) -> Copied:
    """Copy the content of ``source``, or only its files and folders in ``names``, into ``target``."""
    entries = source.store.list_tree(source.path) if names is None else _entries_of(source, names, threads)
    if not entries:
        log.warning("%s: No files to copy", source.url)
        return Copied([], [])
    _check_names(entries, target)
    files = [entry for entry in entries if not entry.is_dir]
    folders = [entry.name for entry in entries if entry.is_dir]
    parents = {entry.name.rpartition("/")[0] for entry in entries}
    for name in folders:
        if name not in parents:  # the others are made with their files
            target.child(name).store.make_dir(target.child(name).path)

    def copy(entry: Entry) -> None:
        transfer(source.child(entry.name), target.child(entry.name))

    # One at a time, because each large upload already keeps many parts in memory.
    large = {entry for entry in files if not target.store.local and entry.size > settings.largest_single_put()}
    title = f"{source.url} to {target.url}"
    for_each(copy, [entry for entry in files if entry not in large], threads, title)
    for_each(copy, [entry for entry in files if entry in large], 0, title)
    return Copied([entry.name for entry in files], folders)


def move(source: Location, target: Location, threads: int) -> None:
    """Move a file or a directory. Deletes only the files that were copied and proven, not those of a later listing."""
    if (source.store, source.path) == (target.store, target.path):
        return
    if source.store.head(source.path) is not None:
        transfer(source, target)
        source.store.delete(source.path)
        return
    if not source.store.is_dir(source.path):
        raise missing(source.url)
    if not source.store.list_tree(source.path):
        target.store.make_dir(target.path)
    copied = copy_tree(source, target, None, threads)
    own = [name for name in copied.files if not (source.store.local and is_behind_link(source.path, name))]
    for_each(lambda name: source.store.delete(source.child(name).path), own, threads, f"deleting from {source.url}")
    source.store.remove_empty_dirs(source.path, copied.folders)


def copy_manifest_sources(manifest: str, text: str, target: Location, threads: int) -> None:
    """Copy the ``source`` of each line, with its path below the folder that all sources share.

    Two files of the same name in two folders therefore stay apart. ``content://`` lines contain their text themselves.
    """
    urls: List[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            source = json.loads(line)["source"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{manifest}, line {number}: a JSON object with the key 'source' is expected")
        if not source.startswith("content://"):
            urls.append(source)
    if not urls:
        log.warning("%s: No files to copy", manifest)
        return
    urls = list(dict.fromkeys(urls))
    shared = posixpath.commonpath([posixpath.dirname(url) for url in urls])
    for_each(lambda url: transfer(locate(url), target.child(posixpath.relpath(url, shared))), urls, threads, manifest)


def synchronise_in_background(source: str, target: str, seconds: float, threads: int) -> None:
    """Copy changed files (by size and time) periodically and at the end of the process; returns at once.

    A failure is logged and repeated with the next round, because it must not end the job.
    """
    copied: Dict[str, Tuple[int, int]] = {}
    lock, stop = threading.Lock(), threading.Event()

    def synchronise(workers: int) -> None:
        with lock:
            try:
                _copy_changed(source, target, copied, workers)
            except Exception as error:
                log.warning("%s: synchronisation failed, the next round repeats it: %s", source, error)

    def repeat() -> None:
        while not stop.wait(seconds):
            synchronise(threads)

    def finish() -> None:
        stop.set()
        synchronise(0)

    # Since Python 3.9 no thread can be started at atexit's time, and a large upload needs threads. Callbacks of
    # threading._register_atexit run before that; in reverse order, so that this one precedes the executor's own.
    getattr(threading, "_register_atexit", atexit.register)(finish)
    threading.Thread(target=repeat, name="moxing-sync", daemon=True).start()


def _copy_changed(source: str, target: str, copied: Dict[str, Tuple[int, int]], threads: int) -> None:
    local, remote = locate(source), locate(target)

    def copy(entry: Entry) -> None:
        transfer(local.child(entry.name), remote.child(entry.name))
        copied[entry.name] = (entry.size, entry.mtime_ns)

    changed = [entry for entry in local.store.list_tree(local.path)
               if not entry.is_dir and copied.get(entry.name) != (entry.size, entry.mtime_ns)]
    for_each(copy, changed, threads, f"{source} to {target}")


def _entries_of(source: Location, names: Sequence[str], threads: int) -> List[Entry]:
    """The entries of a file_list, which may contain all that list_directory returns, directories included."""
    entries: Dict[str, Entry] = {}

    def look_up(name: str) -> None:
        bare = name.strip("/")
        location = source.child(bare)
        info = None if name.endswith("/") else source.store.head(location.path)
        if info is None and not source.store.is_dir(location.path):
            raise missing(location.url)
        entries[bare] = Entry(bare, info is None, info.size if info else 0)

    top = source.url.rstrip("/") + "/"
    texts = [os.fspath(name) for name in names]
    for_each(look_up, [name[len(top):] if name.startswith(top) else name for name in texts], threads, source.url)
    return [entries[name] for name in sorted(entries)]


def _check_names(entries: Sequence[Entry], target: Location) -> None:
    """Refuse, before anything is written, names outside the target and names of both a file and a folder."""
    files = {entry.name for entry in entries if not entry.is_dir}
    folders = {entry.name for entry in entries if entry.is_dir}
    refused = ("", ".", "..") if target.store.local else (".", "..")
    for name in sorted(files | folders):
        if any(part in refused for part in name.split("/")):
            raise MoxFileNameDuplicateException(f"{name!r}: the name would not stay below the target {target.url}")
    for name in sorted(files & folders if target.store.local else ()):
        raise MoxFileNameDuplicateException(
            f"{name}: {target.url} cannot contain both a file and a directory of that name")
