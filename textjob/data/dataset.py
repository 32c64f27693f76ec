"""Labelled text: from ``--data_url`` to three parts, with notes on the data.

``sources`` finds the files, ``records`` reads them, ``split`` makes the parts that are missing. No row is dropped
silently: the rows that are left out are in the notes, which the job prints.
"""
import hashlib
from json.encoder import encode_basestring_ascii as _in_json  # three times as fast as json.dumps of a list
from typing import Callable, Dict, List, NamedTuple, Tuple

import numpy as np

from textjob.data import hashes
from textjob.data.collection import Examples
from textjob.data.examples import Collector
from textjob.data.folders import some
from textjob.data.progress import Progress, printed
from textjob.data.sources import find_sources
from textjob.data.split import split_off
from textjob.data.store import Labels, Texts, take
from textjob.errors import DataError
from textjob.settings import DataSettings

__all__ = ["Dataset", "Examples", "read_dataset"]


class Dataset(NamedTuple):
    """The parts (``test`` may be empty), the class names, notes for the user, and the hash of the data."""

    train: Examples
    dev: Examples
    test: Examples
    labels: List[str]
    notes: List[str]
    digest: str

    @property
    def in_files(self) -> bool:
        """Whether the texts are in files, because they are larger than memory."""
        return any(isinstance(part.texts, Texts) for part in (self.train, self.dev, self.test))


class Parts(NamedTuple):
    """The parts before anything is split off, the class names, and how they were read."""

    examples: Dict[str, Examples]
    labels: List[str]
    notes: List[str]
    collector: Collector


def read_dataset(data_url: str, settings: DataSettings = DataSettings(),  # noqa: B008 - it is frozen
                 show: Callable[[str], None] = printed) -> Dataset:
    """Read a folder or a file and split off the parts that are missing; ``show`` prints the progress of large data.

    Raises:
        DataError: the data cannot be read, or a classifier cannot be trained on them.
    """
    parts = read_parts(data_url, settings, show)
    examples, notes = with_missing_parts(parts)
    counts = hashes.counts(parts.examples["train"].labels)
    notes.append(f"classes of train: {some([f'{label} {counts[label]:,}' for label in parts.labels], 20)}")
    return Dataset(examples["train"], examples["dev"], examples["test"], parts.labels, notes,
                   _digest(examples, show))


def read_parts(data_url: str, settings: DataSettings, show: Callable[[str], None] = lambda line: None) -> Parts:
    """The parts of a folder or a file.

    Raises:
        DataError: the data cannot be read, or have one class only.
    """
    sources, unread = find_sources(data_url)
    collector = Collector(settings, show)
    parts: Dict[str, Examples] = {}
    for part in ("train", "dev", "test"):
        examples = collector.read(sources[part], part) if part in sources else None
        if examples is not None:
            parts[part] = examples
    if unread:
        collector.notes.append(f"not read: {some(unread)}")
    collector.note_bad_rows(settings.max_bad_rows)
    collector.notes += _merge_numbers(parts)
    # Before anything is split off, because in very small data a class may have no row left in train.
    labels = sorted(hashes.counts(parts["train"].labels))
    if len(labels) == 1:
        raise DataError(f"{data_url}: one class only, '{labels[0]}'; a classifier needs two")
    rows = len(parts["train"].labels)
    if rows >= 20 and 2 * len(labels) > rows and not settings.label_column:
        raise DataError(
            f"{data_url}: {len(labels):,} different labels in {rows:,} rows ({some(labels)}); the label may be another "
            "column: set --label_column"
        )
    return Parts(parts, labels, collector.notes + _notes_on_texts(parts) + _notes_on_case(labels), collector)


def with_missing_parts(parts: Parts) -> Tuple[Dict[str, Examples], List[str]]:
    """The three parts, those that are missing split off, and all notes.

    Raises:
        DataError: the texts are too few.
    """
    examples = dict(parts.examples)
    return examples, parts.notes + _add_missing_parts(examples) + _notes_on_labels(examples, parts.labels)


