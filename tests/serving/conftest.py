"""Servers that several tests use."""
import shutil
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from processes import Server, Start, make_package

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """A function that starts a server on a free port; the servers end with the module."""
    servers: List[Server] = []

    def begin(package: Any, *flags: str, **more: Any) -> Server:
        log = tmp_path_factory.mktemp("server") / "stderr"
        servers.append(Server(package, log, *([] if "--port" in flags else ["--port", "0"]), *flags, **more))
        return servers[-1]

    yield begin
    for server in servers:
        server.process.kill()
        server.end()


@pytest.fixture(scope="session")
def echo_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with the service of echo_service.py."""
    return make_package(tmp_path_factory.mktemp("echo") / "model", (HERE / "echo_service.py").read_text("utf-8"))


@pytest.fixture(scope="session")
def own_package(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained package, with its service."""
    return Path(shutil.copytree(str(tiny_run / "cnn" / "model"), str(tmp_path_factory.mktemp("own") / "model")))


@pytest.fixture(scope="module")
def limited(echo_package: Path, start: Start) -> Server:
    """A server with a small queue and one thread; its deadlines are never reached."""
    return start(echo_package, "--body_limit", "1", "--queue_limit", "3", "--threads", "1", "--time_limit", "600",
                 "--arrival_limit", "600").ready()


@pytest.fixture(scope="module")
def hasty(echo_package: Path, start: Start) -> Server:
    """A server with a short deadline for the arrival of requests."""
    return start(echo_package, "--time_limit", "600", "--arrival_limit", "2").ready()
