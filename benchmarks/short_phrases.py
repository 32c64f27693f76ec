"""Writes a data set of very short texts: the phrases of at most four words of SST-2.

    python benchmarks/short_phrases.py --phrases sst2/train_phrases.tsv.gz --output sets/short_phrases

``--phrases`` is a file with a label and a phrase per line, separated by a tab. The hash of a phrase decides its part:
a tenth is test, two fifths of the rest are train (9,845 and 2,737 rows of the 76,961 phrases).
"""
import argparse
import gzip
import hashlib
import sys
from pathlib import Path
from typing import Dict, List, Sequence

_WORDS = 4


def main(argv: Sequence[str]) -> int:
    """Write ``train.tsv`` and ``test.tsv``; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--phrases", required=True, metavar="FILE", help="the phrases with their labels, .tsv.gz")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="receives train.tsv and test.tsv")
    given = parser.parse_args(argv)
    labels: Dict[str, str] = {}
    with gzip.open(given.phrases, "rt", encoding="utf-8") as file:
        for line in file:
            label, text = line.rstrip("\n").split("\t", 1)
            if len(text.split()) <= _WORDS:
                labels.setdefault(text, label)
    parts: Dict[str, List[str]] = {"train": [], "test": []}
    for text, label in labels.items():
        if _digit(text) == 0:
            parts["test"].append(f"{label}\t{text}\n")
        elif _digit(text + "x") < 4:
            parts["train"].append(f"{label}\t{text}\n")
    folder = Path(given.output)
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in parts.items():
        (folder / f"{name}.tsv").write_text("".join(lines), encoding="utf-8")
        print(f"{len(lines):,} rows in {folder / name}.tsv")
    return 0


def _digit(text: str) -> int:
    return int(hashlib.sha1(text.encode("utf-8")).hexdigest()[:8], 16) % 10


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
