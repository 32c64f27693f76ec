"""The HTTP interface of the server: what it answers to the requests that a connection reads.

``POST /`` answers as the platform does; ``GET /health`` and ``GET /metrics`` are for the operation. A request is
refused before its body is read if its size, the token, the state of the server or the length of the queue decides that.
"""
import asyncio
import functools
import hmac
import json
import time
from functools import partial
from json.encoder import encode_basestring as quoted
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, Optional, Union

from textjob.serving import admission, forms, host, openapi, pages
from textjob.serving.admission import Admission
from textjob.serving.exchange import CLIENT_HAS_GONE, JSON, RefusedError, Request, Response
from textjob.serving.limits import BODIES, LARGE, Limits
from textjob.serving.lines import Lines, timestamp
from textjob.serving.metrics import CONTENT_TYPE, Metrics
from textjob.serving.shadow import Shadow
from textjob.serving.tfs import rest
from textjob.serving.versions import StoppedError, Version, Versions

PREDICTIONS = ("/", rest.PREDICTION, "gRPC Predict")  # the routes whose time is that of an answer

Outcome = Union[Response, Callable[[Request], Awaitable[Response]]]
"""Of a route: a response that does not need the body, or a function that is called when the body has arrived."""
Answer = Callable[[Request, bytes, Version, "asyncio.Future[Any]"], Awaitable[Response]]
"""Answers a request with this body by this version; the future is done when the work on it must end."""


