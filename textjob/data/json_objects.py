"""JSON objects out of a file, one after the other: one per line, or the elements of an array."""
import json
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from textjob.data.files import TextFile
from textjob.errors import DataError

_DECODER = json.JSONDecoder()


class Item(NamedTuple):
    """An object with its first line, or why it cannot be read."""

    line: int
    value: Dict[str, Any]
    error: str


def first_object(lines: List[str]) -> Optional[Dict[str, Any]]:
    """The first object of a file of JSON, from its first lines; None in a file that is not of this form.

    It is empty where the file is an array whose first element does not end in these lines.
    """
    text = "".join(lines).lstrip()
    if text.startswith("["):
        inside = text[1:].lstrip()
        try:
            value = _DECODER.raw_decode(inside)[0] if inside.startswith("{") else None
        except ValueError:
            value = {}
        return value if isinstance(value, dict) else None
    try:
        value = json.loads(lines[0]) if text.startswith("{") else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def objects(file: TextFile) -> Iterator[Item]:
    """The objects of a file; a line that is not an object is an item with an error.

    Raises:
        DataError: an array is damaged, so that the objects after the damage cannot be told apart.
    """
    lines = file.lines()
    for line in lines:
        if not line.text.strip() and not line.error:
            continue
        if line.text.lstrip().startswith("["):
            yield from _elements(file, line.number, line.text.lstrip()[1:], (following.text for following in lines))
            return
        yield _one(line.number, line.text, line.error)


def _one(number: int, text: str, error: str) -> Item:
    if error:
        return Item(number, {}, error)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as problem:
        return Item(number, {}, f"not JSON: {problem}")
    return Item(number, value, "") if isinstance(value, dict) else Item(number, {}, "not an object of JSON")


def _elements(file: TextFile, number: int, text: str, following: Iterator[str]) -> Iterator[Item]:
    """The elements of an array that begins with ``text`` in the line ``number``."""
    place = 0
    wanted = 0  # length from which on an incomplete element is tried again: twice that of the last trial
    ended = False
    while True:
        while place < len(text) and text[place] in " \t\r\n,":
            number += text[place] == "\n"
            place += 1
        if text.startswith("]", place):
            return
        try:
            value, end = _DECODER.raw_decode(text, place) if len(text) - place >= wanted else (None, -1)
        except (ValueError, RecursionError) as problem:
            if ended:
                raise DataError(f"{file.name}:{number}: the array is damaged or incomplete ({problem})") from problem
            wanted, end = 2 * (len(text) - place), -1
        if end < 0:
            text, place = text[place:], 0
            while not ended and len(text) < max(wanted, 1):
                more = next(following, None)
                ended = more is None
                text += more or ""
            wanted = 0 if ended else wanted
            if ended and not text.strip():
                raise DataError(f"{file.name}:{number}: the array is incomplete: ']' is missing at its end")
            continue
        item = Item(number, value, "") if isinstance(value, dict) else Item(number, {}, "not an object of JSON")
        yield item
        number += text.count("\n", place, end)
        place, wanted = end, 0
