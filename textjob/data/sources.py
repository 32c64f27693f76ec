"""The content of ``--data_url``: files named by part, one file, or one folder per class."""
import os
from typing import Dict, List, Tuple

from textjob.data.files import without_compression
from textjob.data.folders import Entry, Source, join, list_folder, some
from textjob.data.forms import ACCEPTED, suffix
from textjob.errors import DataError

PARTS = {"train": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "test": "test"}


def find_parts(data_url: str) -> Tuple[Dict[str, Source], List[str]]:
    """The parts of the data (``train`` is always one of them), and the names of the entries that are not read."""
    if data_url.startswith("file://"):
        data_url = data_url[len("file://"):]
    if "://" in data_url:
        raise DataError(f"{data_url}: the protocol is unknown; a path, obs:// or s3:// was expected")
    if not os.path.exists(data_url):
        raise DataError(f"{data_url} does not exist; a folder or a file with labelled text was expected")
    if not os.path.isdir(data_url):
        return {"train": Source(data_url, data_url.rsplit("/", 1)[-1], False)}, []
    entries = list_folder(data_url)
    parts: Dict[str, List[Entry]] = {}
    for entry in entries:
        if _part(entry):
            parts.setdefault(_part(entry), []).append(entry)
    folders = [entry for entry in entries if entry.is_folder]
    files = [entry for entry in entries if suffix(entry.name) and not entry.is_folder]
    if "train" in parts:
        chosen = {part: _only(part, candidates, data_url) for part, candidates in parts.items()}
        for entry in chosen.values():
            if entry.is_folder and not _holds_class_folders(join(data_url, entry.name)):
                url = join(data_url, entry.name)
                raise DataError(nothing_fits(url, list_folder(url)))
    elif len(files) == 1 and not folders and not parts:
        chosen = {"train": files[0]}
    elif _holds_class_folders(data_url) and all(suffix(entry.name) == ".txt" for entry in files):  # a .txt: a README
        return {"train": Source(data_url, "", True)}, [e.name for e in entries if not e.is_folder]
    else:
        raise DataError(nothing_fits(data_url, entries))
    unread = [entry.name for entry in entries if entry not in chosen.values()]
    return {
        part: Source(join(data_url, name), name, is_folder) for part, (name, is_folder) in chosen.items()
    }, unread


def nothing_fits(url: str, entries: List[Entry]) -> str:
    """The sentence for a folder in which no form of data is recognised."""
    shown = [entry.name + "/" if entry.is_folder else entry.name for entry in entries]
    return (
        f"{url} holds {some(shown) if shown else 'nothing'}. Expected: train.*, perhaps dev.* and test.* (files, or "
        "folders of class folders); or exactly one file of data; or a folder per class, with a text per file. "
        f"Of files, {ACCEPTED}"
    )


def _holds_class_folders(url: str) -> bool:
    """Is at least one file inside a folder of this folder?"""
    folders = [join(url, entry.name) for entry in list_folder(url) if entry.is_folder]
    return any(not entry.is_folder for folder in folders for entry in list_folder(folder))


def _part(entry: Entry) -> str:
    """The part that an entry is by its name, or ``""``."""
    stem = entry.name.lower()
    if not entry.is_folder:
        if not suffix(stem):
            return ""
        stem = without_compression(stem)
        stem = stem[: -len(suffix(stem))]
    return PARTS.get(stem, "")


def _only(part: str, candidates: List[Entry], data_url: str) -> Entry:
    if len(candidates) > 1:
        names = " and ".join(entry.name for entry in candidates)
        raise DataError(f"{data_url}: {names} are both the {part} part; leave one of them")
    return candidates[0]
