"""What every form of data is read into: records, and the settings that decide how.

A form of file is one module in ``textjob/data/forms/`` that holds a :class:`Form` named ``FORM``, and one entry in
the table of ``textjob/data/forms/__init__.py``.
"""
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from textjob.data.files import TextFile
from textjob.errors import DataError
from textjob.settings import DataSettings


class Record(NamedTuple):
    """One row, line or file: where it is (``train.csv:2``), its text, its label, or why it cannot be read.

    ``label`` is None in data without labels; ``error`` is ``""`` in a record that can be read; ``cells`` are the
    row as it was read: a list of cells, or an object of JSON.
    """

    place: str
    line: int
    text: str
    label: Optional[str]
    error: str
    cells: Any = None


class Columns(NamedTuple):
    """The columns of the label and of the text (several are joined) in rows of ``width`` cells.

    ``names`` are those of the header row, in lower case, and empty where the file has no header row.
    """

    label: Optional[int]
    texts: Tuple[int, ...]
    width: int
    names: Tuple[str, ...] = ()

    @property
    def label_name(self) -> str:
        """The name of the label's column, or ``""``."""
        return self.names[self.label] if self.names and self.label is not None else ""

    @property
    def text_names(self) -> Tuple[str, ...]:
        """The names of the text's columns."""
        return tuple(self.names[text] for text in self.texts) if self.names else ()


class Request(NamedTuple):
    """How a file is to be read: the settings, the columns of the file before it, are labels needed."""

    settings: DataSettings
    columns: Optional[Columns] = None
    labelled: bool = True


class Division(NamedTuple):
    """How a file of lines is read in parts, with the decisions that were made for the whole file.

    ``records`` reads a part. ``boundaries`` gives, for ascending offsets in bytes, the first place behind each at which
    a part can begin: its records are those that the reading of the whole file has there.
    """

    records: Callable[[TextFile], Iterator[Record]]
    boundaries: Callable[[Sequence[int]], Iterator[int]]


@dataclass
class Reading:
    """One file (or one folder of class folders) while it is read; ``details`` and ``notes`` are complete at its end.

    ``division`` is None where a file can only be read as a whole.
    """

    name: str
    form: str
    records: Iterator[Record]
    encoding: str = ""
    separator: str = ""
    columns: Optional[Columns] = None
    column_names: List[str] = field(default_factory=list)
    details: str = ""
    notes: List[str] = field(default_factory=list)
    labelled: bool = True
    division: Optional[Division] = None


class Form(NamedTuple):
    """A form of file: is a file of this form, by its first lines, and the function that reads it."""

    name: str
    fits: Callable[[TextFile, List[str]], bool]
    read: Callable[[TextFile, Request], Reading]


def one_label(labels: Sequence[Any], place: str) -> str:
    """The only label of a row, or ``""``.

    Raises:
        DataError: the row has several labels.
    """
    if len(labels) > 1:
        shown = ", ".join(str(label) for label in labels)
        raise DataError(
            f"{place}: several labels ({shown}); multi-label data are not supported: every row needs exactly one label"
        )
    return str(labels[0]) if labels else ""


def shown(cells: Sequence[str]) -> str:
    """The first cells of a row, for a message."""
    return ", ".join(f"'{cell if len(cell) <= 30 else cell[:30] + '…'}'" for cell in cells[:8])
