"""The wide part in a package: beside a network, within its size limit, and disabled by a setting."""
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
import tensorflow as tf

import train
from textjob.packaging import package


def weights(folder: Path) -> Dict[str, np.ndarray]:
    """The variables of a package, by name without the scope of the model."""
    prefix = str(folder / "variables" / "variables")
    return {name.split("/", 1)[1]: tf.train.load_variable(prefix, name) for name, _ in tf.train.list_variables(prefix)}


@pytest.fixture(scope="module")
def both(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> List[Path]:
    """The packages of one network with and without the wide part."""
    found = []
    for wide in ("true", "false"):
        out = tmp_path_factory.mktemp("wide_" + wide)
        assert train.main(["--data_url", str(small_data), "--train_url", str(out), "--models", "cnn", "--epochs", "1",
                           "--min_count", "1", "--wide", wide]) == 0
        found.append(out / "cnn" / "model")
    return found


def test_a_setting_disables_it_without_a_change_of_the_network(both: List[Path]) -> None:
    with_it, without = (weights(folder) for folder in both)
    assert {name for name in with_it if name not in without} == {
        "wide/bias", "wide/keys1", "wide/keys2", "wide/scale", "wide/table", "wide/words",
        "wide/words_scale", "wide/characters", "wide/characters_scale", "wide/character_keys3", "wide/character_keys4",
        "wide/character_keys5"}
    calibrated = "wide/network"  # with the temperature, which is another one without the wide part
    assert all(np.array_equal(with_it[name], value) for name, value in without.items() if name != calibrated)


def test_it_makes_a_package_at_most_1_5_times_as_large(both: List[Path]) -> None:
    with_it, without = (package.size(folder) for folder in both)
    assert without < with_it <= 1.5 * without


def test_it_predicts_better_than_the_network_after_one_epoch(both: List[Path]) -> None:
    with_it, without = (package.card_of(folder)["test"]["accuracy"] for folder in both)
    assert with_it > without
