"""The rows of the training part as ids, for the sections that need the tokens of the texts."""
from pathlib import Path
from typing import List, NamedTuple, Sequence

from textjob.report.predictions import Rows
from textjob.text.encoding import Encoded, TextEncoder

MOST = 10_000
"""Of more rows, this many are taken at equal distances, which limits the time of a report."""


class TrainingRows(NamedTuple):
    """Rows of the training part, and the ids of their tokens in the vocabulary of a package."""

    rows: Rows
    of: int
    """The number of rows that they were taken from."""
    encoded: Encoded
    vocabulary: List[bytes]
    classes: List[str]

    @property
    def extent(self) -> str:
        """Which rows of the training part they are, for a sentence."""
        taken = len(self.rows.texts)
        return f"all {taken:,} training rows" if taken == self.of else (
            f"{taken:,} of the {self.of:,} training rows, at equal distances")


def read(package: Path, texts: Sequence[str], labels: Sequence[str], classes: Sequence[str], tokens: int
         ) -> TrainingRows:
    """Encode the first ``tokens`` tokens of each text, as the graph of a package does."""
    rows = Rows("train", texts, labels).sample(MOST)
    file = package / "assets" / "vocabulary.txt"
    number = {label: i for i, label in enumerate(classes)}
    encoded = TextEncoder(file, tokens).encode(rows.texts, [number[label] for label in rows.labels])
    return TrainingRows(rows, len(texts), encoded, file.read_bytes().split(b"\n")[:-1], list(classes))
