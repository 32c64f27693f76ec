"""What every form of data is read into: records, and the settings that decide how.

A form is one module in ``textjob/data/forms/`` that holds a :class:`Form` named ``FORM``, and one entry in
the table of ``textjob/data/forms/__init__.py``.
"""
from dataclasses import dataclass, field, fields
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Tuple

from textjob.data.files import TextFile


@dataclass(frozen=True)
class DataSettings:
    """The settings that decide what is read; each field bears the name of its setting."""

    label_column: str = ""
    text_column: str = ""
    max_bad_rows: float = 0.25

    @classmethod
    def of(cls, job: Any) -> "DataSettings":
        """The settings of a job that has these among others."""
        return cls(**{setting.name: getattr(job, setting.name) for setting in fields(cls)})


class Record(NamedTuple):
    """One row, line or file: where it is (``train.csv:2``), its text, its label, or why it cannot be read.

    ``label`` is None in data without labels; ``error`` is ``""`` in a record that can be read.
    """

    place: str
    line: int
    text: str
    label: Optional[str]
    error: str


class Columns(NamedTuple):
    """The columns of the label and the text in rows of ``width`` cells; does the first row name them."""

    label: Optional[int]
    text: int
    header: bool
    width: int


class Request(NamedTuple):
    """How a file is to be read: the settings, the columns of the file before it, are labels needed."""

    settings: DataSettings
    columns: Optional[Columns] = None
    labelled: bool = True


@dataclass
class Reading:
    """One file (or one folder of class folders) while it is read; ``details`` and ``notes`` are complete at its end."""

    name: str
    form: str
    records: Iterator[Record]
    columns: Optional[Columns] = None
    details: str = ""
    notes: List[str] = field(default_factory=list)


class Form(NamedTuple):
    """A form of file: its name, the suffixes of its files, and the function that reads one."""

    name: str
    suffixes: Tuple[str, ...]
    read: Callable[[TextFile, Request], Reading]
