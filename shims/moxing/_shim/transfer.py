"""One object from here to there, and never a lie: what counts as done was seen to be whole.

Down: into a temporary name beside the target, size and ETag checked, then renamed. Up: sent with its MD5, then asked
for directly (a listing may lag behind) and read back where the ETag tells nothing. What does not fit is done again from
the start, as often as moxing._shim.retry allows; what fails leaves nothing new under the final name.
"""
import contextlib
import os
import tempfile
import uuid
from typing import BinaryIO, cast

from moxing._shim import etags
from moxing._shim.errors import MoxFileNameDuplicateException, StorageMissing, damaged, directory, missing
from moxing._shim.local import PART_PREFIX, PART_SUFFIX
from moxing._shim.retry import attempts
from moxing._shim.sink import Sink
from moxing._shim.stores import Place


def transfer(source: Place, target: Place) -> None:
    """A file from one place to another, of whatever kind they are."""
    if target.store.local:
        download(source, target.path)
    elif source.store.local:
        if not os.path.exists(source.path):
            raise missing(source.url)
        with open(source.path, "rb") as file:
            upload(cast(BinaryIO, file), target)
    elif source.store is not target.store or not attempts(
            lambda: source.store.copied(source.path, target.path), source.url):
        with tempfile.TemporaryFile() as spool:
            read_into(source, cast(BinaryIO, spool))
            upload(cast(BinaryIO, spool), target)


def download(source: Place, target: str) -> None:
    """A file to the local disk. Whoever looks sees the old file, or the new one, or none."""
    folder = os.path.dirname(target) or os.curdir
    try:
        os.makedirs(folder, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise MoxFileNameDuplicateException(f"{target}: cannot be written, for a part of that path is a file")
    if os.path.isdir(target):
        raise MoxFileNameDuplicateException(f"{target}: cannot be written, for it is a directory")
    part = os.path.join(folder, PART_PREFIX + uuid.uuid4().hex[:12] + PART_SUFFIX)
    try:
        with open(part, "x+b") as file:
            read_into(source, cast(BinaryIO, file))
        os.replace(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def read_into(source: Place, file: BinaryIO) -> None:
    """The object's bytes, proven, as the whole of ``file``."""
    try:
        attempts(lambda: _read_once(source, file), source.url)
    except StorageMissing:
        raise
    except FileNotFoundError:
        raise missing(source.url)
    except IsADirectoryError:
        raise directory(source.url)


def upload(file: BinaryIO, target: Place) -> None:
    """The whole of ``file`` as an object, proven."""
    attempts(lambda: _write_once(file, target), target.url)


def refuse_directory(source: Place) -> None:
    """``copy`` takes one file; the platform's answers a directory with this error."""
    if source.store.is_dir(source.path):
        raise directory(source.url)


def _read_once(source: Place, file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()
    sink = Sink(file)
    seen = source.store.get(source.path, sink)
    if sink.size != seen.size:
        raise damaged(f"{source.url}: {sink.size} of {seen.size} bytes arrived")
    if source.store.local:
        return
    proof = etags.proves(seen.etag, sink.md5, sink.size, file)
    if proof is None:
        again = Sink()
        source.store.get(source.path, again)
        proof = (again.size, again.md5) == (sink.size, sink.md5)
    if not proof:
        raise damaged("{}: the bytes that arrived are not the object's (MD5 {}, ETag {})".format(
            source.url, sink.md5, seen.etag or "none"))


def _write_once(file: BinaryIO, target: Place) -> None:
    sent = target.store.put(target.path, file)
    seen = target.store.head(target.path)
    if seen is None:
        raise damaged(f"{target.url}: not there after it was written")
    if seen.size != sent.size:
        raise damaged(f"{target.url}: {sent.size} bytes were sent, {seen.size} are stored")
    if seen.etag and seen.etag == sent.etag:
        return
    back = Sink()
    target.store.get(target.path, back)
    if (back.size, back.md5) != (sent.size, sent.md5):
        raise damaged(f"{target.url}: what is stored is not what was sent (MD5 {back.md5}, sent {sent.md5})")
