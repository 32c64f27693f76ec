"""Labelled text: from ``--data_url`` to three parts, and sentences on what was found on the way.

``folders`` finds the files, ``rows`` and ``columns`` read them, ``split`` makes the parts that are
missing. Nothing is dropped in silence: what is left out is in the notes, which the job prints.
"""
import hashlib
import json
from collections import Counter
from typing import Dict, List, NamedTuple, Set

from textjob.data.examples import Examples, Reader
from textjob.data.sources import find_parts, some
from textjob.data.split import split_off
from textjob.errors import DataError

__all__ = ["Dataset", "Examples", "read_dataset"]


class Dataset(NamedTuple):
    """The parts (``test`` may be empty), the class names, what to tell the user, and the data's hash."""

    train: Examples
    dev: Examples
    test: Examples
    labels: List[str]
    notes: List[str]
    digest: str


def read_dataset(data_url: str, label_column: str = "", text_column: str = "", max_bad_rows: float = 0.25) -> Dataset:
    """Read a folder or a file; ``max_bad_rows`` is a share of all rows when below 1, else a count."""
    sources, unread = find_parts(data_url)
    reader = Reader(label_column, text_column)
    parts: Dict[str, Examples] = {}
    for part in ("train", "dev", "test"):
        if part in sources:
            parts[part] = reader.read(sources[part])
    if unread:
        reader.notes.append(f"not read: {some(unread)}")
    reader.note_bad_rows(max_bad_rows)
    for part, examples in parts.items():
        if not examples.texts:
            raise DataError(f"{sources[part].url}: no usable row for the {part} part")
    # Before anything is split off: in very small data a class may have no row left in train.
    labels = sorted(set(parts["train"].labels))
    if len(labels) == 1:
        raise DataError(f"{data_url}: one class only, {labels[0]!r}; a classifier needs two")
    notes = reader.notes + _notes_on_texts(parts)
    notes += _add_missing_parts(parts) + _notes_on_labels(parts, labels)
    return Dataset(parts["train"], parts["dev"], parts["test"], labels, notes, _digest(parts))


def _add_missing_parts(parts: Dict[str, Examples]) -> List[str]:
    """Split a missing dev part off train, and a test part too where train is all there is."""
    notes = []
    if "dev" not in parts:
        train = parts["train"]
        names = ["dev"] if "test" in parts else ["test", "dev"]
        sides = split_off(train.texts, train.labels, names)
        for name in ["train", *names]:
            kept = [i for i, side in enumerate(sides) if side == name]
            parts[name] = Examples([train.texts[i] for i in kept], [train.labels[i] for i in kept])
        for name in sorted(names):
            if not parts[name].texts:
                found = len(set(train.texts))
                raise DataError(f"{found} different texts are too few to split a {name} part off")
            count = len(parts[name].texts)
            notes.append(f"no {name} part: {count:,} rows were split off train, by the text's hash")
    elif "test" not in parts:
        parts["test"] = Examples([], [])
        notes.append("no test part: the figures of this run will be those of dev")
    return notes


def _notes_on_texts(parts: Dict[str, Examples]) -> List[str]:
    """On the parts as they came: repeated texts, conflicting labels, texts that train already has."""
    notes = []
    for part, examples in parts.items():
        labels: Dict[str, Set[str]] = {}
        for text, label in zip(*examples):
            labels.setdefault(text, set()).add(label)
        repeated = len(examples.texts) - len(labels)
        conflicting = sum(len(found) > 1 for found in labels.values())
        if repeated:
            notes.append(f"{part}: rows that repeat the text of an earlier row: {repeated:,}")
        if conflicting:
            notes.append(f"{part}: texts with several labels: {conflicting:,}")
    known = set(parts["train"].texts)
    for part in [part for part in parts if part != "train"]:
        shared = sum(text in known for text in parts[part].texts)
        if shared:
            notes.append(f"{part}: rows whose text is in train too: {shared:,}")
    return notes


def _notes_on_labels(parts: Dict[str, Examples], labels: List[str]) -> List[str]:
    notes = []
    for part in [part for part in ("train", "dev", "test") if parts[part].labels]:
        counts = Counter(parts[part].labels)
        absent = [label for label in labels if label not in counts]
        unknown = sorted(set(counts) - set(labels))
        if absent:
            notes.append(f"{part}: classes without a row: {len(absent):,} ({some(absent)})")
        if unknown:
            rows = sum(counts[label] for label in unknown)
            lacking = "{}: rows with a label that train lacks, which count as wrong: {:,} ({})"
            notes.append(lacking.format(part, rows, some(unknown)))
    return notes


def _digest(parts: Dict[str, Examples]) -> str:
    """The same for the same rows in the same order, whatever the files are named and however encoded."""
    digest = hashlib.sha256()
    for part in ("train", "dev", "test"):
        for text, label in zip(*parts[part]):
            digest.update(json.dumps([part, label, text]).encode("ascii"))
    return digest.hexdigest()
