"""Promises under checksum errors, multipart failures, lagging listings and denied requests (faults S4 to S7)."""
import errno
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fault_calls import CALLS, DATA, URL, matching
from fault_server import FOREVER, FaultServer


@pytest.fixture
def file(mox: Any, server: FaultServer) -> Any:
    server.put("bucket/folder/x", DATA)
    return mox.file


# S4: checksums that OBS does not support

@pytest.mark.parametrize("framing", ["refuse", "store"])
@pytest.mark.parametrize("parts", [False, True])
def test_s4_uploads_are_plain_and_read_back_equal(
        file: Any, server: FaultServer, framing: str, parts: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    server.framing = framing
    if parts:
        monkeypatch.setenv("MOX_FILE_PARTIAL_MAXIMUM_SIZE", "4000")
        monkeypatch.setenv("MOX_FILE_LARGE_FILE_PART_SIZE", "4000")
    file.write("obs://bucket/up", DATA, binary=True)
    assert server.objects["bucket/up"].body == DATA and file.read("obs://bucket/up", binary=True) == DATA
    for request in server.received("PUT"):
        assert "aws-chunked" not in request.headers.get("content-encoding", "")
        assert not [name for name in request.headers if "checksum" in name or name == "x-amz-trailer"]
        assert not request.headers["x-amz-content-sha256"].startswith("STREAMING")


def test_s4_uploads_by_the_defaults_of_botocore_are_refused(file: Any, server: FaultServer) -> None:
    """Proves that the test above can fail: today's botocore adds checksums by default, which OBS refuses."""
    import botocore.exceptions
    import botocore.session

    server.framing = "refuse"
    client = botocore.session.Session().create_client("s3", "us-east-1", endpoint_url=server.endpoint,
                                                      aws_access_key_id="name", aws_secret_access_key="secret")
    with pytest.raises(botocore.exceptions.ClientError, match="XAmzContentSHA256Mismatch"):
        client.put_object(Bucket="bucket", Key="up", Body=DATA)


# S5: multipart uploads

@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOX_FILE_PARTIAL_MAXIMUM_SIZE", "4000")
    monkeypatch.setenv("MOX_FILE_LARGE_FILE_PART_SIZE", "4000")


@pytest.mark.usefixtures("in_parts")
def test_s5_a_failed_part_is_repeated_alone(file: Any, server: FaultServer) -> None:
    server.fail("status", method="PUT", where="partNumber=2", times=2)
    server.fail("store_flip", method="PUT", where="partNumber=3")
    file.write(URL, DATA, binary=True)
    assert server.objects["bucket/folder/x"].body == DATA and server.uploads == {}
    # A refused part is repeated alone; the damaged part is detected in the ETag of the whole upload, which restarts.
    assert [len(server.received("PUT", f"partNumber={number}")) for number in (1, 2, 3)] == [2, 4, 2]


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_s5_an_upload_that_fails_is_aborted_and_the_old_object_stays(
        file: Any, server: FaultServer, method: str) -> None:
    server.fail("status", method=method, where="uploadId=", times=FOREVER)
    with pytest.raises(file.MoxFileRespException):
        file.write(URL, b"new" * 4000, binary=True)
    assert server.uploads == {} and server.objects["bucket/folder/x"].body == DATA


@pytest.mark.usefixtures("in_parts")
def test_s5_the_next_upload_aborts_the_unfinished_upload_of_a_killed_process(
        file: Any, server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(DATA)
    script = "import sys; sys.path.insert(0, sys.argv[1]); import moxing; moxing.file.copy(sys.argv[2], sys.argv[3])"
    shims = str(Path(__file__).resolve().parents[2] / "shims")
    command = [sys.executable, "-c", script, shims, str(tmp_path / "large"), URL]
    server.uploads["another"] = ("bucket/folder/x-other", {})
    server.fail("stall", method="PUT", where="partNumber=3", times=FOREVER)
    process = subprocess.Popen(command)
    while not server.received("PUT", "partNumber=3"):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(server.uploads) == 2, "the process was killed during its upload"
    assert server.objects["bucket/folder/x"].body == DATA
    server.faults.clear()
    file.copy(str(tmp_path / "large"), URL)
    assert list(server.uploads) == ["another"], "the upload of another key is kept"


# S6: listings that lag

def test_s6_new_objects_exist_before_a_listing_contains_them(file: Any, server: FaultServer, tmp_path: Path) -> None:
    server.listing_lag = 3600
    for number in range(20):
        (tmp_path / str(number)).write_text(str(number))
    file.copy_parallel(str(tmp_path), "obs://bucket/many")
    assert server.received("GET", "prefix=") == [], "an upload is proven by a request for the object"
    assert file.exists("obs://bucket/many/7") and file.read("obs://bucket/many/7") == "7"
    assert file.stat("obs://bucket/many/7").length == 1 and file.get_size("obs://bucket/many/7") == 1
    file.make_dirs("obs://bucket/made")
    assert file.exists("obs://bucket/made") and file.is_directory("obs://bucket/made")
    file.copy_parallel("obs://bucket/many", str(tmp_path / "got"), file_list=["3", "4"])
    assert sorted(os.listdir(str(tmp_path / "got"))) == ["3", "4"]


def test_s6_a_move_deletes_only_the_copied_files(file: Any, server: FaultServer, tmp_path: Path) -> None:
    server.listing_lag = 1.0
    server.objects["bucket/folder/x"].since -= 10
    server.put("bucket/folder/late", b"not in the listing yet")
    file.rename("obs://bucket/folder", str(tmp_path / "here"))
    assert os.listdir(str(tmp_path / "here")) == ["x"]
    assert list(server.objects) == ["bucket/folder/late"]


def test_s6_an_upload_waits_until_the_object_is_visible(file: Any, server: FaultServer) -> None:
    server.fail("status", method="HEAD", where="/up", status=404, times=1)
    file.write("obs://bucket/up", DATA, binary=True)
    assert server.objects["bucket/up"].body == DATA


# S7: denied and missing

@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (403, "InvalidAccessKeyId"), (400, "ExpiredToken"),
                                              (403, "SignatureDoesNotMatch"), (401, "Unauthorized")])
