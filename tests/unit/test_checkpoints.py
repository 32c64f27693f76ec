"""Checkpoints as folders. For kills, damage and full disks see tests/fault/test_resume.py."""
from pathlib import Path
from typing import List

import numpy as np
import pytest

from textjob.training.checkpoints import Checkpoint, Checkpoints


def write(checkpoints: Checkpoints, *numbers: int) -> None:
    for number in numbers:
        checkpoints.write(number, Checkpoint({"a/b": np.full(3, number)}, {"step": number}))


def names(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_two_checkpoints_are_kept_each_with_state_facts_and_a_manifest(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "cnn", {"seed": 1})
    assert checkpoints.all() == [] and checkpoints.newest() is None and checkpoints.facts() == {}
    write(checkpoints, 9, 10, 100)
    assert names(tmp_path / "cnn") == ["ckpt-10", "ckpt-100"]
    assert names(tmp_path / "cnn" / "ckpt-100") == ["facts.json", "manifest.json", "state.npz"]
    newest = checkpoints.newest()
    assert newest is not None and newest.facts == checkpoints.facts() == {"step": 100, "seed": 1}
    assert newest.arrays.keys() == {"a/b"} and newest.arrays["a/b"].tolist() == [100] * 3


def test_folders_with_other_names_are_not_checkpoints(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, {})
    for name in ("ckpt-7x", "ckpt-", "xckpt-7", ".ckpt-8.1"):
        (tmp_path / name).mkdir()
    write(checkpoints, 1, 2, 3)
    assert [path.name for path in checkpoints.all()] == ["ckpt-2", "ckpt-3"]
    assert {"ckpt-7x", "ckpt-", "xckpt-7"} <= set(names(tmp_path))


def test_every_change_of_the_folder_is_announced_after_it(tmp_path: Path) -> None:
    seen: List[List[str]] = []
    checkpoints = Checkpoints(tmp_path / "all" / "cnn", {}, lambda: seen.append(
        sorted(path.name for path in tmp_path.rglob("ckpt-*"))))
    checkpoints.clear()
    assert seen == []
    write(checkpoints, 1, 2, 3)
    checkpoints.clear()
    assert seen == [["ckpt-1"], ["ckpt-1", "ckpt-2"], ["ckpt-2", "ckpt-3"], []]


def test_clear_removes_the_parent_folder_unless_another_model_has_checkpoints(tmp_path: Path) -> None:
    first, second = (Checkpoints(tmp_path / "all" / name, {}) for name in ("cnn", "rnn"))
    write(first, 1)
    write(second, 1)
    first.clear()
    assert names(tmp_path / "all") == ["rnn"]
    second.clear()
    assert names(tmp_path) == []


def test_a_damaged_checkpoint_is_skipped_and_reported_with_its_path_and_difference(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = Checkpoints(tmp_path, {})
    write(checkpoints, 1, 2)
    (tmp_path / "ckpt-2" / "state.npz").unlink()
    newest = checkpoints.newest()
    assert newest is not None and newest.facts == checkpoints.facts() == {"step": 1}
    assert capsys.readouterr().out == (f"{tmp_path / 'ckpt-2'} is damaged (state.npz is missing; manifest.json lists it"
                                       "); using the previous checkpoint\n")


def test_an_error_that_is_not_a_full_disk_is_raised_unchanged(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((NotADirectoryError, FileExistsError)):
        write(Checkpoints(tmp_path / "file", {}), 1)
