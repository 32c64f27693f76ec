"""ModelArts' manifest: an object per line with the text, or the URL of a file with it, and its annotations."""
import os
from collections import Counter
from functools import partial
from typing import Any, Dict, Iterator, List, Tuple

from textjob.data.division import is_divisible, object_boundaries
from textjob.data.files import TextFile, chunks, decode_text, open_text
from textjob.data.form import Division, Form, Reading, Record, Request, one_label
from textjob.data.json_objects import first_object, objects

CONTENT = "content://"
KIND = "text_classification"


def fits(file: TextFile, lines: List[str]) -> bool:
    """Whether the file begins with an object that has a source and annotations."""
    return describes_text(first_object(lines) or {})


def describes_text(value: Dict[str, Any]) -> bool:
    """Whether an object is a text, or a file with one text, and its annotations."""
    source = value.get("source")
    return isinstance(source, str) and (source.startswith(CONTENT) or isinstance(value.get("annotation"), list))


def read(file: TextFile, request: Request) -> Reading:
    """The records of a manifest; files that it names are looked for in its folder.

    Raises:
        DataError: a text has several labels.
    """
    reading = Reading(file.name, "manifest", iter(()), file.encoding)
    reading.column_names = ["source", "annotation"]
    reading.details = f"ModelArts manifest, {file.encoding.upper()}"
    reading.records = _records(file, reading, request.labelled)
    if not request.labelled and is_divisible(file):
        reading.division = Division(lambda part: _records(part, reading, False), partial(object_boundaries, file))
    return reading


def _records(file: TextFile, reading: Reading, labelled: bool) -> Iterator[Record]:
    usage: Counter = Counter()  # type: ignore[type-arg]
    for item in objects(file):
        place = f"{file.name}:{item.line}"
        if item.error:
            yield Record(place, item.line, "", None, item.error)
            continue
        usage[str(item.value.get("usage", ""))] += 1
        text, error = _text(str(item.value.get("source", "")), os.path.dirname(file.path))
        label = one_label(_labels(item.value), place) if labelled else None
        yield Record(place, item.line, text, label, error, item.value)
    if len(usage) > 1:
        counts = ", ".join(f"{name or 'without a value'} {count:,}" for name, count in sorted(usage.items()))
        reading.notes.append(f"{file.name}: the usage of its texts is not used to split them: {counts}")


def _labels(value: Dict[str, Any]) -> List[str]:
    annotations = value.get("annotation")
    names = [
        str(annotation.get("name", "")).strip()
        for annotation in (annotations if isinstance(annotations, list) else [])
        if isinstance(annotation, dict) and str(annotation.get("type", "")).endswith(KIND)
    ]
    return list(dict.fromkeys(names))


def _text(source: str, folder: str) -> Tuple[str, str]:
    """The text of a source, and why it cannot be read or ``""``."""
    if source.startswith(CONTENT):
        return source[len(CONTENT):], ""
    parts = source.split("/")
    for first in range(len(parts)):  # the longest end of the URL that is a path below the manifest's folder
        path = os.path.join(folder, *parts[first:])
        if ".." not in parts and parts[first] and os.path.isfile(path):
            return decode_text(b"".join(chunks(path)), open_text(path, source).encoding)
    return "", f"the file '{source}' is not in the folder of the manifest"


FORM = Form("manifest", fits, read)
