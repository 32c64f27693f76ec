"""A connection of uvicorn that passes requests to the application without ASGI, and has deadlines that uvicorn lacks.

uvicorn parses, answers what is not HTTP, and keeps the list of the connections. A request that the application refuses
on its header is answered at once; its body is discarded. Each other request gets a task when it is complete. The
response is written by one call. (An application that only parses JSON takes 28 µs per request, by ASGI 43 µs.)

Deadlines, measured with uvicorn 0.54: an unfinished header or body keeps its connection open without end. granian 2.8.9
has a deadline for the header only, and applies it to idle connections, too, so that it cannot keep them for 200
seconds. :meth:`Connection.close_late` is called from time to time, because a timer per request takes more CPU time.
"""
import logging
import math
import time
from collections import deque
from typing import Any, Deque, List, Optional
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from textjob.serving.exchange import CLIENT_HAS_GONE, Header, Request, Response
from textjob.serving.limits import HEADER

FAILED = Response(500, b"Internal Server Error", ((b"content-type", b"text/plain; charset=utf-8"),))

log = logging.getLogger(__name__)


class Connection(HttpToolsProtocol):  # type: ignore[misc]
    """Reads requests and writes responses, one after the other.

    It closes itself when a request does not arrive, or a response is not read, within ``limits.arrival`` seconds.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._app = self.config.app
        self._limits = self._app.limits
        self._arriving: Optional[Request] = None  # the request whose header was read last; None in a header
        self._active: Optional[Request] = None  # the request that is answered next
        self._waiting: Deque[Request] = deque()  # that were sent before the response to the one that is answered next
        self._in_message = self._in_header = self._is_late = False
        self._header_bytes = self._discarded = 0
        self._has_deadline = True
        self._due = self.loop.time() + self._limits.arrival  # of the next request, or of its rest
        self._reading_due = math.inf

    def connection_lost(self, exc: Optional[Exception]) -> None:
        super().connection_lost(exc)
        request = self._active
        if request is None:
            return
        if request.on_lost is not None:
            request.on_lost()
        elif request.is_answered:
            self._app.release(request)
        elif not request.is_complete:
            self._answer(request, Response(408 if self._is_late else CLIENT_HAS_GONE))

    def close_late(self, now: float) -> None:
        """Close the connection if one of its deadlines is over."""
        request = self._arriving
        if now < min(self._due, self._reading_due):
            return
        if now < self._reading_due and self._in_message and self._active is request and not (
                request and request.is_answered):
            self._is_late, self._due = True, math.inf
            self._refuse(b"408 Request Timeout")
        else:
            self.transport.abort()  # close() would wait for a client that does not read the end of its response

    def data_received(self, data: bytes) -> None:
        self._has_ended = False  # a request, in these data
        super().data_received(data)
        if self._in_message or not self._has_ended:
            if not self._has_deadline:  # only a request that does not arrive at once needs one
                self._has_deadline = True
                self._due = self.loop.time() + self._limits.arrival
            if self._in_header:
                self._header_bytes += len(data)
                if self._header_bytes > HEADER:
                    self._refuse(b"431 Request Header Fields Too Large")
        else:
            self._has_deadline = False
            self._due = math.inf if self._active else self.loop.time() + self._limits.keep_alive

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers: List[Header] = []
        self._arriving, self._has_deadline = None, False
        self._in_header = self._in_message = True
        self._header_bytes = self._discarded = 0

    def on_headers_complete(self) -> None:
        self._in_header = False
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        request = self._arriving = Request(
            self.parser.get_method().decode("ascii"), unquote(path) if "%" in path else path, url.query or b"",
            self.headers, self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0",
            time.perf_counter())
        if self._active is None and not self._waiting:
            self._begin(request)
        else:
            self.flow.pause_reading()
            self._waiting.append(request)

    def on_body(self, body: bytes) -> None:
        request = self._arriving
        assert request is not None
        if request.is_answered:
            self._discarded += len(body)
            if self._discarded > self._limits.body:
                self.transport.abort()
            return
        request.parts.append(body)
        if request is self._active:
            self._receive(request, len(body))

    def on_message_complete(self) -> None:
        request = self._arriving
        assert request is not None
        self._in_message, self._has_ended = False, True
        request.is_complete = True
        if request.is_answered:
            if not request.keep_alive:
                self._close()
        elif request is self._active:
            self.loop.create_task(self._run(request))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_due = self.loop.time() + self._limits.arrival

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reading_due = math.inf
        if self._active is not None and self._active.is_answered:
            self._end(self._active)

    def shutdown(self) -> None:
        if self._in_message:
            self.transport.abort()  # the rest of the request may take until its deadline, and would get 503
        elif self._active is None:
            self._close()
        else:
            self._active.keep_alive = False

    def _begin(self, request: Request) -> None:
        """A request whose turn it is; its body may be complete, because it was sent before the last response."""
        self._active = request
        try:
            response = self._app.begin(request)
        except Exception:
            log.exception("the server failed on a request")
            response = FAILED
        if response is not None:
            self._answer(request, response)
            return
        if request.expects and not request.is_complete:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._receive(request, sum(map(len, request.parts)))
        if request.is_complete and not request.is_answered:
            self.loop.create_task(self._run(request))

    def _receive(self, request: Request, size: int) -> None:
        response = self._app.receive(request, size)
        if response is not None:
            self._answer(request, response)

    async def _run(self, request: Request) -> None:
        try:
            response = await self._app.answer(request)
        except Exception:
            log.exception("the server failed on a request")
            response = FAILED
        self._answer(request, response)

    def _answer(self, request: Request, response: Response) -> None:
        """Write a response; the next request is answered when the client has read most of it."""
        request.is_answered = True
        request.parts = []
        version = self._app.version_of(request)
        if not self.transport.is_closing():
            self._write(request, response, version)
        self._app.record(request.route, request.path, response.status, version, response.items,
                         time.perf_counter() - request.began, request.id.decode())
        if self.flow.write_paused and not self.transport.is_closing():
            self._app.hold(request, len(response.body))
        else:
            self._end(request)

    def _write(self, request: Request, response: Response, version: str) -> None:
        if self._app.admission.draining or (request.expects and response.status != 200):
            request.keep_alive = False  # after Expect, the body may come or not
        content: List[bytes] = [STATUS_LINE[response.status]]
        for name, value in (*self.server_state.default_headers, *response.headers):
            content += (name, b": ", value, b"\r\n")
        content.append(b"content-length: %d\r\nx-request-id: %b\r\n" % (len(response.body), request.id))
        if version:
            content.append(b"x-model-version: %b\r\n" % version.encode())
        content.append(b"\r\n" if request.keep_alive else b"connection: close\r\n\r\n")
        if request.method != "HEAD":
            content.append(response.body)
        self.transport.write(b"".join(content))

    def _end(self, request: Request) -> None:
        """The response to a request is written."""
        self._active = None
        self._app.release(request)
        if self.transport.is_closing():
            return
        if not request.keep_alive:
            if request.is_complete or request.expects:
                self._close()  # else when the rest of the body is here: closing before would discard the response
        elif self._waiting:
            self.loop.call_soon(self._begin_next)
        elif not self._has_deadline:
            self._due = self.loop.time() + self._limits.keep_alive

    def _begin_next(self) -> None:
        if not self.transport.is_closing() and self._active is None:
            request = self._waiting.popleft()
            if not self._waiting:
                self.flow.resume_reading()
            self._begin(request)

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self._close()

    def _close(self) -> None:
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._reading_due = self.loop.time() + self._limits.arrival
