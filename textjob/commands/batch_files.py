"""The files that ``infer.py batch`` divides into shards: those of a folder or of a list, or one file."""
import contextlib
import json
import os
import re
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

from textjob.data.folders import Entry, Source, join, list_folder
from textjob.data.forms import manifest
from textjob.data.part_names import PARTS, named_parts, suffix
from textjob.data.sources import RESULT, find_sources, nothing_fits
from textjob.errors import DataError
from textjob.job import storage

LIST = ".manifest"
PART_FILE = re.compile(r"part-\d+[^/]*")
"""A name that Hadoop and this command give to a part of a table."""


class Files(NamedTuple):
    """The sources on this machine, in the order of the output, the URL of each local path, and the unread names."""

    sources: List[Source]
    urls: Dict[str, str]
    unread: List[str]


@contextlib.contextmanager
def opened(data_url: str) -> Iterator[Files]:
    """The files of ``--data_url``; those of an object store are downloaded.

    Raises:
        DataError: the folder or the list holds no file of data.
    """
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(storage.fetched(data_url))
        if os.path.isdir(path):
            sources, unread = _in_folder(path)
            root = path.rstrip("/")
            paths = [path for source in sources for path in (source.url, source.labels_url) if path]
            yield Files(sources, {path: data_url.rstrip("/") + path[len(root):] for path in paths}, unread)
        elif is_list(path):
            urls = {stack.enter_context(storage.fetched(url)): url for url in listed(data_url, Path(path))}
            yield Files([Source(local, url) for local, url in urls.items()], urls, [])
        else:
            yield Files([Source(path, Path(path).name)], {path: data_url}, [])


def divides(data_url: str) -> bool:
    """Whether the input consists of files that are divided without a flag: a folder on this machine or in a store, or a
    list of files."""
    if data_url.endswith(LIST):
        with storage.fetched(data_url) as path:
            return is_list(path)
    if storage.is_remote(data_url):
        with storage.storage_errors(data_url):
            return bool(storage.moxing().is_directory(data_url))
    return os.path.isdir(data_url)


def is_list(path: str) -> bool:
    """Whether a file is a manifest that lists files of texts; in a manifest of labelled texts, each file is one text.
    """
    if not path.endswith(LIST) or not os.path.isfile(path):
        return False
    with open(path, encoding="utf-8", errors="replace") as lines:
        first = next((line for line in lines if line.strip()), "")
    try:
        source = json.loads(first)["source"]
    except (ValueError, KeyError, TypeError):
        return False
    return isinstance(source, str) and not manifest.describes_text(json.loads(first))


def listed(url: str, path: Path) -> Iterator[str]:
    """The sources of a list, in its order.

    Raises:
        DataError: a line of the list has no source.
    """
    with open(str(path), encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                source = json.loads(line)["source"]
            except (ValueError, KeyError, TypeError):
                source = None
            if not isinstance(source, str):
                raise DataError(f'{url}:{number}: expected {{"source": "obs://..."}} or the path of a file')
            yield source


def _in_folder(folder: str) -> Tuple[List[Source], List[str]]:
    """The files of data in a folder, train before dev before test, then by their names and numbers.

    A folder that holds folders only is one of class folders.
    """
    entries = list_folder(folder)
    files = [entry for entry in entries if not entry.is_folder and not entry.name.startswith("_")
             and (suffix(entry.name) or PART_FILE.fullmatch(entry.name))]
    if not files:
        if not any(entry.is_folder for entry in entries):
            raise DataError(nothing_fits(folder, entries))
        parts, unread = find_sources(folder)
        return [source for part in ("train", "dev", "test") for source in parts.get(part, [])], unread
    names = {entry.name for entry in files}
    labels = {_text_of(name): name for name in names if _text_of(name) in names}
    sources = [Source(join(folder, entry.name), entry.name,
                      labels_url=join(folder, labels[entry.name]) if entry.name in labels else "")
               for entry in sorted(files, key=_order(files)) if entry.name not in labels.values()]
    return sources, [entry.name + "/" * entry.is_folder for entry in entries if entry.name not in names]


def _text_of(name: str) -> str:
    """Of a file of labels, the name of the file with their texts (``NAME_result.txt``, ``NAME.txt``)."""
    stem, dot, end = name.rpartition(".")
    return f"{stem[:-len(RESULT)]}{dot}{end}" if stem.endswith(RESULT) else ""


def _order(files: List[Entry]) -> Callable[[Entry], Tuple[int, List[Tuple[str, int]], str]]:
    """A sort key: the part that a name says, then the name with its numbers as numbers."""
    order = list(dict.fromkeys(PARTS.values()))
    part_of = {named.entry.name: order.index(part) for part, each in named_parts(files).items() for named in each}

    def key(entry: Entry) -> Tuple[int, List[Tuple[str, int]], str]:
        pieces = re.findall(r"(\D*)(\d*)", entry.name)
        return (part_of.get(entry.name, len(order)),
                [(text, int(number or -1)) for text, number in pieces], entry.name)

    return key
