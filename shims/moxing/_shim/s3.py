"""obs:// and s3://, through s3fs' request layer: its session, signatures and event loop, one request a call.

Only that layer, for two reasons seen in its releases: ``get_file`` of 2023.1, the last for Python 3.7, goes on after a
cut at the wrong place, and its ``put_file`` leaves an unfinished upload behind. Listings are those of the protocol's
first version, which OBS has from the start; deletions go one by one, for today's botocore hashes the batch request in
a way that OBS does not know.
"""
import base64
import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Sequence, Set, Tuple

import fsspec
from fsspec.asyn import sync

from moxing._shim import multipart, settings
from moxing._shim.errors import StorageMissing
from moxing._shim.retry import attempts
from moxing._shim.sending import WatchedBody, sent
from moxing._shim.settings import Connection
from moxing._shim.stores import Entry, Seen, Sent, Store

_LARGEST_COPY = 5 << 30
_CHUNK = 1 << 20

_NO_CLIENT = ("obs:// and s3:// need the package s3fs, which is not installed here: pip install s3fs"
              " (the platform's own moxing, where there is one, needs nothing)")


class S3Store(Store):
    """An object store that speaks S3."""

    def __init__(self, fs: Any, timeout: float) -> None:
        self._fs, self._timeout = fs, timeout

    def call(self, verb: str, bucket: str, **arguments: Any) -> Dict[str, Any]:
        """One request, tried once."""
        answer: Dict[str, Any]
        if arguments.get("Body"):
            arguments["Body"] = WatchedBody(arguments["Body"])
            answer = sync(self._fs.loop, sent, self._fs, verb, 2 * self._timeout, Bucket=bucket, **arguments)
        else:
            answer = self._fs.call_s3(verb, Bucket=bucket, **arguments)
        return answer

    def ask(self, verb: str, bucket: str, **arguments: Any) -> Dict[str, Any]:
        """One request that may be repeated freely, tried until it succeeds or never will."""
        what = "/".join(part for part in ("obs://" + bucket, arguments.get("Key") or arguments.get("Prefix")) if part)
        return attempts(lambda: self.call(verb, bucket, **arguments), what)

    def head(self, path: str) -> Optional[Seen]:
        bucket, key = _split(path)
        try:
            return _seen(self.ask("head_object", bucket, Key=key)) if key else None
        except StorageMissing:
            return None

    def is_dir(self, path: str) -> bool:
        bucket, key = _split(path)
        try:
            page = self.ask("list_objects", bucket, Prefix=key + "/" if key else "", Delimiter="/", MaxKeys=1)
        except StorageMissing:
            return False
        if not key or page.get("Contents") or page.get("CommonPrefixes"):
            return True
        return self.head(path + "/") is not None  # just made, and not in the listing yet

    def ls(self, path: str) -> List[Entry]:
        return sorted(self._entries(path, "/"))

    def tree(self, path: str) -> List[Entry]:
        entries = self._entries(path, "")
        folders: Set[str] = set()
        for entry in entries:
            parts = entry.name.split("/")
            folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        named = {entry.name for entry in entries if entry.is_dir}
        return sorted([*entries, *(Entry(name, True) for name in folders - named)])

    def get(self, path: str, sink: Any) -> Seen:
        bucket, key = _split(path)
        answer = self.call("get_object", bucket, Key=key)
        body = answer["Body"]
        try:
            while True:
                chunk = sync(self._fs.loop, body.read, _CHUNK)
                if not chunk:
                    return _seen(answer)
                sink.write(chunk)
        finally:
            body.close()

    def put(self, path: str, source: BinaryIO) -> Sent:
        bucket, key = _split(path)
        source.seek(0)
        data = source.read(settings.largest_single_put() + 1)
        if len(data) > settings.largest_single_put():
            return multipart.upload(self, bucket, key, source)
        md5 = hashlib.md5(data)
        # A store that gets other bytes refuses them, so that not even for a moment do they stand under the name.
        self.call("put_object", bucket, Key=key, Body=data, ContentMD5=base64.b64encode(md5.digest()).decode("ascii"))
        return Sent(len(data), md5.hexdigest(), md5.hexdigest())

    def copied(self, source: str, target: str) -> bool:
        seen = self.head(source)
        # Only a plain MD5 proves the copy; the ETag of an object in parts changes with the copy.
        if seen is None or seen.size >= _LARGEST_COPY or len(seen.etag) != 32:
            return False
        (bucket, key), (new_bucket, new_key) = _split(source), _split(target)
        self.ask("copy_object", new_bucket, Key=new_key, CopySource={"Bucket": bucket, "Key": key})
        copy = self.head(target)
        return copy is not None and (copy.size, copy.etag) == (seen.size, seen.etag)

    def delete(self, path: str) -> None:
        bucket, key = _split(path)
        self.ask("delete_object", bucket, Key=key)

    def make_dir(self, path: str) -> None:
        bucket, key = _split(path)
        if not key:
            self.ask("list_objects", bucket, MaxKeys=1)  # buckets are made by their owner, not by a job
        elif not self.is_dir(path):
            self.ask("put_object", bucket, Key=key + "/", Body=b"")

    def drop_dirs(self, path: str, names: Sequence[str]) -> None:
        bucket, key = _split(path)
        markers = ["/".join(part for part in (key, name) if part) for name in [*names, ""]]
        self._delete_keys(bucket, [marker + "/" for marker in markers if marker])

    def remove_tree(self, path: str) -> None:
        bucket, _ = _split(path)
        self._delete_keys(bucket, [content["Key"] for page in self._pages(path, "")
                                   for content in page.get("Contents", [])])

    def _delete_keys(self, bucket: str, keys: List[str]) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: self.ask("delete_object", bucket, Key=key), keys))

    def _entries(self, path: str, delimiter: str) -> List[Entry]:
        _, key = _split(path)
        skip = len(key) + 1 if key else 0
        found = {}
        for page in self._pages(path, delimiter):
            for prefix in page.get("CommonPrefixes", []):
                name = prefix["Prefix"][skip:].rstrip("/")
                found[name, True] = Entry(name, True)
            for content in page.get("Contents", []):
                name = content["Key"][skip:]
                is_dir = name.endswith("/")  # an empty object that stands for a folder
                when = int(content["LastModified"].timestamp() * 1e9) if content.get("LastModified") else 0
                found[name.rstrip("/"), is_dir] = Entry(name.rstrip("/"), is_dir, int(content["Size"]), when)
        return [entry for entry in found.values() if entry.name]

    def _pages(self, path: str, delimiter: str) -> Iterator[Dict[str, Any]]:
        bucket, key = _split(path)
        marker = ""
        while True:
            page = self.ask("list_objects", bucket, Prefix=key + "/" if key else "", Delimiter=delimiter,
                            Marker=marker, MaxKeys=settings.list_max_keys())
            yield page
            if not page.get("IsTruncated"):
                return
            names = [content["Key"] for content in page.get("Contents", [])]
            names += [prefix["Prefix"] for prefix in page.get("CommonPrefixes", [])]
            # Stores name the next page's beginning only where there is a delimiter; else it is the last name.
            last = page.get("NextMarker") or max(names, default="")
            if last == marker:
                raise OSError(f"obs://{path}: the store says that its listing goes on, and not where")
            marker = last


