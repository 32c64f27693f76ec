"""The accuracy of the classifiers, of a linear model and of fastText: data set x row x seed.

    python benchmarks/accuracy.py --data_url sets/ --results mine.jsonl
    python benchmarks/accuracy.py --data_url sets/ --results mine.jsonl --sets mr,trec --seeds 1,2,3
    python benchmarks/accuracy.py --write                # writes the tables of benchmarks/results to the documents

``sets/`` contains one folder per data set, in a form that ``train.py --data_url`` reads; every other flag is one of
train.py. A row is a model of ``--models``, the same model without its wide part (``cnn alone``), the wide part without
a network (``wide alone``), a linear model, or fastText. Each run is a line of ``--results``. A run that is in the file
is not repeated, so the command can be stopped and started again; a run with other settings has another key.

A network is trained on the training part and selects its epoch on dev. A data set without a dev part loses a tenth of
its training part to dev; the linear model and fastText, which select nothing, are trained on that tenth too.
"""
import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # set before importing TensorFlow; hides its start-up banner
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import baselines
import numpy as np
import tables

from models import WIDE
from textjob import errors, metrics, process
from textjob.data.dataset import Dataset, Examples, read_dataset
from textjob.data.examples import read_examples
from textjob.flags import from_flags
from textjob.report import calibration, predictions
from textjob.results import TrainingResult
from textjob.settings import Settings
from textjob.text.encoding import TextEncoder
from textjob.training import classifier, finishing, trainer
from textjob.training.checkpoints import Checkpoints
from textjob.training.classifier import Classifier
from textjob.training.inputs import Inputs, prepare, with_final_wide_part, with_wide_part

RESULTS = Path(__file__).resolve().parent / "results" / "accuracy.jsonl"
ALONE = " alone"
WIDE_ALONE = WIDE + ALONE
BASELINES = {"linear": baselines.linear, "linear on words": baselines.linear_words,
             "linear seen twice": baselines.linear_twice, "linear on characters": baselines.linear_characters,
             "fastText": baselines.fasttext}
DETERMINISTIC = {WIDE_ALONE, *BASELINES}
"""The rows that do not depend on the seed."""


