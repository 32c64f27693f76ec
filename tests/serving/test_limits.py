"""Limits and deadlines: what a client sends, reads, waits for (docs/faults.md: R5, C1, C2, C3)."""
import contextlib
import gzip
import json
import resource
import socket
import threading
from pathlib import Path
from typing import Any, Dict, List

import pytest
from processes import JSON, Server, Start, is_closed, post_bytes, read_response, resident, wait_until

BODY = 1 << 20
GOOD = post_bytes(b'{"a": 1}')
ECHO = {"data": ["dict", {"a": 1}]}


@pytest.fixture(scope="module")
def limited(echo_package: Path, start: Start) -> Server:
    """A server with a small queue and one thread; its deadlines are never reached."""
    return start(echo_package, "--body_limit", "1", "--queue_limit", "3", "--threads", "1", "--time_limit", "600",
                 "--arrival_limit", "600").ready()


@pytest.fixture(scope="module")
def hasty(echo_package: Path, start: Start) -> Server:
    """A server with a short deadline for the arrival of requests."""
    return start(echo_package, "--time_limit", "600", "--arrival_limit", "2").ready()


def waiting(server: Server) -> int:
    """The number of requests that wait or are being answered."""
    metrics = server.send("GET", "/metrics")[1].decode()
    return int(float(metrics.split("\ntextjob_queue_requests ")[1].split()[0]))


def is_answered(server: Server) -> bool:
    return server.post({"a": 1}) == (200, ECHO)


class Blocked:
    """A call of the service that goes on until :meth:`release`."""

    def __init__(self, server: Server, folder: Path, name: str = "call") -> None:
        self.started, self.gate = folder / f"{name}.started", folder / f"{name}.gate"
        self.connection = server.connect()
        self.connection.sendall(post_bytes(json.dumps({"started": str(self.started), "gate": str(self.gate)}).encode()))

    def wait(self) -> "Blocked":
        wait_until(self.started.exists)
        return self

    def release(self) -> None:
        self.gate.touch()

    def __enter__(self) -> "Blocked":
        return self

    def __exit__(self, *_: Any) -> None:
        self.release()
        self.connection.close()


# R5: the size of a body


def test_a_body_over_the_limit_is_413_before_it_is_sent(limited: Server) -> None:
    with limited.connect() as connection:
        connection.sendall(post_bytes(b"", length=BODY + 1))
        status, body = read_response(connection)
    assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")


def test_a_body_at_the_limit_is_answered(limited: Server) -> None:
    text = "x" * (BODY - len('{"a": ""}'))
    assert limited.post({"a": text}) == (200, {"data": ["dict", {"a": text}]})


def test_a_chunked_body_over_the_limit_is_413_before_its_end(limited: Server) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with limited.connect() as connection:
        connection.sendall(post_bytes(b"", "Transfer-Encoding: chunked") + chunk * 17)  # without the last chunk
        assert read_response(connection)[0] == 413


def test_a_client_that_sends_the_whole_body_reads_the_413(limited: Server) -> None:
    response, body = limited.send("POST", "/", b"x" * (BODY + 5), JSON)
    assert (response.status, json.loads(body)["error"]["code"]) == (413, "too_large")


def test_a_body_that_goes_on_after_the_413_is_cut_off(limited: Server) -> None:
    with limited.connect() as connection, pytest.raises(ConnectionError):
        connection.sendall(post_bytes(b"", length=1 << 40))
        for _ in range(1000):
            connection.sendall(b"x" * 65536)


def test_a_client_that_expects_100_continue_gets_the_413_instead(limited: Server) -> None:
    with limited.connect() as connection:
        connection.sendall(post_bytes(b"", "Expect: 100-continue", length=BODY + 1))
        assert read_response(connection)[0] == 413
        assert is_closed(connection)
    with limited.connect() as connection:
        connection.sendall(post_bytes(b"", "Expect: 100-continue", length=8))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b'{"a": 1}')
        assert read_response(connection) == (200, json.dumps(ECHO).encode())


