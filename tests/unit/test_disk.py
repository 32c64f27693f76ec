"""The space that a job needs, compared with the free space before the training."""
import collections
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import models
from textjob import errors
from textjob.flags import from_flags
from textjob.job import disk
from textjob.settings import Settings
from textjob.text.encoding import Encoded
from textjob.training.inputs import Inputs

pytestmark = pytest.mark.trains

PART = Encoded(np.array([2], np.int32), np.array([0]), np.array([1]), np.array([0], np.int32))


def job(*flags: str) -> Settings:
    return from_flags(["--data_url", "unused", "--train_url", "unused", *flags])[0]


def inputs(words: Any) -> Inputs:
    return Inputs(words, ["a", "b"], ["a", "b"], PART, PART, PART, {"wide/table": np.zeros(1000, np.int8)})


@pytest.mark.parametrize("model", models.MODELS)
def test_the_size_of_a_network_is_that_of_its_weights(model: str) -> None:
    weights = models.module(model).weights(np.random.RandomState(1), 500, 7, job().model[model])
    assert disk.network_bytes(model, 500, 7, job()) == sum(array.nbytes for array in weights.values())


def test_the_space_is_three_checkpoints_beside_the_earlier_packages() -> None:
    assert disk.needed_bytes([100], 0) == 3 * 4 * 100
    assert disk.needed_bytes([100, 50], 10) == 3 * 4 * 100  # of the first model, when no package exists
    assert disk.needed_bytes([50, 100], 10) == 60 + 3 * 4 * 100
    assert disk.needed_bytes([100], 5000) == 2 * 5100  # the package and its copy


def test_a_job_that_does_not_fit_is_refused_before_it_writes_and_the_bytes_are_named(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with pytest.raises(errors.DiskFullError, match=r"new/out has [\d,]+ free bytes; .* cnn, rnn need about [\d,]+\."):
        disk.check(out, ["cnn", "rnn"], inputs(range(10 ** 13)), job())  # words of 5 PB
    disk.check(out, ["cnn", "rnn"], inputs(range(10)), job())
    assert not out.parent.exists()


def test_checkpoints_of_an_earlier_run_count_as_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = disk.needed_bytes([disk.network_bytes("cnn", 12, 2, job())], 1000)
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10 ** 12, 0, needed - 100))
    with pytest.raises(errors.DiskFullError):
        disk.check(tmp_path, ["cnn"], inputs(range(10)), job())
    (tmp_path / "checkpoints" / "cnn").mkdir(parents=True)
    (tmp_path / "checkpoints" / "cnn" / "state.npz").write_bytes(b"0" * 100)
    disk.check(tmp_path, ["cnn"], inputs(range(10)), job())


def test_a_full_disk_that_tensorflow_reports_is_a_sentence_with_exit_code_7(
        capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> int:
        tf.io.write_file("/dev/full", b"0" * 10 ** 6)
        return 0

    assert errors.run(write) == errors.DiskFullError.exit_code
    assert ("error: /dev/full; No space left on device; free some space, then run the same command again\n"
            in capsys.readouterr().err)


def test_an_exception_of_another_kind_is_not_a_full_disk() -> None:
    def fail() -> int:
        raise RuntimeError("no such kernel")

    with pytest.raises(RuntimeError, match="no such kernel"):
        errors.run(fail)
