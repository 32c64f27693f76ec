"""Tab-separated text: a line is a row, split at LF alone; a ``"`` is a character like any other."""
from typing import Iterator

from textjob.data.files import TextFile
from textjob.data.form import Form, Reading, Request
from textjob.data.table import Row, read_table

SEPARATOR = "\t"


def rows(file: TextFile) -> Iterator[Row]:
    """The rows, bad ones included; blank lines are skipped."""
    for line in file.lines():
        if line.error:
            yield Row(line.number, None, line.error)
        elif line.text.strip():
            text = line.text[:-1] if line.text.endswith("\n") else line.text
            yield Row(line.number, (text[:-1] if text.endswith("\r") else text).split(SEPARATOR), "")


def read(file: TextFile, request: Request) -> Reading:
    """The records of a file."""
    return read_table(file, request, rows(file), FORM.name, SEPARATOR)


FORM = Form("tsv", (".tsv", ".txt"), read)
