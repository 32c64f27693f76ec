"""The wide part in a package: beside any network, within its room, and gone when a setting says so."""
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
import tensorflow as tf

import train
from textjob.packaging import package


def weights(folder: Path) -> Dict[str, np.ndarray]:
    """The variables of a package, by name without the model's own scope."""
    prefix = str(folder / "variables" / "variables")
    return {name.split("/", 1)[1]: tf.train.load_variable(prefix, name) for name, _ in tf.train.list_variables(prefix)}


@pytest.fixture(scope="module")
def both(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> List[Path]:
    """The package of one network with the wide part and without it."""
    found = []
    for wide in ("true", "false"):
        out = tmp_path_factory.mktemp("wide_" + wide)
        assert train.main(["--data_url", str(small_data), "--train_url", str(out), "--models", "cnn", "--epochs", "1",
                           "--min_count", "1", "--wide", wide]) == 0
        found.append(out / "cnn" / "model")
    return found


def test_a_setting_leaves_it_out_and_the_network_is_the_same(both: List[Path]) -> None:
    with_it, without = (weights(folder) for folder in both)
    assert {name for name in with_it if name not in without} == {
        "wide/bias", "wide/keys1", "wide/keys2", "wide/network", "wide/scale", "wide/table"}
    assert all(np.array_equal(with_it[name], value) for name, value in without.items())


def test_it_makes_a_package_half_as_large_again_at_most(both: List[Path]) -> None:
    with_it, without = (package.size(folder) for folder in both)
    assert without < with_it <= 1.5 * without


def test_it_answers_better_than_an_epoch_of_the_network(both: List[Path]) -> None:
    with_it, without = (package.card_of(folder)["test"]["accuracy"] for folder in both)
    assert with_it > without
