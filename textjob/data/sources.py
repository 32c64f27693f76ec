"""The content of ``--data_url``: files named by part, one file, pairs of files, or one folder per class."""
import os
from typing import Dict, List, NamedTuple

from textjob.data.folders import Entry, Source, is_output, join, list_folder, some
from textjob.data.part_names import ACCEPTED, SHARD, Named, named_parts, suffix
from textjob.data.refused import refuse_archive
from textjob.errors import DataError

RESULT = "_result"


class Sources(NamedTuple):
    """The sources of each part (``train`` is always one of them), and the names of the entries that are not read."""

    parts: Dict[str, List[Source]]
    unread: List[str]


def find_sources(data_url: str) -> Sources:
    """The sources of a file or a folder.

    Raises:
        DataError: the path does not exist, or no form of data is recognised in the folder.
    """
    if data_url.startswith("file://"):
        data_url = data_url[len("file://"):]
    if "://" in data_url:
        raise DataError(f"{data_url}: the protocol is unknown; a path, obs:// or s3:// was expected")
    if not os.path.exists(data_url):
        raise DataError(f"{data_url} does not exist; a folder or a file with labelled text was expected")
    if not os.path.isdir(data_url):
        folder, name = os.path.split(os.path.abspath(data_url))
        pair = [source for source in _pairs(folder, list_folder(folder)) if source.name == name]
        return Sources({"train": pair or [Source(data_url, name)]}, [])
    return _in_folder(data_url)


def _in_folder(url: str) -> Sources:
    everything = list_folder(url)
    _refuse_template(url, everything)
    entries = [entry for entry in everything if not (entry.is_folder and is_output(join(url, entry.name)))]
    parts = named_parts(entries)
    files = [entry for entry in entries if suffix(entry.name) and not entry.is_folder]
    folders = [entry for entry in entries if entry.is_folder]
    pairs = _pairs(url, files)
    if pairs:
        chosen = {"train": pairs}
    elif "train" in parts:
        chosen = {part: _sources_of_part(part, named, url) for part, named in parts.items()}
    elif len(files) == 1 and not folders and not parts:
        chosen = {"train": [Source(join(url, files[0].name), files[0].name)]}
    elif _holds_class_folders(url, folders) and all(suffix(entry.name) == ".txt" for entry in files):
        _refuse_tables(url, files, folders)
        _refuse_outer_folder(url, folders)
        chosen = {"train": [Source(url, "", True)]}
    else:
        _refuse_other_content(url, entries)
        raise DataError(nothing_fits(url, entries))
    used = {source.name for sources in chosen.values() for source in sources}
    used |= {source.labels_url.rsplit("/", 1)[-1] for sources in chosen.values() for source in sources}
    class_folders = any(source.is_folder and not source.name for source in chosen["train"])
    read = {name.split("/")[0] for name in used}
    unread = [e.name for e in everything if e.name not in read and not (class_folders and e in folders)]
    return Sources(chosen, unread)


def nothing_fits(url: str, entries: List[Entry]) -> str:
    """The sentence for a folder in which no form of data is recognised."""
    names = [entry.name + "/" if entry.is_folder else entry.name for entry in entries]
    return (
        f"{url} holds {some(names) if names else 'nothing'}. Expected: train.*, perhaps dev.* and test.* (files, or "
        "folders of class folders); or exactly one file of data; or a folder per class, with a text per file. "
        f"Of files, {ACCEPTED}; a file with another name can be given itself as --data_url"
    )


def _pairs(url: str, files: List[Entry]) -> List[Source]:
    """ModelArts' pairs: ``NAME.txt`` has a text per line, ``NAME_result.txt`` the label of each."""
    names = {entry.name for entry in files}
    pairs = []
    for name in sorted(names):
        stem, dot, end = name.rpartition(".")
        if f"{stem}{RESULT}{dot}{end}" in names:
            pairs.append(Source(join(url, name), name, labels_url=join(url, f"{stem}{RESULT}{dot}{end}")))
    return pairs