def _merge_numbers(parts: Dict[str, Examples]) -> List[str]:
    """``1.0`` and ``1`` are one class: pandas writes whole numbers so in a column that has empty cells."""
    labels = {label for examples in parts.values() for label in hashes.counts(examples.labels)}
    merged = {f"{label}.0": label for label in labels if label.lstrip("-").isdecimal() and f"{label}.0" in labels}
    if not merged:
        return []
    for part, examples in parts.items():
        renamed = examples.labels.renamed(merged) if isinstance(examples.labels, Labels) else [
            merged.get(label, label) for label in examples.labels]
        parts[part] = Examples(examples.texts, renamed)
    equal = ", ".join(f"{decimal} = {whole}" for decimal, whole in sorted(merged.items()))
    return [f"labels that are the same number are one class: {equal}"]


def _notes_on_case(labels: List[str]) -> List[str]:
    variants: Dict[str, List[str]] = {}
    for label in labels:
        variants.setdefault(label.casefold(), []).append(label)
    several = [", ".join(names) for names in variants.values() if len(names) > 1]
    return [f"classes that differ only in upper and lower case: {names}" for names in several]


def _add_missing_parts(parts: Dict[str, Examples]) -> List[str]:
    """Split a missing dev part off train, and a test part too where train is all there is."""
    notes = []
    if "dev" not in parts:
        train = parts["train"]
        names = ["dev"] if "test" in parts else ["test", "dev"]
        sides = split_off(train.texts, train.labels, names)
        for number, name in enumerate(["train", *names]):
            kept = np.flatnonzero(sides == number)
            parts[name] = Examples(take(train.texts, kept), take(train.labels, kept))
        for name in sorted(names):
            if not parts[name].texts:
                different = len(np.unique(hashes.of_texts(train.texts)))
                raise DataError(f"{different} different texts are too few to split a {name} part off")
            count = len(parts[name].texts)
            notes.append(f"no {name} part: {count:,} rows were split off train, by the text's hash")
    elif "test" not in parts:
        parts["test"] = Examples([], [])
        notes.append("no test part: the figures of this run will be those of dev")
    return notes


def _notes_on_texts(parts: Dict[str, Examples]) -> List[str]:
    """Notes on the parts before anything is split off: repeated texts, conflicting labels, texts of train in dev."""
    notes = []
    texts = {part: hashes.of_texts(examples.texts) for part, examples in parts.items()}
    for part, examples in parts.items():
        repeated, conflicting = hashes.repeated(texts[part], hashes.numbered(examples.labels)[0])
        if repeated:
            notes.append(f"{part}: rows that repeat the text of an earlier row: {repeated:,}")
        if conflicting:
            notes.append(f"{part}: texts with several labels: {conflicting:,}")
    for part in [part for part in parts if part != "train"]:
        shared = hashes.shared(texts[part], texts["train"])
        if shared:
            notes.append(f"{part}: rows whose text is in train too: {shared:,}")
    return notes


def _notes_on_labels(parts: Dict[str, Examples], labels: List[str]) -> List[str]:
    notes = []
    for part in [part for part in ("train", "dev", "test") if parts[part].labels]:
        counts = hashes.counts(parts[part].labels)
        absent = [label for label in labels if label not in counts]
        unknown = sorted(set(counts) - set(labels))
        if absent:
            notes.append(f"{part}: classes without a row: {len(absent):,} ({some(absent)})")
        if unknown:
            rows = sum(counts[label] for label in unknown)
            shown = f"{rows:,} ({some(unknown)})"
            notes.append(f"{part}: rows with a label that train lacks, which count as wrong: {shown}")
    return notes


def _digest(parts: Dict[str, Examples], show: Callable[[str], None]) -> str:
    """A hash of the rows in their order, which does not depend on the files' names, forms or encodings."""
    digest = hashlib.sha256()
    rows = sum(len(parts[part].texts) for part in ("train", "dev", "test"))
    progress, done = Progress("hashing the data", rows, show, rows), 0
    for part in ("train", "dev", "test"):
        for text, label in zip(*parts[part]):
            digest.update(f'["{part}", {_in_json(label)}, {_in_json(text)}]'.encode("ascii"))
            done += 1
            if done % 4096 == 0:
                progress.at(done, done)
    return digest.hexdigest()
