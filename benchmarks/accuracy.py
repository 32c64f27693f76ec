"""How good the classifiers are, beside a linear model, fastText and what was published: set x row x seed.

    python benchmarks/accuracy.py --data_url sets/ --results mine.jsonl
    python benchmarks/accuracy.py --data_url sets/ --results mine.jsonl --sets mr,trec --seeds 1,2,3
    python benchmarks/accuracy.py --write                # the tables of benchmarks/results, into the documents

``sets/`` holds a folder a set, as ``train.py --data_url`` takes it; every other flag is one of train.py's. A row is a
model of ``--models``, the same without its wide part (``cnn alone``), the wide part without a network (``wide
alone``), a linear model or fastText. Each run is a line of ``--results``: what is there already is not run again, so
that the command can be stopped and given again; runs with other settings stand there under another key.

A network trains on the training part and chooses its epoch on dev. Where a set has no dev part, a tenth of train
becomes one; the linear model and fastText, which choose nothing, get that tenth to train on as well.
"""
import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
import types
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: its banner is no news
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import baselines
import numpy as np
import tables
import tensorflow as tf

from models import MODELS
from textjob import errors, metrics, settings
from textjob.data.dataset import Dataset, DataSettings, Examples, read_dataset
from textjob.data.examples import read_examples
from textjob.settings import Settings
from textjob.training import classifier, trainer
from textjob.training.checkpoints import Checkpoints
from textjob.training.inputs import prepare, with_wide_part

RESULTS = Path(__file__).resolve().parent / "results" / "accuracy.jsonl"
ALONE = " alone"
WIDE = "wide" + ALONE
BASELINES = {"linear": baselines.linear, "linear on words": baselines.linear_words, "fastText": baselines.fasttext}

# A network that knows no more than how frequent the classes are, so that the wide part is all there is.
SILENT = types.SimpleNamespace(
    weights=lambda rng, vocabulary, classes, own: {"output/bias": np.zeros(classes, np.float32)},
    logits=lambda w, ids, dropout: tf.zeros([tf.shape(ids)[0], 1]) + w["output/bias"])


