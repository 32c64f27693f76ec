"""A large upload, in parts: each tried again by itself, and no unfinished upload left, not even by a killed run.

What a killed process left is found by its key when the same key is uploaded next, and given up; so two processes
must not upload one key at a time (the loser starts anew).
"""
import base64
import hashlib
import logging
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO, Deque, Dict, Iterator, List

from moxing._shim import etags, settings
from moxing._shim.errors import StorageMissing, damaged
from moxing._shim.retry import status_of, stoppable
from moxing._shim.sink import Sink
from moxing._shim.stores import Sent

if TYPE_CHECKING:
    from moxing._shim.s3 import S3Store

_MOST_PARTS = 10000

log = logging.getLogger("moxing")


def upload(store: "S3Store", bucket: str, key: str, source: BinaryIO) -> Sent:
    """Store what ``source`` holds from its start."""
    _give_up_orphans(store, bucket, key)
    upload_id = store.ask("create_multipart_upload", bucket, Key=key)["UploadId"]
    whole = Sink()
    digests: List[bytes] = []
    try:
        tags = _send(store, _parts(source, whole, digests), Bucket=bucket, Key=key, UploadId=upload_id)
        store.call("complete_multipart_upload", bucket, Key=key, UploadId=upload_id, MultipartUpload={
            "Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]})
    except BaseException as error:  # an interrupt from the keyboard as well
        _give_up(store, bucket, key, upload_id)
        if status_of(error).errorCode == "NoSuchUpload":
            raise damaged(f"{bucket}/{key}: another process gave this upload up") from error
        raise
    finally:
        _give_up_orphans(store, bucket, key)  # the answer to an earlier beginning may have been lost
    return Sent(whole.size, whole.md5, etags.of_parts(digests))


def _parts(source: BinaryIO, whole: Sink, digests: List[bytes]) -> Iterator[bytes]:
    """The parts in order; what was read is what is counted, whatever happens to the file meanwhile."""
    size = source.seek(0, 2)
    part_size = max(settings.part_size(), -(-size // _MOST_PARTS))
    source.seek(0)
    while True:
        part = source.read(part_size)
        if not part:
            return
        whole.write(part)
        digests.append(hashlib.md5(part).digest())
        yield part


def _send(store: "S3Store", parts: Iterator[bytes], **where: Any) -> List[str]:
    """The parts' ETags. No more parts than are under way lie in memory; one that fails for good stops the rest."""
    stop = threading.Event()
    tags: List[str] = []
    waiting: Deque[Future[str]] = deque()

    def send(number: int, part: bytes) -> str:
        with stoppable(stop, quiet=True):
            checksum = base64.b64encode(hashlib.md5(part).digest()).decode("ascii")
            answer: Dict[str, Any] = store.ask("upload_part", where["Bucket"], Key=where["Key"], Body=part,
                                               UploadId=where["UploadId"], PartNumber=number, ContentMD5=checksum)
            return str(answer["ETag"])

    at_once = settings.parts_at_once()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for number, part in enumerate(parts, 1):
                waiting.append(pool.submit(send, number, part))
                if len(waiting) >= at_once:
                    tags.append(waiting.popleft().result())
            while waiting:
                tags.append(waiting.popleft().result())
        finally:
            stop.set()
            for future in waiting:
                future.cancel()
    return tags


def _give_up_orphans(store: "S3Store", bucket: str, key: str) -> None:
    try:
        found = store.ask("list_multipart_uploads", bucket, Prefix=key).get("Uploads", [])
    except OSError as error:  # a policy may forbid the look; it is no reason not to upload
        log.debug("%s/%s: cannot look for unfinished uploads: %s", bucket, key, error)
        return
    for orphan in found:
        if orphan["Key"] == key:
            _give_up(store, bucket, key, orphan["UploadId"])


def _give_up(store: "S3Store", bucket: str, key: str, upload_id: str) -> None:
    try:
        store.ask("abort_multipart_upload", bucket, Key=key, UploadId=upload_id)
    except StorageMissing:
        pass  # it was finished after all, or somebody else gave it up
    except Exception as error:
        log.warning("%s/%s: an unfinished upload (%s) could not be given up: %s", bucket, key, upload_id, error)
