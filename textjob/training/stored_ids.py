"""The vocabulary and the ids of data larger than memory: those of an earlier job, or new ones.

Several nodes divide the work: each tokenizes every n-th chunk of the texts, and all of them write all ids.
"""
import math
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
from textjob.text.vocabulary import WordCounts
from textjob.training.workers import Workers

_BYTES_PER_ROW = 100  # of ids, in the check of the disk
_TEXTS = 4 * CHUNK  # per exchange of ids; an exchange takes milliseconds

_Chunk = List[Tuple[np.ndarray, np.ndarray]]


def open_or_make(data: Dataset, names: List[str], settings: Settings, vocabulary_file: Path,
                 show: Callable[[str], None], workers: Workers) -> Dict[str, Encoded]:
    """The parts in files, and a copy of their vocabulary."""
    folder = _folder(data, names, settings, show, workers)
    stored = id_files.read(folder)
    if stored is None:
        raise DataError(f"{folder} was deleted or changed while this job was running; run the same command again")
    parts, facts = stored
    shutil.copyfile(str(folder / id_files.VOCABULARY), str(vocabulary_file))
    if facts["count_error"]:
        show(f"the words were counted in bounded memory: a count is at most {facts['count_error']:,} too low")
    return parts


def write_vocabulary(data: Dataset, settings: Settings, file: Path, most: int, show: Callable[[str], None],
                     workers: Workers) -> int:
    """Count the words of the training part, and write the vocabulary; returns the error of the counts.

    ``most`` is the number of different words from which on the counts are not exact. ``workers`` divide the texts.
    """
    counted = _of_all(workers, most, vocabulary.count(data.train.texts, settings.tokens_read, most, show,
                                                      workers.number, workers.nodes))
    min_count = settings.min_count or counted.usual_min_count(len(data.train.texts))
    words = counted.most_frequent(min_count, settings.vocabulary_size)
    if not words:
        raise DataError(f"no word occurs at least {min_count} times in the training part, so the vocabulary "
                        "is empty; lower --min_count, or give more data")
    vocabulary.write(words, file)
    return counted.error


def _of_all(workers: Workers, most: int, counted: WordCounts) -> WordCounts:
    """The sum of the counts of all nodes."""
    if workers.nodes == 1:
        return counted
    total = WordCounts(most)
    for words, counts, error in workers.gathered([
            np.frombuffer(b"\n".join(counted.counts), np.uint8), np.array(list(counted.counts.values()), np.int64),
            np.array([counted.error])]):
        total.add(dict(zip(words.tobytes().split(b"\n"), counts.tolist())))
        total.error += int(error[0])
    return total


def numbers(part: Examples, names: Sequence[str]) -> np.ndarray:
    """The class number of each row of a part, int32."""
    number = {label: i for i, label in enumerate(names)}
    rows, labels = hashes.numbered(part.labels)
    return np.asarray(np.array([number.get(label, -1) for label in labels], np.int32)[rows])


class _Owner:
    """Deletes a folder with the files of this job when it is not used any more."""


def _folder(data: Dataset, names: List[str], settings: Settings, show: Callable[[str], None], workers: Workers) -> Path:
    """The folder of the ids; one that is damaged is made again.

    If a node lacks its folder, all nodes make the ids, so that all of them make the same exchanges.
    """
    place = scratch.place(settings)
    key = id_files.key(data.digest, {name: getattr(settings, name)
                                     for name in ("tokens_read", "min_count", "vocabulary_size")})
    folder = scratch.published(place.root(), key)
    complete = id_files.read(folder) is not None
    damaged = not complete and folder.exists()
    if damaged:
        scratch.release(folder)  # before the exchange, because nodes of one machine have one folder
    if workers.every(complete):
        show(f"the ids of an earlier job with the same data and settings are used: {folder}")
        return folder
    if damaged:
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
        error = write_vocabulary(data, settings, file, vocabulary.MOST, show, workers)
    writer = id_files.Writer(new / "ids", vocabulary.read(file))
    of_parts = _chunks(parts, TextEncoder(file, settings.tokens_read), show, workers)
    for name, part, chunks in zip(id_files.PARTS, parts, of_parts):
        writer.add(name, chunks, numbers(part, names))
    writer.finish({"count_error": error})
    return scratch.publish(new / "ids", key)


def _chunks(parts: Sequence[Examples], encoder: TextEncoder, show: Callable[[str], None], workers: Workers
            ) -> Iterator[Iterator[_Chunk]]:
    """The ids of each part, chunk by chunk; prints the progress over all parts."""
    rows = sum(len(part.texts) for part in parts)
    progress, before = Progress("encoding", rows, show, rows), 0

    def of_part(part: Examples, first: int) -> Iterator[_Chunk]:
        def encoded(number: int) -> List[np.ndarray]:
            texts = part.texts[number * _TEXTS:(number + 1) * _TEXTS]
            chunks = [encoder.chunk(texts[start:start + CHUNK]) for start in range(0, len(texts), CHUNK)]
            return [np.concatenate(arrays) for kind in zip(*chunks) for arrays in zip(*kind)]

        for number, arrays in enumerate(workers.divided(math.ceil(len(part.texts) / _TEXTS), encoded)):
            yield list(zip(arrays[::2], arrays[1::2]))
            progress.at(first + number * _TEXTS, first + number * _TEXTS)

    for part in parts:
        yield of_part(part, before)
        before += len(part.texts)