def test_a_compressed_body_is_not_expanded(limited: Server) -> None:
    bomb = gzip.compress(bytes(100 << 20))
    status, body = limited.post(bomb, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert (status, body["erno"]) == (400, "MR.0101")


def test_a_header_without_end_is_431(limited: Server) -> None:
    with limited.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: test\r\n")
        for number in range(400):
            connection.sendall(b"X-%d: " % number + b"x" * 1000 + b"\r\n")
            if number == 100:
                break
        assert read_response(connection)[0] == 431
        assert is_closed(connection)


# C2: slow clients


@pytest.mark.parametrize("sent", [
    b"", b"P", b"POST / HTTP/1.1\r\nHost: test\r\n", GOOD[:-1], post_bytes(b"", length=5),
    GOOD + GOOD[:30], post_bytes(b"", "Transfer-Encoding: chunked") + b"5\r\nabc"],
    ids=["nothing", "a letter", "half a header", "half a body", "no body", "half a second request", "half a chunk"])
def test_a_request_that_does_not_arrive_is_closed_by_the_deadline(sent: bytes, hasty: Server) -> None:
    with hasty.connect() as connection:
        connection.sendall(sent)
        assert is_answered(hasty)
        assert is_closed(connection)


def test_a_line_break_after_a_request_does_not_keep_the_connection_open(hasty: Server) -> None:
    with hasty.connect() as connection:
        connection.sendall(GOOD)
        assert read_response(connection)[0] == 200
        connection.sendall(b"\r\n")
        assert is_closed(connection)


def test_a_header_that_arrives_byte_by_byte_is_closed_by_the_deadline(hasty: Server) -> None:
    with hasty.connect() as connection, pytest.raises(ConnectionError):
        connection.settimeout(0.2)
        connection.sendall(b"POST / HTTP/1.1\r\n")
        while True:
            connection.sendall(b"X-Y: z\r\n")
            try:
                assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")
            except socket.timeout:
                continue
            assert is_closed(connection)
            raise ConnectionResetError


def test_a_client_that_does_not_read_its_response_is_closed_by_the_deadline(hasty: Server) -> None:
    wait_until(lambda: waiting(hasty) == 0)
    before = hasty.descriptors()
    with hasty.connect() as one, hasty.connect() as other:
        for client in (one, other):
            client.sendall(post_bytes(b'{"answer": "large"}'))
        wait_until(lambda: hasty.descriptors() > before and waiting(hasty) == 0)
        assert is_answered(hasty)
        wait_until(lambda: hasty.descriptors() <= before)


def test_a_connection_is_kept_between_requests_for_longer_than_a_request_may_take_to_arrive(hasty: Server) -> None:
    with hasty.connect() as idle:
        for _ in range(2):
            idle.sendall(GOOD)
            assert read_response(idle) == (200, json.dumps(ECHO).encode())
            with hasty.connect() as slow:
                slow.sendall(b"POST")
                assert is_closed(slow)  # the deadline for the arrival of a request has passed


# time and queue limits


def test_work_over_the_time_limit_is_504_and_its_slot_is_free_for_the_next_request(
        echo_package: Path, start: Start, tmp_path: Path) -> None:
    server = start(echo_package, "--time_limit", "2", "--threads", "1").ready()
    with Blocked(server, tmp_path).wait() as blocked:
        status, body = read_response(blocked.connection)
        assert (status, json.loads(body)["error"]["code"]) == (504, "timeout")
        wait_until(lambda: is_answered(server))  # the only thread was replaced; the call still runs
        assert not blocked.gate.exists()
    wait_until(lambda: is_answered(server))


def test_a_full_queue_is_503_with_retry_after_and_health_stays_good(limited: Server, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        calls = [stack.enter_context(Blocked(limited, tmp_path, str(number))) for number in range(3)]
        wait_until(lambda: waiting(limited) == 3)
        response, body = limited.send("POST", "/", {"a": 1})
        assert (response.status, json.loads(body)["error"]["code"]) == (503, "overloaded")
        assert int(response.headers["Retry-After"]) >= 1
        assert limited.send("GET", "/health")[0].status == 200
        for call in calls:
            call.release()
        assert [read_response(call.connection)[0] for call in calls] == [200, 200, 200]
    assert is_answered(limited)


def test_a_request_whose_client_has_gone_is_not_passed_to_the_service(limited: Server, tmp_path: Path) -> None:
    with Blocked(limited, tmp_path, "running").wait() as running:
        with Blocked(limited, tmp_path, "queued") as queued:
            wait_until(lambda: waiting(limited) == 2)
        wait_until(lambda: waiting(limited) == 1)
        running.release()
        assert read_response(running.connection)[0] == 200
    assert is_answered(limited) and not queued.started.exists()


def test_ten_thousand_clients_that_hang_up_leave_nothing_behind(limited: Server) -> None:
    assert is_answered(limited)
    before = limited.descriptors()
    for number in range(10000):
        with limited.connect() as client:
            client.sendall(GOOD[:1 + number % len(GOOD)])
    wait_until(lambda: limited.descriptors() <= before)
    assert is_answered(limited)
    wait_until(lambda: waiting(limited) == 0)


def test_requests_whose_bodies_do_not_arrive_occupy_no_place_in_the_queue(limited: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(limited.connect()).sendall(GOOD[:-1])
        assert is_answered(limited)


# the protocol


def test_pipelined_requests_are_answered_in_their_order(limited: Server) -> None:
    with limited.connect() as connection:
        connection.sendall(b"".join(post_bytes(b'{"a": %d}' % number) for number in range(20)))
        file = connection.makefile("rb")
        for number in range(20):
            length = 0
            for line in iter(file.readline, b"\r\n"):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            assert json.loads(file.read(length)) == {"data": ["dict", {"a": number}]}


@pytest.mark.parametrize("request_", [
    b"\x16\x03\x01\x02\x00\x01", b"GARBAGE\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    post_bytes(b"", "Content-Length: 5", length=6), post_bytes(b"0\r\n\r\n", "Transfer-Encoding: chunked", length=3),
    post_bytes(b"zz\r\n", "Transfer-Encoding: chunked"), post_bytes(b"", length=-1)], ids=ascii)
def test_an_invalid_request_is_400_and_the_next_one_is_answered(request_: bytes, limited: Server) -> None:
    with limited.connect() as connection:
        connection.sendall(request_)
        assert read_response(connection)[0] in (0, 400)
        assert is_closed(connection)
    assert is_answered(limited)


@pytest.mark.parametrize("length", [7, 9], ids=["too short", "too long"])
def test_a_wrong_content_length_does_not_change_the_answers_of_others(length: int, limited: Server) -> None:
    with limited.connect() as connection:
        connection.sendall(post_bytes(b'{"a": 1}', length=length))
        connection.shutdown(socket.SHUT_WR)
        assert read_response(connection)[0] in (0, 400)
    assert is_answered(limited)


def test_a_chunked_body_is_answered(limited: Server) -> None:
    with limited.connect() as connection:
        connection.sendall(post_bytes(b"", "Transfer-Encoding: chunked") + b'3\r\n{"a\r\n5\r\n": 1}\r\n0\r\n\r\n')
        assert read_response(connection) == (200, json.dumps(ECHO).encode())


# C1


def test_each_of_ten_thousand_connections_gets_an_answer_or_a_503(echo_package: Path, start: Start) -> None:
    count = 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 500:
        pytest.skip(f"a process may have {hard} open files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = start(echo_package, "--arrival_limit", "600").ready()
    assert is_answered(server)
    statuses: Dict[int, int] = {}
    clients: List[Any] = []
    memory = resident(server)
    try:
        for _ in range(count):
            clients.append(server.connect())
        wait_until(lambda: server.descriptors() > count)
        senders = [threading.Thread(target=send_all, args=(clients[part::8],)) for part in range(8)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        for client in clients:
            status, _ = read_response(client)
            statuses[status] = statuses.get(status, 0) + 1
        grown = resident(server) - memory
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert set(statuses) <= {200, 503} and statuses[200] > 0, statuses
    assert grown < 300 << 20
    assert is_answered(server)


def send_all(clients: List[socket.socket]) -> None:
    for client in clients:
        client.sendall(GOOD)
