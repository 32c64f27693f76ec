"""Fixtures: the stand-in on the path, an S3 server, a fault server, and a clean environment for each test."""
import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Iterator

import pytest
from free_ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SHIMS = str(ROOT / "shims")
sys.path[:0] = [SHIMS, str(Path(__file__).parent)]

from fault_server import FaultServer  # noqa: E402

VARIABLES = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SECURITY_TOKEN", "MOX_", "S3_", "AWS_", "OBS_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dummy keys, no endpoint, short waits."""
    from moxing._shim import settings

    for name in list(os.environ):
        if name.startswith(VARIABLES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("ACCESS_KEY_ID", "name")
    monkeypatch.setenv("SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("MOX_FILE_RETRY", "4")
    monkeypatch.setenv("MOX_FILE_RETRY_WAIT", "0.02")
    monkeypatch.setenv("MOX_FILE_TIMEOUT", "20")
    monkeypatch.setattr(settings, "_auth", {})
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


@pytest.fixture
def mox() -> Any:
    """The stand-in."""
    import moxing

    return moxing


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The endpoint of an S3 server (moto) with a bucket named ``bucket``."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        while True:  # until the time-out of the test
            try:
                urllib.request.urlopen(urllib.request.Request(endpoint + "/bucket", method="PUT")).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, "the S3 server did not start"
                time.sleep(0.1)
        yield endpoint
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A URL of the S3 server with no object below it; S3_ENDPOINT is set to the server."""
    monkeypatch.setenv("S3_ENDPOINT", s3_server)
    return f"obs://bucket/{time.monotonic_ns()}"


@pytest.fixture(scope="session")
def one_fault_server() -> Iterator[FaultServer]:
    """The fault server of the session."""
    server = FaultServer()
    server.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(one_fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> FaultServer:
    """The fault server without objects and faults; S3_ENDPOINT is set to it."""
    one_fault_server.reset()
    monkeypatch.setenv("S3_ENDPOINT", one_fault_server.endpoint)
    return one_fault_server


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out shorter than the pauses of the fault server; only for tests that expect it to expire."""
    monkeypatch.setenv("MOX_FILE_TIMEOUT", "1")
