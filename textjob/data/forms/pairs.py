"""ModelArts' pairs: ``NAME.txt`` has a text per line, ``NAME_result.txt`` the label of each."""
from itertools import zip_longest
from typing import Iterator

from textjob.data.files import Line, TextFile, open_text
from textjob.data.folders import Source
from textjob.data.form import Reading, Record
from textjob.errors import DataError


def read(source: Source, encoding: str) -> Reading:
    """The records of a pair.

    Raises:
        DataError: the files have different numbers of lines.
    """
    texts = open_text(source.url, source.name, encoding)
    labels = open_text(source.labels_url, source.labels_url.rsplit("/", 1)[-1], encoding)
    reading = Reading(source.name, "pair", _records(texts, labels), texts.encoding)
    reading.details = f"{texts.encoding.upper()}, labels in {labels.name}"
    return reading


def _records(texts: TextFile, labels: TextFile) -> Iterator[Record]:
    missing = Line(0, "", "")
    for text, label in zip_longest(texts.lines(), labels.lines(), fillvalue=missing):
        if missing in (text, label) and (text.text + label.text).strip():
            longer, shorter = (texts, labels) if label is missing else (labels, texts)
            raise DataError(
                f"{longer.name} has more lines than {shorter.name}; each line of {texts.name} needs its label in the "
                f"same line of {labels.name}"
            )
        if (text.text + label.text).strip():
            place = f"{texts.name}:{text.number}"
            yield Record(place, text.number, text.text.rstrip("\r\n"), label.text.strip(), text.error or label.error)
