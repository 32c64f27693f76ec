"""The output folder of a job, and jobs on a folder that already has content."""
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
from asking import PROJECT, module_of
from jobs import FILES, contents, flags, is_complete, read_json, relisted

import train
from models import MODELS
from textjob import errors
from textjob.data.dataset import read_dataset
from textjob.flags import from_flags
from textjob.job.output import Output
from textjob.job.storage import Workspace


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished job that a test may change."""
    return Path(shutil.copytree(str(tiny_run), str(tmp_path / "run")))


def local(folder: Path) -> Workspace:
    return Workspace(str(folder), folder)


def state(folder: Path) -> Dict[str, Tuple[int, int]]:
    """Modification times and inodes: they differ after every write below a folder, also of equal content."""
    return {path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino)
            for path in [folder, *folder.rglob("*")]}


# The folder and its packages


def test_a_job_leaves_a_package_a_model_the_best_one_a_report_and_logs(small_run: Path) -> None:
    assert sorted(path.name for path in small_run.iterdir()) == sorted(
        [*MODELS, "logs", "metric.json", "model", "report"])
    for name in MODELS:
        assert [path.name for path in (small_run / name).iterdir()] == ["model"]
        assert list((small_run / "logs" / name).glob("events.out.tfevents.*"))
    assert sorted(path.name for path in (small_run / "report").iterdir()) == [
        "calibration.png", "curves.png", "figures.csv", "report.html", "report.md"]


def test_a_package_holds_these_files_and_its_manifest_lists_each_but_itself(packages: Dict[str, Path]) -> None:
    for package in packages.values():
        assert sorted(contents(package)) == FILES
        assert [entry["path"] for entry in read_json(package / "manifest.json")["files"]] == [
            name for name in FILES if name != "manifest.json"]
        assert is_complete(package)


def test_a_package_contains_the_service_file_of_the_repository_byte_for_byte(packages: Dict[str, Path]) -> None:
    for package in packages.values():
        assert (package / "customize_service.py").read_bytes() == (PROJECT / "customize_service.py").read_bytes()


def test_labels_txt_has_one_label_of_the_data_per_line_in_the_order_of_code_points(packages: Dict[str, Path]) -> None:
    for package in packages.values():
        assert (package / "assets" / "labels.txt").read_bytes() == "food\nsport\n体育 news\n".encode("utf-8")


def test_the_published_model_is_a_byte_equal_copy_of_the_best(small_run: Path, packages: Dict[str, Path]) -> None:
    dev = {name: read_json(package / "model_card.json")["dev"] for name, package in packages.items()}
    # Of equals, max takes the first: the order of --models.
    best = max(MODELS, key=lambda name: (dev[name]["macro_f1"], dev[name]["accuracy"]))
    assert contents(small_run / "model") == contents(packages[best])
    assert all(contents(small_run / "model") != contents(packages[name]) for name in packages if name != best)


def test_one_seed_gives_one_result_byte_for_byte(tiny_data: Path, tiny_run: Path, tmp_path: Path) -> None:
    assert train.main(flags(tiny_data, tmp_path)) == 0
    one, other = contents(tiny_run / "cnn" / "model"), contents(tmp_path / "cnn" / "model")
    assert [name for name in FILES if one[name] != other[name] and name.split("/")[0] in ("variables", "assets")] == []
    assert json.loads(one["model_card.json"])["golden"] == json.loads(other["model_card.json"])["golden"]


# Running again


def test_running_again_trains_no_step_and_touches_no_package(
        tiny_data: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {name: state(run / name) for name in ("cnn", "model", "logs")}
    assert train.main(flags(tiny_data, run)) == 0
    assert {name: state(run / name) for name in before} == before
    printed = capsys.readouterr().out
    assert "cnn: finished before" in printed and "epoch" not in printed.split("| model")[0]


def test_running_again_trains_only_the_models_that_are_not_finished(
        tiny_data: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(run / "cnn")
    assert train.main(flags(tiny_data, run, "--models", "cnn,rnn", "--rnn_units", "2", "--rnn_embedding", "4")) == 0
    assert state(run / "cnn") == before
    assert is_complete(run / "rnn" / "model")
    printed = capsys.readouterr().out
    assert "rnn epoch 1/1" in printed and "cnn epoch" not in printed
    assert contents(run / "model") in (contents(run / "cnn" / "model"), contents(run / "rnn" / "model"))


def test_other_settings_of_the_package_write_it_again_without_training(
        tiny_data: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run / "cnn" / "model")
    assert train.main(flags(tiny_data, run, "--runtime", "tf2.6-python3.8", "--golden_rows", "3")) == 0
    printed, after = capsys.readouterr().out, contents(run / "cnn" / "model")
    assert "cnn epoch" not in printed and "golden_rows (was 0, is 3); runtime (was tf2.1-python3.7" in printed
    assert is_complete(run / "cnn" / "model") and contents(run / "model") == after
    same = [name for name in FILES if after[name] == before[name]]
    assert set(FILES) - set(same) == {"config.json", "model_card.json", "manifest.json"}
    card, card_before = json.loads(after["model_card.json"]), json.loads(before["model_card.json"])
    assert json.loads(after["config.json"])["runtime"] == "tf2.6-python3.8"
    assert [each["text"] for each in card["golden"][-3:]] == [
        line.split("\t")[1] for line in (tiny_data / "dev.tsv").read_text(encoding="utf-8").splitlines()[:3]]
    assert [each["label"] for each in card["golden"][:-3]] == [each["label"] for each in card_before["golden"]]
    assert {key: card[key] for key in ("dev", "test", "training", "data")} == {
        key: card_before[key] for key in ("dev", "test", "training", "data")}
    assert train.main(flags(tiny_data, run, "--runtime", "tf2.6-python3.8", "--golden_rows", "3")) == 0
    assert contents(run / "cnn" / "model") == after


def test_a_folder_that_is_older_than_a_setting_is_finished_and_not_trained_again(
        tiny_data: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "cnn" / "model" / "model_card.json"
    card = read_json(path)
    del card["settings"]["patience"], card["settings"]["vectors_sha256"]
    card["settings"]["a_setting_of_an_older_version"] = 3
    path.write_text(json.dumps(card), encoding="utf-8")
    relisted(run / "cnn" / "model")
    assert train.main(flags(tiny_data, run)) == 0
    assert "cnn: finished before" in capsys.readouterr().out


def test_word_vectors_are_identified_by_their_content(tiny_data: Path, tmp_path: Path) -> None:
    one, moved, other, out = (tmp_path / name for name in ("one.txt", "moved.txt", "other.txt", "out"))
    for path, value in ((one, "0.5"), (moved, "0.5"), (other, "0.25")):
        path.write_text(f"team {value} 0 0 1\nbread 1 0 {value} 0\n", encoding="utf-8")
    assert train.main(flags(tiny_data, out, "--vectors", str(one))) == 0
    before = contents(out / "cnn" / "model")
    assert train.main(flags(tiny_data, out, "--vectors", str(moved))) == 0
    assert contents(out / "cnn" / "model") == before
    assert errors.run(lambda: train.main(flags(tiny_data, out, "--vectors", str(other)))) == 4


REFUSED = {
    "a setting": (["--epochs", "2"], ["epochs (was 1, is 2)"]),
    "two settings": (["--seed", "5", "--keep_prob", "0.9"], ["seed (was 1, is 5)", "keep_prob (was 0.5, is 0.9)"]),
    "a setting of the model": (["--cnn_filters", "3"], ["cnn_filters (was 2, is 3)"]),
    "another model": (["--models", "rnn", "--epochs", "2"], ["epochs (was 1, is 2)"]),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_run_with_other_settings_is_refused_with_their_names_and_changes_nothing(
        tiny_data: Path, run: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    more, named = REFUSED[case]
    before = state(run), contents(run)
    assert errors.run(lambda: train.main(flags(tiny_data, run, *more))) == 4
    assert (state(run), contents(run)) == before
    printed = capsys.readouterr()
    assert all(name in printed.err for name in named) and "--overwrite" in printed.err
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1 and "epoch 1/" not in printed.out


@pytest.mark.parametrize("change", [
    lambda rows: rows[:-1], lambda rows: rows[::-1], lambda rows: [rows[0].replace("\t", "\tx"), *rows[1:]]],
    ids=["a row less", "another order", "another text"])
@pytest.mark.parametrize("part", ["train.tsv", "dev.tsv"])
def test_a_run_with_other_data_is_refused_and_changes_nothing(
        tiny_data: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str,
        change: Callable[[List[str]], List[str]]) -> None:
    other = Path(shutil.copytree(str(tiny_data), str(tmp_path / "data")))
    rows = (other / part).read_text(encoding="utf-8").splitlines(keepends=True)
    (other / part).write_text("".join(change(rows)), encoding="utf-8")
    before = state(run), contents(run)
    assert errors.run(lambda: train.main(flags(other, run))) == 4
    assert (state(run), contents(run)) == before
    assert "data" in capsys.readouterr().err.split("differs in")[1]


def test_data_are_identified_by_content_and_not_by_path(tiny_data: Path, run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(str(tiny_data), str(tmp_path / "moved")))
    assert train.main(flags(other, run)) == 0


def test_a_file_as_the_output_folder_is_refused(tiny_data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"mine")
    assert errors.run(lambda: train.main(flags(tiny_data, tmp_path / "out"))) == 4
    assert (tmp_path / "out").read_bytes() == b"mine"


def test_overwrite_trains_again_and_publishes_the_new_model(
        tiny_data: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run / "cnn" / "model")
    (run / "cnn" / "notes.txt").write_bytes(b"mine")
    assert train.main(flags(tiny_data, run, "--seed", "5", "--overwrite")) == 0
    after = contents(run / "cnn" / "model")
    assert "cnn epoch 1/1" in capsys.readouterr().out
    assert after["variables/variables.data-00000-of-00001"] != before["variables/variables.data-00000-of-00001"]
    assert json.loads(after["model_card.json"])["seed"] == 5
    assert is_complete(run / "cnn" / "model") and contents(run / "model") == after
    assert sorted(path.name for path in (run / "cnn").iterdir()) == ["model", "notes.txt"]
    assert len(list((run / "logs" / "cnn").glob("events*"))) == 1


# Damage


def flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 0x80]) + content[1:]


DAMAGES: Dict[str, Callable[[Path], Any]] = {
    "flipped": lambda path: path.write_bytes(flipped(path.read_bytes())),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_package_is_not_finished(tiny_data: Path, run: Path, file: str, damage: str) -> None:
    job, _ = from_flags(flags(tiny_data, run))
    dataset = read_dataset(job.data_url, job)
    assert Output(job, dataset, local(run)).open() == ["cnn"]
    DAMAGES[damage](run / "cnn" / "model" / file)
    assert Output(job, dataset, local(run)).open() == []


@pytest.mark.parametrize("word", ["files", "path", "sha256", "size"])
def test_a_package_whose_manifest_has_a_changed_key_is_not_finished(tiny_data: Path, run: Path, word: str) -> None:
    manifest = run / "cnn" / "model" / "manifest.json"
    before, after = manifest.read_text(encoding="utf-8").split(f'"{word}"', 1)
    manifest.write_text(f'{before}"x{word[1:]}"{after}', encoding="utf-8")
    job, _ = from_flags(flags(tiny_data, run))
    dataset = read_dataset(job.data_url, job)
    assert Output(job, dataset, local(run)).open() == []


def test_a_damaged_package_is_written_again(tiny_data: Path, tiny_run: Path, run: Path) -> None:
    DAMAGES["cut"](run / "cnn" / "model" / "variables" / "variables.data-00000-of-00001")
    assert train.main(flags(tiny_data, run)) == 0
    made, before = contents(run / "cnn" / "model"), contents(tiny_run / "cnn" / "model")
    assert is_complete(run / "cnn" / "model") and contents(run / "model") == made
    assert made["variables/variables.data-00000-of-00001"] == before["variables/variables.data-00000-of-00001"]


@pytest.mark.parametrize("file", ["manifest.json", "saved_model.pb", "model_card.json"])
@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_a_damaged_published_model_is_copied_again(tiny_data: Path, run: Path, file: str, damage: str) -> None:
    DAMAGES[damage](run / "model" / file)
    assert train.main(flags(tiny_data, run)) == 0
    assert contents(run / "model") == contents(run / "cnn" / "model")


@pytest.mark.parametrize("file, damage", [
    (file, damage) for file in FILES for damage in sorted(DAMAGES)
    if (file, damage) != ("manifest.json", "missing")])  # foreign models have none: it is not missed
def test_the_service_refuses_a_damaged_package_and_names_the_file(run: Path, file: str, damage: str) -> None:
    module = module_of(PROJECT / "customize_service.py")
    DAMAGES[damage](run / "cnn" / "model" / file)
    with pytest.raises(module.LoadError, match=re.escape(file)):
        module.TextClassifierService("text-classifier", str(run / "cnn" / "model"))


# Killed


def assert_complete_or_absent(*packages: Path) -> None:
    for package in packages:
        assert not package.exists() or is_complete(package)


COPIER = """
import os, signal, sys, time
from pathlib import Path
from textjob.packaging import package
for seconds in sys.stdin:
    child = os.fork()
    if child == 0:
        package.copy(Path(sys.argv[1]), Path(sys.argv[2]))
        os._exit(0)
    if float(seconds) >= 0:
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_a_package_that_is_replaced_is_complete_or_absent_whenever_the_job_is_killed(
        small_run: Path, tmp_path: Path) -> None:
    rng, package = random.Random(5), tmp_path / "model"
    command = [sys.executable, "-W", "ignore", "-c", COPIER, str(small_run / "model"), str(package)]
    copier = subprocess.Popen(command, cwd=str(PROJECT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ends = []
    with copier:
        assert copier.stdin is not None and copier.stdout is not None
        for seconds in [-1.0, *(0.02 * rng.random() ** 3 for _ in range(60)), -1.0]:  # the first and the last may end
            copier.stdin.write(f"{seconds}\n")
            copier.stdin.flush()
            ends.append(int(copier.stdout.readline()))
            assert_complete_or_absent(package)
            assert package.exists() or len(ends) > 1
    assert ends[0] == ends[-1] == 0 and ends.count(signal.SIGKILL) > 10
    assert list(tmp_path.iterdir()) == [package] and package.exists()


MOMENTS: Dict[str, Callable[[Path], bool]] = {
    "writing the package": lambda out: any((out / "cnn").glob("*")),
    "publishing it": lambda out: any(out.glob("*model*")),
}


def test_a_killed_job_leaves_no_incomplete_package_and_the_next_run_has_the_same_result(
        tiny_data: Path, tiny_run: Path, tmp_path: Path) -> None:
    rng, out = random.Random(3), tmp_path / "out"
    finals = out / "cnn" / "model", out / "model"
    for reached in MOMENTS.values():
        job = subprocess.Popen([sys.executable, str(PROJECT / "train.py"), *flags(tiny_data, out)],
                               stdout=subprocess.DEVNULL)
        try:
            while not reached(out):
                assert job.poll() is None
                assert_complete_or_absent(*finals)
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.002))
        finally:
            job.kill()
            job.wait()
        assert_complete_or_absent(*finals)
    assert train.main(flags(tiny_data, out)) == 0
    assert sorted(contents(out / "cnn")) == ["model/" + name for name in FILES]
    assert sorted(path.name for path in out.iterdir()) == ["cnn", "logs", "metric.json", "model", "report"]
    assert is_complete(finals[0]) and contents(finals[0]) == contents(finals[1])
    variables = "cnn/model/variables/variables.data-00000-of-00001"
    assert (out / variables).read_bytes() == (tiny_run / variables).read_bytes()
