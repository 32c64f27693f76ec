"""What a report says of the data: rows, classes, lengths, scripts, repeated rows."""
import functools
import unicodedata
from collections import Counter
from typing import Dict, List, Mapping, Sequence

import numpy as np

from textjob.data import hashes
from textjob.data.dataset import Dataset, Examples
from textjob.report.blocks import Bars, Block, Fold, Items, Paragraph, Section, Table, share, shortened
from textjob.report.predictions import Rows

_CLASSES = 50
_SCRIPT_ROWS = 20_000
_LENGTHS = (10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120)
_SCRIPTS = 12


def section(data: Dataset, with_texts: bool) -> Section:
    """The section on the data; ``with_texts`` is false if nothing of the texts may be in the report."""
    parts = {name: part for name, part in (("train", data.train), ("dev", data.dev), ("test", data.test)) if part.texts}
    # An indented note shows a bad row, whose error can quote the row.
    notes = [note.strip() for note in data.notes if with_texts or not note.startswith(" ")]
    return Section("Data", [
        _parts(parts), Items(notes),
        Fold("Rows of each class", _classes(parts, data.labels), True),
        Fold("Length of the texts (train)", [_lengths(data.train.texts)], True),
        Fold("Characters and scripts (train)", scripts(data.train), True)])


def _parts(parts: Mapping[str, Examples]) -> Table:
    known = hashes.of_texts(parts["train"].texts)
    rows = []
    for name, (texts, labels) in parts.items():
        lengths = np.sort(np.fromiter(map(len, texts), np.int64, len(texts)))
        of_texts = hashes.of_texts(texts)
        shared = "" if name == "train" else f"{hashes.shared(of_texts, known):,}"
        rows.append([name, f"{len(texts):,}", f"{len(hashes.counts(labels)):,}",
                     f"{len(texts) - len(np.unique(of_texts)):,}", shared, f"{lengths[len(lengths) // 2]:,}",
                     f"{lengths[-1]:,}"])
    return Table(["part", "rows", "classes", "repeated texts", "texts in train, too", "median characters",
                  "longest text"], rows)


def _classes(parts: Mapping[str, Examples], labels: Sequence[str]) -> List[Block]:
    counts = {name: hashes.counts(part.labels) for name, part in parts.items()}
    every = sorted(set(labels).union(*counts.values()), key=lambda label: (-counts["train"][label], label))
    shown = [(shortened(label, 80), counts["train"][label]) for label in every[:_CLASSES]]
    blocks: List[Block] = [Bars(("class", "rows of train"), shown)]
    if len(every) > _CLASSES:
        rest = [counts["train"][label] for label in every[_CLASSES:]]
        blocks.append(Paragraph(f"{len(rest):,} more classes have {min(rest):,} to {max(rest):,} rows each."))
    return blocks


def _lengths(texts: Sequence[str]) -> Bars:
    bounds = [0, *_LENGTHS]
    counts: Dict[int, int] = Counter(sum(len(text) > bound for bound in _LENGTHS) for text in texts)
    rows = []
    for number in range(max(counts) + 1):
        name = f"{bounds[number] + 1:,} to {bounds[number + 1]:,}" if number < len(_LENGTHS) else f"> {bounds[-1]:,}"
        rows.append((name, counts.get(number, 0)))
    return Bars(("characters", "texts"), rows)


def scripts(part: Examples) -> List[Block]:
    """The scripts of the letters of a part, and of its texts."""
    rows = Rows("train", part.texts, part.labels).sample(_SCRIPT_ROWS)
    letters: Dict[str, int] = Counter()
    texts: Dict[str, int] = Counter()
    for text in rows.texts:
        found: Dict[str, int] = Counter()
        for char, count in Counter(text).items():
            script = _script(char)
            if script:
                found[script] += count
        for script, count in found.items():
            letters[script] += count
        texts[max(found, key=lambda script: found[script]) if found else "no letter"] += 1
    total = sum(letters.values()) or 1
    names = sorted({*letters, *texts}, key=lambda name: (-letters[name], -texts[name]))[:_SCRIPTS]
    return [
        Paragraph(f"Letters of {len(rows.texts):,} rows by their script, and the texts in which most letters belong to "
                  "it."),
        Table(["script", "letters", "share", "texts"],
              [[name, f"{letters[name]:,}", share(letters[name] / total), f"{texts[name]:,}"] for name in names])]


@functools.lru_cache(maxsize=None)
def _script(char: str) -> str:
    """The script of a letter, by the first word of its Unicode name; ``""`` for other characters."""
    if not unicodedata.category(char).startswith("L"):
        return ""
    name = unicodedata.name(char, "unknown").split()[0]
    return {"CJK": "Han", "FULLWIDTH": "Latin"}.get(name, name.capitalize())
