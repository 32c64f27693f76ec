"""A stand-in for the platform's IAM and API gateway: it verifies credentials and passes requests on to a server."""
import hashlib
import hmac
import json
import re
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Tuple
from urllib.parse import parse_qsl, quote, urlsplit

KEY, SECRET, CODE, TOKEN = "ACCESSKEY", "a secret", "an AppCode", "MIIF-token"
PERSON = {"name": "user", "password": "pass word", "domain": {"name": "domain"}}
PATH = "/v1/infers/some-service"


def signature(method: str, url: str, headers: Dict[str, str], names: str, body: bytes, secret: str) -> str:
    """The signature SDK-HMAC-SHA256 of a request, as the "API Request Signing Guide" describes it."""
    address = urlsplit(url)
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(
        parse_qsl(address.query, keep_blank_values=True)))
    path = address.path if address.path.endswith("/") else address.path + "/"
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    lines = [f"{name}:{lower[name]}\n" for name in names.split(";")]
    request = f"{method}\n{path}\n{query}\n{''.join(lines)}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    text = f"SDK-HMAC-SHA256\n{lower['x-sdk-date']}\n{hashlib.sha256(request.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_signed(path: str, headers: Dict[str, str], body: bytes) -> bool:
    """Whether a POST request has a valid signature of KEY."""
    match = re.fullmatch(r"SDK-HMAC-SHA256 Access=(\w+), SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})",
                         headers.get("Authorization", ""))
    return match is not None and match[1] == KEY and {"host", "x-sdk-date"} <= set(match[2].split(";")) and (
        match[3] == signature("POST", path, headers, match[2], body, SECRET))


class Gateway:
    """Listens on a free port; ``failures`` are responses that it gives before it passes a request on."""

    def __init__(self, server: str) -> None:
        self.failures: List[Tuple[int, Dict[str, str], bytes]] = []
        self.requests = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, server))
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the socket."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(gateway: Gateway, server: str) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = dict(self.headers.items())
            if self.path == "/v3/auth/tokens":
                given = json.loads(body)["auth"]
                if (given["identity"]["password"]["user"], given["scope"]["project"]["name"]) == (PERSON, "region"):
                    self._send(201, {"X-Subject-Token": TOKEN}, b"{}")
                else:
                    self._send(401, {}, b"{}")
                return
            gateway.requests += 1
            if self.path != PATH or not (self.headers["X-Auth-Token"] == TOKEN or self.headers["X-Apig-AppCode"] == CODE
                                         or is_signed(self.path, headers, body)):
                self._send(401, {}, b'{"error_code": "APIG.0301", "error_msg": "Incorrect IAM authentication"}')
            elif gateway.failures:
                self._send(*gateway.failures.pop(0))
            else:
                request = urllib.request.Request(server, body, {"Content-Type": headers["Content-Type"]})
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                with opener.open(request, timeout=60) as response:
                    self._send(response.status, {}, response.read())

        def _send(self, status: int, headers: Dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Standard error belongs to the test."""

    return Handler
