"""A large upload in parts, each retried by itself; unfinished uploads are aborted, even those of a killed process.

boto3's transfer layer (s3transfer 0.6 and 0.19) sends no ``Content-MD5`` and refuses it as an argument, reports success
for a part that was damaged on its way, and leaves the parts of a killed process in the store. s3fs' ``put_file`` fails
the same promises (2026.9); 2023.1, the last for Python 3.7, also leaves its parts after an error or an interrupt.

An upload aborts the unfinished uploads of its key, so two processes must not upload the same key at the same time: one
of them would have to start again.
"""
import base64
import hashlib
import logging
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, Deque, Dict, Iterator, List

from moxing._shim import settings
from moxing._shim.checksums import HashingWriter, etag_of_parts
from moxing._shim.errors import StorageMissing, damaged
from moxing._shim.retry import interruptible, response_of
from moxing._shim.s3_client import Client
from moxing._shim.store import Upload

_MOST_PARTS = 10000

log = logging.getLogger("moxing")


def upload(client: Client, bucket: str, key: str, source: BinaryIO) -> Upload:
    """Store the whole content of ``source``."""
    _abort_orphans(client, bucket, key)
    upload_id = client.send_with_retries("create_multipart_upload", bucket, Key=key)["UploadId"]
    whole = HashingWriter()
    digests: List[bytes] = []
    try:
        etags = _send(client, _parts(source, whole, digests), Bucket=bucket, Key=key, UploadId=upload_id)
        client.send("complete_multipart_upload", bucket, Key=key, UploadId=upload_id, MultipartUpload={
            "Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]})
    except BaseException as error:  # KeyboardInterrupt too
        _abort(client, bucket, key, upload_id)
        if response_of(error).errorCode == "NoSuchUpload":
            raise damaged(f"{bucket}/{key}: aborted by another process that uploads the same key") from error
        raise
    finally:
        _abort_orphans(client, bucket, key)  # one whose create response was lost
    return Upload(whole.size, whole.md5, etag_of_parts(digests))


def _parts(source: BinaryIO, whole: HashingWriter, digests: List[bytes]) -> Iterator[bytes]:
    """The parts in order, counted and hashed as they are read: the file may change meanwhile."""
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


def _send(client: Client, parts: Iterator[bytes], **where: Any) -> List[str]:
    """The ETags of the parts. Only the parts in transfer are in memory; a failed part stops the others."""
    stop = threading.Event()
    etags: List[str] = []
    waiting: Deque[Future[str]] = deque()

    def send(number: int, part: bytes) -> str:
        with interruptible(stop, quiet=True):
            md5 = base64.b64encode(hashlib.md5(part).digest()).decode("ascii")
            response: Dict[str, Any] = client.send_with_retries(
                "upload_part", where["Bucket"], Key=where["Key"], Body=part, UploadId=where["UploadId"],
                PartNumber=number, ContentMD5=md5)
            return str(response["ETag"])

    threads = settings.parts_at_once()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for number, part in enumerate(parts, 1):
                waiting.append(pool.submit(send, number, part))
                if len(waiting) >= threads:
                    etags.append(waiting.popleft().result())
            while waiting:
                etags.append(waiting.popleft().result())
        finally:
            stop.set()
            for future in waiting:
                future.cancel()
    return etags


def _abort_orphans(client: Client, bucket: str, key: str) -> None:
    try:
        uploads = client.send_with_retries("list_multipart_uploads", bucket, Prefix=key).get("Uploads", [])
    except OSError as error:  # a policy may deny this listing; the upload itself may still be allowed
        log.debug("%s/%s: cannot list unfinished uploads: %s", bucket, key, error)
        return
    for orphan in uploads:
        if orphan["Key"] == key:
            _abort(client, bucket, key, orphan["UploadId"])


def _abort(client: Client, bucket: str, key: str, upload_id: str) -> None:
    try:
        client.send_with_retries("abort_multipart_upload", bucket, Key=key, UploadId=upload_id)
    except StorageMissing:
        pass  # already completed or aborted
    except Exception as error:
        log.warning("%s/%s: the unfinished upload %s could not be aborted: %s", bucket, key, upload_id, error)
