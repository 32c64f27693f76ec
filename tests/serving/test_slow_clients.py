"""Clients that send or read slowly (docs/faults.md: C2)."""
import json
import socket
import time
from pathlib import Path

import pytest
from echo_server import ECHO, GOOD, is_answered, waiting
from processes import Server, Start, is_closed, post_bytes, read_response, wait_until


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


def test_each_request_of_a_connection_has_its_own_deadline(echo_package: Path, start: Start) -> None:
    server = start(echo_package, "--arrival_limit", "5").ready()
    half = len(GOOD) - 4
    with server.connect() as connection:
        connection.sendall(GOOD[:half])
        for _ in range(14):  # a request is incomplete all the time, for longer than the limit
            time.sleep(0.4)
            connection.sendall(GOOD[half:] + GOOD[:half])
            assert read_response(connection) == (200, json.dumps(ECHO).encode())


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
