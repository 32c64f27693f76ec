"""What ``--class_weights balanced`` does to a class with few rows: in the networks and in the wide part."""
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

from textjob import metrics
from textjob.flags import from_flags
from textjob.settings import Settings
from textjob.text.encoding import Encoded, flat
from textjob.training import classifier, trainer
from textjob.training.checkpoints import Checkpoints
from textjob.training.inputs import Inputs, with_wide_part

pytestmark = pytest.mark.trains

RARE = 1
"""Its texts have the same words as those of the other class, in other shares, so that no classifier is perfect."""


def part(common: int, rare: int, seed: int) -> Encoded:
    rng = np.random.RandomState(seed)
    labels = np.array([0] * common + [RARE] * rare, np.int32)
    shares = [np.linspace(1, 3, 20), np.linspace(3, 1, 20)]
    texts = [rng.choice(20, size=8, p=shares[label] / shares[label].sum()).astype(np.int32) + 2 for label in labels]
    return Encoded(*flat(texts), labels)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    names = ["common", "rare"]
    return Inputs([b"w%d" % i for i in range(20)], names, names, part(600, 30, 0), part(190, 10, 1), part(500, 500, 2),
                  {})


def job(class_weights: str) -> Settings:
    return from_flags(["--data_url", "unused", "--train_url", "unused", "--epochs", "4", "--cnn_filters", "8",
                       "--class_weights", class_weights])[0]


def recalls(trained: classifier.Classifier, inputs: Inputs) -> Any:
    """The recall of each class on the test part."""
    evaluation = metrics.evaluate(inputs.test.labels, trained.predict(inputs.test).argmax(1), inputs.names)
    return [each.recall for each in evaluation.classes]


def check(found: Dict[str, Any]) -> None:
    assert found["balanced"][RARE] > found["none"][RARE] + 0.2
    assert found["balanced"][0] < found["none"][0]


def test_balanced_class_weights_raise_the_recall_of_a_rare_class_in_a_network(inputs: Inputs, tmp_path: Path) -> None:
    check({setting: recalls(trainer.train("cnn", inputs, job(setting), tmp_path / setting,
                                          Checkpoints(tmp_path / setting / "checkpoints", {}))[0], inputs)
           for setting in ("none", "balanced")})


def test_balanced_class_weights_raise_the_recall_of_a_rare_class_in_the_wide_part(inputs: Inputs) -> None:
    check({setting: recalls(classifier.wide_alone(with_wide_part(inputs, job(setting))), inputs)
           for setting in ("none", "balanced")})