def main(argv: Sequence[str]) -> int:
    """Run the missing runs and print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--results", default=str(RESULTS), metavar="FILE",
                        help="JSON lines, one per run; new runs are appended (default: the results of the documents)")
    parser.add_argument("--sets", default="", metavar="A,B", help="folders in --data_url (default: all)")
    parser.add_argument("--seeds", default="1,2,3", metavar="N,M", help="seeds of the rows with a network")
    parser.add_argument("--rows", default="", metavar="A,B", help="rows of the tables (default: all)")
    parser.add_argument("--part", default="test", choices=["dev", "test"], help="the part whose figures are printed")
    parser.add_argument("--write", action="store_true", help="write the tables to README.md and docs/accuracy.md")
    given, flags = parser.parse_known_args(argv)
    results = Path(given.results)
    if any(flag.split("=")[0] == "--data_url" for flag in flags):
        process.limit_threads()
        job, unknown = from_flags([*flags, "--train_url", "not used"])
        if unknown:
            parser.error(f"unknown flags: {' '.join(unknown)}")
        folders = sorted(path.name for path in Path(job.data_url).iterdir() if path.is_dir())
        sets = given.sets.split(",") if given.sets else folders
        rows = given.rows.split(",") if given.rows else [
            *BASELINES, WIDE_ALONE, *job.models, *(model + ALONE for model in job.models)]
        for name in sets:
            _Set(name, job, results).run(rows, [int(seed) for seed in given.seeds.split(",")])
    tables.show(_read(results), given.part, given.write)
    return 0


class _Set:
    """One data set. It is read and encoded when the first row needs it."""

    def __init__(self, name: str, job: Settings, results: Path) -> None:
        self.name, self.results = name, results
        self.job = replace(job, data_url=str(Path(job.data_url) / name), model=dict(job.model, **{WIDE: {}}))
        self._dataset: Any = None
        self._prepared: Any = None

    def run(self, rows: List[str], seeds: List[int]) -> None:
        """Run these rows with these seeds; each result is written before the next run starts."""
        done = {line["key"] for line in _read(self.results)}
        for row in rows:
            for seed in seeds[:1] if row in DETERMINISTIC else seeds:
                key = self._key(row, seed)
                if key in done:
                    continue
                print(f"{self.name} {row} seed {seed}", file=sys.stderr, flush=True)
                try:
                    line = self._baseline(row) if row in BASELINES else self._model(row, seed)
                except ImportError as error:
                    print(f"{row} is skipped: {error}", file=sys.stderr, flush=True)
                    continue
                line = dict({"set": self.name, "row": row, "seed": seed, "key": key}, **line)
                self.results.parent.mkdir(parents=True, exist_ok=True)
                with self.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")

    def _key(self, row: str, seed: int) -> str:
        """The identity of a run: the data set, the row, the seed and the settings that are not the defaults."""
        changed = [] if row in BASELINES else self.job.differences(_model_of(row), {})
        text = json.dumps([self.name, row, seed, changed])
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]

    def dataset(self) -> Dataset:
        """The data set, read once."""
        if self._dataset is None:
            self._dataset = read_dataset(self.job.data_url, self.job)
        return self._dataset

    def _parts(self) -> Dict[str, Examples]:
        """The parts that are evaluated: dev, test, and every other test file of the folder, by name."""
        dataset = self.dataset()
        parts = {"dev": dataset.dev, "test": dataset.test}
        for file in sorted(Path(self.job.data_url).glob("test_*.tsv")):
            parts[file.stem] = read_examples(str(file), self.job)
        return {name: part for name, part in parts.items() if part.texts}

    def _baseline(self, row: str) -> Dict[str, Any]:
        train = self.dataset().train
        if not list(Path(self.job.data_url).glob("dev.*")):
            train = Examples(train.texts + self.dataset().dev.texts, train.labels + self.dataset().dev.labels)
        parts = self._parts()
        began = time.time()
        predicted = BASELINES[row](train, [text for part in parts.values() for text in part.texts])
        seconds = time.time() - began
        figures, first = {}, 0
        for name, part in parts.items():
            figures[name] = _figures(part.labels, predicted[first:first + len(part.texts)])
            first += len(part.texts)
        if train is not self.dataset().train:
            del figures["dev"]  # the baseline was trained on it
        return {"seconds": seconds, "figures": figures}

    def _model(self, row: str, seed: int) -> Dict[str, Any]:
        inputs, final, encoder, wide_seconds = self._encoded()
        if row == WIDE_ALONE:
            alone = TrainingResult(inputs.wide, [], 0, wide_seconds)
            return {"seconds": wide_seconds, "figures": self._evaluate(
                classifier.wide_alone(inputs), alone, inputs, final, encoder)}
        if row.endswith(ALONE):
            inputs = final = inputs._replace(wide={})
        with tempfile.TemporaryDirectory() as scratch:
            model, trained = trainer.train(_model_of(row), inputs, replace(self.job, seed=seed),
                                           Path(scratch) / "logs", Checkpoints(Path(scratch) / "checkpoints", {}))
        return {"seconds": trained.seconds, "epochs": len(trained.history), "best_epoch": trained.best_epoch,
                "figures": self._evaluate(model, trained, inputs, final, encoder)}

    def _encoded(self) -> Tuple[Inputs, Inputs, TextEncoder, float]:
        """The inputs, those with the final wide part, the encoder, and the seconds of fitting both wide parts."""
        if self._prepared is None:
            with tempfile.TemporaryDirectory() as scratch:
                inputs, encoder = prepare(self.dataset(), self.job, Path(scratch) / "vocabulary.txt")
            began = time.time()
            inputs = with_wide_part(inputs, self.job)
            final = with_final_wide_part(inputs, self.job)
            self._prepared = inputs, final, encoder, time.time() - began
        return self._prepared  # type: ignore[no-any-return]

    def _evaluate(self, model: Classifier, trained: TrainingResult, inputs: Inputs, final: Inputs, encoder: TextEncoder
                  ) -> Dict[str, Any]:
        """Dev is evaluated before the last step of the training, because that step uses it."""
        finished = finishing.finish(model, trained, inputs, final)[0]
        figures = {}
        for name, part in self._parts().items():
            encoded = encoder.encode(part.texts, [0] * len(part.texts))
            probabilities = (model if name == "dev" else finished).predict(encoded)
            figures[name] = _figures(part.labels, [inputs.labels[i] for i in probabilities.argmax(1)])
            if name != "dev":
                figures[name].update({key: _calibration_error(each.predict(encoded), inputs, part) for key, each in
                                      (("calibration", finished), ("uncalibrated", model))})
        return figures


def _model_of(row: str) -> str:
    """The name of the model of a row: ``cnn`` for ``cnn`` and for ``cnn alone``."""
    return row.split()[0]


def _figures(true: List[str], predicted: List[str]) -> Dict[str, float]:
    evaluation = metrics.evaluate_names(true, predicted)
    return {"rows": len(true), "accuracy": evaluation.accuracy, "macro_f1": evaluation.macro_f1}


def _calibration_error(probabilities: np.ndarray, inputs: Inputs, part: Examples) -> float:
    made = predictions.of_probabilities(probabilities, inputs.labels, part.labels)
    return calibration.expected_error(calibration.curve(made))


def _read(results: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()] if results.exists() else []


if __name__ == "__main__":
    sys.exit(errors.run(lambda: main(sys.argv[1:])))
