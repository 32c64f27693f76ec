"""Start, readiness, signals (docs/faults.md: C5, C6, C10)."""
import json
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List

import pytest
from free_ports import free_port
from processes import PATIENCE, Server, Start, post_bytes, read_response, wait_until


@pytest.fixture(scope="module")
def echo(echo_package: Path, start: Start) -> Server:
    return start(echo_package, "--name", "news").ready()


def test_health_and_requests_are_503_until_the_model_is_loaded(
        echo_package: Path, start: Start, tmp_path: Path) -> None:
    gate, port = tmp_path / "gate", free_port()
    server = start(echo_package, "--port", str(port), environment={"CONSTRUCTOR_GATE": str(gate)})
    server.port = port

    def is_listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_listening)
    assert server.send("GET", "/health")[0].status == 503
    response, body = server.send("POST", "/", {"a": 1})
    assert (response.status, json.loads(body)["error"]["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    gate.touch()
    server.ready()
    assert server.send("GET", "/health")[0].status == 200
    assert server.post({"a": 1})[0] == 200


def test_the_line_on_standard_output_names_the_model_the_version_and_the_address(echo: Server) -> None:
    assert echo.output == f"serving news version 1 on http://127.0.0.1:{echo.port}"


def test_every_response_has_the_version_and_an_id_and_the_log_has_a_line_without_the_text(echo: Server) -> None:
    given = echo.send("POST", "/?text=secret", {"text": "secret"}, {"X-Request-Id": "id-1"})[0]
    made = echo.send("GET", "/no/such", None)[0]
    unprintable = echo.send("POST", "/", {"text": "secret"}, {"X-Request-Id": "\xff" + "x" * 300})[0]
    assert given.headers["X-Request-Id"] == "id-1" and given.headers["X-Model-Version"] == "1"
    assert made.headers["X-Model-Version"] == "1" and len(made.headers["X-Request-Id"]) == 32
    assert len(unprintable.headers["X-Request-Id"]) == 32
    wait_until(lambda: any(entry.get("id") == unprintable.headers["X-Request-Id"] for entry in echo.entries()))
    lines = {entry["id"]: entry for entry in echo.entries() if "id" in entry}
    assert lines["id-1"]["status"] == 200 and lines["id-1"]["path"] == "/" and lines["id-1"]["milliseconds"] > 0
    assert lines["id-1"]["version"] == "1" and "items" in lines["id-1"]
    assert lines[made.headers["X-Request-Id"]]["status"] == 404
    assert "secret" not in echo.log.read_text(encoding="utf-8")


def test_sigterm_answers_what_is_in_flight_and_refuses_the_rest(echo_package: Path, start: Start, tmp_path: Path
                                                                ) -> None:
    server = start(echo_package).ready()
    started, gate = tmp_path / "started", tmp_path / "gate"
    with server.connect() as in_flight:
        in_flight.sendall(post_bytes(json.dumps({"started": str(started), "gate": str(gate)}).encode()))
        wait_until(started.exists)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.send("GET", "/health")[0].status == 503)
        response, body = server.send("POST", "/", {"a": 1})
        assert (response.status, json.loads(body)["error"]["code"]) == (503, "unavailable")
        gate.touch()
        assert read_response(in_flight)[0] == 200
    assert server.process.wait(PATIENCE) == 0


def test_every_request_under_load_gets_an_answer_or_a_503_while_the_server_ends(own_package: Path, start: Start
                                                                                ) -> None:
    server = start(own_package).ready()
    answered, ending = threading.Semaphore(0), threading.Event()

    def send_until_refused() -> List[int]:
        statuses: List[int] = []
        while 503 not in statuses:
            try:
                statuses.append(server.send("POST", "/", {"text": "goal team"})[0].status)
            except ConnectionError:
                assert ending.is_set()  # the listening socket is closed
                return statuses
            answered.release()
        return statuses

    with ThreadPoolExecutor(16) as pool:
        clients = [pool.submit(send_until_refused) for _ in range(16)]
        for _ in range(200):
            answered.acquire()
        ending.set()
        server.process.send_signal(signal.SIGTERM)
        statuses = {status for client in clients for status in client.result()}
    assert {200} <= statuses <= {200, 503}
    assert server.process.wait(PATIENCE) == 0


def test_an_idle_server_ends_with_0_on_sigterm_and_its_port_can_be_used_again(echo_package: Path, start: Start
                                                                              ) -> None:
    server = start(echo_package).ready()
    with server.connect() as idle:
        idle.sendall(post_bytes(b'{"a": 1}'))
        assert read_response(idle)[0] == 200
        assert server.end() == 0
    again = start(echo_package, "--port", str(server.port)).ready()
    assert again.port == server.port and again.post({"a": 1})[0] == 200


def test_a_request_whose_body_does_not_arrive_does_not_delay_the_end(echo_package: Path, start: Start) -> None:
    server = start(echo_package, "--arrival_limit", "600").ready()
    with server.connect() as half:
        half.sendall(post_bytes(b'{"a": 1}')[:-1])
        assert server.post({"a": 1})[0] == 200
        assert server.end() == 0


def test_a_second_sigterm_ends_the_server_at_once(echo_package: Path, start: Start, tmp_path: Path) -> None:
    server = start(echo_package).ready()
    with server.connect() as in_flight:
        started = tmp_path / "started"
        in_flight.sendall(post_bytes(json.dumps({"started": str(started), "gate": str(tmp_path / "gate")}).encode()))
        wait_until(started.exists)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.send("GET", "/health")[0].status == 503)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 128 + signal.SIGTERM


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
def test_a_signal_during_the_load_ends_the_server(
        number: int, code: int, echo_package: Path, start: Start, tmp_path: Path) -> None:
    port = free_port()
    server = start(echo_package, "--port", str(port), environment={"CONSTRUCTOR_GATE": str(tmp_path / "never")})
    server.port = port

    def is_loading() -> bool:
        try:
            return server.send("GET", "/health")[0].status == 503
        except ConnectionError:
            return False

    wait_until(is_loading)
    server.process.send_signal(number)
    assert server.process.wait(PATIENCE) == code
