"""Two jobs with one output in an object store, on two machines."""
import json
import threading
import time
from pathlib import Path
from typing import Any

import jobs
import pytest

import train
from textjob import errors
from textjob.job import remote_lock


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_lock, "INTERVAL", 0.2)
    monkeypatch.setattr(remote_lock, "EXPIRES", 2.0)
    monkeypatch.setattr(remote_lock, "_SETTLE", 0.3)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job counts as one of another machine."""
    monkeypatch.setattr(remote_lock, "_machine", lambda: f"machine {time.monotonic()}")


def lock_of(mox: Any, url: str) -> Any:
    return json.loads(mox.file.read(url + "/job.lock"))


def test_the_lock_changes_while_it_is_held_and_is_gone_afterwards(s3: str, mox: Any) -> None:
    with remote_lock.held(s3 + "/out/"):
        first = lock_of(mox, s3 + "/out")
        time.sleep(1)
        assert lock_of(mox, s3 + "/out")["job"] == first["job"] and lock_of(mox, s3 + "/out")["beat"] > first["beat"]
    assert not mox.file.exists(s3 + "/out/job.lock")


@pytest.mark.usefixtures("elsewhere")
def test_a_job_is_refused_while_another_machine_has_the_output(s3: str, mox: Any) -> None:
    with remote_lock.held(s3 + "/out"):
        holder = lock_of(mox, s3 + "/out")["job"]
        with pytest.raises(errors.RefusedError) as error, remote_lock.held(s3 + "/out"):
            pass
        assert holder in str(error.value) and "--train_url" in str(error.value)
        assert lock_of(mox, s3 + "/out")["job"] == holder


@pytest.mark.usefixtures("elsewhere")
def test_the_lock_of_a_killed_job_is_taken_over_when_it_does_not_change(s3: str, mox: Any) -> None:
    mox.file.write(s3 + "/out/job.lock", json.dumps({"job": "killed", "machine": "other", "beat": 7}))
    with remote_lock.held(s3 + "/out"):
        assert lock_of(mox, s3 + "/out")["job"] != "killed"


def test_the_lock_of_a_killed_job_of_this_machine_is_taken_over_at_once(
        s3: str, mox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_lock, "EXPIRES", 1000.0)
    mox.file.write(s3 + "/out/job.lock", json.dumps({"job": "killed", "machine": remote_lock._machine(), "beat": 7}))
    with remote_lock.held(s3 + "/out"):
        assert lock_of(mox, s3 + "/out")["job"] != "killed"


@pytest.mark.usefixtures("elsewhere")
def test_of_jobs_that_start_at_the_same_moment_at_most_one_runs(s3: str) -> None:
    running, most, refused = [0], [0], []

    def job() -> None:
        try:
            with remote_lock.held(s3 + "/out"):
                running[0] += 1
                most[0] = max(most[0], running[0])
                time.sleep(1)
                running[0] -= 1
        except errors.RefusedError as error:
            refused.append(error)

    threads = [threading.Thread(target=job) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most[0] == 1 and len(refused) == 3


@pytest.mark.usefixtures("elsewhere")
def test_a_job_on_another_machine_is_refused_before_it_reads_or_writes_anything(
        s3: str, mox: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with remote_lock.held(s3 + "/out"):
        command = jobs.flags(tmp_path / "missing", Path("y"), "--train_url", s3 + "/out")
        assert errors.run(lambda: train.main(command)) == errors.RefusedError.exit_code
        assert "is in use by another job" in capsys.readouterr().err
        assert mox.file.list_directory(s3 + "/out") == ["job.lock"]
