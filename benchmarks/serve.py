"""Requests per second and latency of infer.py serve, beside the bare model and other servers in the same run.

    python benchmarks/serve.py --train_url out/ --models cnn,rnn,rcnn --seconds 5

Each request has one short text. A client of its own checks every response against the answer that the package's service
gives to this text alone. `bare` is the Session at batch 64, in texts per second. Flask + gunicorn and FastAPI + uvicorn
make one call of the model per request; they are left out if they are not installed.
"""
import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from textjob import process
from textjob.paths import PROJECT, SHIMS
from textjob.serving import host
from textjob.tables import markdown_table

CONNECTIONS = (1, 8, 64)
TEXTS = 500
TOLERANCE = 5e-6
HEADER = ["model", "server", "connections", "requests/s", "p50 ms", "p99 ms", "core-µs per request", "share of bare",
          "wrong answers"]


class Figures(NamedTuple):
    """Of one server with one number of connections."""

    requests: float  # per second
    p50: float  # milliseconds
    p99: float
    core: float  # microseconds of CPU time of the server's process per request
    wrong: int


class Client(asyncio.Protocol):
    """One connection, which sends the next request when it has the response to the last one."""

    def __init__(self, run: "Run", number: int) -> None:
        self.run, self.random = run, random.Random(number)
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.text = self.random.randrange(len(self.run.requests))
        self.began = time.perf_counter()
        self.transport.write(self.run.requests[self.text])

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        header, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(header.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.buffer = b""
        self.run.seconds.append(time.perf_counter() - self.began)
        self.run.wrong += not (header.startswith(b"HTTP/1.1 200") and self.run.is_right(self.text, body))
        if time.perf_counter() < self.run.end:
            self.send()
        else:
            self.transport.close()

    def connection_lost(self, error: Any) -> None:
        self.run.open -= 1
        if not self.run.open:
            self.run.ended.set_result(None)


class Run:
    """Closed-loop load from a number of connections for some seconds."""

    def __init__(self, texts: Sequence[str], answers: Sequence[Dict[str, Any]]) -> None:
        self.answers = answers
        self.seen: List[set] = [set() for _ in texts]  # type: ignore[type-arg]
        self.requests = [request_of(text) for text in texts]

    def is_right(self, text: int, body: bytes) -> bool:
        if body in self.seen[text]:
            return True
        if same(json.loads(body), self.answers[text]):
            self.seen[text].add(body)
            return True
        return False

    async def drive(self, port: int, connections: int, seconds: float) -> None:
        self.seconds: List[float] = []
        self.wrong, self.open = 0, connections
        loop = asyncio.get_running_loop()
        self.ended = loop.create_future()
        self.end = time.perf_counter() + seconds
        for number in range(connections):
            await loop.create_connection(lambda number=number: Client(self, number), "127.0.0.1", port)
        await self.ended


def request_of(text: str) -> bytes:
    body = json.dumps({"text": text}).encode()
    return (f"POST / HTTP/1.1\r\nHost: benchmark\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            "\r\n\r\n").encode() + body


def same(one: Dict[str, Any], other: Dict[str, Any]) -> bool:
    """Whether two answers agree; a batch may round the scores differently."""
    scores = dict(map(tuple, other.get("scores", [])))
    return one.keys() == other.keys() and all(
        abs(score - scores.get(label, 2)) <= TOLERANCE for label, score in one.get("scores", []))


def measure(run: Run, port: int, pid: int, connections: int, seconds: float) -> Figures:
    import uvloop

    uvloop.run(run.drive(port, connections, seconds / 4))  # warm-up
    before = cpu(pid)
    uvloop.run(run.drive(port, connections, seconds))
    times = sorted(run.seconds)
    count = len(times)
    return Figures(count / seconds, times[count // 2] * 1000, times[count * 99 // 100] * 1000,
                   (cpu(pid) - before) / count * 1e6, run.wrong)


def cpu(pid: int) -> float:
    """Seconds of CPU time of a process and of its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(cpu(int(child)) for child in children)


@contextlib.contextmanager
def started(command: List[str], port: int, package: Path) -> Iterator[int]:
    """A server process that answers; yields its process id."""
    environment = dict(os.environ, PACKAGE=str(package), PYTHONPATH=str(PROJECT / "benchmarks"))
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        while not answers_at(port):
            if server.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended with code {server.returncode}")
            time.sleep(0.2)
        yield server.pid
    finally:
        server.terminate()
        server.wait()


def answers_at(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request_of("ready"))
        return connection.recv(100).startswith(b"HTTP/1.1 200")
    return False


def servers(package: Path, port: int) -> Dict[str, List[str]]:
    """Name to command."""
    python = sys.executable
    commands = {"infer.py serve": [python, str(PROJECT / "infer.py"), "serve", "--model", str(package), "--port",
                                   str(port)]}
    if importlib.util.find_spec("flask") and importlib.util.find_spec("gunicorn"):
        commands["Flask + gunicorn"] = [python, "-m", "gunicorn", "--threads", "8", "--keep-alive", "200", "-b",
                                        f"127.0.0.1:{port}", "serving_peers:flask_app()"]
    if importlib.util.find_spec("fastapi"):
        commands["FastAPI + uvicorn"] = [python, "-m", "uvicorn", "--factory", "--port", str(port), "--no-access-log",
                                         "serving_peers:fastapi_app"]
    return commands


def bare(package: Path, texts: Sequence[str], seconds: float) -> float:
    """Texts per second of the model in a Session, without the service, at batch 64."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(package))
        signature = loaded.signature_def["serving_default"]
        input_x, output = signature.inputs["input_x"].name, signature.outputs["output"].name
        encoded = [text.encode("utf-8") for text in texts]
        batches = [encoded[first:first + 64] for first in range(0, len(encoded) - 63, 64)]
        done = 0
        for limit in (seconds / 4, seconds):
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < limit:
                session.run(output, {input_x: batches[done % len(batches)]})
                done += 1
    return 64 * done / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--train_url", required=True, help="the output of train.py")
    parser.add_argument("--models", default="cnn,rnn,rcnn")
    parser.add_argument("--seconds", type=float, default=5.0, help="per measurement")
    parser.add_argument("--texts", help="a file with a text per line; made of random words by default")
    args = parser.parse_args()
    process.without_keras()
    process.import_tensorflow()
    if args.texts:
        texts = [line for line in Path(args.texts).read_text(encoding="utf-8").splitlines() if line][:TEXTS]
    else:
        words = (Path(args.train_url) / args.models.split(",")[0] / "model/assets/vocabulary.txt").read_text(
            encoding="utf-8").split()
        texts = [" ".join(random.Random(i).choices(words, k=5 + i % 10)) for i in range(TEXTS)]
    rows: List[List[str]] = []
    for model in args.models.split(","):
        package = Path(args.train_url, model, "model").resolve()
        service = host.Server(str(package), str(SHIMS)).service
        run = Run(texts, [service.inference({"text": text}) for text in texts])
        limit = bare(package, texts, args.seconds)
        rows.append([model, "bare, batch 64", "", f"{limit:.0f}", "", "", "", "100 %", ""])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        for name, command in servers(package, port).items():
            with started(command, port, package) as pid:
                for connections in CONNECTIONS:
                    figures = measure(run, port, pid, connections, args.seconds)
                    rows.append([model, name, str(connections), f"{figures.requests:.0f}", f"{figures.p50:.1f}",
                                 f"{figures.p99:.1f}", f"{figures.core:.0f}", f"{figures.requests / limit:.0%}",
                                 str(figures.wrong)])
                    print(*rows[-1], flush=True)
    print(markdown_table(HEADER, rows))


if __name__ == "__main__":
    main()
