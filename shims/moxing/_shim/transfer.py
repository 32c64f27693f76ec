"""One file from one location to another. A transfer counts as done only when the bytes are proven.

Download: into a temporary name beside the target; size and ETag are checked before the rename. Upload: sent with its
MD5, then requested directly (a listing may lag) and read back if the ETag proves nothing. A difference restarts the
transfer, as often as moxing._shim.retry allows; a failed transfer leaves nothing new under the final name.
"""
import contextlib
import os
import tempfile
import uuid
from typing import BinaryIO, cast

from moxing._shim.checksums import HashingWriter, etag_proves
from moxing._shim.errors import MoxFileNameDuplicateException, StorageMissing, damaged, directory, missing
from moxing._shim.local import PART_PREFIX, PART_SUFFIX
from moxing._shim.retry import with_retries
from moxing._shim.store import Location


def transfer(source: Location, target: Location) -> None:
    """Copy a file between any two locations."""
    if target.store.local:
        download(source, target.path)
    elif source.store.local:
        if not os.path.exists(source.path):
            raise missing(source.url)
        with open(source.path, "rb") as file:
            upload(cast(BinaryIO, file), target)
    elif source.store is not target.store or not with_retries(
            lambda: source.store.copy_inside(source.path, target.path), source.url):
        with tempfile.TemporaryFile() as spool:
            read_into(source, cast(BinaryIO, spool))
            upload(cast(BinaryIO, spool), target)


def download(source: Location, target: str) -> None:
    """Copy a file to the local disk; readers of ``target`` see the old file, the new one, or no file."""
    folder = os.path.dirname(target) or os.curdir
    try:
        os.makedirs(folder, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise MoxFileNameDuplicateException(f"{target}: cannot be written, because a part of that path is a file")
    if os.path.isdir(target):
        raise MoxFileNameDuplicateException(f"{target}: cannot be written, because it is a directory")
    part = os.path.join(folder, f"{PART_PREFIX}{uuid.uuid4().hex[:12]}{PART_SUFFIX}")
    try:
        with open(part, "x+b") as file:
            read_into(source, cast(BinaryIO, file))
        os.replace(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def read_into(source: Location, file: BinaryIO) -> None:
    """Replace the content of ``file`` by the proven bytes of the object."""
    try:
        with_retries(lambda: _read_once(source, file), source.url)
    except StorageMissing:
        raise
    except FileNotFoundError:
        raise missing(source.url)
    except IsADirectoryError:
        raise directory(source.url)


def upload(file: BinaryIO, target: Location) -> None:
    """Store the whole content of ``file`` as an object, and prove it."""
    with_retries(lambda: _write_once(file, target), target.url)


def refuse_directory(source: Location) -> None:
    """Raise the platform's error for ``copy`` of a directory."""
    if source.store.is_dir(source.path):
        raise directory(source.url)


def _read_once(source: Location, file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()
    received = HashingWriter(file)
    info = source.store.get(source.path, received)
    if received.size != info.size:
        raise damaged(f"{source.url}: received {received.size} of {info.size} bytes")
    if source.store.local:
        return
    proven = etag_proves(info.etag, received.md5, received.size, file)
    if proven is None:
        second = HashingWriter()
        source.store.get(source.path, second)
        proven = (second.size, second.md5) == (received.size, received.md5)
    if not proven:
        raise damaged(f"{source.url}: the received bytes are not the object's"
                      f" (MD5 {received.md5}, ETag {info.etag or 'missing'})")


def _write_once(file: BinaryIO, target: Location) -> None:
    sent = target.store.put(target.path, file)
    info = target.store.head(target.path)
    if info is None:
        raise damaged(f"{target.url}: the object does not exist after its upload")
    if info.size != sent.size:
        raise damaged(f"{target.url}: sent {sent.size} bytes, but {info.size} are stored")
    if info.etag and info.etag == sent.etag:
        return
    stored = HashingWriter()
    target.store.get(target.path, stored)
    if (stored.size, stored.md5) != (sent.size, sent.md5):
        raise damaged(f"{target.url}: the stored bytes differ from the sent ones (MD5 {stored.md5}, sent {sent.md5})")
