"""Requests that are too large or not valid (docs/faults.md: R5)."""
import gzip
import json
import re
import socket

import pytest
from echo_server import BODY, ECHO, GOOD, is_answered
from processes import JSON, Server, is_closed, post_bytes, read_response

from textjob.serving.limits import HEADER


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
        line, sent = b"POST / HTTP/1.1\r\nHost: test\r\n", 0
        while sent <= HEADER:  # the last line exceeds the limit; after it, the server may close the connection
            connection.sendall(line)
            line, sent = b"X-%d: " % sent + b"x" * 1000 + b"\r\n", sent + len(line)
        assert read_response(connection)[0] == 431
        assert is_closed(connection)


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


def test_pipelined_requests_of_different_kinds_are_answered_in_their_order(limited: Server) -> None:
    requests = [GOOD, b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n", b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n",
                post_bytes(b""), b"HEAD /health HTTP/1.1\r\nHost: test\r\n\r\n"]
    with limited.connect() as connection:
        connection.sendall(b"".join(requests * 200))
        connection.shutdown(socket.SHUT_WR)
        content = b"".join(iter(lambda: connection.recv(65536), b""))
    assert re.findall(rb"HTTP/1.1 (\d+)", content) == [b"200", b"200", b"404", b"400", b"200"] * 200


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
