"""Clients for benchmarks/serve.py: closed loop, and open loop at a fixed rate. Each checks every answer.

In the closed loop, a connection sends its next request when it has the response to the last one. In the open loop,
requests are sent at a fixed rate, whatever the server does, and the latency counts from the intended time, so that a
request which waits for a slow server counts as slow. A response with status 503 is a rejection.
"""
import asyncio
import json
import random
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

TOLERANCE = 5e-6  # of scores; a batch may round them differently
OVERLOADED = b"HTTP/1.1 503"
ANSWERED = b"HTTP/1.1 200"
TICK = 0.001  # seconds between two bursts of the open loop, because a timer per request takes more CPU time
BURST = 16  # requests


class Texts:
    """Requests with texts, and the answers that the service of the package gives to each text alone."""

    def __init__(self, texts: Sequence[str], answers: Sequence[Dict[str, Any]], path: str = "/",
                 wrapped: Callable[[str], Any] = lambda text: {"text": text},
                 unwrapped: Callable[[Any], Any] = lambda body: body) -> None:
        self._answers, self._unwrapped = answers, unwrapped
        self._right: List[set] = [set() for _ in texts]  # type: ignore[type-arg]
        self.requests = [_request(path, wrapped(text)) for text in texts]

    def is_right(self, number: int, body: bytes) -> bool:
        """Whether a body is the answer to a text."""
        if body not in self._right[number]:
            if not same(self._unwrapped(json.loads(body)), self._answers[number]):
                return False
            self._right[number].add(body)
        return True


def _request(path: str, body: Any) -> bytes:
    content = json.dumps(body).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: benchmark\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n").encode() + content


def same(one: Any, other: Any) -> bool:
    """Whether two answers, or lists of answers, agree."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if not (isinstance(one, dict) and isinstance(other, dict)) or one.keys() != other.keys():
        return False
    scores = dict(map(tuple, other.get("scores", [])))
    return all(abs(score - scores.get(label, 2)) <= TOLERANCE for label, score in one.get("scores", []))


class Outcome(NamedTuple):
    """Of one load: seconds of the good answers and of the rejections; ``cpu`` seconds of the client."""

    answers: List[float]
    rejections: List[float]
    wrong: int
    seconds: float
    cpu: float


class _Connection(asyncio.Protocol):
    def __init__(self, load: "_Load") -> None:
        self._load, self._buffer = load, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, number: int, began: float) -> None:
        self.number, self.began = number, began
        self.transport.write(self._load.texts.requests[number])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        header, end, body = self._buffer.partition(b"\r\n\r\n")
        length = header.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length):
            self._buffer = b""
            self._load.record(self, header, body)

    def connection_lost(self, error: Any) -> None:
        self._load.lost(self)


class _Load:
    """What both loops share; ``after`` is called with a connection that has its response."""

    def __init__(self, texts: Texts, port: int, after: Callable[[_Connection], None]) -> None:
        self.texts, self._port, self._after = texts, port, after
        self.answers: List[float] = []
        self.rejections: List[float] = []
        self.wrong, self.random = 0, random.Random(1)
        self.is_over = False

    def record(self, connection: _Connection, header: bytes, body: bytes) -> None:
        seconds = time.perf_counter() - connection.began
        if header.startswith(OVERLOADED):
            self.rejections.append(seconds)
        elif header.startswith(ANSWERED) and self.texts.is_right(connection.number, body):
            self.answers.append(seconds)
        else:
            self.wrong += 1
        self._after(connection)

    def lost(self, connection: _Connection) -> None:
        if not self.is_over:
            raise SystemExit("the server closed a connection; read its log")

    async def connect(self) -> _Connection:
        return (await asyncio.get_running_loop().create_connection(lambda: _Connection(self), "127.0.0.1",
                                                                   self._port))[1]

    def next(self) -> int:
        return self.random.randrange(len(self.texts.requests))


async def closed_loop(texts: Texts, port: int, connections: int, seconds: float = 1e9,
                      requests: Optional[int] = None) -> Outcome:
    """Load from a number of connections for some seconds or for a number of requests."""
    ended = asyncio.get_running_loop().create_future()
    sent = opened = 0

    def go_on(connection: _Connection) -> None:
        nonlocal sent, opened
        now = time.perf_counter()
        if now < end and (requests is None or sent < requests):
            sent += 1
            connection.send(load.next(), now)
            return
        opened -= 1
        if not opened:
            ended.set_result(None)

    load = _Load(texts, port, go_on)
    clients = [await load.connect() for _ in range(connections)]
    opened, began, cpu = connections, time.perf_counter(), time.process_time()
    end = began + seconds
    for client in clients:
        go_on(client)
    await ended
    return _close(load, clients, began, cpu)


async def open_loop(texts: Texts, port: int, rate: float, seconds: float) -> Outcome:
    """Load at a fixed rate, on as many connections as it takes."""
    idle: List[_Connection] = []
    load = _Load(texts, port, idle.append)
    clients = [await load.connect() for _ in range(64)]
    idle.extend(clients)
    began, cpu = time.perf_counter(), time.process_time()
    sent, count = 0, int(rate * seconds)
    while sent < count:
        due = min(count, int((time.perf_counter() - began) * rate) + 1, sent + BURST)
        for number in range(sent, due):
            if not idle:
                clients.append(await load.connect())
                idle.append(clients[-1])
            idle.pop().send(load.next(), began + number / rate)
        is_late, sent = due == sent + BURST, due
        await asyncio.sleep(0 if is_late else TICK)  # responses are read meanwhile
    finished = time.perf_counter()
    while len(idle) < len(clients) and time.perf_counter() < finished + 60:
        await asyncio.sleep(0.01)
    load.wrong += len(clients) - len(idle)  # requests without a response
    return _close(load, clients, began, cpu)


def _close(load: _Load, clients: List[_Connection], began: float, cpu: float) -> Outcome:
    load.is_over = True
    for client in clients:
        client.transport.close()
    return Outcome(load.answers, load.rejections, load.wrong, time.perf_counter() - began, time.process_time() - cpu)


def percentile(seconds: Sequence[float], percent: float) -> str:
    """In milliseconds; "" of no values."""
    values = sorted(seconds)
    return f"{values[min(len(values) - 1, int(len(values) * percent / 100))] * 1000:.1f}" if values else ""
