"""Promises under error responses, broken connections and damaged data (faults S1 to S3)."""
import hashlib
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List

import pytest
from fault_calls import ATTEMPTS, CALLS, DATA, URL, matching
from fault_server import FOREVER, FaultServer


@pytest.fixture
def file(mox: Any, server: FaultServer) -> Any:
    server.put("bucket/folder/x", DATA)
    return mox.file


def leftovers(folder: Path) -> List[str]:
    return [path.name for path in folder.rglob("*") if path.name.startswith(".")]


# S1: transient error responses

@pytest.mark.parametrize("call", sorted(CALLS))
@pytest.mark.parametrize(("status", "code"), [(500, ""), (503, ""), (503, "SlowDown"), (429, ""),
                                              (409, "OperationAborted")])
def test_s1_transient_error_responses_are_retried(
        file: Any, server: FaultServer, tmp_path: Path, call: str, status: int, code: str) -> None:
    server.fail("status", status=status, code=code, times=2, **matching(call))
    CALLS[call](file, tmp_path)
    refused = [request for request in server.received(**matching(call)) if request.status == status]
    assert len(refused) == 2


@pytest.mark.parametrize("call", sorted(CALLS))
def test_s1_the_number_of_attempts_is_bounded(file: Any, server: FaultServer, tmp_path: Path, call: str) -> None:
    server.fail("status", status=503, code="SlowDown", times=FOREVER, **matching(call))
    with pytest.raises(file.MoxFileRespException) as caught:
        CALLS[call](file, tmp_path)
    assert len(server.received(**matching(call))) == ATTEMPTS
    assert caught.value.resp.status == 503 and "503" in str(caught.value) and "4 attempts" in str(caught.value)
    assert not (tmp_path / "x").exists() and leftovers(tmp_path) == []


