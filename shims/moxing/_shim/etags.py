"""What an ETag proves about the bytes: everything where it is their MD5, or the MD5 of the MD5s of known parts.

32 hex digits are taken for an MD5 (stores say so, except for objects under a key service's keys, whose ETag the S3
store leaves out). ``<hex>-N`` is an object that came in N parts: its part size is not told, so the usual ones that give
N parts are tried. Anything else proves nothing, and the caller reads a second time.
"""
import hashlib
import re
from typing import BinaryIO, List, Optional

from moxing._shim import settings
from moxing._shim.settings import MIB

# What the common clients send: aws cli 8, s3fs 50, MinIO 16 or 64, obsutil 9 or 20, the SDKs 5 to 100 MiB.
_USUAL_PARTS = [5, 6, 8, 9, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512, 1024]


def proves(etag: str, md5: str, size: int, file: Optional[BinaryIO]) -> Optional[bool]:
    """True: these are the bytes. False: they are not. None: the ETag tells nothing.

    ``file`` is read again for an ETag of parts; where there is none, such an ETag tells nothing.
    """
    if re.match(r"[0-9a-f]{32}$", etag):
        return etag == md5
    parts = re.match(r"[0-9a-f]{32}-(\d+)$", etag)
    if not parts or file is None:
        return None
    for part_size in _candidates(size, int(parts.group(1))):
        if of_parts(_digests(file, part_size)) == etag:
            return True
    return None


def of_parts(digests: List[bytes]) -> str:
    """The ETag of an object that came in parts of these MD5s."""
    return "{}-{}".format(hashlib.md5(b"".join(digests)).hexdigest(), len(digests))


def _candidates(size: int, count: int) -> List[int]:
    even = -(-size // max(count, 1))
    sizes = [settings.part_size(), *(mib * MIB for mib in _USUAL_PARTS), even, -(-even // MIB) * MIB]
    return [part for part in dict.fromkeys(sizes) if part > 0 and -(-size // part) == count]


def _digests(file: BinaryIO, part_size: int) -> List[bytes]:
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
