"""The model card, and a package that is written again with other settings of the package."""
import platform
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import tensorflow as tf

import models
from textjob import manifest, metrics
from textjob.data.dataset import Dataset, Examples
from textjob.flags import from_flags
from textjob.packaging import config_json, export, golden, package
from textjob.packaging.model_card import model_card
from textjob.packaging.repackage import repackage
from textjob.results import EpochRow, ModelCard, TrainingResult, as_json
from textjob.settings import Settings

WORDS, LABELS = ["soup", "goal", "好"], ["food", "sport"]
DATA = Dataset(Examples(["soup", "goal", "好"], ["food", "sport", "food"]),
               Examples(["soup soup", "goal 好"], ["food", "sport"]),
               Examples(["goal"], ["sport"]), LABELS, ["a note"], "0123abcd")
TRAINED = TrainingResult({}, [EpochRow(1, 0.9, 0.8, 0.7, 0.6, 1.5), EpochRow(2, 0.5, 0.4, 0.7, 0.6, 1.25, 0.5)], 2,
                         2.75678, 1.25, 5)


def job(*flags: str) -> Settings:
    return from_flags(["--data_url", "unused", "--train_url", "unused", "--seed", "7", *flags])[0]


def card(settings: Settings, test: Any = None) -> ModelCard:
    dev = metrics.evaluate(np.array([0, 1]), np.array([0, 0]), LABELS, keep_wrong_rows=True)
    return model_card("cnn", DATA, settings, TRAINED, dev, test, [])


def test_a_model_card_has_the_data_the_settings_the_versions_the_training_and_the_figures() -> None:
    settings, test = job("--cnn_filters", "5"), metrics.evaluate(np.array([1]), np.array([1]), LABELS)
    made = as_json(card(settings, test))
    assert list(made) == ["format", "model", "labels", "data", "settings", "seed", "versions", "training", "dev",
                          "test", "golden"]
    assert (made["format"], made["model"], made["labels"], made["seed"]) == (1, "cnn", LABELS, 7)
    assert made["data"] == {"sha256": "0123abcd", "train": 3, "dev": 2, "test": 1, "notes": ["a note"]}
    assert made["settings"] == settings.recorded("cnn") and made["settings"]["cnn_filters"] == 5
    assert made["versions"] == {"python": platform.python_version(), "tensorflow": tf.__version__,
                                "numpy": np.__version__}
    assert made["training"] == {"seconds": 2.76, "best_epoch": 2, "history": [as_json(row) for row in TRAINED.history],
                                "temperature": 1.25, "wide_rows": 5}
    assert (made["dev"]["accuracy"], made["dev"]["wrong_rows"], made["test"]["accuracy"]) == (0.5, [1], 1.0)
    assert as_json(card(settings))["test"] == {} and made["golden"] == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package whose golden texts are the built-in ones."""
    for name, lines in (("vocabulary.txt", WORDS), ("labels.txt", LABELS)):
        (tmp_path / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    weights = models.module("cnn").weights(np.random.RandomState(1), len(WORDS) + 2, len(LABELS),
                                           {"embedding": 4, "filters": 3, "widths": [1, 2]})
    export.export(tmp_path / "saved", "cnn", weights, tmp_path / "vocabulary.txt", tmp_path / "labels.txt", LABELS, 9,
                  9)
    content = as_json(card(job()))
    package.write(tmp_path / "model", tmp_path / "saved", content, config_json.config(content, "old"))
    return tmp_path / "model"


def test_a_package_is_written_again_with_another_runtime_and_other_golden_texts(folder: Path) -> None:
    def contents() -> Dict[str, bytes]:
        return {path: (folder / path).read_bytes() for path in manifest.list_files(folder)}

    before, settings = contents(), job("--runtime", "tf2.6-python3.8", "--golden_rows", "1")
    repackage(folder, settings, DATA)
    after = contents()
    assert package.problems(folder) == []
    assert after.keys() == before.keys()
    assert {path for path in after if after[path] != before[path]} == {"config.json", "model_card.json"}
    old, made = as_json(card(job())), manifest.read_json(folder / "model_card.json")
    assert made["settings"] == settings.recorded("cnn")
    texts = golden.texts([word.encode() for word in WORDS], ["soup soup"])
    probabilities, labels = export.predict(folder, texts)
    assert [each["text"] for each in made["golden"]] == texts
    assert [each["label"] for each in made["golden"]] == labels
    assert np.array_equal([each["probabilities"] for each in made["golden"]], probabilities)
    assert {key: value for key, value in made.items() if key not in ("settings", "golden")} == {
        key: value for key, value in old.items() if key not in ("settings", "golden")}
    assert manifest.read_json(folder / "config.json") == config_json.config(made, "tf2.6-python3.8")
