"""Texts and labels of data larger than memory: files behind the interface of a list of strings.

A row has no Python object. Texts are read with ``pread``, because the pages of a map would count as memory of the job.

=============  ========================================================
``texts``      the texts in UTF-8, one after the other
``ends``       int64 ``[rows]``: the number of bytes to the end of each
``hashes``     uint64 ``[rows]``: of the texts (``hashes.py``)
``labels``     int32 ``[rows]``: numbers in a list of the labels
=============  ========================================================
"""
import os
from array import array
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from textjob.data import hashes, scratch

_CHUNK = 4096  # rows per write, and per read of an iteration
_TYPES = {"ends": np.int64, "hashes": np.uint64, "labels": np.int32}


class Files:
    """The files of one part, complete."""

    def __init__(self, folder: Path, rows: int, owner: object) -> None:
        self.ends, self.hashes, self.labels = (
            np.memmap(str(folder / name), dtype, "r", shape=(rows,)) if rows else np.zeros(0, dtype)
            for name, dtype in _TYPES.items())
        self._texts: IO[bytes] = (folder / "texts").open("rb")
        self._owner = owner  # deletes the files after their last use

    def texts(self, first: int, last: int) -> List[str]:
        """The texts of consecutive rows."""
        ends = self.ends[first:last].tolist()
        start = int(self.ends[first - 1]) if first else 0
        content = _read(self._texts.fileno(), start, ends[-1] - start) if ends else b""
        bounds = [0] + [end - start for end in ends]
        return [content[i:j].decode("utf-8", "surrogatepass") for i, j in zip(bounds, bounds[1:])]

    def texts_of(self, rows: np.ndarray) -> List[str]:
        """The texts of any rows, each read on its own."""
        ends, starts = self.ends[rows], np.where(rows, self.ends[rows - 1], 0)
        return [_read(self._texts.fileno(), start, end - start).decode("utf-8", "surrogatepass")
                for start, end in zip(starts.tolist(), ends.tolist())]

    def __del__(self) -> None:
        self._texts.close()


class _Column(Sequence[str]):
    """One column of some rows; ``rows`` are their numbers in the files, None means all."""

    def __init__(self, files: Files, rows: Optional[np.ndarray] = None) -> None:
        self._files, self._rows = files, rows

    def __len__(self) -> int:
        return len(self._files.ends) if self._rows is None else len(self._rows)

    def __getitem__(self, index: Union[int, slice]) -> Any:
        if isinstance(index, slice):
            chosen = range(*index.indices(len(self)))
            if self._rows is None and chosen.step == 1:
                return self._span(chosen.start, max(chosen.start, chosen.stop))
            return self._some(np.arange(len(self))[index] if self._rows is None else self._rows[index])
        number = range(len(self))[index]
        row = number if self._rows is None else int(self._rows[number])
        return self._span(row, row + 1)[0]

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _CHUNK):
            yield from self[first:first + _CHUNK]

    def _some(self, rows: np.ndarray) -> List[str]:
        if len(rows) and int(rows[-1]) - int(rows[0]) < 4 * len(rows) and (np.diff(rows) > 0).all():
            span = self._span(int(rows[0]), int(rows[-1]) + 1)
            return [span[row] for row in (rows - rows[0]).tolist()]
        return self._each(rows)

    def _chosen(self, column: np.ndarray) -> np.ndarray:
        return np.asarray(column if self._rows is None else column[self._rows])

    def _taken(self, rows: np.ndarray) -> np.ndarray:
        return rows if self._rows is None else self._rows[rows]

    def _span(self, first: int, last: int) -> List[str]:
        raise NotImplementedError

    def _each(self, rows: np.ndarray) -> List[str]:
        raise NotImplementedError


