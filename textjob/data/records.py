"""The one stream of records that training, ``infer.py batch`` and ``infer.py evaluate`` read.

``sources`` finds the files, a module of ``forms`` reads each; nothing here needs all rows in memory.
"""
from typing import Optional

from textjob.data.files import open_text
from textjob.data.folders import Source
from textjob.data.form import Columns, DataSettings, Form, Reading, Record, Request
from textjob.data.forms import ACCEPTED, class_folders, form_of
from textjob.errors import DataError

__all__ = ["DataSettings", "Reading", "Record", "Records"]


class Records:
    """Opens one source after the other; the first decides the columns of those that do not name their own."""

    def __init__(self, settings: DataSettings, labelled: bool = True) -> None:
        self.settings = settings
        self.labelled = labelled
        self._columns: Optional[Columns] = None

    def open(self, source: Source) -> Reading:
        """The records of a file, or of a folder of class folders.

        Raises:
            DataError: the form, the encoding or the columns cannot be decided.
        """
        if source.is_folder:
            return class_folders.read(source)
        form: Optional[Form] = form_of(source.name)
        if form is None:
            raise DataError(f"{source.url}: the file's name does not say what form it has; {ACCEPTED}")
        file = open_text(source.url, source.name)
        reading = form.read(file, Request(self.settings, self._columns, self.labelled))
        self._columns = self._columns or reading.columns
        return reading
