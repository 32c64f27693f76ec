"""The files and folders in a folder, and how they are named in messages."""
import os
from typing import List, NamedTuple

from textjob.errors import DataError

JUNK = frozenset({"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", "_SUCCESS"})


class Entry(NamedTuple):
    """A file or a folder in a folder."""

    name: str
    is_folder: bool


class Source(NamedTuple):
    """A file, or a folder of class folders; ``name`` is its path inside the data.

    ``labels_url`` is the second file of a pair: its lines are the labels of the lines of the first.
    """

    url: str
    name: str
    is_folder: bool = False
    labels_url: str = ""


def list_folder(url: str) -> List[Entry]:
    """The content of a folder, sorted by name, without hidden files and the files that systems leave behind."""
    try:
        names = [name for name in os.listdir(url) if not name.startswith((".", "~$")) and name not in JUNK]
    except OSError as error:
        raise DataError(f"{url} cannot be listed: {error}") from error
    return sorted(Entry(_readable(name, url), os.path.isdir(join(url, name))) for name in names)


def join(url: str, name: str) -> str:
    """The path of an entry of a folder."""
    return f"{url.rstrip('/')}/{name}"


def is_output(url: str) -> bool:
    """Whether a folder is the --train_url of a job."""
    names = {entry.name for entry in list_folder(url)}
    return len(names & {"model", "report", "logs", "checkpoints", "metric.json"}) > 1


def some(names: List[str], limit: int = 5) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _readable(name: str, url: str) -> str:
    """The name; refused where it is not Unicode, as in an archive that was packed on a Chinese Windows."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"{url}: the name {name!a} is not UTF-8; rename it") from None
    return name
