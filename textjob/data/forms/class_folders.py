"""One folder per class, named like the class, with one text per file."""
from typing import Iterator, List

from textjob.data.files import read_text
from textjob.data.folders import Source, join, list_folder, some
from textjob.data.form import Reading, Record
from textjob.data.forms import suffix
from textjob.errors import DataError

NAME = "class folders"


def read(source: Source) -> Reading:
    """The records of a folder of class folders, in the order of the names."""
    reading = Reading(source.name or "train", NAME, iter(()))
    reading.records = _records(source, reading)
    return reading


def _records(source: Source, reading: Reading) -> Iterator[Record]:
    encodings: List[str] = []
    prefix = source.name + "/" if source.name else ""
    for label in [entry.name for entry in list_folder(source.url) if entry.is_folder]:
        folder = join(source.url, label)
        for name in _files_of_class(folder, prefix + label, reading):
            text, encoding = read_text(join(folder, name))
            encodings.append(encoding)
            error = "" if encoding else "neither UTF-8 nor GB18030"
            yield Record(f"{prefix}{label}/{name}", 1, text, label, error)
    foreign = encodings.count("gb18030")
    reading.details = f"class folders, {foreign:,} of {len(encodings):,} files are GB18030"


def _files_of_class(folder: str, place: str, reading: Reading) -> List[str]:
    inside = list_folder(folder)
    deeper = [entry.name for entry in inside if entry.is_folder]
    files = [entry.name for entry in inside if not entry.is_folder]
    tables = [name for name in files if suffix(name) not in ("", ".txt")]
    if tables:  # a folder of data sets, not of classes
        raise DataError(
            f"{folder} holds {some(tables)}: in a folder per class each file is one text; give the folder with the "
            "data itself as --data_url"
        )
    if deeper:
        reading.notes.append(f"{place}: folders inside it are not read: {some(deeper)}")
    if not files:
        reading.notes.append(f"{place}: the class folder holds no file; there is no such class")
    return files
