"""What lies under ``--data_url``: files named by part, one file, or one folder per class."""
from typing import Dict, List, NamedTuple, Tuple

from fsspec.core import url_to_fs

from textjob.data.rows import ACCEPTED, suffix
from textjob.errors import DataError

PARTS = {"train": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "test": "test"}
JUNK = frozenset({"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"})


class Entry(NamedTuple):
    """A file or a folder in a folder."""

    name: str
    is_folder: bool


class Source(NamedTuple):
    """Where a part's rows are: a file, or a folder of class folders; ``name`` is its place in the data."""

    url: str
    name: str
    is_folder: bool


def find_parts(data_url: str) -> Tuple[Dict[str, Source], List[str]]:
    """The parts that are there (``train`` always is), and the names of what is left unread."""
    if not _is_folder(data_url):
        return {"train": Source(data_url, data_url.rsplit("/", 1)[-1], False)}, []
    entries = list_folder(data_url)
    parts: Dict[str, List[Entry]] = {}
    for entry in entries:
        if _part(entry):
            parts.setdefault(_part(entry), []).append(entry)
    folders = [entry for entry in entries if entry.is_folder]
    files = [entry for entry in entries if suffix(entry.name) and not entry.is_folder]
    if "train" in parts:
        chosen = {part: _only(part, found, data_url) for part, found in parts.items()}
    elif len(files) == 1 and not folders and not parts:
        chosen = {"train": files[0]}
    elif folders and all(suffix(entry.name) == ".txt" for entry in files):  # such a .txt is a README
        return {"train": Source(data_url, "", True)}, [e.name for e in entries if not e.is_folder]
    else:
        raise DataError(nothing_fits(data_url, entries))
    unread = [entry.name for entry in entries if entry not in chosen.values()]
    return {
        part: Source(join(data_url, name), name, is_folder) for part, (name, is_folder) in chosen.items()
    }, unread


def list_folder(url: str) -> List[Entry]:
    """What a folder holds, sorted by name, without hidden files and what systems leave behind."""
    try:
        fs, path = url_to_fs(url)
        entries = []
        for info in fs.ls(path, detail=True):
            name = str(info["name"]).rstrip("/").rsplit("/", 1)[-1]
            if name.startswith(".") or name in JUNK:
                continue
            # A link is neither "file" nor "directory": ask what it leads to.
            is_folder = info["type"] == "directory" or (info["type"] != "file" and fs.isdir(info["name"]))
            entries.append(Entry(_readable(name, url), is_folder))
    except OSError as error:
        raise DataError(f"{url} cannot be listed: {error}") from error
    return sorted(entries)


def join(url: str, name: str) -> str:
    return "{}/{}".format(url.rstrip("/"), name)


def nothing_fits(url: str, entries: List[Entry]) -> str:
    """The sentence for a folder in which no form of data is recognised."""
    shown = [entry.name + "/" if entry.is_folder else entry.name for entry in entries]
    return (
        "{} holds {}. Expected: train.*, perhaps dev.* and test.* (files, or folders of class folders); "
        "or exactly one file of data; or a folder per class, with a text per file. Of files, {}".format(
            url, some(shown) if shown else "nothing", ACCEPTED
        )
    )


def some(names: List[str], limit: int = 5) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _is_folder(url: str) -> bool:
    try:
        fs, path = url_to_fs(url)
    except (ValueError, ImportError) as error:  # an unknown protocol, or one whose package is missing
        raise DataError(f"{url} cannot be opened: {error}") from error
    if not fs.exists(path):
        raise DataError(f"{url} does not exist; a folder or a file with labelled text was expected")
    return bool(fs.isdir(path))


def _part(entry: Entry) -> str:
    """The part that an entry is by its name, or ``""``."""
    stem = entry.name.lower()
    if not entry.is_folder:
        if not suffix(stem):
            return ""
        stem = stem[:-3] if stem.endswith(".gz") else stem
        stem = stem[: -len(suffix(stem))]
    return PARTS.get(stem, "")


def _only(part: str, found: List[Entry], data_url: str) -> Entry:
    if len(found) > 1:
        names = " and ".join(entry.name for entry in found)
        raise DataError(f"{data_url}: {names} are both the {part} part; leave one of them")
    return found[0]


def _readable(name: str, url: str) -> str:
    """An archive that was packed on a Chinese Windows may unpack to names that are no UTF-8."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"{url}: the name {name!a} is not UTF-8; rename it") from None
    return name
