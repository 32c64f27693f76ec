"""The rows of the parts while they are read: lists, and files from the row on that exceeds the memory."""
import os
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Sequence

from textjob.data import scratch
from textjob.data.folders import Source
from textjob.data.progress import Progress
from textjob.data.store import Writer

BYTES, ROW = 100, 1000
"""The bytes of memory that a job needs per byte of text in UTF-8, and per row, if all of its data are in memory. The
fit of the wide part needs most of them (docs/large-data.md)."""


class Examples(NamedTuple):
    """Texts, and the label of each: lists, or columns of files (``store.py``)."""

    texts: Sequence[str]
    labels: Sequence[str]


class Collection:
    """Where the rows of all parts of one data set go.

    Args:
        place: the memory that the data may need, and the folder for the files of larger data.
        show: prints a line on the progress, or on the files.
    """

    def __init__(self, place: scratch.Place, show: Callable[[str], None]) -> None:
        self.needed = 0
        self.show = show
        self._place, self._folder = place, ""

    @property
    def exceeds(self) -> bool:
        """Whether the rows need more memory than the data may need."""
        return self.needed > self._place.memory

    def folder(self, part: str, sources: Sequence[Source]) -> str:
        """The folder for the files of a part."""
        if not self._folder:
            self._folder = str(scratch.new_folder(self._place, self))
            scratch.check_free(Path(self._folder), _size(sources))
            self.show(f"the data need more memory than the {self._place.memory / 1e6:,.0f} MB of --memory_mb; texts "
                      f"and ids are kept in files in {Path(self._folder).parent}")
        return os.path.join(self._folder, part)


class Part:
    """The rows of one part while they are read."""

    def __init__(self, name: str, sources: Sequence[Source], collection: Collection) -> None:
        self._name, self._sources, self._collection = name, sources, collection
        self._texts: List[str] = []
        self._labels: List[str] = []
        self._writer: Optional[Writer] = None
        self._read = 0
        self._progress = Progress(f"reading {name}", _size(sources) if _plain(sources) else None, collection.show)

    def __len__(self) -> int:
        return len(self._texts) if self._writer is None else len(self._writer)

    def append(self, text: str, label: str) -> None:
        """Add a row."""
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        self._read += size + len(label) + 2
        if self._writer is not None:
            self._writer.append(text, label)
        else:
            self._texts.append(text)
            self._labels.append(label)
            self._collection.needed += BYTES * size + ROW
            if self._collection.exceeds:
                self._to_files()
        if len(self) % 4096 == 0:
            self._progress.at(len(self), self._read)

    def examples(self) -> Examples:
        """All rows."""
        return Examples(self._texts, self._labels) if self._writer is None else Examples(*self._writer.finish())

    def _to_files(self) -> None:
        self._writer = Writer(Path(self._collection.folder(self._name, self._sources)), self._collection)
        for text, label in zip(self._texts, self._labels):
            self._writer.append(text, label)
        self._texts, self._labels = [], []


def _size(sources: Sequence[Source]) -> int:
    return sum(os.path.getsize(source.url) for source in sources if not source.is_folder)


def _plain(sources: Sequence[Source]) -> bool:
    """Whether the size of the files is about that of the texts and the labels: neither folders nor compressed."""
    return all(source.url.lower().endswith((".tsv", ".csv", ".txt")) for source in sources)
