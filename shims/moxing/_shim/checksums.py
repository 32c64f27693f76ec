"""MD5 of transferred bytes, and whether an ETag proves them.

32 hex digits are an MD5, except for objects under a key service's keys, whose ETag the S3 store leaves out.
``<hex>-N`` belongs to an object that was uploaded in N parts: the MD5 of the MD5s of its parts. It does not contain the
part size, so the usual sizes that give N parts are tried. Any other ETag proves nothing; the caller then reads again.
"""
import hashlib
import re
from typing import Any, BinaryIO, List, Optional

from moxing._shim import settings
from moxing._shim.settings import MIB

# Defaults of common clients: aws cli 8, s3fs 50, MinIO 16 or 64, obsutil 9 or 20, the SDKs 5 to 100 MiB.
_USUAL_PARTS = [5, 6, 8, 9, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512, 1024]


class HashingWriter:
    """Counts and hashes the bytes that it writes to ``target``; None: only counts and hashes."""

    def __init__(self, target: Any = None) -> None:
        self.size = 0
        self._target = target
        self._md5 = hashlib.md5()

    def write(self, data: bytes) -> int:
        """As a file's ``write``."""
        self.size += len(data)
        self._md5.update(data)
        if self._target is not None:
            self._target.write(data)
        return len(data)

    @property
    def md5(self) -> str:
        """The MD5 of all bytes so far, in hex."""
        return self._md5.hexdigest()


def etag_proves(etag: str, md5: str, size: int, file: BinaryIO) -> Optional[bool]:
    """True: the bytes in ``file`` are the object's. False: they are not. None: the ETag proves nothing."""
    if re.match(r"[0-9a-f]{32}$", etag):
        return etag == md5
    parts = re.match(r"[0-9a-f]{32}-(\d+)$", etag)
    if not parts:
        return None
    for part_size in _part_sizes(size, int(parts.group(1))):
        if etag_of_parts(_part_digests(file, part_size)) == etag:
            return True
    return None


def etag_of_parts(digests: List[bytes]) -> str:
    """The ETag of an object that was uploaded in parts with these MD5s."""
    return f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def _part_sizes(size: int, count: int) -> List[int]:
    even = -(-size // max(count, 1))
    sizes = [settings.part_size(), *(mib * MIB for mib in _USUAL_PARTS), even, -(-even // MIB) * MIB]
    return [part for part in dict.fromkeys(sizes) if part > 0 and -(-size // part) == count]


def _part_digests(file: BinaryIO, part_size: int) -> List[bytes]:
    file.seek(0)
    digests: List[bytes] = []
    while True:
        part, left = hashlib.md5(), part_size
        while left:
            chunk = file.read(min(left, MIB))
            if not chunk:
                break
            part.update(chunk)
            left -= len(chunk)
        if left == part_size:
            return digests
        digests.append(part.digest())
