"""obs:// and s3://.

Listings use the first version of the protocol, which OBS has always had. Keys are deleted one by one, because today's
botocore signs the batch request with a checksum that OBS does not know.
"""
import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from moxing._shim import multipart, settings
from moxing._shim.errors import StorageMissing
from moxing._shim.s3_client import Client
from moxing._shim.store import Entry, Info, Store, Upload

_LARGEST_COPY = 5 << 30
_CHUNK = 1 << 20


class S3Store(Store):
    """An object store that speaks the S3 protocol."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def head(self, path: str) -> Optional[Info]:
        bucket, key = _split(path)
        try:
            return _info(self.client.send_with_retries("head_object", bucket, Key=key)) if key else None
        except StorageMissing:
            return None

    def is_dir(self, path: str) -> bool:
        bucket, key = _split(path)
        try:
            page = self.client.send_with_retries("list_objects", bucket, Prefix=key + "/" if key else "",
                                                 Delimiter="/", MaxKeys=1)
        except StorageMissing:
            return False
        if not key or page.get("Contents") or page.get("CommonPrefixes"):
            return True
        return self.head(path + "/") is not None  # made just now, and not yet in the listing

    def list_dir(self, path: str) -> List[Entry]:
        return sorted(self._entries(path, "/"))

    def list_tree(self, path: str) -> List[Entry]:
        entries = self._entries(path, "")
        folders: Set[str] = set()
        for entry in entries:
            parts = entry.name.split("/")
            folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        named = {entry.name for entry in entries if entry.is_dir}
        return sorted([*entries, *(Entry(name, True) for name in folders - named)])

    def get(self, path: str, writer: Any) -> Info:
        bucket, key = _split(path)
        response = self.client.send("get_object", bucket, Key=key)
        body = response["Body"]
        try:
            while True:
                chunk = body.read(_CHUNK)
                if not chunk:
                    return _info(response)
                writer.write(chunk)
        finally:
            body.close()

    def put(self, path: str, source: BinaryIO) -> Upload:
        bucket, key = _split(path)
        source.seek(0)
        data = source.read(settings.largest_single_put() + 1)
        if len(data) > settings.largest_single_put():
            return multipart.upload(self.client, bucket, key, source)
        md5 = hashlib.md5(data)
        # With Content-MD5, the store refuses damaged bytes, so that they never become the object.
        content_md5 = base64.b64encode(md5.digest()).decode("ascii")
        self.client.send("put_object", bucket, Key=key, Body=data, ContentMD5=content_md5)
        return Upload(len(data), md5.hexdigest(), md5.hexdigest())

    def copy_inside(self, source: str, target: str) -> bool:
        info = self.head(source)
        # Only a plain MD5 proves the copy; the ETag of an object in parts changes with the copy.
        if info is None or info.size >= _LARGEST_COPY or len(info.etag) != 32:
            return False
        (bucket, key), (new_bucket, new_key) = _split(source), _split(target)
        self.client.send_with_retries("copy_object", new_bucket, Key=new_key, CopySource={"Bucket": bucket, "Key": key})
        copy = self.head(target)
        return copy is not None and (copy.size, copy.etag) == (info.size, info.etag)

    def delete(self, path: str) -> None:
        bucket, key = _split(path)
        self.client.send_with_retries("delete_object", bucket, Key=key)

    def make_dir(self, path: str) -> None:
        bucket, key = _split(path)
        if not key:
            # Only checks that the bucket exists: buckets are made by their owner, not by a job.
            self.client.send_with_retries("list_objects", bucket, MaxKeys=1)
        elif not self.is_dir(path):
            self.client.send_with_retries("put_object", bucket, Key=key + "/", Body=b"")

    def remove_empty_dirs(self, path: str, names: Sequence[str]) -> None:
        bucket, key = _split(path)
        markers = ["/".join(part for part in (key, name) if part) for name in [*names, ""]]
        self._delete_keys(bucket, [marker + "/" for marker in markers if marker])

    def remove_tree(self, path: str) -> None:
        bucket, _ = _split(path)
        self._delete_keys(bucket, [content["Key"] for page in self._pages(path, "")
                                   for content in page.get("Contents", [])])

    def _delete_keys(self, bucket: str, keys: List[str]) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: self.client.send_with_retries("delete_object", bucket, Key=key), keys))

    def _entries(self, path: str, delimiter: str) -> List[Entry]:
        _, key = _split(path)
        skip = len(key) + 1 if key else 0
        entries = {}
        for page in self._pages(path, delimiter):
            for prefix in page.get("CommonPrefixes", []):
                name = prefix["Prefix"][skip:].rstrip("/")
                entries[name, True] = Entry(name, True)
            for content in page.get("Contents", []):
                name = content["Key"][skip:]
                is_dir = name.endswith("/")  # an empty object that marks a folder
                entries[name.rstrip("/"), is_dir] = Entry(name.rstrip("/"), is_dir, int(content["Size"]),
                                                          _nanoseconds(content.get("LastModified")))
        return [entry for entry in entries.values() if entry.name]

    def _pages(self, path: str, delimiter: str) -> Iterator[Dict[str, Any]]:
        bucket, key = _split(path)
        marker = ""
        while True:
            page = self.client.send_with_retries("list_objects", bucket, Prefix=key + "/" if key else "",
                                                 Delimiter=delimiter, Marker=marker, MaxKeys=settings.list_max_keys())
            yield page
            if not page.get("IsTruncated"):
                return
            names = [content["Key"] for content in page.get("Contents", [])]
            names += [prefix["Prefix"] for prefix in page.get("CommonPrefixes", [])]
            # Stores return NextMarker only for listings with a delimiter; otherwise it is the last name.
            last = page.get("NextMarker") or max(names, default="")
            if last == marker:
                raise OSError(f"obs://{path}: the listing is marked as truncated, but its page has no further name")
            marker = last


def _split(path: str) -> Tuple[str, str]:
    bucket, _, key = path.partition("/")
    return bucket, key


def _info(response: Dict[str, Any]) -> Info:
    # With a key service, the ETag looks like an MD5 but is not the MD5 of the bytes.
    opaque = response.get("ServerSideEncryption") not in (None, "AES256") or response.get("SSECustomerAlgorithm")
    etag = "" if opaque else str(response.get("ETag", "")).strip('"').lower()
    return Info(int(response["ContentLength"]), etag, _nanoseconds(response.get("LastModified")))


def _nanoseconds(when: Any) -> int:
    return int(when.timestamp() * 1e9) if when else 0
