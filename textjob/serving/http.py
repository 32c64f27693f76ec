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

from textjob.serving import admission, forms, host, openapi, pages
from textjob.serving.admission import Admission
from textjob.serving.connections import EXTENSION
from textjob.serving.limits import BODIES, LARGE, Limits
from textjob.serving.lines import Lines, timestamp
from textjob.serving.metrics import CONTENT_TYPE, Metrics
from textjob.serving.shadow import Shadow
from textjob.serving.tfs import rest
from textjob.serving.versions import StoppedError, Version, Versions

PREDICTIONS = ("/", rest.PREDICTION, "gRPC Predict")  # the routes whose time is that of an answer
CLIENT_HAS_GONE = 499  # in the log and the metrics only, as in nginx
JSON = ((b"content-type", b"application/json"),)
Headers = List[Tuple[bytes, bytes]]


class Response(NamedTuple):
    """What a route returns."""

    status: int
    body: bytes = b""
    headers: Tuple[Tuple[bytes, bytes], ...] = JSON
    items: Optional[int] = None


class Request:
    """What the routes read of an ASGI scope."""

    __slots__ = ("authorization", "connection", "content_type", "expects", "held", "id", "length", "receive", "route",
                 "scope", "version")

    def __init__(self, scope: Dict[str, Any], receive: Callable[[], Awaitable[Dict[str, Any]]]) -> None:
        self.scope, self.receive = scope, receive
        self.connection = scope["extensions"][EXTENSION]
        self.content_type = self.authorization = self.id = b""
        self.length, self.expects = 0, False
        self.held = 0  # bytes of its body and its response in memory
        self.version = ""  # that answers it
        self.route = "other"  # its name in the metrics
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


Answer = Callable[[Request, bytes, Version, "asyncio.Future[Any]"], Awaitable[Any]]
"""Answers a request with this body by this version; the future is done when the work on it must end."""


