"""What ``infer.py batch`` learns about a file before it reads the rows, in one pass over its bytes."""
import hashlib
from typing import List, NamedTuple

from textjob.data import encoding as encodings
from textjob.data.files import CHUNK, chunks, is_compressed
from textjob.data.forms import parquet
from textjob.data.refused import refuse_archive
from textjob.manifest import sha256


class Scan(NamedTuple):
    """The SHA-256 hash of a file; for a file of text also its encoding, and the line ends in each block of its bytes.

    The encoding is ``""`` if the bytes do not decide it, and for a compressed file, whose blocks are those of its
    content.
    """

    digest: str
    encoding: str
    blocks: List[int]

    @property
    def lines(self) -> int:
        """The number of line ends; 0 if the file is not a text."""
        return sum(self.blocks)

    def line(self, path: str, offset: int) -> int:
        """The number of the line, from 1, that begins at an offset in bytes."""
        first = offset // CHUNK
        with open(path, "rb") as file:
            file.seek(first * CHUNK)
            return 1 + sum(self.blocks[:first]) + file.read(offset - first * CHUNK).count(b"\n")


def scan(path: str, name: str) -> Scan:
    """Read a file once.

    Raises:
        DataError: the file is an archive or cannot be read.
    """
    refuse_archive(path, name)
    with open(path, "rb") as file:
        if file.read(len(parquet.MAGIC)) == parquet.MAGIC:
            return Scan(sha256(path), "", [])
    if is_compressed(path):
        return Scan(sha256(path), "", [chunk.count(b"\n") for chunk in chunks(path)])
    digest, sample, blocks = hashlib.sha256(), encodings.Sample(), []
    more = True
    for chunk in chunks(path):
        digest.update(chunk)
        blocks.append(chunk.count(b"\n"))
        more = more and sample.add(chunk)
    return Scan(digest.hexdigest(), sample.decide().encoding, blocks)
