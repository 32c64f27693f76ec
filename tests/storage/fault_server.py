"""An object store that speaks enough S3 to be used, and fails, lies or lags as a test tells it to.

    python tests/storage/fault_server.py PORT SECONDS    an honest one that waits before each answer

``server.fail("status", method="PUT", status=503, times=2)`` and the like; a fault that has happened ``times`` times is
over. ``server.requests`` is what was asked, in order, with the moment of each.
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
    """What goes wrong, for requests of ``method`` whose target contains ``where``.

    status: this answer, nothing done. reset: the connection, nothing done; lost: the same when all is done. deaf: the
    request's body is not read. cut: half the body of a GET, then nothing; stall_body: the same with the connection left
    open. stall: no answer for a while. short: half the body, its length given as such. flip: one bit of a GET's body.
    store_flip, store_short: a PUT is stored wrong.
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
    """One line of the log."""

    when: float
    method: str
    target: str
    headers: Dict[str, str]
    status: int = 0


@dataclass
class Stored:
    """An object; ``etag`` may lie."""

    body: bytes
    etag: str
    since: float = field(default_factory=time.time)
    headers: Dict[str, str] = field(default_factory=dict)


class FaultServer(ThreadingHTTPServer):
    """Start with ``start()``; ``endpoint`` is for S3_ENDPOINT. Every bucket exists but ``missing-bucket``."""

    daemon_threads = True
    stored, request = Stored, Request

    request_queue_size = 128

    def __init__(self, port: int = 0, delay: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.delay = delay
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.lock = threading.RLock()
        self.epoch = 0
        self.reset()

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self) -> None:
        """Empty, honest, prompt. Requests that still sleep have lost their meaning: they belong to the epoch before."""
        self.epoch += 1
        self.objects: Dict[str, Stored] = {}
        self.uploads: Dict[str, Tuple[str, Dict[int, bytes]]] = {}
        self.faults: List[Fault] = []
        self.requests: List[Request] = []
        self.framing = "accept"  # or refuse, or store: what becomes of aws-chunked bodies and checksum headers
        self.listing_lag = 0.0
        self.under_way = self.most_at_once = 0
        self.etag_of_puts = "md5"  # or opaque, or hidden (an MD5-like ETag under a key service's keys)

    def fail(self, kind: str, **how: Any) -> None:
        """One more fault to come."""
        self.faults.append(Fault(kind, **how))

    def fault(self, method: str, target: str, *kinds: str) -> Optional[Fault]:
        """The fault that now happens to this request, if any."""
        with self.lock:
            for fault in self.faults:
                if fault.kind in kinds and fault.method == method and fault.where in target and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def put(self, path: str, body: bytes, etag: str = "") -> None:
        """Store an object behind the client's back; ``path`` is bucket/key."""
        self.objects[path] = Stored(body, etag or hashlib.md5(body).hexdigest())

    def asked(self, method: str, where: str = "") -> List[Request]:
        """The requests of a kind."""
        return [request for request in self.requests if request.method == method and where in request.target]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what the tests are about."""


if __name__ == "__main__":
    FaultServer(int(sys.argv[1]), float(sys.argv[2])).serve_forever()
