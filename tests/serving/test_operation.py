"""The token, the log, and what stops the start (docs/faults.md: C11)."""
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from processes import PATIENCE, Start, make_package, wait_until

from textjob.paths import PROJECT
from textjob.process import WITHOUT_KERAS


def run(*argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(PROJECT / "infer.py"), "serve", *argv], capture_output=True, text=True,
                          check=False, timeout=PATIENCE, env=dict(os.environ, **environment))


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
        echo_package: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for flags in (["--port", port], ["--host", "192.0.2.1", "--port", "0"], ["--port", "70000"]):
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


@pytest.mark.parametrize("module", ["uvicorn", "uvloop", "httptools", "orjson", "python_multipart",
                                    "prometheus_client"])
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


def test_a_later_version_may_use_keras_although_the_first_one_did_not_need_it() -> None:
    code = ("from textjob import process; process.without_keras(); process.import_tensorflow(); import sys; "
            "assert 'keras' not in sys.modules; process.with_keras(); from tensorflow.keras.layers import Dense")
    environment = {name: value for name, value in os.environ.items() if name not in WITHOUT_KERAS}
    done = subprocess.run([sys.executable, "-c", code], cwd=str(PROJECT), env=environment, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
