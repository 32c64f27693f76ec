"""The meeting of the nodes of a cluster before TensorFlow connects them.

TensorFlow waits for missing nodes for an hour, and holds Python's lock while it waits, so that neither a time limit nor
SIGTERM works. Therefore the nodes meet on a TCP connection to the chief first: each sends a line of JSON with what must
be equal on all nodes, and the chief answers with the models to train. The chief listens on its own address of the
cluster, and frees it before TensorFlow uses it.
"""
import contextlib
import json
import socket
import time
from typing import Any, Dict, Iterator, List, Mapping

from textjob.errors import JobError, UsageError, WorkerLostError
from textjob.job.cluster import Cluster

_RETRY = 0.5     # seconds between two attempts to connect to the chief
_GREETING = 10   # seconds for the line of a worker
_SILENCE = 20    # seconds after which a connection without an answer from the other host is given up
_LONGEST = 1 << 20


class Meeting:
    """The chief's side; the nodes can connect from its creation on."""

    def __init__(self, cluster: Cluster, listener: socket.socket, seconds: float) -> None:
        self._cluster, self._listener, self._seconds = cluster, listener, seconds

    def start(self, facts: Mapping[str, Any], models: List[str]) -> None:
        """Wait for all nodes, compare their facts with those of the chief, and send them the models to train.

        Raises:
            WorkerLostError: a node did not connect in time.
            UsageError: the facts of a node differ.
        """
        joined: Dict[int, socket.socket] = {}
        reply: Dict[str, Any] = {"models": models}
        try:
            self._collect(facts, joined)
        except JobError as error:
            reply = {"error": str(error)}
            raise
        finally:
            for connection in joined.values():
                with contextlib.suppress(OSError), connection:  # TensorFlow notices a node that has gone
                    connection.sendall(_line(reply))
            self._listener.close()

    def _collect(self, facts: Mapping[str, Any], joined: Dict[int, socket.socket]) -> None:
        """Accept every node into ``joined``, and compare the facts when all are present."""
        end, differing = time.monotonic() + self._seconds, ""
        missing = set(range(1, len(self._cluster.addresses)))
        while missing:
            self._listener.settimeout(max(0.001, end - time.monotonic()))
            try:
                connection = self._listener.accept()[0]
            except socket.timeout:
                raise WorkerLostError(
                    f"{', '.join(self._cluster.name(number) for number in sorted(missing))} did not connect to "
                    f"{self._cluster.addresses[0]} within {self._seconds:g} seconds; check that every node runs the "
                    "same command and can reach this address, then run it again on all nodes (--worker_start_seconds "
                    "sets the limit)")
            connection.settimeout(_GREETING)
            number, theirs = _greeting(connection)
            if number not in missing:  # not a node of this job, or one that connects twice
                connection.close()
                continue
            missing.remove(number)
            joined[number] = connection
            keys = sorted(key for key in {*facts, *theirs} if facts.get(key) != theirs.get(key))
            if keys and not differing:
                differing = (f"{self._cluster.name(number)} differs from the first node in {', '.join(keys)}; run the "
                             "same command on the same data on all nodes")
        if differing:
            raise UsageError(differing)


@contextlib.contextmanager
def opened(cluster: Cluster, seconds: float) -> Iterator[Meeting]:
    """The meeting, on the chief. At the end of the block the connections are closed, so that no node waits any longer.

    Raises:
        UsageError: the address is in use, or is not one of this host.
    """
    host, _, port = cluster.addresses[0].rpartition(":")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1" if host in ("localhost", "127.0.0.1") else "", int(port)))
        except (OSError, ValueError, OverflowError) as error:
            raise UsageError(f"this is the first node of the cluster, but it cannot listen on {cluster.addresses[0]} "
                             f"({error}); give another port (--worker_port, or TF_CONFIG)")
        listener.listen(len(cluster.addresses) * 4)
        yield Meeting(cluster, listener, seconds)


def join(cluster: Cluster, facts: Mapping[str, Any], seconds: float) -> List[str]:
    """The models to train, from the chief; on the other nodes.

    Raises:
        WorkerLostError: the chief could not be reached in time, or it ended.
        UsageError: the facts differ.
    """
    with _connected(cluster, seconds) as connection:
        try:
            connection.sendall(_line({"facts": facts, "number": cluster.number}))
            reply = _read(connection)
        except (OSError, ValueError) as error:
            reason = f" ({error})" if str(error) else ""
            raise WorkerLostError(f"{cluster.name(0)} ended before the training started{reason}; its log has the "
                                  "reason. Run the same command again on all nodes")
    if "error" in reply:
        raise UsageError(reply["error"])
    models: List[str] = reply["models"]
    return models


def _connected(cluster: Cluster, seconds: float) -> socket.socket:
    host, _, port = cluster.addresses[0].rpartition(":")
    end = time.monotonic() + seconds
    while True:
        try:
            connection = socket.create_connection((host, int(port)), timeout=max(0.1, end - time.monotonic()))
            break
        except (OSError, ValueError, OverflowError) as error:  # the name of a host may be unknown until it has started
            if time.monotonic() + _RETRY > end:
                raise WorkerLostError(
                    f"{cluster.name(0)} cannot be reached within {seconds:g} seconds ({error}); check that it runs the "
                    "same command, then run it again on all nodes (--worker_start_seconds sets the limit)")
            time.sleep(_RETRY)
    connection.settimeout(None)  # the chief may read its data and wait for other nodes
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", _SILENCE // 2), ("TCP_KEEPINTVL", _SILENCE // 4), ("TCP_KEEPCNT", 2)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return connection


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"


def _read(connection: socket.socket) -> Dict[str, Any]:
    """A line of JSON; an incomplete line raises ValueError."""
    with connection.makefile("rb") as file:
        line = file.readline(_LONGEST)
    value = json.loads(line) if line.endswith(b"\n") else None
    if not isinstance(value, dict):
        raise ValueError
    return value


def _greeting(connection: socket.socket) -> Any:
    """Number and facts of a node; -1 for anything else that connects to the port."""
    try:
        greeting = _read(connection)
        number, facts = greeting.get("number"), greeting.get("facts")
    except (OSError, ValueError):
        return -1, {}
    return (number, facts) if isinstance(number, int) and isinstance(facts, dict) else (-1, {})
