"""The space that a job needs on the disk of its output, compared with the free space before the training."""
import shutil
from pathlib import Path
from typing import List

import numpy as np

import models
from textjob.errors import DiskFullError
from textjob.settings import Settings
from textjob.training.checkpoints import KEPT
from textjob.training.inputs import Inputs

COPIES = 4
"""Arrays of the size of the network in a checkpoint: the weights, two of the optimizer, and the weights of the best
epoch."""


def check(root: Path, names: List[str], inputs: Inputs, settings: Settings) -> None:
    """Check that the packages and the checkpoints of these models fit on the disk of the output folder.

    Raises:
        DiskFullError: they do not fit; nothing has been written.
    """
    wide_part = sum(array.nbytes for array in inputs.wide.values())
    sizes = [network_bytes(name, len(inputs.vocabulary) + 2, len(inputs.labels), settings) for name in names]
    existing = sum(path.stat().st_size for path in (root / "checkpoints").rglob("*") if path.is_file())
    place = root
    while not place.exists():
        place = place.parent
    free, needed = shutil.disk_usage(str(place)).free, needed_bytes(sizes, wide_part) - existing
    if free < needed:
        raise DiskFullError(
            f"the disk of {root} has {free:,} free bytes; packages and checkpoints of {', '.join(names)} need about "
            f"{needed:,}. Free some space or choose another --train_url, then run the same command again")


def needed_bytes(networks: List[int], wide_part: int) -> int:
    """The most bytes that a job has on its disk at once, from the sizes of its networks and of its wide part.

    While a model trains, the packages of the earlier models exist, and one checkpoint more than is kept. At the end,
    there is a copy of the best package.
    """
    packages = [size + wide_part for size in networks]
    most = sum(packages) + max(packages)
    for number, size in enumerate(networks):
        training = max((KEPT + 1) * COPIES * size, KEPT * COPIES * size + packages[number])
        most = max(most, sum(packages[:number]) + training)
    return most


def network_bytes(name: str, ids: int, classes: int, settings: Settings) -> int:
    """The size of the weights of a network with this number of ids.

    Each id adds the same number of weights. Therefore two small networks give the size without the time that the
    weights of a large one take.
    """
    def size(count: int) -> int:
        weights = models.module(name).weights(np.random.RandomState(0), count, classes, settings.model[name])
        return sum(array.nbytes for array in weights.values())

    return size(3) + (ids - 3) * (size(4) - size(3))