def _sources_of_part(part: str, named: List[Named], url: str) -> List[Source]:
    """The sources of a part: its only entry, or its numbered files."""
    entries = [candidate.entry for candidate in named]
    if len(named) > 1 and any(candidate.level != SHARD for candidate in named):
        names = " and ".join(entry.name for entry in entries)
        raise DataError(f"{url}: {names} are both the {part} part; leave one of them")
    if not entries[0].is_folder:
        return [Source(join(url, entry.name), entry.name) for entry in sorted(entries, key=_by_number)]
    name, folder = entries[0].name, join(url, entries[0].name)
    inside = list_folder(folder)
    files = [entry for entry in inside if not entry.is_folder]
    folders = [entry for entry in inside if entry.is_folder]
    if _holds_class_folders(folder, folders):
        return [Source(folder, name, True)]
    if files and not folders:
        shards = [one for one in named_parts(files).get("train", []) if one.level == SHARD]
        if len(files) == 1 or len(shards) == len(files):
            ordered = sorted(files, key=_by_number)
            return [Source(join(folder, entry.name), f"{name}/{entry.name}") for entry in ordered]
    raise DataError(nothing_fits(folder, inside))


def _by_number(entry: Entry) -> List[object]:
    """Orders ``train_2`` before ``train_10``."""
    digits = "".join(c if c.isdigit() else " " for c in entry.name).split()
    return [[int(number) for number in digits], entry.name]


def _holds_class_folders(url: str, folders: List[Entry]) -> bool:
    """Whether at least one file is inside a folder of this folder, at any depth."""
    return any(files for folder in folders for _, _, files in os.walk(join(url, folder.name)))


def _refuse_tables(url: str, files: List[Entry], folders: List[Entry]) -> None:
    """A text file beside folders is a README of their classes, unless its lines are rows."""
    for entry in files:
        with open(join(url, entry.name), "rb") as file:
            lines = [line for line in file.read(1 << 16).split(b"\n") if line.strip()]
        rows = sum(any(separator in line for separator in (b"\t", b"__label__", b"_!_")) for line in lines)
        if len(lines) > 2 and 2 * rows > len(lines):
            raise DataError(
                f"{url}: {entry.name} holds rows and lies beside the folders {some([f.name for f in folders])}, so "
                f"that the data may be the file or the folders; give {join(url, entry.name)} as --data_url, or remove "
                "the file"
            )


def _refuse_outer_folder(url: str, folders: List[Entry]) -> None:
    """A folder around the data has one folder, or folders that hold parts."""
    for folder in folders:
        inside = list_folder(join(url, folder.name))
        if "train" in named_parts(inside) or (len(folders) == 1 and sum(entry.is_folder for entry in inside) > 1):
            names = [entry.name + "/" if entry.is_folder else entry.name for entry in inside]
            raise DataError(
                f"{url} is a folder around the data: {folder.name} holds {some(names)}; give "
                f"{join(url, folder.name)} as --data_url"
            )


def _refuse_other_content(url: str, entries: List[Entry]) -> None:
    """The sentence for content that leads to data: an archive, one file beside folders, an outer folder."""
    files = [entry for entry in entries if not entry.is_folder]
    for entry in files:
        refuse_archive(join(url, entry.name), entry.name)
    data = [entry.name for entry in files if suffix(entry.name) and not entry.name.lower().startswith("readme")]
    others = [entry.name for entry in entries if entry.name not in data]
    if len(data) == 1 and others and not named_parts(files):
        raise DataError(
            f"{url} holds {data[0]} beside {some(others)}, so that it is not clear what the data are; give "
            f"{join(url, data[0])} as --data_url"
        )


def _refuse_template(url: str, entries: List[Entry]) -> None:
    names = {entry.name for entry in entries}
    if {"train.py", "infer.py", "customize_service.py"} <= names:
        raise DataError(
            f"{url} is the folder of this template, not a folder of data; give the folder or the file with the "
            "labelled texts as --data_url"
        )
