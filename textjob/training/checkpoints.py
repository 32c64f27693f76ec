"""Checkpoints of one model's training: complete or absent, hashed, the last two kept.

::

    checkpoints/<model>/ckpt-<number>/  state.npz  facts.json  manifest.json

A checkpoint is written aside and renamed, so a kill leaves the one before. What was torn all the same (a disk, a copy
that stopped half-way) is found by its hashes, said, and passed over.
"""
import errno
import re
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import numpy as np

from textjob import manifest
from textjob.errors import DiskFullError

KEPT = 2
STATE, FACTS = "state.npz", "facts.json"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Checkpoint(NamedTuple):
    """``arrays``: weights and whatever else the optimizer needs; ``facts``: where the run was, as JSON."""

    arrays: Dict[str, np.ndarray]
    facts: Dict[str, Any]


class Checkpoints:
    """The folder of one model's checkpoints.

    ``identity`` is what a run must have in common with one that it goes on from; it stands among the facts.
    ``changed`` is called whenever the folder has changed.
    """

    def __init__(self, folder: Path, identity: Dict[str, Any], changed: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self._identity, self._changed = identity, changed

    def write(self, number: int, checkpoint: Checkpoint) -> None:
        """Write one and remove what is older than the one before; ``number`` is greater than that of any other.

        Raises:
            DiskFullError: there is no room; the older checkpoints are as they were.
        """
        size = sum(array.nbytes for array in checkpoint.arrays.values())
        try:
            with manifest.staged(self.folder / f"ckpt-{number}") as aside:
                np.savez(str(aside / STATE), **checkpoint.arrays)  # type: ignore[arg-type]
                manifest.write_json(aside / FACTS, dict(checkpoint.facts, **self._identity))
                manifest.write_manifest(aside)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise DiskFullError(
                f"no room for a checkpoint of {size:,} bytes in {self.folder}: {shutil.disk_usage(str(self.folder)).free:,} bytes are free. The one before is as it was; "
                "make room, or give another --train_url, and run the same command again")
        for old in self.all()[:-KEPT]:
            shutil.rmtree(str(old))
        self._changed()

    def all(self) -> List[Path]:
        """Complete or not, the oldest first: by number, ckpt-10 after ckpt-9."""
        found = [path for path in self.folder.glob("ckpt-*") if re.fullmatch(r"ckpt-\d+", path.name)]
        return sorted(found, key=lambda path: int(path.name[len("ckpt-"):]))

    def newest(self) -> Optional[Checkpoint]:
        """The newest whose files are as its manifest says; None where there is none."""
        for path in reversed(self.all()):
            faults = manifest.differences(path)
            if not faults:
                with np.load(str(path / STATE), allow_pickle=False) as state:
                    return Checkpoint({name: state[name] for name in state.files}, manifest.read_json(path / FACTS))
            print(f"{path}: {faults[0]}; the one before it is taken", flush=True)
        return None

    def facts(self) -> Dict[str, Any]:
        """Those of the newest complete checkpoint, without its arrays; empty where there is none."""
        for path in reversed(self.all()):
            if not manifest.differences(path):
                return manifest.read_json(path / FACTS)
        return {}

    def clear(self) -> None:
        """Remove them all: the model is finished, or begun anew."""
        there, parent = self.folder.exists(), self.folder.parent
        if there:
            shutil.rmtree(str(self.folder))
        if parent.exists() and not list(parent.iterdir()):  # also where a kill came between the two
            parent.rmdir()
        if there:
            self._changed()
