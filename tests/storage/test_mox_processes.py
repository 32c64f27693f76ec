"""Background synchronisation, forked children, logs and files that stay open, temporary files, threads."""
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
    """Run a script that must succeed; returns its standard output."""
    code = f"import sys\nsys.path.insert(0, {SHIMS!r})\n{script}"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_is_synchronised_periodically_and_at_the_end_of_the_process(
        server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("first")
    (tmp_path / "same").write_text("same")
    ran("""
import os, time, moxing as mox
folder = sys.argv[1]
assert mox.file.background_sync_copy(folder, "obs://bucket/out", seconds=0.3) is None
while not mox.file.exists("obs://bucket/out/same"):
    time.sleep(0.05)
with open(folder + "/a", "w") as stream:
    stream.write("second, longer")
os.mkdir(folder + "/sub")
with open(folder + "/sub/b", "w") as stream:
    stream.write("last moment")
""", str(tmp_path))
    assert {path: stored.body for path, stored in server.objects.items()} == {
        "bucket/out/a": b"second, longer", "bucket/out/same": b"same", "bucket/out/sub/b": b"last moment"}
    assert len(server.received("PUT", "out/same")) == 1, "an unchanged file is not sent again"


def test_a_failed_synchronisation_is_repeated_and_does_not_end_the_job(server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    server.fail("status", method="PUT", status=403, times=2)
    assert ran("""
import time, moxing as mox
mox.file.background_sync_copy(sys.argv[1], "obs://bucket/out", seconds=0.1)
while not mox.file.exists("obs://bucket/out/a"):
    time.sleep(0.05)
print("the job continues")
""", str(tmp_path)) == "the job continues\n"
    assert server.objects["bucket/out/a"].body == b"text"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_uses_its_own_client(server: FaultServer, tmp_path: Path) -> None:
    server.put("bucket/x", b"text")
    assert ran("""
import multiprocessing, moxing as mox
def work(name):
    mox.file.write("obs://bucket/" + name, name)
    mox.file.copy_parallel("obs://bucket", sys.argv[1] + "/" + name)
mox.file.read("obs://bucket/x")
children = [multiprocessing.get_context("fork").Process(target=work, args=(str(n),)) for n in range(3)]
for child in children: child.start()
for child in children: child.join()
print([child.exitcode for child in children], mox.file.read("obs://bucket/x"))
""", str(tmp_path)) == "[0, 0, 0] text\n"


def test_a_debug_log_can_be_written_to_the_store_without_deadlock(server: FaultServer) -> None:
    """The platform's own example. Requests are sent, and may be logged, while the handler is locked."""
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


def test_an_exception_in_a_with_block_keeps_the_old_object(mox: Any, server: FaultServer) -> None:
    server.put("bucket/x", b"old")
    with pytest.raises(RuntimeError), mox.file.File("obs://bucket/x", "w") as stream:
        stream.write("half of")
        raise RuntimeError
    assert server.objects["bucket/x"].body == b"old" and server.received("PUT") == []


def test_a_file_that_is_never_closed_logs_a_warning(
        mox: Any, server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    stream = mox.file.File("obs://bucket/x", "w")
    stream.write("text")
    spool = stream._spool
    del stream
    assert "never closed" in caplog.text and not os.path.exists(spool) and server.received("PUT") == []


def test_no_temporary_file_remains(
        mox: Any, server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_partial_files_of_killed_downloads_are_not_copied(mox: Any, server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / ".moxing-0123.part").write_text("half")
    (tmp_path / "whole").write_text("whole")
    mox.file.copy_parallel(str(tmp_path), "obs://bucket/out")
    assert list(server.objects) == ["bucket/out/whole"]


def test_the_number_of_threads_limits_the_requests_in_progress(
        mox: Any, server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "delay", 0.02)  # long enough for several threads to wait at the same time
    for number in range(60):
        (tmp_path / str(number)).write_text(str(number))
    mox.file.copy_parallel(str(tmp_path), "obs://bucket/out", threads=5)
    assert 2 <= server.max_in_progress <= 5 and len(server.objects) == 60


def test_progress_is_logged_once_per_interval(
        caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    from moxing._shim import threads

    monkeypatch.setattr(threads, "PROGRESS_SECONDS", 0.2)
    caplog.set_level(logging.INFO, "moxing")
    began = time.monotonic()
    threads.for_each(lambda item: time.sleep(0.02), range(100), 4, "copying")
    assert 1 <= len(caplog.records) <= (time.monotonic() - began) / 0.2
    assert "of 100" in caplog.records[0].getMessage()


def test_the_first_failure_is_raised_and_interrupts_the_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    from moxing._shim import threads
    from moxing._shim.errors import damaged
    from moxing._shim.retry import with_retries

    monkeypatch.setenv("MOX_FILE_RETRY", "100")
    monkeypatch.setenv("MOX_FILE_RETRY_WAIT", "10")
    done: List[int] = []
    attempts: List[int] = []
    waiting = threading.Event()

    def fail(item: int) -> None:
        attempts.append(item)
        raise damaged("damaged")

    def work(item: int) -> None:
        done.append(item)
        if item:
            waiting.set()
            with_retries(lambda: fail(item), "x")
        waiting.wait()
        raise LookupError("the cause")

    with pytest.raises(LookupError, match="the cause"):
        threads.for_each(work, range(1000), 4, "copying")
    assert len(done) <= 8
    assert len(attempts) == len(set(attempts)), "an interrupted wait is not followed by another attempt"
