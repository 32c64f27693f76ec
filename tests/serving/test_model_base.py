"""What the folder of the versions says: rollback, removal, no version, an object store."""
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from free_ports import free_port
from made_versions import Base, foreign, own, served, wait_for, wait_for_polls
from processes import PATIENCE, Start, wait_until

from textjob.paths import PROJECT


@pytest.fixture
def base(tmp_path: Path) -> Base:
    return Base(tmp_path)


def infer(*argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(PROJECT / "infer.py"), *argv], capture_output=True, text=True,
                          check=False, timeout=PATIENCE, env=dict(os.environ, **environment))


def test_rollback_goes_back_to_the_version_before_and_keeps_the_version(base: Base, start: Start) -> None:
    for number in (1, 2, 10):
        base.add(number, foreign)
    server = base.start(start).ready()
    assert served(server) == "10"
    for newest, previous in ((10, 2), (2, 1)):
        done = infer("rollback", "--model_base", str(base.folder))
        assert done.returncode == 0, done.stderr
        assert f"version {newest} is unavailable from now on, and version {previous} is the newest" in done.stdout
        assert f"to undo: delete {base.folder}/{newest}.unavailable" in done.stdout
        wait_for(server, previous)
        assert (base.folder / str(newest) / "model" / "manifest.json").is_file()
    refused = infer("rollback", "--model_base", str(base.folder))
    assert refused.returncode == 2 and "only version 1 is available" in refused.stderr
    (base.folder / "10.unavailable").unlink()
    wait_for(server, 10)


def test_the_removal_of_a_folder_goes_back_and_the_last_version_goes_on_answering(base: Base, start: Start) -> None:
    base.add(1, foreign)
    base.add(2, foreign)
    server = base.start(start).ready()
    shutil.rmtree(str(base.folder / "2"))
    wait_for(server, 1)
    shutil.rmtree(str(base.folder / "1"))
    wait_until(lambda: any("has no version that can be served; version 1 is still loaded" in message
                           for message in server.messages("WARNING")))
    assert served(server) == "1" and server.send("GET", "/health")[0].status == 200
    base.add(3, foreign)
    wait_for(server, 3)


def test_a_server_without_a_version_is_503_and_serves_the_first_one_that_comes(base: Base, start: Start) -> None:
    base.add(2, foreign, source="raise ValueError('the cause')")
    server = base.start(start, "--port", str(free_port()))
    wait_until(lambda: any("the cause" in message for message in server.messages("ERROR")))
    server.port = int(server.process.args[-1])  # type: ignore[index]
    assert server.send("GET", "/health")[0].status == 503
    response, content = server.send("POST", "/", {"text": "a"})
    assert (response.status, json.loads(content)["error"]["code"]) == (503, "unavailable")
    wait_until(lambda: any("requests get 503 until there is one" in each for each in server.messages("WARNING")))
    base.add(1, foreign)
    assert server.ready().output.startswith("serving serve version 1 on ")
    assert served(server) == "1"


def test_a_model_base_that_cannot_be_read_is_logged_once_and_the_loaded_version_answers(base: Base, start: Start
                                                                                       ) -> None:
    def errors() -> List[str]:
        return [message for message in server.messages("ERROR") if "cannot be read" in message]

    base.add(1, foreign)
    server = base.start(start).ready()
    aside = base.folder.rename(base.folder.parent / "renamed")
    wait_until(errors)
    assert served(server) == "1"
    aside.rename(base.folder)
    base.add(2, foreign)
    wait_for(server, 2)
    assert len(errors()) == 1


def test_other_files_in_the_folder_are_not_versions(base: Base, start: Start) -> None:
    base.add(1, foreign)
    for name in ("readme.txt", "4.unavailable", "-5", "v6", "٧"):
        (base.folder / name).write_text("x", encoding="utf-8")
    (base.folder / "8").write_text("a file", encoding="utf-8")
    (base.folder / "9").mkdir()
    server = base.start(start).ready()
    wait_for_polls(base, server, 2)
    assert served(server) == "1"


