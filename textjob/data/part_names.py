"""Which part a file or a folder is by its name, and which files are data by their names."""
import re
from typing import Dict, List, NamedTuple, Tuple

from textjob.data.files import without_compression
from textjob.data.folders import Entry

PARTS = {
    "train": "train", "training": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev",
    "test": "test",
}
SUFFIXES = (".tsv", ".txt", ".csv", ".tab", ".jsonl", ".ndjson", ".json", ".manifest", ".parquet")
ACCEPTED = f"accepted are {', '.join(SUFFIXES)}, those of text also as .gz, .bz2 and .xz"

EXACT, SHARD, INSIDE = 1, 2, 3  # train.csv; train_1.csv or part-00000; cnews.train.txt


class Named(NamedTuple):
    """An entry that is a part by its name, and how sure that is."""

    part: str
    level: int
    entry: Entry


def suffix(name: str) -> str:
    """The suffix of a file's name that belongs to a form of data, or ``""``."""
    stem = without_compression(name.rsplit("/", 1)[-1].lower())
    return next((known for known in SUFFIXES if stem.endswith(known)), "")


def named_parts(entries: List[Entry]) -> Dict[str, List[Named]]:
    """The entries that are parts by their names: for each part those whose names say so most directly."""
    parts: Dict[str, List[Named]] = {}
    for entry in entries:
        part, level = _part(entry)
        if part:
            parts.setdefault(part, []).append(Named(part, level, entry))
    chosen = {}
    for part, candidates in parts.items():
        level = min(named.level for named in candidates)
        # A file beside its shards is a question for the user, and so are two names of which neither is direct.
        levels = (EXACT, SHARD) if level == EXACT else (level,)
        chosen[part] = [named for named in candidates if named.level in levels]
    return chosen


def _part(entry: Entry) -> Tuple[str, int]:
    stem = entry.name.lower()
    if entry.is_folder:
        return PARTS.get(stem, ""), EXACT
    plain = without_compression(stem)
    known = suffix(stem)
    if not known and not re.fullmatch(r"part-\d+(-[\w-]+)?(\.\w+)*", plain):
        return "", 0
    stem = plain[: -len(known)] if known else plain
    if stem in PARTS:
        return PARTS[stem], EXACT
    shard = re.fullmatch(r"([a-z]+)[-_. ]?\(?\d+\)?([-_]of[-_]\d+)?", stem)
    if shard and shard.group(1) in PARTS:
        return PARTS[shard.group(1)], SHARD
    if re.fullmatch(r"part-\d+(-[\w-]+)?(\.\w+)*", stem):
        return "train", SHARD
    words = re.split(r"[-_. ]", stem)
    named = {PARTS[word] for word in (words[0], words[-1]) if word in PARTS}
    return (named.pop(), INSIDE) if len(named) == 1 else ("", 0)
