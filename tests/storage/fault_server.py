"""An object store with the necessary part of the S3 protocol, in which tests inject faults.

    python tests/storage/fault_server.py PORT SECONDS    without faults; waits before each response

``server.fail("status", method="PUT", status=503, times=2)`` injects a fault into the next ``times``
matching requests. ``server.requests`` are all requests in order, each with its time.
"""
import hashlib
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any, Dict, List, Optional, Tuple

from fault_protocol import Handler

FOREVER = 10**9


@dataclass
class Fault:
    """A fault for requests of ``method`` whose target contains ``where``.

    status: an error response; nothing is done.         unread_body: the body of the request is not read.
    reset: the connection is reset; nothing is done.    lost_response: the request is done, then the connection reset.
    stall: the response comes late.                     short_body: half the object, with a matching Content-Length.
    cut_body: half the object, then the end.            flip_bit: the response to a GET has one wrong bit.
    stall_body: half the object, then a pause.          store_flip, store_short: the body of a PUT is stored damaged.
    """

    kind: str
    method: str = "GET"
    where: str = ""
    times: int = 1
    status: int = 503
    code: str = ""
    retry_after: Optional[int] = None


@dataclass
class Request:
    """A received request and the status of its response."""

    when: float
    method: str
    target: str
    headers: Dict[str, str]
    status: int = 0


@dataclass
class Stored:
    """An object; ``etag`` need not match ``body``."""

    body: bytes
    etag: str
    since: float = field(default_factory=time.time)
    headers: Dict[str, str] = field(default_factory=dict)


class FaultServer(ThreadingHTTPServer):
    """Started by ``start()``; ``endpoint`` is the value for S3_ENDPOINT. All buckets exist but ``missing-bucket``."""

    daemon_threads = True
    stored, request = Stored, Request

    request_queue_size = 128

    def __init__(self, port: int = 0, delay: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.delay = delay
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.lock = threading.RLock()
        self.generation = 0
        self.reset()

    def start(self) -> None:
        """Serve in a background thread."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self) -> None:
        """Remove all objects and faults. Requests that still wait belong to the previous generation."""
        self.generation += 1
        self.objects: Dict[str, Stored] = {}
        self.uploads: Dict[str, Tuple[str, Dict[int, bytes]]] = {}
        self.faults: List[Fault] = []
        self.requests: List[Request] = []
        self.framing = "accept"  # or "refuse" or "store": the treatment of aws-chunked bodies and checksum headers
        self.listing_lag = 0.0
        self.in_progress = self.max_in_progress = 0
        self.etag_of_puts = "md5"  # or "opaque", or "hidden" (an ETag as of an object encrypted by a key service)

    def fail(self, kind: str, **how: Any) -> None:
        """Add a fault."""
        self.faults.append(Fault(kind, **how))

    def fault(self, method: str, target: str, *kinds: str) -> Optional[Fault]:
        """The fault for this request, if any; counts it."""
        with self.lock:
            for fault in self.faults:
                if fault.kind in kinds and fault.method == method and fault.where in target and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def put(self, path: str, body: bytes, etag: str = "") -> None:
        """Store an object directly; ``path`` is bucket/key."""
        self.objects[path] = Stored(body, etag or hashlib.md5(body).hexdigest())

    def received(self, method: str, where: str = "") -> List[Request]:
        """The requests of a method whose target contains ``where``."""
        return [request for request in self.requests if request.method == method and where in request.target]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: many tests make clients disconnect."""


if __name__ == "__main__":
    FaultServer(int(sys.argv[1]), float(sys.argv[2])).serve_forever()
