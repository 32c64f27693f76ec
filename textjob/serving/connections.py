"""A connection of uvicorn with deadlines that uvicorn lacks: for the header, the body and a client that reads slowly.

Measured with uvicorn 0.54: an unfinished header or body keeps its connection open without end. granian 2.8.9 has a
deadline for the header only, and applies it to idle connections, too, so that it cannot keep them for 200 seconds.
"""
import asyncio
from typing import Any, Callable, Optional

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from textjob.serving.limits import HEADER

EXTENSION = "textjob.connection"
"""The key of the connection in the extensions of an ASGI scope."""


class Connection(HttpToolsProtocol):  # type: ignore[misc]
    """Closes itself when a request does not arrive, or a response is not read, within ``limits.arrival`` seconds."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.limits = self.config.app.limits
        self.on_lost: Optional[Callable[[], None]] = None  # called if the client closes the connection
        self.late = False
        self._in_header = self._in_message = False
        self._header_bytes = self._discarded = 0
        self._arrival: Optional[asyncio.TimerHandle] = None
        self._reading: Optional[asyncio.TimerHandle] = None
        self._arrival = self.loop.call_later(self.limits.arrival, self._close_late)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._stop_arrival()
        self._stop_reading()
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_message or self.cycle is None or self.cycle.response_complete:
            # Only a request that did not arrive at once needs the timer.
            if self._arrival is None:
                self._arrival = self.loop.call_later(self.limits.arrival, self._close_late)
            if self._in_header:
                self._header_bytes += len(data)
                if self._header_bytes > HEADER:
                    self._refuse(b"431 Request Header Fields Too Large")
        else:
            self._stop_arrival()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header = self._in_message = True
        self._header_bytes = 0
        self.scope["extensions"] = {EXTENSION: self}

    def on_headers_complete(self) -> None:
        self._in_header = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.cycle.response_complete:  # the response came before the end of the body, which is discarded
            self._discarded += len(body)
            if self._discarded > self.limits.body:
                self.transport.abort()

    def on_message_complete(self) -> None:
        self._in_message = False
        self._discarded = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._start_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_reading()

    def shutdown(self) -> None:
        if self._in_message:
            self.transport.abort()  # the rest of the request may take until its deadline, and would get 503
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()  # close() would wait for a client that does not read the end of its response

    def _close_late(self) -> None:
        self._arrival = None
        self.late = True
        if self._in_message and (self.cycle is None or self._in_header or not self.cycle.response_started):
            self._refuse(b"408 Request Timeout")
        else:
            self.transport.abort()

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def _start_reading(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_later(self.limits.arrival, self.transport.abort)

    def _stop_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
