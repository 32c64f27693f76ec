"""infer.py batch in shards: a killed process, node or worker of Ray loses no row of the output and repeats none."""
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List

import pytest

import infer
from textjob.errors import RefusedError, UsageError
from textjob.paths import PROJECT

ROWS = 6000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a file that is divided, and a CSV file with a header and line ends in cells."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.tsv").write_text("".join(f"{n}\tsoup bread {n % 7}\n" for n in range(ROWS)), encoding="utf-8")
    (folder / "b.csv").write_text("id,text\n" + "".join(f'{n},"goal\nteam, {n % 5}"\n' for n in range(300)),
                                  encoding="utf-8")
    return folder


def flags(package: Path, data: Path, out: Path, *more: str) -> List[str]:
    return ["batch", "--model", str(package), "--data_url", str(data), "--output_url", f"{out}/", "--text_column", "1",
            "--shard_size", "0.02", *more]


def joined(out: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(out.glob("part-*")))


def test_the_shards_joined_by_name_have_every_row_once_in_order(tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert infer.main(flags(tiny, data, out, "--format", "csv", "--columns", "place,label")) == 0
    assert len(list(out.glob("part-*"))) > 4
    lines = joined(out).decode("utf-8").splitlines()
    assert lines[0] == "0,1,place,label"
    places = [line.split(",")[-2] for line in lines if ":" in line]
    assert places == [f"a.tsv:{n + 1}" for n in range(ROWS)] + [f"b.csv:{2 * n + 2}" for n in range(300)]
    totals = json.loads((out / "_SUCCESS").read_text(encoding="utf-8"))
    assert totals["rows"] == totals["answered"] == ROWS + 300 and totals["bad_rows"] == 0


def test_the_output_of_another_run_is_refused_unless_it_is_to_be_replaced(
        tiny: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert infer.main(flags(tiny, data, out)) == 0
    with pytest.raises(RefusedError, match="another settings"):
        infer.main(flags(tiny, data, out, "--keep"))
    assert infer.main(flags(tiny, data, out, "--keep", "--overwrite")) == 0
    assert b'"input"' in joined(out)
    with pytest.raises(UsageError, match="the name of a file"):
        infer.main(flags(tiny, data, out)[:5] + ["--output_url", "out.csv", "--shard_size", "1"])


def test_two_nodes_of_which_one_fails_are_completed_by_a_later_call(
        tiny: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert infer.main(flags(tiny, data, whole)) == 0
    monkeypatch.setenv("MA_NUM_HOSTS", "2")
    monkeypatch.setenv("VC_TASK_INDEX", "1")
    assert infer.main(flags(tiny, data, out)) == 0
    names = sorted(path.name for path in whole.glob("part-*"))
    assert sorted(path.name for path in out.glob("part-*")) == names[1::2] and not (out / "_SUCCESS").exists()
    monkeypatch.undo()
    as_a_job = ["--command=batch", *flags(tiny, data, out)[1:], "--num_gpus=0"]
    assert infer.main(as_a_job) == 0
    assert joined(out) == joined(whole) and (out / "_SUCCESS").exists()


def test_a_process_that_is_killed_in_the_middle_is_continued_to_the_same_bytes(
        tiny: Path, data: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert infer.main(flags(tiny, data, whole)) == 0
    process = subprocess.Popen([sys.executable, str(PROJECT / "infer.py"), *flags(tiny, data, out)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(out.glob("part-*")):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for path in out.glob("part-*"):
        assert path.read_bytes() == (whole / path.name).read_bytes()
    assert infer.main(flags(tiny, data, out)) == 0
    assert joined(out) == joined(whole)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (requirements-ray.txt)")
def test_a_worker_of_ray_that_is_killed_is_started_again(tiny: Path, data: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert infer.main(flags(tiny, data, whole)) == 0
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "infer.py"), *flags(tiny, data, out, "--engine", "ray", "--ray_workers", "1")],
        stdout=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None and not list(out.glob("part-*")):
        time.sleep(0.002)
    for number in workers_of(process.pid):
        os.kill(number, signal.SIGKILL)
    assert process.wait() == 0
    assert joined(out) == joined(whole)


def workers_of(ancestor: int) -> List[int]:
    """The processes of actors among the descendants of a process."""
    parents: Dict[int, int] = {}
    names: Dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            parents[int(folder.name)] = int(fields[1])
            names[int(folder.name)] = (folder / "cmdline").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # the process has ended

    def descends(number: int) -> bool:
        while number in parents:
            number = parents[number]
            if number == ancestor:
                return True
        return False

    return [number for number, name in names.items() if name.startswith("ray::Worker") and descends(number)]