class Texts(_Column):
    """The texts of some rows."""

    def take(self, rows: np.ndarray) -> "Texts":
        """The texts of some of these rows."""
        return Texts(self._files, self._taken(rows))

    def hashes(self) -> np.ndarray:
        """The hash of each text."""
        return self._chosen(self._files.hashes)

    def _span(self, first: int, last: int) -> List[str]:
        return self._files.texts(first, last)

    def _each(self, rows: np.ndarray) -> List[str]:
        return self._files.texts_of(rows)


class Labels(_Column):
    """The labels of some rows; ``numbers`` are those of all rows in the files, and index ``names``."""

    def __init__(self, files: Files, names: Sequence[str], rows: Optional[np.ndarray] = None,
                 numbers: Optional[np.ndarray] = None) -> None:
        super().__init__(files, rows)
        self._names, self._numbers = names, files.labels if numbers is None else numbers

    def take(self, rows: np.ndarray) -> "Labels":
        """The labels of some of these rows."""
        return Labels(self._files, self._names, self._taken(rows), self._numbers)

    def numbered(self) -> Tuple[np.ndarray, Sequence[str]]:
        """The number of each label, and the label of each number."""
        return self._chosen(self._numbers), self._names

    def renamed(self, other: Mapping[str, str]) -> "Labels":
        """The same rows with other names of some labels; two labels may get the same name."""
        number: Dict[str, int] = {}
        merged = [number.setdefault(other.get(name, name), len(number)) for name in self._names]
        return Labels(self._files, list(number), self._rows, np.array(merged, np.int32)[self._numbers])

    def _span(self, first: int, last: int) -> List[str]:
        return [self._names[number] for number in self._numbers[first:last].tolist()]

    def _each(self, rows: np.ndarray) -> List[str]:
        return [self._names[number] for number in self._numbers[rows].tolist()]


class Writer:
    """Writes the rows of one part to files in a folder.

    Args:
        folder: a new folder.
        owner: deletes the files, when it is not used any more.
    """

    def __init__(self, folder: Path, owner: object) -> None:
        self._folder, self._owner, self._bytes, self._rows = folder, owner, 0, 0
        self._number: Dict[str, int] = {}
        folder.mkdir()
        self._files: Dict[str, IO[bytes]] = {name: (folder / name).open("wb") for name in ("texts", *_TYPES)}
        self._clear()

    def __len__(self) -> int:
        return self._rows

    def append(self, text: str, label: str) -> None:
        """Write one row."""
        content = text.encode("utf-8", "surrogatepass")
        self._texts.append(content)
        self._bytes += len(content)
        self._rows += 1
        self._ends.append(self._bytes)
        self._hashes.append(hashes.of_text(text))
        self._labels.append(self._number.setdefault(label, len(self._number)))
        if len(self._texts) == _CHUNK:
            self._flush()

    def finish(self) -> Tuple[Texts, Labels]:
        """The rows, to be read."""
        self._flush()
        with scratch.full_disk(self._folder):
            for file in self._files.values():
                file.close()
        files = Files(self._folder, self._rows, self._owner)
        return Texts(files), Labels(files, list(self._number))

    def _flush(self) -> None:
        with scratch.full_disk(self._folder):
            self._files["texts"].write(b"".join(self._texts))
            for name, values in (("ends", self._ends), ("hashes", self._hashes), ("labels", self._labels)):
                self._files[name].write(values.tobytes())
        self._clear()

    def _clear(self) -> None:
        self._texts: List[bytes] = []
        self._ends, self._hashes, self._labels = array("q"), array("Q"), array("i")


def take(column: Sequence[str], rows: np.ndarray) -> Sequence[str]:
    """Some rows of a column: a list of a list, and a view of a stored column."""
    if isinstance(column, (Texts, Labels)):
        return column.take(rows)
    return [column[row] for row in rows.tolist()]


def _read(descriptor: int, start: int, size: int) -> bytes:
    content = os.pread(descriptor, size, start)
    while len(content) < size:  # one call reads at most 2 GB
        content += os.pread(descriptor, size - len(content), start + len(content))
    return content
