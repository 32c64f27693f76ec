"""Versions of a model base: replacement, verification, freeing (docs/faults.md: C7, C8)."""
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import List, Set

import pytest
from made_versions import FOREIGN, Base, foreign, label_of, own, served, wait_for, wait_for_polls
from processes import JSON, PATIENCE, Server, Start, post_bytes, read_response, resident, wait_until


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path)


class Load:
    """Clients that send requests of several items all the time, on connections that are kept."""

    def __init__(self, server: Server, clients: int = 8) -> None:
        self._server, self._ended = server, threading.Event()
        self.versions: Set[str] = set()
        self.wrong: List[str] = []
        self.requests = 0
        self._pool = ThreadPoolExecutor(clients)
        self._clients = [self._pool.submit(self._send, client) for client in range(clients)]

    def _send(self, client: int) -> None:
        connection = HTTPConnection("127.0.0.1", self._server.port, timeout=PATIENCE)
        body = json.dumps({"req_data": ["a text", "b" * 300, "c" * 3000] * (1 + client)})
        while not self._ended.is_set():
            connection.request("POST", "/", body, JSON)
            response = connection.getresponse()
            content = response.read()
            version = response.headers["X-Model-Version"]
            answers = json.loads(content).get("resp_data", []) if response.status == 200 else []
            labels = {answer.get("predicted_label") for answer in answers}
            if labels != {label_of(int(version))} or len(answers) != 3 * (1 + client):
                self.wrong.append(f"{response.status} {version} {content[:200]!r}")
            self.versions.add(version)
            self.requests += 1
        connection.close()

    def wait_for(self, version: str) -> None:
        """Wait until a client has got a response of this version."""
        end = time.monotonic() + 60
        while version not in self.versions and time.monotonic() < end:
            time.sleep(0.01)

    def end(self) -> None:
        self._ended.set()
        self._pool.shutdown()
        for client in self._clients:
            client.result()


def test_versions_are_replaced_under_load_without_a_failed_or_a_mixed_response(base: Base, start: Start) -> None:
    base.add(1)
    server = base.start(start).ready()
    assert server.output.startswith("serving serve version 1 on ")
    load = Load(server)
    for number in range(2, 8):
        base.add(number, classes=2 + number % 3)
        wait_for(server, number)
    load.wait_for("7")
    load.end()
    assert load.wrong == [] and load.requests > 100
    assert load.versions == {str(number) for number in range(1, 8)}
    assert server.metric('textjob_model_loaded{name="serve",version="7"}') == 1
    assert server.metric('textjob_model_loaded{name="serve",version="6"}') == 0
    assert server.metric('textjob_model_load_seconds{version="7"}') > 0
    wait_until(lambda: server.metric('textjob_version_state{state="END",version="6"}') == 1)
    assert server.metric('textjob_version_state{state="AVAILABLE",version="7"}') == 1


def test_a_bad_version_under_load_changes_nothing_and_is_logged_once_until_its_files_change(base: Base, start: Start
                                                                                            ) -> None:
    base.add(1)
    server = base.start(start).ready()
    load = Load(server, 2)
    for number, file in ((2, "labels.txt"), (3, "saved_model.pb")):
        folder = own(base.folder.parent / "bad" / str(number), number)
        (folder / file).write_bytes((folder / file).read_bytes()[::-1])  # its size is right
        shutil.move(str(folder), str(base.folder / str(number)))

    def errors() -> List[str]:
        return [message for message in server.messages("ERROR") if message.startswith("version ")]

    wait_until(lambda: len(errors()) == 2)
    wait_for_polls(base, server)
    assert [message.split(":")[0] for message in sorted(errors())] == [
        "version 2 is not served", "version 3 is not served"]
    assert "labels.txt was cut or changed" in sorted(errors())[0] and "saved_model.pb" in sorted(errors())[1]
    assert server.metric('textjob_version_state{state="END",version="3"}') == 1
    load.end()
    assert load.wrong == [] and load.versions == {"1"}
    path = base.folder / "3" / "saved_model.pb"
    path.write_bytes(path.read_bytes()[::-1])
    wait_for(server, 3)
    assert len(errors()) == 2


def test_a_version_that_is_being_copied_is_not_served_and_not_an_error(base: Base, start: Start, tmp_path: Path
                                                                       ) -> None:
    base.add(1)
    server = base.start(start).ready()
    source, target = own(tmp_path / "source", 2), base.folder / "2" / "model"
    files = [path for path in source.rglob("*") if path.is_file()]
    files.sort(key=lambda path: (path.name != "manifest.json", path.suffix == ".data-00000-of-00001"))
    for path in files[:-1]:
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(path), str(copy))
    last, content = target / files[-1].relative_to(source), files[-1].read_bytes()
    seen = len(server.messages("WARNING"))
    for size in (0, len(content) // 2, len(content) - 1):
        last.write_bytes(content[:size])
        wait_until(lambda size=size: any(  # type: ignore[misc]
            f"has {size} of {len(content)} bytes" in message for message in server.messages("WARNING")[seen:]))
        assert served(server) == "1"
    last.write_bytes(content)
    wait_for(server, 2)
    assert server.messages("ERROR") == []


def test_a_request_is_answered_by_the_version_that_accepted_it_which_is_freed_afterwards(
        base: Base, start: Start, tmp_path: Path) -> None:
    base.add(1, foreign)
    server = base.start(start).ready()
    started, gate = tmp_path / "started", tmp_path / "gate"
    with server.connect() as connection:
        connection.sendall(post_bytes(json.dumps({"started": str(started), "gate": str(gate)}).encode()))
        wait_until(started.exists)
        base.add(2, foreign)
        wait_for(server, 2)
        assert server.metric('textjob_version_state{state="UNLOADING",version="1"}') == 1
        gate.touch()
        assert read_response(connection) == (200, b'{"version": 1}')
    wait_until(lambda: server.metric('textjob_version_state{state="END",version="1"}') == 1)


def test_twenty_replacements_leave_no_memory_no_threads_and_no_descriptors_behind(base: Base, start: Start) -> None:
    def replace(first: int, last: int) -> None:
        for number in range(first, last + 1):
            base.add(number)
            wait_for(server, number)
            wait_until(lambda before=number - 1: server.metric(  # type: ignore[misc]
                f'textjob_version_state{{state="END",version="{before}"}}') == 1)

    def threads() -> int:
        return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))

    base.add(1)
    server = base.start(start).ready()
    replace(2, 6)
    memory, descriptors, count = resident(server), server.descriptors(), threads()
    replace(7, 26)
    assert resident(server) - memory < 30 << 20  # the variables of the models alone have 80 MB
    wait_until(lambda: server.descriptors() <= descriptors and threads() <= count)  # a poll opens some


def test_each_version_imports_the_modules_beside_its_own_service_file(base: Base, start: Start) -> None:
    source = "import beside\nVERSION = beside.VERSION\n" + FOREIGN
    base.add(1, foreign, source=source, beside="VERSION = 1")
    server = base.start(start).ready()
    assert served(server) == "1"
    base.add(2, foreign, source=source, beside="VERSION = 2")
    wait_for(server, 2)