class RefusedError(Exception):
    """The response to a request is this status, code and message, in the form of the API that the path belongs to."""

    def __init__(self, status: int, code: str, message: str, *headers: Tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


class App:
    """The application.

    A further route is a method that maps a :class:`Request` to a :class:`Response`, and an entry in ``_routes``. A
    route that names a version gets it by ``versions.loaded``, and uses it within its ``request()``.
    """

    def __init__(self, limits: Limits, metrics: Metrics, lines: Lines, versions: Versions, token: str = "",
                 strict: bool = False) -> None:
        self.limits, self.metrics, self.versions = limits, metrics, versions
        self.shadow = Shadow(limits, metrics)
        self.admission = Admission(limits, versions)
        self._bodies = 0  # bytes of bodies and large responses in memory
        self._lines, self._token = lines, token.encode("utf-8")
        self._has_page = not strict
        self._routes: Dict[str, Dict[str, Callable[[Request], Awaitable[Response]]]] = {
            "/": {"POST": self._predict}, "/health": {"GET": self._health}}
        self._rest = None if strict else rest.Api(versions, self.work)
        if not strict:
            self._routes["/metrics"] = {"GET": self._show_metrics}
            self._routes["/card"] = {"GET": partial(self._describe, pages.card)}
            self._routes["/openapi.json"] = {"GET": partial(self._describe, openapi.document)}
        metrics.queue.set_function(lambda: self.admission.in_flight)

    async def __call__(self, scope: Dict[str, Any], receive: Any, send: Any) -> None:
        began = time.perf_counter()
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
            version = request.version or (self.versions.served.number if self.versions.served else "")
            if response.status != CLIENT_HAS_GONE:
                await self._send(request, response, version, send)
            self.record(request.route, request.scope["path"], response.status, version, response.items,
                        time.perf_counter() - began, request.id.decode())
        finally:
            self._bodies -= request.held

    async def _send(self, request: Request, response: Response, version: str, send: Any) -> None:
        body = response.body
        headers: Headers = [(b"content-length", str(len(body)).encode()), (b"x-request-id", request.id),
                            *response.headers]
        if version:
            headers.append((b"x-model-version", version.encode()))
        if self.admission.draining or (request.expects and response.status != 200):
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

    def record(self, route: str, path: str, status: Any, version: str, items: Optional[int], seconds: float,
               request_id: str) -> None:
        """Count an answered request and write its line."""
        self.metrics.request(route, status, version)
        if route in PREDICTIONS and status in (200, "OK"):
            self.metrics.prediction(version, seconds, items or 0)
        encode = host.encode
        self._lines.write(  # takes 40 % of the time of encoding a dictionary
            f'{{"time": "{timestamp(time.time())}", "id": {encode(request_id)}, "path": {encode(path[:100])}, '
            f'"status": {encode(status)}, "items": {encode(items)}, "milliseconds": {seconds * 1000:.2f}, '
            f'"version": {encode(version)}}}')

    async def _respond(self, request: Request) -> Response:
        is_rest = self._rest is not None and request.scope["path"].startswith(rest.PREFIX)
        try:
            return await self._route(request)
        except RefusedError as error:
            body = error.message if is_rest else {"code": error.code, "message": error.message}
            return Response(error.status, json.dumps({"error": body}).encode(), JSON + error.headers)
        except rest.ApiError as error:
            return Response(error.status, error.body())

    async def _route(self, request: Request) -> Response:
        path, method = request.scope["path"], request.scope["method"]
        if self._has_page and path == "/" and method in ("GET", "HEAD") and pages.accepts_html(
                request.scope["headers"]):
            request.route = "page"
            return Response(200, *pages.page())  # without a token, because a browser cannot send one with the address
        if self._token and path != "/health" and not hmac.compare_digest(
                request.authorization, b"Bearer " + self._token):
            raise RefusedError(401, "unauthorized", "send the header Authorization: Bearer TOKEN with the token of "
                               "--token_file", (b"www-authenticate", b"Bearer"))
        if self._rest is not None and path.startswith(rest.PREFIX):
            status, body, items = await self._rest.respond(request, "GET" if method == "HEAD" else method, path)
            return Response(status, body, items=items)
        methods = self._routes.get(path)
        if methods is None:
            raise RefusedError(404, "not_found",
                               f"the server has no such path; it has {', '.join(sorted(self._routes))}")
        request.route = path
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            raise RefusedError(405, "method_not_allowed", f"expected {allowed}", (b"allow", allowed.encode()))
        return await route(request)

    async def _health(self, request: Request) -> Response:
        if self.versions.served is not None and not self.admission.draining:
            return Response(200, b'{"status": "OK", "health": "true"}')
        state = "draining" if self.admission.draining else "loading"
        return Response(503, json.dumps({"status": state, "health": "false"}).encode())

    async def _describe(self, describe: Callable[[str, str, Path], bytes], request: Request) -> Response:
        version = self.versions.served
        if version is None:
            raise RefusedError(503, "unavailable", admission.LOADING, (b"retry-after", b"1"))
        return Response(200, describe(self.versions.name, version.number, version.folder))

    async def _show_metrics(self, request: Request) -> Response:
        return Response(200, self.metrics.text(), ((b"content-type", CONTENT_TYPE.encode()),))

    async def _predict(self, request: Request) -> Response:
        try:
            response: Response = await self.work(request, None, self._answer)
            return response
        except forms.InvalidBodyError:
            return Response(host.INVALID_BODY[0], host.INVALID_BODY[1].encode())

    async def work(self, request: Request, number: Optional[int], answer: Answer) -> Any:
        """What ``answer`` returns for the body of a request, within the limits; ``number`` chooses the version."""
        if request.length > self.limits.body:
            raise self._too_large()
        self._check_admission()
        try:
            body = await self._receive(request)
            self._check_admission()  # a body may take long to arrive, and occupies no place in the queue before
            version = self.versions.choose(request.id) if number is None else self.versions.loaded(number)
            if version is None:
                raise RefusedError(404, "not_found", f"version {number} is not loaded")
            request.version = version.number
            with self.admission.work(version) as work:
                request.connection.on_lost = partial(admission.stop, work, False)
                try:
                    return await answer(request, body, version, work)
                finally:
                    request.connection.on_lost = None
        except StoppedError as error:
            if error.time_is_over:
                raise RefusedError(504, "timeout", f"the request took longer than {self.limits.work:g} seconds")
            if request.connection.late:
                raise RefusedError(408, "timeout", f"the request did not arrive within {self.limits.arrival:g} seconds")
            raise RefusedError(CLIENT_HAS_GONE, "", "")

    def _check_admission(self) -> None:
        refusal = self.admission.refusal()
        if refusal:
            raise self._full() if refusal == admission.FULL else RefusedError(
                503, "unavailable", refusal, (b"retry-after", b"1"))

    async def _answer(self, request: Request, body: bytes, version: Version, work: "asyncio.Future[Any]") -> Response:
        is_large = len(body) > LARGE
        parse = partial(forms.read, request.content_type, body, request.scope["query_string"])
        data = await version.in_background(parse) if is_large else parse()
        status, answer, items = await version.respond(data, work, is_large)
        shadow = self.versions.shadow
        if shadow is not None and status == 200:
            if is_large:
                self.metrics.shadow_dropped(shadow.number)
            else:
                self.shadow.offer(shadow, version.number, parse, answer, self.admission.in_flight)
        return Response(status, answer, items=items)

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
                raise self._too_large()
            if self._bodies > BODIES and request.held > LARGE:
                raise self._full()
            if not message["more_body"]:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> RefusedError:
        return RefusedError(413, "too_large", f"the body has more than {self.limits.body} bytes; divide the request")

    def _full(self) -> RefusedError:
        return RefusedError(503, "overloaded", f"{admission.FULL}; send the request again later",
                            (b"retry-after", b"1"))
