"""Checkpoints of one model's training: complete or absent, hashed, the last two kept.

::

    checkpoints/<model>/ckpt-<number>/  state.npz  facts.json  manifest.json

A checkpoint is written to a temporary folder that is then renamed, so a kill leaves the previous checkpoint. A
checkpoint that is damaged for another reason (a disk, an interrupted copy) is detected by its hashes, reported and
skipped.
"""
import re
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import numpy as np

from textjob import manifest
from textjob.errors import DISK_FULL, DiskFullError

KEPT = 2
STATE, FACTS = "state.npz", "facts.json"


class Checkpoint(NamedTuple):
    """``arrays``: the weights and the state of the optimizer; ``facts``: the position of the run, as JSON."""

    arrays: Dict[str, np.ndarray]
    facts: Dict[str, Any]


class Checkpoints:
    """The folder of one model's checkpoints.

    Args:
        identity: facts that must be equal in a run and in the run that it resumes; they are written to each checkpoint.
        changed: called after each change of the folder.
    """

    def __init__(self, folder: Path, identity: Dict[str, Any], changed: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self._identity, self._changed = identity, changed

    def write(self, number: int, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and remove all but the last two; ``number`` must be greater than all earlier ones.

        Raises:
            DiskFullError: the disk is full; the earlier checkpoints are unchanged.
        """
        size = sum(array.nbytes for array in checkpoint.arrays.values())
        try:
            with manifest.staged(self.folder / f"ckpt-{number}") as aside:
                np.savez(str(aside / STATE), **checkpoint.arrays)  # type: ignore[arg-type]
                manifest.write_json(aside / FACTS, dict(checkpoint.facts, **self._identity))
                manifest.write_manifest(aside)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise DiskFullError(
                f"the disk is full: a checkpoint of {size:,} bytes cannot be written to {self.folder}, where "
                f"{shutil.disk_usage(str(self.folder)).free:,} bytes are free; the previous checkpoint is unchanged. "
                "Free some space or choose another --train_url, then run the same command again")
        for old in self.all()[:-KEPT]:
            shutil.rmtree(str(old))
        self._changed()

    def all(self) -> List[Path]:
        """All checkpoints, complete or not, in the order of their numbers."""
        paths = [path for path in self.folder.glob("ckpt-*") if re.fullmatch(r"ckpt-\d+", path.name)]
        return sorted(paths, key=lambda path: int(path.name[len("ckpt-"):]))

    def newest(self) -> Optional[Checkpoint]:
        """The newest checkpoint whose files agree with its manifest, or None."""
        for path in reversed(self.all()):
            differences = manifest.differences(path)
            if not differences:
                with np.load(str(path / STATE), allow_pickle=False) as state:
                    return Checkpoint({name: state[name] for name in state.files}, manifest.read_json(path / FACTS))
            print(f"{path} is damaged ({differences[0]}); using the previous checkpoint", flush=True)
        return None

    def facts(self) -> Dict[str, Any]:
        """The facts of the newest complete checkpoint; empty without a checkpoint."""
        for path in reversed(self.all()):
            if not manifest.differences(path):
                return manifest.read_json(path / FACTS)
        return {}

    def clear(self) -> None:
        """Remove all checkpoints, because the model is finished or starts again."""
        existed, parent = self.folder.exists(), self.folder.parent
        if existed:
            shutil.rmtree(str(self.folder))
        # Also after a kill between the two removals.
        if parent.exists() and not list(parent.iterdir()):
            parent.rmdir()
        if existed:
            self._changed()