def connect(to: Connection) -> S3Store:
    """A client without caches and without retries of its own: those here know when a whole object must start anew."""
    try:
        import s3fs  # noqa: F401
    except ImportError as error:
        raise ImportError(_NO_CLIENT) from error
    config = {"signature_version": "s3v4", "s3": {"addressing_style": "path" if to.path_style else "virtual"},
              "retries": {"total_max_attempts": 1, "mode": "standard"}, "max_pool_connections": 64,
              "connect_timeout": min(10.0, to.timeout), "read_timeout": to.timeout}
    config.update(_plain_bodies())
    fs = fsspec.filesystem("s3", key=to.key, secret=to.secret, token=to.token, config_kwargs=config,
                           client_kwargs={"endpoint_url": to.endpoint, "region_name": to.region, "verify": to.verify},
                           use_listings_cache=False, skip_instance_cache=True)
    fs.retries = 1
    for name in ("aiobotocore", "aiohttp", "botocore", "fsspec", "s3fs", "urllib3"):
        # They log from the client's own thread. Where the log itself is a File, its handler is locked while the client
        # works, so that such a line would wait for ever. Who has set a level of his own gets it.
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.ERROR)
    return S3Store(fs, to.timeout)


def _plain_bodies() -> Dict[str, str]:
    """Since 2025 botocore frames bodies to append a checksum; OBS refuses the frames, or stores them."""
    import botocore.config

    options = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    try:
        botocore.config.Config(**options)
    except TypeError:  # botocore before 1.36 does not know the options, and sends plain bodies
        return {}
    return options


def _split(path: str) -> Tuple[str, str]:
    bucket, _, key = path.partition("/")
    return bucket, key


def _seen(answer: Dict[str, Any]) -> Seen:
    # Under a key service's keys the ETag looks like an MD5 and is none.
    hidden = answer.get("ServerSideEncryption") not in (None, "AES256") or answer.get("SSECustomerAlgorithm")
    when = answer.get("LastModified")
    return Seen(int(answer["ContentLength"]), "" if hidden else str(answer.get("ETag", "")).strip('"').lower(),
                int(when.timestamp() * 1e9) if when else 0)
