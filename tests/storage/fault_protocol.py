"""The S3 protocol of the fault server: path-style objects, listings of the first version, multipart uploads, copies."""
import hashlib
import re
import socket
import struct
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any, Dict, Optional
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

MESSAGES = {503: "ServiceUnavailable", 500: "InternalError", 429: "TooManyRequests", 403: "AccessDenied",
            404: "NoSuchKey", 501: "NotImplemented"}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # header and body are two writes; the second would wait 40 ms for an ACK
    server: Any
    generation, counted = -1, False

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _handle(self) -> None:
        self.generation, self.counted = self.server.generation, True
        with self.server.lock:
            self.server.in_progress += 1
            self.server.max_in_progress = max(self.server.max_in_progress, self.server.in_progress)
        try:
            self._dispatch()
        finally:
            self._finish()

    def _finish(self) -> None:
        with self.server.lock:
            if self.counted and self.generation == self.server.generation:
                self.server.in_progress -= 1
            self.counted = False

    def send_response(self, code: int, message: Optional[str] = None) -> None:
        """Begin the response. From here on the request is not in progress: a client that has read the response may send
        its next request before this thread runs again."""
        self._finish()
        super().send_response(code, message)

    def _dispatch(self) -> None:
        parts = urlsplit(self.path)
        bucket, virtual, _ = self.headers.get("Host", "").partition(".store.test")
        path = "/" + bucket + parts.path if virtual else parts.path
        self.key = unquote(path).strip("/") + ("/" if path.endswith("/") and path.count("/") > 2 else "")
        self.query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen = self.server.request(time.monotonic(), self.command, self.path, headers)
        self.server.requests.append(self.seen)
        if self.server.fault(self.command, self.path, "unread_body"):
            time.sleep(3)
            self._reset()
            return
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.server.delay)
        if self.server.fault(self.command, self.path, "reset"):
            self._reset()
            return
        if self.server.fault(self.command, self.path, "stall"):
            time.sleep(2)  # longer than MOX_FILE_TIMEOUT in these tests
            if self.generation != self.server.generation:
                self.close_connection = True
                return
        fault = self.server.fault(self.command, self.path, "status")
        framed = "aws-chunked" in self.headers.get("Content-Encoding", "") or any(
            name.startswith("x-amz-checksum") or name == "x-amz-trailer" for name in self.seen.headers)
        if fault:
            self._refuse(fault.status, fault.code, fault.retry_after)
        elif self.key.startswith("missing-bucket"):
            self._refuse(404, "NoSuchBucket")
        elif framed and self.server.framing == "refuse":
            self._refuse(400, "XAmzContentSHA256Mismatch")
        else:
            getattr(self, "_" + self.command.lower())()

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def _put(self) -> None:
        if "partNumber" in self.query:
            with self.server.lock:
                if self.query["uploadId"] not in self.server.uploads:
                    self._refuse(404, "NoSuchUpload")
                    return
                self.server.uploads[self.query["uploadId"]][1][int(self.query["partNumber"])] = self._damaged_body()
            self._respond(200, b"", {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'})
            return
        source = self.headers.get("x-amz-copy-source")
        if source:
            stored = self.server.objects[unquote(source).lstrip("/")]
            self.server.objects[self.key] = self.server.stored(stored.body, hashlib.md5(stored.body).hexdigest())
            self._respond(200, f"<CopyObjectResult><ETag>{stored.etag}</ETag></CopyObjectResult>".encode())
            return
        body = self._damaged_body()
        etag, headers = hashlib.md5(body).hexdigest(), {}
        if self.server.etag_of_puts == "opaque":
            etag = "opaque-" + etag[:8]
        elif self.server.etag_of_puts == "hidden":
            etag, headers = etag[::-1], {"x-amz-server-side-encryption": "aws:kms"}
        self.server.objects[self.key] = self.server.stored(body, etag, headers=headers)
        self._respond(200, b"", {"ETag": f'"{etag}"'})

    def _damaged_body(self) -> bytes:
        if self.server.fault("PUT", self.path, "store_short"):
            return self.body[:len(self.body) // 2]
        if self.server.fault("PUT", self.path, "store_flip"):
            return _flipped(self.body)
        return self.body

    def _get(self) -> None:
        if "/" not in self.key:
            self._list()
        elif self.key not in self.server.objects:
            self._refuse(404, "NoSuchKey")
        else:
            self._object(self.server.objects[self.key])

    def _head(self) -> None:
        stored = self.server.objects.get(self.key)
        if stored is None:
            self._refuse(404, "NoSuchKey")
        else:
            self._respond(200, b"", {**self._headers_of(stored), "Content-Length": str(len(stored.body))})

    def _object(self, stored: Any) -> None:
        body, length = stored.body, len(stored.body)
        if self.server.fault("GET", self.path, "flip_bit"):
            body = _flipped(body)
        if self.server.fault("GET", self.path, "short_body"):
            body = body[:len(body) // 2]
            length = len(body)
        cut = self.server.fault("GET", self.path, "cut_body", "stall_body")
        self.send_response(200)
        for name, value in {**self._headers_of(stored), "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:len(body) // 2] if cut else body)
        self.seen.status = 200
        if cut:
            self.wfile.flush()
            if cut.kind == "stall_body":
                time.sleep(2)
            self.close_connection = True

    def _headers_of(self, stored: Any) -> Dict[str, str]:
        return {"ETag": f'"{stored.etag}"', "Last-Modified": formatdate(stored.since, usegmt=True),
                **stored.headers}

    def _delete(self) -> None:
        if "uploadId" in self.query:
            self.server.uploads.pop(self.query["uploadId"], None)
        else:
            self.server.objects.pop(self.key, None)
        self._respond(204, b"")

    def _post(self) -> None:
        if "uploads" in self.query:
            upload = hashlib.md5(f"{self.key}{time.time()}".encode()).hexdigest()
            self.server.uploads[upload] = (self.key, {})
            result = f"<UploadId>{upload}</UploadId>"
            self._respond(200, f"<InitiateMultipartUploadResult>{result}</InitiateMultipartUploadResult>".encode())
            return
        _, parts = self.server.uploads.pop(self.query["uploadId"])
        ordered = [parts[number] for number in sorted(parts)]
        digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in ordered)).hexdigest()
        self.server.objects[self.key] = self.server.stored(b"".join(ordered), f"{digest}-{len(ordered)}")
        self._respond(200, b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")

    def _list(self) -> None:
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        if "uploads" in self.query:
            rows = "".join(
                f"<Upload><Key>{escape(key.partition('/')[2])}</Key><UploadId>{upload}</UploadId></Upload>"
                for upload, (key, _) in self.server.uploads.items() if key.startswith(f"{self.key}/{prefix}"))
            self._respond(200, f"<ListMultipartUploadsResult>{rows}</ListMultipartUploadsResult>".encode())
            return
        rows, seen, limit = [], set(), int(self.query.get("max-keys") or 1000)
        last, truncated = "", False
        for path in sorted(self.server.objects):
            bucket, _, key = path.partition("/")
            stored = self.server.objects[path]
            if bucket != self.key or not key.startswith(prefix) or time.time() - stored.since < self.server.listing_lag:
                continue
            rest = key[len(prefix):]
            folder = prefix + rest.split(delimiter)[0] + delimiter if delimiter and delimiter in rest else ""
            if (folder or key) <= self.query.get("marker", "") or folder in seen:
                continue
            if len(rows) == limit:
                truncated = True
                break
            last = folder or key
            if folder:
                seen.add(folder)
                rows.append(f"<CommonPrefixes><Prefix>{quote(folder)}</Prefix></CommonPrefixes>")
            else:
                rows.append(f"<Contents><Key>{quote(key)}</Key><Size>{len(stored.body)}</Size>"
                            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>")
        more = f"<NextMarker>{quote(last)}</NextMarker>" if truncated and delimiter else ""
        state = f"<EncodingType>url</EncodingType><IsTruncated>{str(truncated).lower()}</IsTruncated>"
        self._respond(200, f"<ListBucketResult>{state}{more}{''.join(rows)}</ListBucketResult>".encode())

    def _refuse(self, status: int, code: str = "", retry_after: Optional[int] = None) -> None:
        code = code or MESSAGES.get(status, "Error")
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        message = re.sub("(?<=[a-z])(?=[A-Z])", " ", code)
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self._respond(status, error.encode(), headers)

    def _respond(self, status: int, body: bytes, headers: Optional[Dict[str, str]] = None) -> None:
        self.seen.status = status
        if self.server.fault(self.command, self.path, "lost_response"):
            self._reset()
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Content-Type": "application/xml",
                            **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]
