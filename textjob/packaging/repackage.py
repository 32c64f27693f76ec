"""A finished package written again, with other settings of the package and without training."""
import dataclasses
import shutil
import tempfile
from pathlib import Path

from textjob import manifest
from textjob.data.dataset import Dataset
from textjob.packaging import config_json, export, golden, package
from textjob.results import ModelCard, as_json
from textjob.settings import Settings


def repackage(folder: Path, settings: Settings, data: Dataset) -> None:
    """Replace a complete package by one with the same model, and the runtime and golden texts of ``settings``."""
    card = ModelCard.from_json(manifest.read_json(folder / package.CARD))
    vocabulary = (folder / "assets" / "vocabulary.txt").read_bytes().split(b"\n")[:-1]
    texts = golden.texts(vocabulary, data.dev.texts[:settings.golden_rows])
    probabilities, _ = export.predict(folder, texts)
    card = dataclasses.replace(card, settings=settings.recorded(card.model),
                               golden=golden.answers(texts, probabilities, card.labels))
    with tempfile.TemporaryDirectory() as scratch:
        saved_model = Path(scratch) / "model"
        saved_model.mkdir()
        for name in ("variables", "assets"):
            shutil.copytree(str(folder / name), str(saved_model / name))
        shutil.copyfile(str(folder / "saved_model.pb"), str(saved_model / "saved_model.pb"))
        package.write(folder, saved_model, as_json(card), config_json.config(as_json(card), settings.runtime))
