"""The vocabulary and the ids of data larger than memory: those of an earlier job, or new ones."""
import shutil
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from textjob.data import hashes, scratch
from textjob.data.dataset import Dataset, Examples
from textjob.data.progress import Progress
from textjob.errors import DataError
from textjob.settings import Settings
from textjob.text import id_files, vocabulary
from textjob.text.encoding import CHUNK, Encoded, TextEncoder

_BYTES_PER_ROW = 100  # of ids, in the check of the disk

_Chunk = List[Tuple[np.ndarray, np.ndarray]]


def open_or_make(data: Dataset, names: List[str], settings: Settings, vocabulary_file: Path,
                 show: Callable[[str], None]) -> Dict[str, Encoded]:
    """The parts in files, and a copy of their vocabulary."""
    folder = _folder(data, names, settings, show)
    stored = id_files.read(folder)
    if stored is None:
        raise DataError(f"{folder} was deleted or changed while this job was running; run the same command again")
    parts, facts = stored
    shutil.copyfile(str(folder / id_files.VOCABULARY), str(vocabulary_file))
    if facts["count_error"]:
        show(f"the words were counted in bounded memory: a count is at most {facts['count_error']:,} too low")
    return parts


def write_vocabulary(data: Dataset, settings: Settings, file: Path, most: int, show: Callable[[str], None]) -> int:
    """Count the words of the training part, and write the vocabulary; returns the error of the counts.

    ``most`` is the number of different words from which on the counts are not exact.
    """
    words, error = vocabulary.count(data.train.texts, settings.tokens_read, settings.min_count,
                                    settings.vocabulary_size, most, show)
    if not words:
        raise DataError(f"no word occurs at least {settings.min_count} times in the training part, so the vocabulary "
                        "is empty; lower --min_count, or give more data")
    vocabulary.write(words, file)
    return error


def numbers(part: Examples, names: Sequence[str]) -> np.ndarray:
    """The class number of each row of a part, int32."""
    number = {label: i for i, label in enumerate(names)}
    rows, labels = hashes.numbered(part.labels)
    return np.asarray(np.array([number.get(label, -1) for label in labels], np.int32)[rows])


class _Owner:
    """Deletes a folder with the files of this job when it is not used any more."""


def _folder(data: Dataset, names: List[str], settings: Settings, show: Callable[[str], None]) -> Path:
    """The folder of the ids; one that is damaged is made again."""
    place = scratch.place(settings)
    key = id_files.key(data.digest, {name: getattr(settings, name)
                                     for name in ("tokens_read", "min_count", "vocabulary_size")})
    folder = scratch.published(place.root(), key)
    if id_files.read(folder):
        show(f"the ids of an earlier job with the same data and settings are used: {folder}")
        return folder
    if folder.exists():
        if not scratch.discard(folder):
            raise DataError(f"{folder} is damaged: its files differ from its manifest, and another process uses it; "
                            "run the same command again when that process has ended")
        show(f"{folder} is damaged: its files differ from its manifest; the ids are made again")
    owner = _Owner()
    new = scratch.new_folder(place, owner)
    parts = (data.train, data.dev, data.test)
    scratch.check_free(new, _BYTES_PER_ROW * sum(len(part.texts) for part in parts))
    file = new / id_files.VOCABULARY
    with scratch.full_disk(new):
        error = write_vocabulary(data, settings, file, vocabulary.MOST, show)
    writer = id_files.Writer(new / "ids", vocabulary.read(file))
    for name, part, chunks in zip(id_files.PARTS, parts, _chunks(parts, TextEncoder(file, settings.tokens_read), show)):
        writer.add(name, chunks, numbers(part, names))
    writer.finish({"count_error": error})
    return scratch.publish(new / "ids", key)


def _chunks(parts: Sequence[Examples], encoder: TextEncoder, show: Callable[[str], None]) -> Iterator[Iterator[_Chunk]]:
    """The ids of each part, chunk by chunk; prints the progress over all parts."""
    rows = sum(len(part.texts) for part in parts)
    progress, before = Progress("encoding", rows, show, rows), 0

    def of_part(part: Examples, first: int) -> Iterator[_Chunk]:
        for number, chunk in enumerate(encoder.chunks(part.texts)):
            yield chunk
            progress.at(first + number * CHUNK, first + number * CHUNK)

    for part in parts:
        yield of_part(part, before)
        before += len(part.texts)