@pytest.mark.parametrize("call", ["PUT", "GET", "LIST"])
def test_s7_a_denied_request_is_not_repeated_and_is_reported_in_one_sentence(
        file: Any, server: FaultServer, tmp_path: Path, call: str, status: int, code: str) -> None:
    from moxing._shim.errors import StorageDenied

    server.fail("status", status=status, code=code, times=FOREVER, **matching(call))
    with pytest.raises(StorageDenied) as caught:
        CALLS[call](file, tmp_path)
    assert len(server.received(**matching(call))) == 1
    assert isinstance(caught.value, PermissionError) and caught.value.resp.errorCode == code
    message = str(caught.value)
    assert code in message and "obs://bucket" in message and "keys" in message and "\n" not in message


def test_s7_a_request_for_a_missing_object_or_bucket_is_not_repeated(
        file: Any, server: FaultServer, tmp_path: Path) -> None:
    with pytest.raises(file.MoxFileRespException, match="no such file"):
        file.read("obs://bucket/none")
    assert len(server.requests) == 1
    with pytest.raises(FileNotFoundError, match="no such bucket"):
        file.write("obs://missing-bucket/x", "")
    assert len(server.requests) == 2


def test_s7_an_unsupported_request_is_not_repeated(file: Any, server: FaultServer) -> None:
    server.fail("status", method="PUT", status=501, times=FOREVER)
    with pytest.raises(file.MoxFileRespException, match="refuses"):
        file.write(URL, "x")
    assert len(server.received("PUT")) == 1


def test_s7_without_keys_no_request_is_sent_and_the_error_names_the_variables(
        file: Any, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(PermissionError, match="ACCESS_KEY_ID and SECRET_ACCESS_KEY"):
        file.read(URL)
    assert server.requests == []


def test_s7_a_denied_request_ends_a_copy_of_many_files_early(file: Any, server: FaultServer, tmp_path: Path) -> None:
    for number in range(500):
        (tmp_path / str(number)).write_text("x")
    server.fail("status", method="PUT", status=403, times=FOREVER)
    with pytest.raises(PermissionError):
        file.copy_parallel(str(tmp_path), "obs://bucket/many", threads=8)
    assert len(server.received("PUT")) <= 24


def test_a_full_disk_is_not_retried(file: Any, server: FaultServer) -> None:
    from moxing._shim.locations import locate
    from moxing._shim.transfer import read_into

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):
        read_into(locate(URL), Full())
    assert len(server.received("GET", "folder/x")) == 1
