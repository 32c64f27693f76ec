"""One folder per class, named like the class, with one text per file; folders inside a class folder belong to it."""
import os
from typing import Iterator, List, Tuple

from textjob.data import encoding as encodings
from textjob.data.files import chunks, decode_text
from textjob.data.folders import Source, is_output, join, list_folder, some
from textjob.data.form import Reading, Record, Request
from textjob.data.part_names import suffix
from textjob.errors import DataError

NAME = "class folders"
UNLABELLED = "unsup"  # a folder of the IMDb reviews
LINES = 10  # lines of a file from which on it may hold a text per line


def read(source: Source, request: Request, encoding: str) -> Reading:
    """The records of a folder of class folders, in the order of the names.

    Raises:
        DataError: a file is a table, a file may hold a text per line, or the encoding of the files is unclear.
    """
    reading = Reading(source.name or "train", NAME, iter(()))
    prefix = source.name + "/" if source.name else ""
    files = []
    classes = [entry.name for entry in list_folder(source.url) if entry.is_folder]
    if UNLABELLED in classes and len(classes) > 1:
        reading.notes.append(f"{prefix}{UNLABELLED}: left out, because by its name it holds texts without labels")
        classes.remove(UNLABELLED)
    for label in [name for name in classes if not is_output(join(source.url, name))]:
        files += [(label, prefix + label + "/" + name, join(join(source.url, label), name))
                  for name in _files_of_class(join(source.url, label), prefix + label, reading)]
    by_line = request.settings.class_folder_texts == "line"
    if request.settings.class_folder_texts == "auto":
        _refuse_lines(source.url, files)
    reading.encoding = encoding or _decide_encoding(source.name or source.url, files)
    reading.records = _records(files, reading, by_line)
    return reading


def _records(files: List[Tuple[str, str, str]], reading: Reading, by_line: bool) -> Iterator[Record]:
    foreign = 0
    for label, place, path in files:
        data = b"".join(chunks(path))
        if _is_binary(data):
            yield Record(place, 1, "", label, "not a text: it holds NUL bytes")
            continue
        encoding = "utf-8" if reading.encoding != "utf-8" and not decode_text(data, "utf-8")[1] else reading.encoding
        text, error = decode_text(data, encoding)
        foreign += encoding != "utf-8"
        if not by_line:
            yield Record(place, 1, text, label, error)
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield Record(f"{place}:{number}", number, line, label, error)
    reading.details = f"class folders, {foreign:,} of {len(files):,} files are {reading.encoding.upper()}"
    if reading.encoding == "utf-8":
        reading.details = "class folders, UTF-8"


def _is_binary(data: bytes) -> bool:
    return b"\0" in data[:1024] and not encodings.find_mark(data)


def _files_of_class(folder: str, place: str, reading: Reading) -> List[str]:
    """The files of a class, those in folders inside it too, by their paths in the class folder."""
    files = []
    for root, folders, _ in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        inside = "" if root == folder else os.path.relpath(root, folder).replace(os.sep, "/") + "/"
        files += [inside + entry.name for entry in list_folder(root) if not entry.is_folder]
    tables = [name for name in files if suffix(name) not in ("", ".txt")]
    if tables:  # a folder of data sets, not of classes
        raise DataError(
            f"{folder} holds {some(tables)}: in a folder per class each file is one text; give the folder with the "
            f"data itself as --data_url, for example {folder}"
        )
    deeper = sorted({name.rsplit("/", 1)[0] for name in files if "/" in name})
    if deeper:
        reading.notes.append(f"{place}: the files of folders inside it are texts of this class: {some(deeper)}")
    if not files:
        reading.notes.append(f"{place}: the class folder holds no file; there is no such class")
    return files


def _refuse_lines(url: str, files: List[Tuple[str, str, str]]) -> None:
    """Asks where each class has one file of many lines: it is one text, or a text per line."""
    labels = [label for label, _, _ in files]
    if not files or any(labels.count(label) > 1 for label in labels):
        return
    lines = [sum(1 for line in b"".join(chunks(path)).split(b"\n") if line.strip()) for _, _, path in files]
    if min(lines) >= LINES:
        raise DataError(
            f"{url}: each class folder holds one file of many lines ({files[0][1]} has {lines[0]:,}); set "
            "--class_folder_texts line if each line is a text, or --class_folder_texts file if each file is one text"
        )


def _decide_encoding(name: str, files: List[Tuple[str, str, str]]) -> str:
    """The encoding of the files that are not UTF-8, decided from all of them."""
    sample = encodings.Sample()
    for _, _, path in files:
        data = b"".join(chunks(path))
        if decode_text(data, "utf-8")[1] and not _is_binary(data):
            sample.add(data)
            sample.end_file()
    decision = sample.decide()
    if not decision.encoding:
        raise DataError(decision.question(name))
    return decision.encoding
