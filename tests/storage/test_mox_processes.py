"""What lives longer than a call: background synchronisation, forked children, a log kept in the store, pools."""
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, List

import pytest
from fault_server import FaultServer

SHIMS = str(Path(__file__).resolve().parents[2] / "shims")


def ran(script: str, *arguments: str) -> str:
    """Standard output of a script that must succeed and say nothing on the side."""
    code = f"import sys\nsys.path.insert(0, {SHIMS!r})\n{script}"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_is_kept_synchronised_and_once_more_at_the_end(server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("first")
    (tmp_path / "same").write_text("same")
    ran("""
import os, time, moxing as mox
folder = sys.argv[1]
assert mox.file.background_sync_copy(folder, "obs://bucket/out", seconds=0.3) is None
deadline = time.time() + 20
while not mox.file.exists("obs://bucket/out/same") and time.time() < deadline:
    time.sleep(0.05)
with open(folder + "/a", "w") as stream:
    stream.write("second, longer")
os.mkdir(folder + "/sub")
with open(folder + "/sub/b", "w") as stream:
    stream.write("last moment")
""", str(tmp_path))
    assert {path: stored.body for path, stored in server.objects.items()} == {
        "bucket/out/a": b"second, longer", "bucket/out/same": b"same", "bucket/out/sub/b": b"last moment"}
    assert len(server.received("PUT", "out/same")) == 1, "what has not changed is not sent again"


def test_a_synchronisation_that_fails_is_tried_again_and_ends_no_job(server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    server.fail("status", method="PUT", status=403, times=2)
    assert ran("""
import time, moxing as mox
mox.file.background_sync_copy(sys.argv[1], "obs://bucket/out", seconds=0.1)
deadline = time.time() + 20
while not mox.file.exists("obs://bucket/out/a") and time.time() < deadline:
    time.sleep(0.05)
print("the job went on")
""", str(tmp_path)) == "the job went on\n"
    assert server.objects["bucket/out/a"].body == b"text"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_a_client_of_its_own(server: FaultServer, tmp_path: Path) -> None:
    server.put("bucket/x", b"text")
    assert ran("""
import multiprocessing, moxing as mox
def work(name):
    mox.file.write("obs://bucket/" + name, name)
    mox.file.copy_parallel("obs://bucket", sys.argv[1] + "/" + name)
mox.file.read("obs://bucket/x")
children = [multiprocessing.get_context("fork").Process(target=work, args=(str(n),)) for n in range(3)]
for child in children: child.start()
for child in children: child.join(30)
print([child.exitcode for child in children], mox.file.read("obs://bucket/x"))
""", str(tmp_path)) == "[0, 0, 0] text\n"


def test_a_log_can_be_kept_in_the_store_even_where_everything_is_logged(server: FaultServer) -> None:
    """The platform's own example. The client logs from another thread, while the handler is locked: no dead-lock."""
    ran("""
import logging, moxing as mox
stream = mox.file.File("obs://bucket/log.txt", "w")
logging.basicConfig(level=logging.DEBUG, stream=stream)
for number in range(5):
    logging.info("line %d", number)
stream.flush()
assert "line 4" in mox.file.read("obs://bucket/log.txt")
logging.info("the last")
logging.getLogger().handlers.clear()
stream.close()
""")
    lines = server.objects["bucket/log.txt"].body.decode().splitlines()
    lines = [line for line in lines if line.startswith("INFO:root")]
    assert lines == [f"INFO:root:line {number}" for number in range(5)] + ["INFO:root:the last"]


def test_an_exception_in_with_leaves_the_object_as_it_was(mox: Any, server: FaultServer) -> None:
    server.put("bucket/x", b"old")
    with pytest.raises(RuntimeError), mox.file.File("obs://bucket/x", "w") as stream:
        stream.write("half of")
        raise RuntimeError
    assert server.objects["bucket/x"].body == b"old" and server.received("PUT") == []


def test_a_file_that_is_never_closed_says_so(mox: Any, server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    stream = mox.file.File("obs://bucket/x", "w")
    stream.write("text")
    spool = stream._spool
    del stream
    assert "never closed" in caplog.text and not os.path.exists(spool) and server.received("PUT") == []


def test_no_temporary_file_is_left(mox: Any, server: FaultServer, tmp_path: Path,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mox.file.write("obs://bucket/x", "text")
    mox.file.append("obs://bucket/x", "more")
    with mox.file.File("obs://bucket/x", "r+") as stream:
        stream.read()
    with pytest.raises(OSError):
        mox.file.File("obs://bucket/none", "r")
    server.put("bucket/multi", b"x", "0123456789abcdef0123456789abcdef-1")
    mox.file.copy("obs://bucket/multi", "obs://bucket/copy")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_downloads_remains_are_never_copied_on(mox: Any, server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / ".moxing-0123.part").write_text("half")
    (tmp_path / "whole").write_text("whole")
    mox.file.copy_parallel(str(tmp_path), "obs://bucket/out")
    assert list(server.objects) == ["bucket/out/whole"]


def test_no_more_requests_are_in_progress_than_there_are_threads(mox: Any, server: FaultServer, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "delay", 0.02)  # long enough that the threads wait for answers together
    monkeypatch.setenv("MOX_FILE_TIMEOUT", "30")  # an attempt given up would still be under way beside its repetition
    for number in range(60):
        (tmp_path / str(number)).write_text(str(number))
    mox.file.copy_parallel(str(tmp_path), "obs://bucket/out", threads=5)
    assert 2 <= server.max_in_progress <= 5 and len(server.objects) == 60


def test_progress_is_said_now_and_then_and_no_more(caplog: pytest.LogCaptureFixture,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from moxing._shim import threads

    monkeypatch.setattr(threads, "PROGRESS_SECONDS", 0.2)
    caplog.set_level(logging.INFO, "moxing")
    began = time.monotonic()
    threads.for_each(lambda item: time.sleep(0.02), range(100), 4, "copying")
    assert 1 <= len(caplog.records) <= (time.monotonic() - began) / 0.2
    assert "of 100" in caplog.records[0].getMessage()


def test_the_first_failure_is_the_one_that_is_raised_and_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from moxing._shim import threads
    from moxing._shim.errors import damaged
    from moxing._shim.retry import with_retries

    monkeypatch.setenv("MOX_FILE_RETRY", "100")
    monkeypatch.setenv("MOX_FILE_RETRY_WAIT", "10")
    done: List[int] = []
    waiting = threading.Event()

    def work(item: int) -> None:
        done.append(item)
        if item:
            waiting.set()
            with_retries(lambda: (_ for _ in ()).throw(damaged("in trouble")), "x")
        waiting.wait(5)
        raise LookupError("the cause")

    began = time.monotonic()
    with pytest.raises(LookupError, match="the cause"):
        threads.for_each(work, range(1000), 4, "copying")
    assert time.monotonic() - began < 5 and len(done) <= 8