class App:
    """The application.

    A further route is a method that maps a :class:`Request` to an ``Outcome``, and an entry in ``_routes``. A route
    that names a version gets it by ``versions.loaded``, and uses it between its ``begin()`` and ``end()``.
    """

    def __init__(self, limits: Limits, metrics: Metrics, lines: Lines, versions: Versions, token: str = "",
                 strict: bool = False) -> None:
        self.limits, self.metrics, self.versions = limits, metrics, versions
        self.shadow = Shadow(limits, metrics)
        self.admission = Admission(limits, versions)
        self._bodies = 0  # bytes of bodies and large responses in memory
        self._lines, self._token = lines, token.encode("utf-8")
        self._has_page = not strict
        self._routes: Dict[str, Dict[str, Callable[[Request], Outcome]]] = {
            "/": {"POST": self._predict}, "/health": {"GET": self._health}}
        self._rest = None if strict else rest.Api(versions, self.refusal, self.work)
        if not strict:
            self._routes["/metrics"] = {"GET": self._show_metrics}
            self._routes["/card"] = {"GET": partial(self._describe, pages.card)}
            self._routes["/openapi.json"] = {"GET": partial(self._describe, openapi.document)}
        metrics.queue.set_function(lambda: self.admission.in_flight)

    def begin(self, request: Request) -> Optional[Response]:
        """The response to a request that does not depend on its body; None if :meth:`answer` makes the response."""
        try:
            outcome = self._route(request)
        except (RefusedError, rest.ApiError) as error:
            return self._refused(request, error)
        if isinstance(outcome, Response):
            return outcome
        request.answer = outcome
        return None

    def receive(self, request: Request, size: int) -> Optional[Response]:
        """Count a part of the body that has arrived; a response if the request is refused because of its size."""
        self.hold(request, size)
        if request.held > self.limits.body:
            return self._refused(request, self._too_large())
        if self._bodies > BODIES and request.held > LARGE:
            return self._full(request)
        return None

    async def answer(self, request: Request) -> Response:
        """The response to a complete request."""
        assert request.answer is not None
        try:
            return await request.answer(request)
        except (RefusedError, rest.ApiError) as error:
            return self._refused(request, error)
        except forms.InvalidBodyError:
            return Response(host.INVALID_BODY[0], host.INVALID_BODY[1].encode())

    def hold(self, request: Request, size: int) -> None:
        """Count bytes of a request that are in memory until :meth:`release`."""
        request.held += size
        self._bodies += size

    def release(self, request: Request) -> None:
        """A request is not in memory any more."""
        self._bodies -= request.held
        request.held = 0

    def version_of(self, request: Request) -> str:
        """The version for the header and the log: that which answers the request, else the served one."""
        return request.version or (self.versions.served.number if self.versions.served else "")

    def record(self, route: str, path: str, status: Any, version: str, items: Optional[int], seconds: float,
               request_id: str) -> None:
        """Count an answered request and write its line."""
        self.metrics.request(route, status, version)
        if route in PREDICTIONS and status in (200, "OK"):
            self.metrics.prediction(version, seconds, items or 0)
        self._lines.write(  # takes a fifth of the time of encoding a dictionary
            f'{{"time": "{timestamp(time.time())}", "id": {quoted(request_id)}, "path": {quoted(path[:100])}, '
            f'"status": {status if isinstance(status, int) else quoted(status)}, '
            f'"items": {"null" if items is None else items}, "milliseconds": {seconds * 1000:.2f}, '
            f'"version": "{version}"}}')

    def _route(self, request: Request) -> Outcome:
        path, method = request.path, request.method
        if self._has_page and path == "/" and method in ("GET", "HEAD") and pages.accepts_html(request.headers):
            request.route = "page"
            return Response(200, *pages.page())  # without a token, because a browser cannot send one with the address
        if self._token and path != "/health" and not hmac.compare_digest(
                request.authorization, b"Bearer " + self._token):
            raise RefusedError(401, "unauthorized", "send the header Authorization: Bearer TOKEN with the token of "
                               "--token_file", (b"www-authenticate", b"Bearer"))
        if self._rest is not None and path.startswith(rest.PREFIX):
            return self._rest.route(request, "GET" if method == "HEAD" else method, path)
        methods = self._routes.get(path)
        if methods is None:
            raise RefusedError(404, "not_found",
                               f"the server has no such path; it has {', '.join(sorted(self._routes))}")
        request.route = path
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            raise RefusedError(405, "method_not_allowed", f"expected {allowed}", (b"allow", allowed.encode()))
        return route(request)

    def _refused(self, request: Request, error: Union[RefusedError, rest.ApiError]) -> Response:
        if isinstance(error, rest.ApiError):
            return Response(error.status, error.body())
        is_rest = self._rest is not None and request.path.startswith(rest.PREFIX)
        return Response(error.status, _error("" if is_rest else error.code, error.message), JSON + error.headers)

    def _health(self, _: Request) -> Response:
        if self.versions.served is not None and not self.admission.draining:
            return Response(200, b'{"status": "OK", "health": "true"}')
        state = "draining" if self.admission.draining else "loading"
        return Response(503, json.dumps({"status": state, "health": "false"}).encode())

    def _describe(self, describe: Callable[[str, str, Path], bytes], _: Request) -> Response:
        version = self.versions.served
        if version is None:
            raise RefusedError(503, "unavailable", admission.LOADING, (b"retry-after", b"1"))
        return Response(200, describe(self.versions.name, version.number, version.folder))

    def _show_metrics(self, _: Request) -> Response:
        return Response(200, self.metrics.text(), ((b"content-type", CONTENT_TYPE.encode()),))

    def _predict(self, request: Request) -> Outcome:
        return self.refusal(request) or partial(self.work, number=None, answer=self._classify)

    def refusal(self, request: Request) -> Optional[Response]:
        """The response to a request for a prediction that is not accepted."""
        if request.length > self.limits.body:
            return self._refused(request, self._too_large())
        refusal = self.admission.refusal()
        if not refusal:
            return None
        if refusal == admission.FULL:
            return self._full(request)
        return self._refused(request, RefusedError(503, "unavailable", refusal, (b"retry-after", b"1")))

    async def work(self, request: Request, number: Optional[int], answer: Answer) -> Response:
        """What ``answer`` returns for a request, within the limits; ``number`` chooses the version."""
        refusal = self.refusal(request)  # a body may take long to arrive, and occupies no place in the queue before
        if refusal is not None:
            return refusal
        version = self.versions.choose(request.id) if number is None else self.versions.loaded(number)
        if version is None:
            raise RefusedError(404, "not_found", f"version {number} is not loaded")
        request.version = version.number
        work = self.admission.begin(version)
        request.on_lost = partial(admission.stop, work, False)
        try:
            return await answer(request, request.body(), version, work)
        except StoppedError as error:
            if error.time_is_over:
                raise RefusedError(504, "timeout", f"the request took longer than {self.limits.work:g} seconds")
            return Response(CLIENT_HAS_GONE)
        finally:
            request.on_lost = None
            self.admission.end(version, work)

    async def _classify(self, request: Request, body: bytes, version: Version, work: "asyncio.Future[Any]") -> Response:
        is_large = len(body) > LARGE
        parse = partial(forms.read, request.content_type, body, request.query)
        data = await version.in_background(parse) if is_large else parse()
        status, answer, items = await version.respond(data, work, is_large)
        shadow = self.versions.shadow
        if shadow is not None and status == 200:
            if is_large:
                self.metrics.shadow_dropped(shadow.number)
            else:
                self.shadow.offer(shadow, version.number, parse, answer, self.admission.in_flight)
        return Response(status, answer, items=items)

    def _too_large(self) -> RefusedError:
        return RefusedError(413, "too_large", f"the body has more than {self.limits.body} bytes; divide the request")

    def _full(self, request: Request) -> Response:
        return self._refused(request, RefusedError(503, "overloaded", f"{admission.FULL}; send the request again later",
                                                   (b"retry-after", b"1")))


@functools.lru_cache(maxsize=64)  # under overload, most responses are the same
def _error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message} if code else message}).encode()
