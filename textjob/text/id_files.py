"""Ids of data larger than memory: files that are memory-mapped, and that the next job on the same data uses again.

A folder has the vocabulary, the files of each part, and ``manifest.json``, which is written last: a folder without it,
or whose files have other sizes, is not used. The folder is written inside the folder of the job, which the next job
deletes if this one is killed, and renamed when it is complete.

================  =====================================================================
``PART.ids``      uint16 ``[ids]`` if the vocabulary is small enough, otherwise int32
``PART.spelling`` int32 ``[characters]``
``.lengths``      int64 ``[texts]``, after the name of either
``.starts``       int64 ``[texts]``, after the name of either
``PART.labels``   int32 ``[texts]``: class numbers
================  =====================================================================
"""
import hashlib
import json
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from textjob import manifest
from textjob.data import scratch
from textjob.errors import PackageError
from textjob.text import encoding, spelling, tokenizer, vocabulary
from textjob.text.encoding import Encoded, Flat

PARTS = ("train", "dev", "test")
VOCABULARY = "vocabulary.txt"
_SMALL = 1 << 16  # ids of a smaller vocabulary have two bytes


class Writer:
    """Writes the ids of a data set into a new folder."""

    def __init__(self, folder: Path, words: Sequence[bytes]) -> None:
        folder.mkdir()
        self.folder = folder
        self._ids = "uint16" if len(words) + tokenizer.UNKNOWN + 1 <= _SMALL else "int32"
        self._arrays: Dict[str, Tuple[str, int]] = {}
        with scratch.full_disk(folder):
            vocabulary.write(words, folder / VOCABULARY)

    def add(self, part: str, chunks: Iterator[List[Tuple[np.ndarray, np.ndarray]]], labels: np.ndarray) -> None:
        """Write the ids, the spelling and the class numbers of one part."""
        with scratch.full_disk(self.folder):
            kinds = [_Rows(self.folder / f"{part}.{kind}", dtype)
                     for kind, dtype in (("ids", self._ids), ("spelling", "int32"))]
            for chunk in chunks:
                for rows, (values, lengths) in zip(kinds, chunk):
                    rows.append(values, lengths)
            for rows in kinds:
                self._arrays.update(rows.close())
            labels.astype(np.int32).tofile(str(self.folder / f"{part}.labels"))
        self._arrays[f"{part}.labels"] = ("int32", len(labels))

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest; ``facts`` are returned by :func:`read`."""
        with scratch.full_disk(self.folder):
            manifest.write_json(self.folder / manifest.MANIFEST, {"arrays": self._arrays, "facts": dict(facts)})


class _Rows:
    """The file of values, and those of the lengths and of the starts of rows."""

    def __init__(self, path: Path, dtype: str) -> None:
        self._path, self._dtype, self._values, self._rows = path, dtype, 0, 0
        self._files: List[IO[bytes]] = [path.with_name(path.name + suffix).open("wb")
                                        for suffix in ("", ".lengths", ".starts")]

    def append(self, values: np.ndarray, lengths: np.ndarray) -> None:
        lengths = lengths.astype(np.int64)
        starts = self._values + np.cumsum(lengths) - lengths
        for file, array in zip(self._files, (values.astype(self._dtype), lengths, starts)):
            file.write(array.tobytes())
        self._values, self._rows = self._values + len(values), self._rows + len(lengths)

    def close(self) -> Dict[str, Tuple[str, int]]:
        for file in self._files:
            file.close()
        name = self._path.name
        return {name: (self._dtype, self._values), name + ".lengths": ("int64", self._rows),
                name + ".starts": ("int64", self._rows)}


def read(folder: Path) -> Optional[Tuple[Dict[str, Encoded], Dict[str, Any]]]:
    """The parts in a folder, and the facts that were written with them; None if the folder is not complete."""
    try:
        content = manifest.read_json(folder / manifest.MANIFEST)
        arrays = {name: _mapped(folder / name, dtype, length) for name, (dtype, length) in content["arrays"].items()}
        parts = {part: Encoded(*_flat(arrays, f"{part}.ids"), arrays[f"{part}.labels"],
                               Flat(*_flat(arrays, f"{part}.spelling"))) for part in PARTS}
        return parts, content["facts"]
    except (PackageError, OSError, KeyError, ValueError):
        return None


def _flat(arrays: Mapping[str, np.ndarray], name: str) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    return arrays[name], arrays[name + ".starts"], arrays[name + ".lengths"]


def _mapped(path: Path, dtype: str, length: int) -> np.ndarray:
    if path.stat().st_size != length * np.dtype(dtype).itemsize:
        raise ValueError(f"{path} has another size than its manifest says")
    return np.memmap(str(path), dtype, "r", shape=(length,)) if length else np.zeros(0, dtype)


def key(digest: str, settings: Mapping[str, Any]) -> str:
    """The name of the ids of these data with these settings, by this version of the code that makes them."""
    found = hashlib.sha256(json.dumps([digest, sorted(settings.items())]).encode("ascii"))
    for module in (encoding, spelling, tokenizer, vocabulary):
        found.update(Path(str(module.__file__)).read_bytes())
    found.update(Path(__file__).read_bytes())
    return found.hexdigest()[:16]