def test_s1_the_waits_double_and_are_random(file: Any, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from moxing._shim import retry, settings

    monkeypatch.setenv("MOX_FILE_RETRY_WAIT", "0.2")
    server.fail("status", status=503, times=3, method="HEAD")
    file.stat(URL)
    moments = [request.when for request in server.received("HEAD")]
    waits = [later - earlier for earlier, later in zip(moments, moments[1:])]
    for wait, nominal in zip(waits, (0.2, 0.4, 0.8)):
        assert wait >= nominal / 2
    patience = settings.Patience(8, 0.2)
    drawn = [retry.wait_after(3, patience) for _ in range(200)]
    assert 0.4 <= min(drawn) < 0.5 and 0.7 < max(drawn) <= 0.8 and len(set(drawn)) > 190
    assert max(retry.wait_after(40, patience) for _ in range(50)) <= patience.longest_wait


def test_s1_retry_after_is_respected(file: Any, server: FaultServer) -> None:
    server.fail("status", status=503, retry_after=1, method="HEAD")
    began = time.monotonic()
    file.stat(URL)
    assert time.monotonic() - began >= 1


# S2: connections that break

@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("kind", ["reset", "cut_body", "stall", "stall_body"])
def test_s2_a_broken_download_restarts_and_is_complete(
        file: Any, server: FaultServer, tmp_path: Path, kind: str) -> None:
    server.fail(kind, method="GET", where="folder/x", times=2)
    file.copy(URL, str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == DATA and leftovers(tmp_path) == []
    assert len(server.received("GET", "folder/x")) == 3
    assert not any("range" in request.headers for request in server.requests)


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("kind", ["reset", "cut_body", "stall_body"])
def test_s2_a_download_that_fails_keeps_the_old_file(
        file: Any, server: FaultServer, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOX_FILE_RETRY", "2")
    server.fail(kind, method="GET", where="folder/x", times=FOREVER)
    (tmp_path / "old").write_text("old")
    for name in ("new", "old"):
        with pytest.raises(file.MoxFileReadException, match=re.escape(URL)):
            file.copy(URL, str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == ["old"] and (tmp_path / "old").read_text() == "old"


@pytest.mark.usefixtures("short_timeout")
@pytest.mark.parametrize("kind", ["reset", "stall"])
def test_s2_a_broken_upload_restarts(file: Any, server: FaultServer, kind: str) -> None:
    server.fail(kind, method="PUT", times=2)
    file.write(URL, b"new", binary=True)
    assert server.objects["bucket/folder/x"].body == b"new" and len(server.received("PUT")) == 3


def test_s2_an_upload_that_the_store_stops_reading_times_out_and_restarts(
        file: Any, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a time-out for sending, this test would hang."""
    monkeypatch.setenv("MOX_FILE_TIMEOUT", "0.5")
    data = DATA * 2000  # 20 MB: more than the kernel buffers
    server.fail("unread_body", method="PUT")
    file.write(URL, data, binary=True)
    assert server.objects["bucket/folder/x"].body == data and len(server.received("PUT")) == 2


@pytest.mark.parametrize(("method", "where"), [
    ("PUT", "/up"), ("HEAD", "/up"), ("DELETE", "/up"), ("GET", "prefix="),
    ("POST", "uploads"), ("POST", "uploadId="), ("PUT", "partNumber=2")])
def test_s2_a_lost_response_does_not_change_the_result(
        file: Any, server: FaultServer, method: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if where.startswith(("upload", "part")):
        monkeypatch.setenv("MOX_FILE_PARTIAL_MAXIMUM_SIZE", "4000")
        monkeypatch.setenv("MOX_FILE_LARGE_FILE_PART_SIZE", "4000")
    server.fail("lost_response", method=method, where=where)
    file.write("obs://bucket/up", DATA, binary=True)
    assert server.objects["bucket/up"].body == DATA and server.uploads == {}
    assert file.list_directory("obs://bucket", skip_dir=True) == ["up"]
    file.remove("obs://bucket/up")
    assert not file.exists("obs://bucket/up") and server.faults[0].times == 0


@pytest.mark.usefixtures("short_timeout")
def test_s2_readers_of_the_target_never_see_a_partial_file(file: Any, server: FaultServer, tmp_path: Path) -> None:
    """Another process looks at the target during three attempts."""
    target, seen = tmp_path / "x", set()
    server.fail("stall_body", method="GET", where="folder/x", times=2)
    watcher = subprocess.Popen([sys.executable, "-c", "import os,sys\nseen=set()\n"
                                "while not os.path.exists(sys.argv[2]):\n"
                                " seen.add(os.path.getsize(sys.argv[1]) if os.path.exists(sys.argv[1]) else -1)\n"
                                "print(*sorted(seen))", str(target), str(tmp_path / "stop")], stdout=subprocess.PIPE)
    file.copy(URL, str(target))
    time.sleep(0.2)
    (tmp_path / "stop").write_text("")
    seen.update(watcher.communicate()[0].decode().split())
    assert seen == {"-1", str(len(DATA))}


def test_s2_a_refused_connection_is_an_error_with_the_endpoint(mox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(mox.file.MoxFileReadException, match=r"127\.0\.0\.1:1.*4 attempts"):
        mox.file.read(URL)


# S3: damaged data

@pytest.mark.parametrize("kind", ["short_body", "flip_bit"])
def test_s3_a_damaged_download_is_repeated(file: Any, server: FaultServer, tmp_path: Path, kind: str) -> None:
    server.fail(kind, where="folder/x")
    file.copy(URL, str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == DATA and len(server.received("GET", "folder/x")) == 2
    server.fail(kind, where="folder/x")
    assert file.read(URL, binary=True) == DATA
    server.fail(kind, where="folder/x")
    with file.File(URL, "rb") as stream:
        assert stream.read() == DATA


@pytest.mark.parametrize("kind", ["short_body", "flip_bit"])
def test_s3_a_download_that_is_always_damaged_is_an_error_without_a_file(
        file: Any, server: FaultServer, tmp_path: Path, kind: str) -> None:
    server.fail(kind, where="folder/x", times=FOREVER)
    for call in (lambda: file.copy(URL, str(tmp_path / "x")), lambda: file.read(URL), lambda: file.File(URL, "r"),
                 lambda: file.copy_parallel("obs://bucket/folder", str(tmp_path))):
        with pytest.raises(file.MoxFileReadException, match="not the object's"):
            call()
    assert list(tmp_path.iterdir()) == [] and len(server.received("GET", "folder/x")) == 4 * ATTEMPTS


@pytest.mark.parametrize("kind", ["store_short", "store_flip"])
def test_s3_a_damaged_upload_is_repeated_and_finally_an_error(file: Any, server: FaultServer, kind: str) -> None:
    server.fail(kind, method="PUT")
    file.write("obs://bucket/up", DATA, binary=True)
    assert server.objects["bucket/up"].body == DATA and len(server.received("PUT", "/up")) == 2
    server.fail(kind, method="PUT", times=FOREVER)
    with pytest.raises(file.MoxFileReadException, match="stored"):
        file.write("obs://bucket/up", DATA, binary=True)


@pytest.mark.parametrize("etags", ["opaque", "hidden"])
def test_s3_without_a_usable_etag_the_bytes_are_read_again(
        file: Any, server: FaultServer, tmp_path: Path, etags: str) -> None:
    server.etag_of_puts = etags
    file.write("obs://bucket/up", DATA, binary=True)
    assert len(server.received("GET", "/up")) == 1
    server.fail("store_flip", method="PUT")
    file.write("obs://bucket/up", DATA, binary=True)
    assert server.objects["bucket/up"].body == DATA
    server.requests.clear()
    file.copy("obs://bucket/up", str(tmp_path / "x"))
    assert len(server.received("GET", "/up")) == 2, "read twice, because the ETag proves nothing"
    server.fail("flip_bit", where="/up")
    file.copy("obs://bucket/up", str(tmp_path / "x"))
    assert (tmp_path / "x").read_bytes() == DATA


def test_s3_the_etag_of_an_object_in_parts_proves_it_if_the_part_size_is_usual(
        file: Any, server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def etag(part: int) -> str:
        digests = [hashlib.md5(DATA[start:start + part]).digest() for start in range(0, len(DATA), part)]
        return f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}"

    monkeypatch.setenv("MOX_FILE_LARGE_FILE_PART_SIZE", "4000")
    for part, reads in ((4000, 1), (3333, 2)):
        server.put("bucket/folder/x", DATA, etag(part))
        server.requests.clear()
        file.copy(URL, str(tmp_path / "x"))
        assert len(server.received("GET", "folder/x")) == reads
        server.fail("flip_bit", where="folder/x")
        file.copy(URL, str(tmp_path / "x"))
        assert (tmp_path / "x").read_bytes() == DATA


def test_s3_a_copy_inside_the_store_is_accepted_only_with_the_same_etag(file: Any, server: FaultServer) -> None:
    file.copy(URL, "obs://bucket/copy")
    assert server.objects["bucket/copy"].body == DATA and server.received("GET", "folder/x") == []
    server.put("bucket/folder/x", DATA, "0123456789abcdef0123456789abcdef-2")
    file.copy(URL, "obs://bucket/copy")
    assert server.objects["bucket/copy"].body == DATA and len(server.received("GET", "folder/x")) == 2
