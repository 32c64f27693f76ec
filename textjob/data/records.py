"""The one stream of records that training, ``infer.py batch`` and ``infer.py evaluate`` read.

``sources`` finds the files, a module of ``forms`` reads each; nothing here needs all rows in memory.
"""
from typing import Optional

from textjob.data.files import known_encoding
from textjob.data.folders import Source
from textjob.data.form import Columns, Reading, Record, Request
from textjob.data.forms import class_folders, pairs, read_file
from textjob.data.refused import refuse_archive
from textjob.settings import DataSettings

__all__ = ["Reading", "Record", "Records"]


class Records:
    """Opens one source after the other; the first decides the columns of those that do not name their own."""

    def __init__(self, settings: DataSettings, labelled: bool = True, columns: Optional[Columns] = None) -> None:
        self.settings = settings
        self.labelled = labelled
        self._encoding = known_encoding(settings.encoding)
        self.columns = columns

    def open(self, source: Source, encoding: str = "") -> Reading:
        """The records of a source; ``encoding`` is that of a file whose encoding has been decided before.

        Raises:
            DataError: the form, the encoding or the columns cannot be decided.
        """
        request = Request(self.settings, self.columns, self.labelled)
        if source.is_folder:
            return class_folders.read(source, request, self._encoding)
        if source.labels_url:
            return pairs.read(source, self._encoding)
        refuse_archive(source.url, source.name)
        reading = read_file(source.url, source.name, self._encoding or encoding, request)
        self.columns = self.columns or reading.columns
        return reading
