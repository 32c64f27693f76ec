"""Start, readiness, signals, token, log (docs/faults.md: C5, C6, C11)."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List

import pytest
from processes import PATIENCE, Server, Start, make_package, post_bytes, read_response, wait_until

from textjob.paths import PROJECT


def run(*argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(PROJECT / "infer.py"), "serve", *argv], capture_output=True, text=True,
                          check=False, timeout=PATIENCE, env=dict(os.environ, **environment))


@pytest.fixture(scope="module")
def echo(echo_package: Path, start: Start) -> Server:
    return start(echo_package, "--name", "news").ready()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def test_a_token_is_needed_for_everything_but_health(echo_package: Path, start: Start, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n", encoding="utf-8")
    server = start(echo_package, "--token_file", str(tmp_path / "token")).ready()
    for headers in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "s3cret"},
                    {"Authorization": "Bearer s3cret "[:-1] + "x"}, {"Authorization": "Bearer \xff"}):
        for method, path in (("POST", "/"), ("GET", "/metrics"), ("GET", "/no/such")):
            response, body = server.send(method, path, {"a": 1}, headers)
            assert (response.status, json.loads(body)["error"]["code"]) == (401, "unauthorized")
            assert response.headers["WWW-Authenticate"] == "Bearer"
    assert server.send("GET", "/health")[0].status == 200
    right = {"Authorization": "Bearer s3cret"}
    assert server.post({"a": 1}, headers=right)[0] == 200
    assert server.send("GET", "/metrics", None, right)[0].status == 200


@pytest.mark.parametrize("content", ["", "\n", "two words", "ä"])
def test_a_token_file_without_a_token_is_refused(content: str, echo_package: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(content, encoding="utf-8")
    done = run("--model", str(echo_package), "--port", "0", "--token_file", str(tmp_path / "token"))
    assert done.returncode == 2 and "expected one line with a token" in done.stderr


def test_a_log_that_nobody_reads_does_not_delay_the_answers(echo_package: Path, start: Start) -> None:
    server = start(echo_package, stderr=subprocess.PIPE).ready()
    path = "/" + "x" * 100
    for _ in range(1500):  # more than a pipe holds
        assert server.send("GET", path)[0].status == 404
    assert server.post({"a": 1})[0] == 200
    assert server.end() == 0
    assert server.process.stderr is not None
    server.process.stderr.close()


def test_a_full_disk_of_the_log_does_not_delay_the_answers(echo_package: Path, start: Start) -> None:
    with open("/dev/full", "wb") as full:
        server = start(echo_package, stderr=full).ready()
    assert [server.post({"a": 1})[0] for _ in range(50)] == [200] * 50
    assert server.end() == 0


def test_a_port_in_use_and_an_address_that_does_not_exist_are_refused_with_a_sentence(
        echo: Server, echo_package: Path) -> None:
    for flags in (["--port", str(echo.port)], ["--host", "192.0.2.1", "--port", "0"], ["--port", "70000"]):
        done = run("--model", str(echo_package), *flags)
        assert done.returncode == 2 and f"{flags[-2]} {flags[-1]}: " in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("flag", ["--body_limit", "--time_limit", "--arrival_limit", "--queue_limit", "--threads"])
def test_a_limit_of_zero_is_refused(flag: str, echo_package: Path) -> None:
    done = run("--model", str(echo_package), "--port", "0", flag, "0")
    assert done.returncode == 2 and "must be above 0" in done.stderr


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    done = run("--model", str(tmp_path))
    assert done.returncode == 5 and "contains saved_model.pb" in done.stderr


def test_a_damaged_package_ends_the_server_with_the_name_of_the_file(own_package: Path, tmp_path: Path) -> None:
    package = Path(shutil.copytree(str(own_package), str(tmp_path / "model")))
    (package / "assets" / "labels.txt").write_bytes(b"x\ny\nz\n")
    done = run("--model", str(package), "--port", "0")
    assert done.returncode == 5 and "assets/labels.txt was cut or changed" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("module", ["uvicorn", "uvloop", "httptools", "python_multipart", "prometheus_client"])
def test_a_missing_requirement_is_named_with_the_command_that_installs_it(
        module: str, echo_package: Path, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('missing', name={module!r})", encoding="utf-8")
    done = run("--model", str(echo_package), PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == (f"error: infer.py serve needs the module {module}, which is not installed; run: "
                           "pip install -r requirements-serve.txt\n")


def test_an_old_python_is_refused_with_a_sentence() -> None:
    python = Path(os.environ.get("ENGINES_DIR", str(PROJECT / ".engines"))) / "tf2.1.0" / "bin" / "python"
    if not python.exists():
        pytest.skip("make engines installs Python 3.7")
    done = subprocess.run([str(python), "infer.py", "serve", "--model", "x"], cwd=str(PROJECT), capture_output=True,
                          text=True, check=False)
    assert done.returncode == 2
    assert "error: infer.py serve needs Python 3.10 or later, this is 3.7." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_crash_of_the_service_is_logged_with_its_traceback(start: Start, tmp_path: Path) -> None:
    source = ("from model_service.tfserving_model_service import TfServingBaseService as B\nclass One(B):\n"
              "    def __init__(self, a, b): pass\n    def _preprocess(self, data): raise ValueError('the cause')\n")
    server = start(make_package(tmp_path / "model", source)).ready()
    assert server.post({"a": 1})[0] == 500
    wait_until(lambda: any("the cause" in entry.get("traceback", "") for entry in server.entries()))
