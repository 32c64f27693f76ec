"""The HTTP interface of the server: an ASGI application.

``POST /`` answers as the platform does; ``GET /health`` and ``GET /metrics`` are for the operation. A request is
refused before its body is read if its size, the token, the state of the server or the length of the queue decides that.
"""
import asyncio
import hmac
import json
import random
import time
from functools import partial
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, List, NamedTuple, Optional, Tuple

from textjob.serving import forms, host, openapi, pages
from textjob.serving.connections import EXTENSION
from textjob.serving.limits import BODIES, LARGE, Limits
from textjob.serving.lines import Lines, timestamp
from textjob.serving.metrics import CONTENT_TYPE, Metrics
from textjob.serving.shadow import Shadow
from textjob.serving.versions import StoppedError, Version, Versions

CLIENT_HAS_GONE = 499  # in the log and the metrics only, as in nginx
Headers = List[Tuple[bytes, bytes]]


class Response(NamedTuple):
    """What a route returns."""

    status: int
    body: bytes = b""
    headers: Tuple[Tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
    items: Optional[int] = None


class Request:
    """What the routes read of an ASGI scope."""

    __slots__ = ("authorization", "connection", "content_type", "expects", "held", "id", "length", "receive", "scope",
                 "version")

    def __init__(self, scope: Dict[str, Any], receive: Callable[[], Awaitable[Dict[str, Any]]]) -> None:
        self.scope, self.receive = scope, receive
        self.connection = scope["extensions"][EXTENSION]
        self.content_type = self.authorization = self.id = b""
        self.length, self.expects = 0, False
        self.held = 0  # bytes of its body and its response in memory
        self.version = ""  # that answers it
        for name, value in scope["headers"]:
            if name == b"content-type":
                self.content_type = value
            elif name == b"content-length":
                self.length = int(value)
            elif name == b"x-request-id":
                self.id = value if len(value) <= 128 and value.isascii() and value.decode().isprintable() else b""
            elif name == b"authorization":
                self.authorization = value
            elif name == b"expect":
                self.expects = True
        self.id = self.id or b"%032x" % random.getrandbits(128)


class _TooLargeError(Exception):
    """The body has more bytes than the limit."""


class _FullError(Exception):
    """The bodies and responses in memory have too many bytes."""


class App:
    """The application; ``draining`` is set when the server is to end.

    A further route is a method that maps a :class:`Request` to a :class:`Response`, and an entry in ``_routes``. A
    route that names a version gets it by ``versions.loaded``, and uses it within its ``request()``.
    """

    def __init__(self, limits: Limits, metrics: Metrics, lines: Lines, versions: Versions, token: str = "",
                 strict: bool = False) -> None:
        self.limits, self.metrics, self.versions = limits, metrics, versions
        self.shadow = Shadow(limits, metrics)
        self.draining = False
        self.in_flight = 0
        self._bodies = 0  # bytes of bodies and large responses in memory
        self._lines, self._token = lines, token.encode("utf-8")
        self._has_page = not strict
        self._routes: Dict[str, Dict[str, Callable[[Request], Awaitable[Response]]]] = {
            "/": {"POST": self._predict}, "/health": {"GET": self._health}}
        if not strict:
            self._routes["/metrics"] = {"GET": self._show_metrics}
            self._routes["/card"] = {"GET": partial(self._describe, pages.card)}
            self._routes["/openapi.json"] = {"GET": partial(self._describe, openapi.document)}
        metrics.queue.set_function(lambda: self.in_flight)

    async def __call__(self, scope: Dict[str, Any], receive: Any, send: Any) -> None:
        began = time.perf_counter()
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
            version = request.version or (self.versions.served.number if self.versions.served else "")
            if response.status != CLIENT_HAS_GONE:
                await self._send(request, response, version, send)
            self._record(request, response, version, time.perf_counter() - began)
        finally:
            self._bodies -= request.held

    async def _send(self, request: Request, response: Response, version: str, send: Any) -> None:
        body = response.body
        headers: Headers = [(b"content-length", str(len(body)).encode()), (b"x-request-id", request.id),
                            *response.headers]
        if version:
            headers.append((b"x-model-version", version.encode()))
        if self.draining or (request.expects and response.status != 200):
            headers.append((b"connection", b"close"))  # after Expect, the body may come or not
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if len(body) > LARGE:  # the second message waits until the client has read most of the first
            self._hold(request, len(body))
            await send({"type": "http.response.body", "body": body, "more_body": True})
            body = b""
        await send({"type": "http.response.body", "body": body})

    def _hold(self, request: Request, size: int) -> None:
        request.held += size
        self._bodies += size

    def _record(self, request: Request, response: Response, version: str, seconds: float) -> None:
        path = request.scope["path"] if request.scope["path"] in self._routes else "other"
        self.metrics.request(path, response.status, version)
        if path == "/" and request.scope["method"] == "POST" and response.status == 200:
            self.metrics.prediction(version, seconds, response.items or 0)
        self._lines.write(host.encode({
            "time": timestamp(time.time()), "id": request.id.decode(), "path": request.scope["path"][:100],
            "status": response.status, "items": response.items, "milliseconds": round(seconds * 1000, 2),
            "version": version}))

    async def _respond(self, request: Request) -> Response:
        path, method = request.scope["path"], request.scope["method"]
        if self._has_page and path == "/" and method in ("GET", "HEAD") and pages.accepts_html(
                request.scope["headers"]):
            return Response(200, *pages.page())  # without a token, because a browser cannot send one with the address
        if self._token and path != "/health" and not hmac.compare_digest(
                request.authorization, b"Bearer " + self._token):
            return _error(401, "unauthorized", "send the header Authorization: Bearer TOKEN with the token of "
                          "--token_file", (b"www-authenticate", b"Bearer"))
        methods = self._routes.get(path)
        if methods is None:
            return _error(404, "not_found", f"the server has no such path; it has {', '.join(sorted(self._routes))}")
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            return _error(405, "method_not_allowed", f"expected {allowed}", (b"allow", allowed.encode()))
        return await route(request)

    async def _health(self, request: Request) -> Response:
        if self.versions.served is not None and not self.draining:
            return Response(200, b'{"status": "OK", "health": "true"}')
        state = "draining" if self.draining else "loading"
        return Response(503, json.dumps({"status": state, "health": "false"}).encode())

    async def _describe(self, describe: Callable[[str, str, Path], bytes], request: Request) -> Response:
        version = self.versions.served
        if version is None:
            return self._refused() or self._full()
        return Response(200, describe(self.versions.name, version.number, version.folder))

    async def _show_metrics(self, request: Request) -> Response:
        return Response(200, self.metrics.text(), ((b"content-type", CONTENT_TYPE.encode()),))

    async def _predict(self, request: Request) -> Response:
        if request.length > self.limits.body:
            return self._too_large()
        refused = self._refused()
        if refused is not None:
            return refused
        try:
            body = await self._receive(request)
            refused = self._refused()  # a body may take long to arrive, and occupies no place in the queue before
            version = self.versions.choose(request.id)
            if refused is not None or version is None:
                return refused or self._full()
            request.version = version.number
            self.in_flight += 1
            try:
                with version.request():
                    return await self._answer(request, body, version)
            finally:
                self.in_flight -= 1
        except _TooLargeError:
            return self._too_large()
        except _FullError:
            return self._full()
        except forms.InvalidBodyError:
            return Response(host.INVALID_BODY[0], host.INVALID_BODY[1].encode())
        except StoppedError as error:
            if not error.time_is_over:
                return Response(408 if request.connection.late else CLIENT_HAS_GONE)
            return _error(504, "timeout", f"the request took longer than {self.limits.work:g} seconds")

    def _refused(self) -> Optional[Response]:
        if self.draining or self.versions.served is None:
            return _error(503, "unavailable", "the server is ending" if self.draining else "no model is loaded yet",
                          (b"retry-after", b"1"))
        return self._full() if self.in_flight >= self.limits.queue else None

    async def _answer(self, request: Request, body: bytes, version: Version) -> Response:
        is_large, loop = len(body) > LARGE, asyncio.get_event_loop()
        work: asyncio.Future[Any] = loop.create_future()
        timer = loop.call_later(self.limits.work, _stop, work, True)
        request.connection.on_lost = partial(_stop, work, False)
        try:
            parse = partial(forms.read, request.content_type, body, request.scope["query_string"])
            data = await version.in_background(parse) if is_large else parse()
            status, answer, items = await version.respond(data, work, is_large)
            shadow = self.versions.shadow
            if shadow is not None and status == 200:
                if is_large:
                    self.metrics.shadow_dropped(shadow.number)
                else:
                    self.shadow.offer(shadow, version.number, parse, answer, self.in_flight)
            return Response(status, answer, items=items)
        finally:
            timer.cancel()
            request.connection.on_lost = None
            work.cancel()

    async def _receive(self, request: Request) -> bytes:
        """The body, within the limits."""
        parts: List[bytes] = []
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise StoppedError(time_is_over=False)
            parts.append(message["body"])
            self._hold(request, len(message["body"]))
            if request.held > self.limits.body:
                raise _TooLargeError
            if self._bodies > BODIES and request.held > LARGE:
                raise _FullError
            if not message["more_body"]:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> Response:
        return _error(413, "too_large", f"the body has more than {self.limits.body} bytes; divide the request")

    def _full(self) -> Response:
        return _error(503, "overloaded", "too many requests wait for an answer; send the request again later",
                      (b"retry-after", b"1"))


def _stop(work: "asyncio.Future[Any]", time_is_over: bool) -> None:
    if not work.done():
        work.set_exception(StoppedError(time_is_over))


def _error(status: int, code: str, message: str, *headers: Tuple[bytes, bytes]) -> Response:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return Response(status, body, ((b"content-type", b"application/json"), *headers))
