"""fastText: lines that begin with ``__label__NAME``."""
import re
from functools import partial
from typing import Iterator, List

from textjob.data.division import is_divisible, line_boundaries
from textjob.data.files import TextFile
from textjob.data.form import Division, Form, Reading, Record, Request, one_label

PREFIX = "__label__"
LABELS = re.compile(r"\s*(?:__label__\S+[\s,]*)+")
BETWEEN = re.compile(r"[\s,]+(?=__label__)")
SEPARATED = re.compile(r"\s*__label__[^\s,;|]+[,;|](?!\s*__label__)(?=\S)")


def fits(file: TextFile, lines: List[str]) -> bool:
    """Whether nearly all lines begin with a label that is not a cell of a table (``__label__good,a text``)."""
    labelled = [line for line in lines if line.lstrip().startswith(PREFIX)]
    return len(labelled) >= max(1.0, 0.9 * len(lines)) and not all(SEPARATED.match(line) for line in labelled)


def read(file: TextFile, request: Request) -> Reading:
    """The records of a file.

    Raises:
        DataError: a line has several labels.
    """
    reading = Reading(file.name, "fasttext", _records(file, request.labelled), file.encoding)
    reading.details = f"fastText, {file.encoding.upper()}"
    if not request.labelled and is_divisible(file):
        reading.division = Division(lambda part: _records(part, False), partial(line_boundaries, file))
    return reading


def _records(file: TextFile, labelled: bool) -> Iterator[Record]:
    for line in file.lines():
        place = f"{file.name}:{line.number}"
        if line.error:
            yield Record(place, line.number, "", None, line.error)
            continue
        if not line.text.strip():
            continue
        match = LABELS.match(line.text)
        text = line.text[match.end():].strip() if match else line.text.strip()
        if not labelled:
            yield Record(place, line.number, text, None, "", [line.text.rstrip("\r\n")])
        elif match is None:
            yield Record(place, line.number, "", None, f"the line does not begin with {PREFIX}")
        else:
            names = [label.strip(" \t\r\n,")[len(PREFIX):] for label in BETWEEN.split(match.group().strip())]
            yield Record(place, line.number, text, one_label(names, place), "")


FORM = Form("fasttext", fits, read)
