"""Requests to a server of echo_service.py, and calls of the service that a test ends."""
import json
from pathlib import Path
from typing import Any

from processes import Server, post_bytes, wait_until

BODY = 1 << 20
GOOD = post_bytes(b'{"a": 1}')
ECHO = {"data": ["dict", {"a": 1}]}


def waiting(server: Server) -> int:
    """The number of requests that wait or are being answered."""
    metrics = server.send("GET", "/metrics")[1].decode()
    return int(float(metrics.split("\ntextjob_queue_requests ")[1].split()[0]))


def is_answered(server: Server) -> bool:
    return server.post({"a": 1}) == (200, ECHO)


class Blocked:
    """A call of the service that goes on until :meth:`release`."""

    def __init__(self, server: Server, folder: Path, name: str = "call") -> None:
        self.started, self.gate = folder / f"{name}.started", folder / f"{name}.gate"
        self.connection = server.connect()
        self.connection.sendall(post_bytes(json.dumps({"started": str(self.started), "gate": str(self.gate)}).encode()))

    def wait(self) -> "Blocked":
        wait_until(self.started.exists)
        return self

    def release(self) -> None:
        self.gate.touch()

    def __enter__(self) -> "Blocked":
        return self

    def __exit__(self, *_: Any) -> None:
        self.release()
        self.connection.close()
