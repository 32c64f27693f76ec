"""``background_sync_copy``: a folder that goes on changing, copied every so often, and once when the job ends.

A file is copied when its size or time has changed since it was last copied whole. A failure is logged and the next
round tries again: it must never end the job.
"""
import atexit
import logging
import threading
from typing import Dict, Tuple

from moxing._shim import pool
from moxing._shim.stores import Entry, locate
from moxing._shim.transfer import transfer

log = logging.getLogger("moxing")


def keep_synchronised(source: str, target: str, seconds: float, threads: int) -> None:
    """Start; returns at once."""
    copied: Dict[str, Tuple[int, int]] = {}
    lock, stop = threading.Lock(), threading.Event()

    def round_with(workers: int) -> None:
        with lock:
            try:
                _round(source, target, copied, workers)
            except Exception as error:
                log.warning("%s: not synchronised this time: %s", source, error)

    def rounds() -> None:
        while not stop.wait(seconds):
            round_with(threads)

    def last_round() -> None:
        stop.set()
        round_with(0)

    # At atexit's time the client can open no connection: since Python 3.9 its event loop's executor has ended by then.
    # What is registered here comes before that, for the executor was imported, and so registered, first.
    getattr(threading, "_register_atexit", atexit.register)(last_round)
    threading.Thread(target=rounds, name="moxing-sync", daemon=True).start()


def _round(source: str, target: str, copied: Dict[str, Tuple[int, int]], threads: int) -> None:
    here, there = locate(source), locate(target)

    def one(entry: Entry) -> None:
        transfer(here.child(entry.name), there.child(entry.name))
        copied[entry.name] = (entry.size, entry.mtime_ns)

    changed = [entry for entry in here.store.tree(here.path)
               if not entry.is_dir and copied.get(entry.name) != (entry.size, entry.mtime_ns)]
    pool.each(one, changed, threads, f"{source} to {target}")