def main(argv: Sequence[str]) -> int:
    """Run what is missing, print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--results", default=str(RESULTS), metavar="FILE", help="JSON lines, a run each; added to "
                        "(default: those of the documents)")
    parser.add_argument("--sets", default="", metavar="A,B", help="folders of --data_url (default: all)")
    parser.add_argument("--seeds", default="1,2,3", metavar="N,M", help="of every row but the baselines'")
    parser.add_argument("--rows", default="", metavar="A,B", help="some rows alone, as they are called in the tables")
    parser.add_argument("--part", default="test", choices=["dev", "test"], help="whose figures are printed")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md and docs/accuracy.md")
    given, flags = parser.parse_known_args(argv)
    results = Path(given.results)
    if any(flag.split("=")[0] == "--data_url" for flag in flags):
        classifier.share_cores()
        job, unknown = settings.from_flags([*flags, "--train_url", "not used"])
        if unknown:
            parser.error("unknown: {}".format(" ".join(unknown)))
        folders = sorted(path.name for path in Path(job.data_url).iterdir() if path.is_dir())
        sets = given.sets.split(",") if given.sets else folders
        rows = given.rows.split(",") if given.rows else [
            *BASELINES, WIDE, *job.models, *(model + ALONE for model in job.models)]
        MODELS["wide"] = SILENT  # type: ignore[assignment]
        for name in sets:
            _Set(name, job, results).run(rows, [int(seed) for seed in given.seeds.split(",")])
    tables.show(_read(results), given.part, given.write)
    return 0


class _Set:
    """One data set; it is read, and its texts are made ids, when the first row wants it."""

    def __init__(self, name: str, job: Settings, results: Path) -> None:
        self.name, self.results = name, results
        self.job = replace(job, data_url=str(Path(job.data_url) / name), model=dict(job.model, wide={}))
        self._dataset: Any = None
        self._inputs: Any = None

    def run(self, rows: List[str], seeds: List[int]) -> None:
        """Run these rows with these seeds; each result is on the disk before the next one is begun."""
        done = {line["key"] for line in _read(self.results)}
        for row in rows:
            for seed in seeds[:1] if row in BASELINES else seeds:
                key = self._key(row, seed)
                if key in done:
                    continue
                print(f"{self.name} {row} seed {seed}", file=sys.stderr, flush=True)
                try:
                    line = self._baseline(row) if row in BASELINES else self._model(row, seed)
                except ImportError as error:
                    print(f"{row} left out: {error}", file=sys.stderr, flush=True)
                    continue
                line = dict({"set": self.name, "row": row, "seed": seed, "key": key}, **line)
                self.results.parent.mkdir(parents=True, exist_ok=True)
                with self.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")

    def _key(self, row: str, seed: int) -> str:
        """Equal for two runs that are the same: of the set, the row, the seed and all that decides the outcome."""
        of = {} if row in BASELINES else replace(self.job, seed=seed).of_model(_model_of(row))
        settled = json.dumps([self.name, row, seed, of], sort_keys=True)
        return hashlib.sha256(settled.encode("utf-8")).hexdigest()[:16]

    def dataset(self) -> Dataset:
        if self._dataset is None:
            self._dataset = read_dataset(self.job.data_url, DataSettings.of(self.job))
        return self._dataset

    def _parts(self) -> Dict[str, Examples]:
        """What is asked: dev, test, and every further test file of the folder, by its name."""
        dataset = self.dataset()
        parts = {"dev": dataset.dev, "test": dataset.test}
        for file in sorted(Path(self.job.data_url).glob("test_*.tsv")):
            parts[file.stem] = read_examples(str(file), DataSettings.of(self.job))
        return {name: part for name, part in parts.items() if part.texts}

    def _baseline(self, row: str) -> Dict[str, Any]:
        train = self.dataset().train
        if not list(Path(self.job.data_url).glob("dev.*")):
            train = Examples(train.texts + self.dataset().dev.texts, train.labels + self.dataset().dev.labels)
        parts = self._parts()
        began = time.time()
        answers = BASELINES[row](train, [text for part in parts.values() for text in part.texts])
        seconds = time.time() - began
        figures, first = {}, 0
        for name, part in parts.items():
            figures[name] = _figures(part.labels, answers[first:first + len(part.texts)])
            first += len(part.texts)
        if train is not self.dataset().train:
            del figures["dev"]  # it was trained on
        return {"seconds": seconds, "figures": figures}

    def _model(self, row: str, seed: int) -> Dict[str, Any]:
        job = replace(self.job, seed=seed)
        with tempfile.TemporaryDirectory() as scratch:
            if self._inputs is None:
                prepared = prepare(self.dataset(), job, Path(scratch) / "vocabulary.txt")
                self._inputs = with_wide_part(prepared, job)
            inputs = self._inputs
            if row.endswith(ALONE) and row != WIDE:
                inputs = inputs._replace(wide={})
            classifier, trained = trainer.train(_model_of(row), inputs, job, Path(scratch) / "logs",
                                                 Checkpoints(Path(scratch) / "checkpoints", {}))
        figures = {}
        for name, part in self._parts().items():
            probabilities = np.concatenate([classifier.probabilities(inputs.ids(part.texts[i:i + 256])).numpy()
                                            for i in range(0, len(part.texts), 256)])
            figures[name] = _figures(part.labels, [inputs.labels[i] for i in probabilities.argmax(1)])
        return {"seconds": trained.seconds, "epochs": len(trained.history), "best_epoch": trained.best_epoch,
                "figures": figures}


def _model_of(row: str) -> str:
    """Its name in ``MODELS``: ``cnn`` of ``cnn`` and of ``cnn alone``."""
    return row.split()[0]


def _figures(true: List[str], answered: List[str]) -> Dict[str, float]:
    found = metrics.evaluate_names(true, answered)
    return {"rows": len(true), "accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}


def _read(results: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()] if results.exists() else []


if __name__ == "__main__":
    sys.exit(errors.run(lambda: main(sys.argv[1:])))