@pytest.mark.parametrize("flags, words", [
    (["--model_base", "/no/such/folder"], "--model_base /no/such/folder: no such folder"),
    (["--model_base", "BASE", "--model", "P"], "not allowed with argument"),
    ([], "one of the arguments --model --model_base is required"),
    (["--model", "P", "--split", "1=5"], "--split and --shadow need --model_base"),
    (["--model_base", "BASE", "--strict", "--shadow", "1"], "exclude --strict"),
    (["--model_base", "BASE", "--split", "3=150"], "--split 3=150: '150' is not a percentage"),
    (["--model_base", "BASE", "--shadow", "x"], "--shadow"),
    (["--model_base", "BASE", "--poll_seconds", "0"], "--poll_seconds must be above 0")], ids=str)
def test_wrong_flags_are_refused_with_a_sentence_before_tensorflow_is_imported(
        flags: Any, words: str, base: Base, tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was imported')", encoding="utf-8")
    done = infer("serve", *[str(base.folder) if flag == "BASE" else flag for flag in flags], PYTHONPATH=str(tmp_path))
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr, done.stderr


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Tuple[Dict[str, str], "subprocess.Popen[bytes]"]]:
    """An S3 server (moto) with a bucket named ``bucket``: the variables for its clients, and its process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    environment = {"S3_ENDPOINT": f"http://127.0.0.1:{port}", "ACCESS_KEY_ID": "name", "SECRET_ACCESS_KEY": "secret",
                   "AWS_EC2_METADATA_DISABLED": "true", "MOX_FILE_RETRY": "1", "TMPDIR": str(tmp_path / "scratch")}
    (tmp_path / "scratch").mkdir()
    def has_bucket() -> bool:
        try:
            urllib.request.urlopen(urllib.request.Request(f"{environment['S3_ENDPOINT']}/bucket", method="PUT")).close()
            return True
        except urllib.error.URLError:
            assert process.poll() is None
            return False

    try:
        wait_until(has_bucket)
        yield environment, process
    finally:
        process.terminate()
        process.wait()


def test_versions_in_an_object_store_are_copied_served_and_their_copies_deleted(
        base: Base, start: Start, s3: Any, tmp_path: Path) -> None:
    s3_environment, s3_process = s3

    def mox(call: str) -> None:
        subprocess.run([sys.executable, "-c", f"import moxing as mox; mox.file.{call}"], check=True, timeout=PATIENCE,
                       env=dict(os.environ, PYTHONPATH=str(PROJECT / "shims"), **s3_environment))

    def copies() -> int:
        return len(list((tmp_path / "scratch").glob("*/*/saved_model.pb")))

    url = "obs://bucket/base"
    mox(f"copy_parallel({str(base.add(1))!r}, {url + '/1'!r})")
    server = start(url, "--poll_seconds", "0.2", model_flag="--model_base", environment=s3_environment).ready()
    assert served(server) == "1" and copies() == 1
    second = own(tmp_path / "second", 2)
    whole = (second / "saved_model.pb").read_bytes()
    (second / "saved_model.pb").unlink()
    mox(f"copy_parallel({str(second)!r}, {url + '/2/model'!r})")
    wait_until(lambda: any("saved_model.pb is missing" in message for message in server.messages("WARNING")))
    assert served(server) == "1"
    (second / "saved_model.pb").write_bytes(whole)
    mox(f"copy({str(second / 'saved_model.pb')!r}, {url + '/2/model/saved_model.pb'!r})")
    wait_for(server, 2)
    wait_until(lambda: copies() == 1)
    done = infer("rollback", "--model_base", url, **s3_environment)
    assert done.returncode == 0 and f"delete {url}/2.unavailable" in done.stdout, done.stderr
    wait_for(server, 1)
    s3_process.terminate()
    wait_until(lambda: any("cannot be read" in message for message in server.messages("ERROR")))
    assert served(server) == "1"
    assert server.end() == 0
    assert list((tmp_path / "scratch").glob("*/*")) == []
