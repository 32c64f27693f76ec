"""The sides that benchmarks/serve.py compares: server processes, and the Session without a server."""
import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from textjob.paths import PROJECT

OURS = "infer.py serve"


class Peer(NamedTuple):
    """How a server is started, and what its requests and responses look like."""

    modules: Tuple[str, ...]
    command: Callable[[int], List[str]]  # from the port
    path: str = "/"
    wrapped: Callable[[str], Any] = lambda text: {"text": text}
    unwrapped: Callable[[Any], Any] = lambda body: body


def _uvicorn(app: str) -> Callable[[int], List[str]]:
    return lambda port: ["-m", "uvicorn", "--factory", "--port", str(port), "--no-access-log", "--log-level", "error",
                         f"serving_peers:{app}"]


PEERS = {
    "Flask + gunicorn": Peer(("flask", "gunicorn"), lambda port: [
        "-m", "gunicorn", "--threads", "8", "--keep-alive", "200", "--timeout", "0", "-b", f"127.0.0.1:{port}",
        "serving_peers:flask_app()"]),
    "FastAPI + uvicorn": Peer(("fastapi",), _uvicorn("fastapi_app")),
    "MLflow": Peer(("mlflow",), _uvicorn("mlflow_app"), "/invocations", lambda text: {"inputs": [text]},
                   lambda body: body["predictions"][0]),
    "LitServe": Peer(("litserve",), lambda port: [str(PROJECT / "benchmarks/serving_litserve.py"), str(port)],
                     "/predict"),
}
NONE = Peer((), lambda port: [])


def missing(peer: Peer) -> List[str]:
    """The modules of a peer that are not installed."""
    return [module for module in peer.modules if importlib.util.find_spec(module) is None]


class Side:
    """A server process; it is stopped while other sides are measured."""

    def __init__(self, name: str, package: Path, more: Sequence[str] = ()) -> None:
        self.name, self.port, self.peer = name, free_port(), PEERS.get(name, NONE)
        arguments = ([str(PROJECT / "infer.py"), "serve", "--model", str(package), "--port", str(self.port), *more]
                     if name == OURS else self.peer.command(self.port))
        environment = dict(os.environ, PACKAGE=str(package), PYTHONPATH=str(PROJECT / "benchmarks"))
        self.process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=environment, start_new_session=True)

    def wait(self, request: bytes) -> None:
        """Wait until the server answers."""
        while not self._answers(request):
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended with code {self.process.returncode}")
            time.sleep(0.2)

    def _answers(self, request: bytes) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(request)
            return connection.recv(100).startswith(b"HTTP/1.1 200")
        return False

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The process runs only in this context."""
        self.signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.signal(signal.SIGSTOP)

    def cpu(self) -> float:
        """Seconds of CPU time of the process and its children."""
        return _cpu(self.process.pid)

    def event_loop(self) -> float:
        """Seconds of CPU time of the main thread, which runs the event loop of infer.py serve."""
        return _ticks(f"/proc/{self.process.pid}/task/{self.process.pid}/stat")

    def memory(self) -> float:
        """Resident megabytes of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def end(self) -> None:
        """End the process and its children."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.signal(signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ticks(stat: str) -> float:
    fields = Path(stat).read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cpu(pid: int) -> float:
    children = [child for task in Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text(encoding="ascii").split()]
    return _ticks(f"/proc/{pid}/stat") + sum(_cpu(int(child)) for child in children)


class Bare:
    """The Session of a package, without the service and with the default threads; :meth:`speed` at a batch size."""

    def __init__(self, package: Path, texts: Sequence[str]) -> None:
        import tensorflow as tf

        with tf.Graph().as_default():
            self._session = tf.compat.v1.Session()
            loaded = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(package))
        signature = loaded.signature_def["serving_default"]
        self._names = signature.inputs["input_x"].name, signature.outputs["output"].name
        self._texts = [text.encode("utf-8") for text in texts]

    def speed(self, batch: int, seconds: float) -> Tuple[float, float]:
        """Texts per second, and core-microseconds per text."""
        batches = [self._texts[first:first + batch] for first in range(0, len(self._texts) - batch + 1, batch)]
        done, began, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < seconds:
            self._session.run(self._names[1], {self._names[0]: batches[done % len(batches)]})
            done += 1
        texts = done * batch
        return texts / (time.perf_counter() - began), (time.process_time() - cpu) / texts * 1e6


def start_seconds(package: Path) -> Dict[str, List[float]]:
    """Seconds of ``import tensorflow`` and of a start of the server to its line on standard output, alternating."""
    seconds: Dict[str, List[float]] = {"import tensorflow": [], "start to ready": []}
    for _ in range(4):  # the first round reads the files into the cache
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, stderr=subprocess.DEVNULL)
        seconds["import tensorflow"].append(time.perf_counter() - began)
        began = time.perf_counter()
        command = [sys.executable, str(PROJECT / "infer.py"), "serve", "--model", str(package), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            assert server.stdout is not None
            server.stdout.readline()
            seconds["start to ready"].append(time.perf_counter() - began)
            server.terminate()
    return {name: values[1:] for name, values in seconds.items()}
