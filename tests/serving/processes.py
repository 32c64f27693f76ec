"""A server in a process of its own, and raw connections to it."""
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from textjob.paths import PROJECT
from textjob.process import WITHOUT_KERAS  # no service of these tests needs it, and its import takes seconds

JSON = {"Content-Type": "application/json"}
PATIENCE = 120.0  # seconds after which a test gives up


class Server:
    """A process of ``infer.py serve``; ``output`` is the line that says that it is ready."""

    def __init__(self, package: Any, log: Path, *flags: str, environment: Optional[Dict[str, str]] = None,
                 stderr: Any = None, model_flag: str = "--model") -> None:
        self.log = log
        command = [sys.executable, str(PROJECT / "infer.py"), "serve", model_flag, str(package), *flags]
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr or file, text=True,
                                            env=dict(os.environ, **WITHOUT_KERAS, **environment or {}))
        self.output, self.port = "", 0

    def ready(self) -> "Server":
        """Wait for the line on standard output."""
        assert self.process.stdout is not None
        self.output = self.process.stdout.readline().rstrip("\n")
        assert self.output, (self.process.wait(PATIENCE), self.log.read_text(encoding="utf-8"))
        self.port = int(self.output.rpartition(":")[2])
        return self

    def end(self) -> int:
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(PATIENCE)

    def send(self, method: str = "POST", path: str = "/", body: Any = None, headers: Optional[Dict[str, str]] = None
             ) -> Tuple[HTTPResponse, bytes]:
        """One request on a connection of its own; a body that is not bytes is sent as JSON."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            if body is not None and not isinstance(body, bytes):
                body, headers = json.dumps(body).encode(), dict(JSON, **headers or {})
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def post(self, body: Any, path: str = "/", headers: Optional[Dict[str, str]] = None) -> Tuple[int, Any]:
        """Status and parsed body of the response to a request for a prediction."""
        response, content = self.send("POST", path, body, headers)
        return response.status, json.loads(content)

    def connect(self) -> socket.socket:
        """A raw connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def descriptors(self) -> int:
        """The number of open files and sockets of the process."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def metric(self, line: str) -> float:
        """The value of a metric; 0 if the page does not have it."""
        page = self.send("GET", "/metrics")[1].decode("utf-8")
        values = re.findall(rf"^{re.escape(line)} (\S+)$", page, re.M)
        return float(values[0]) if values else 0.0

    def messages(self, level: str = "") -> List[str]:
        """The messages in the log so far, of a level or of all."""
        return [entry["message"] for entry in self.entries() if entry.get("level") and level in ("", entry["level"])]

    def entries(self) -> List[Dict[str, Any]]:
        """The complete lines of the log so far."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()]


Start = Callable[..., Server]
"""The type of the fixture ``start``."""


def make_package(folder: Path, source: str) -> Path:
    """A package without a model, with this service file."""
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    (folder / "customize_service.py").write_text(source, encoding="utf-8")
    return folder


def post_bytes(body: bytes, *headers: str, length: Optional[int] = None) -> bytes:
    """The bytes of a request; ``length`` is a Content-Length that may be wrong."""
    lines = ["POST / HTTP/1.1", "Host: test", "Content-Type: application/json", *headers]
    if not any(header.lower().startswith("transfer-encoding") for header in headers) or length is not None:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_response(connection: socket.socket) -> Tuple[int, bytes]:
    """Status and body of the next response; (0, b"") if the server closes the connection instead."""
    reply = HTTPResponse(connection)
    try:
        reply.begin()
    except (ConnectionError, ValueError):  # http.client: RemoteDisconnected is a ConnectionResetError
        return 0, b""
    return reply.status, reply.read()


def is_closed(connection: socket.socket) -> bool:
    """Wait until the server closes the connection."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except socket.timeout:
        return False
    return True


def wait_until(condition: Callable[[], Any]) -> None:
    """Poll until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.01)


def resident(server: Server) -> int:
    """The bytes of the memory of the process."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()
