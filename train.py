"""Train text classifiers and export each as a package that the platform deploys.

    python train.py --data_url data/ --train_url out/              # cnn, rnn and rcnn
    python train.py --data_url data/ --train_url out/ --models cnn --cnn_filters 200
    python train.py --help                                         # every setting

Running the same command again skips the models that are finished.
"""
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import List, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: its banner is no news

import numpy as np

import textjob
from textjob import errors, metrics, settings
from textjob.data.dataset import Dataset, DataSettings, read_dataset
from textjob.job import interruption, lock, nodes, storage
from textjob.job.output import Output
from textjob.job.phases import Phases
from textjob.packaging import config_json, export, golden, model_card, package
from textjob.report import comparison
from textjob.text import vectors
from textjob.training import trainer
from textjob.training.inputs import prepare, with_wide_part
from textjob.training.step import limit_threads

logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of the classic export, which is there on purpose


def main(argv: Sequence[str], began: float = 0.0) -> int:
    """The whole way from ``--data_url`` to the packages; returns the exit code. ``began`` is when the process did."""
    limit_threads()
    phases = Phases(began or time.time())
    phases.end("start")
    node = nodes.node(argv)
    if not node.trains:
        print(node.says())
        return 0
    job, ignored = settings.from_flags(argv)
    if ignored:
        print("ignored, not settings of this job: {}".format(" ".join(ignored)))
    with lock.held(job.train_url), storage.workspace(job.train_url) as work:
        with storage.fetched(job.data_url) as data_url:
            dataset = read_dataset(data_url, DataSettings.of(job))
        print("\n".join(dataset.notes))
        print(f"{len(dataset.train.texts):,} training, {len(dataset.dev.texts):,} dev and {len(dataset.test.texts):,} test rows, {len(dataset.labels)} classes", flush=True)
        phases.end("data")
        run(job, dataset, Output(job, dataset, work), phases)
    print(f"time: {phases}")
    return 0


def run(job: settings.Settings, dataset: Dataset, output: Output, phases: Phases) -> None:
    """Train what is not finished yet; compare, and publish the best."""
    finished = output.open()
    for name in finished:
        print("{}: finished before, in {}".format(name, output.place(name + "/model")))
    to_train = [name for name in job.models if name not in finished]
    if to_train:
        train_all(to_train, job, dataset, output, phases)
    cards = output.cards()
    best = output.publish_best(cards)
    output.write_metrics(cards[best])
    sizes = {name: package.size(output.package(name)) for name in cards}
    print(comparison.write(output.root / "report", cards, sizes, best))
    print(comparison.how_sure(cards[best]))
    output.send()
    print("best: {}, copied to {}".format(best, output.place("model")))
    phases.end("report")


def train_all(names: List[str], job: settings.Settings, dataset: Dataset, output: Output, phases: Phases) -> None:
    """Train, export and package one model after the other."""
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary_file, labels_file = Path(scratch) / "vocabulary.txt", Path(scratch) / "labels.txt"
        labels_file.write_bytes("".join(label + "\n" for label in dataset.labels).encode("utf-8"))
        inputs, encoder = prepare(dataset, job, vocabulary_file)
        if job.vectors:
            with storage.fetched(job.vectors) as file:
                known = vectors.read(file, inputs.vocabulary)
            print(f"{job.vectors}: vectors of {len(known.words):,} words of the vocabulary")
            inputs = inputs._replace(vectors=known)
        phases.end("words")
        inputs = with_wide_part(inputs, job)
        phases.end("wide part")
        print(f"{len(inputs.vocabulary):,} words in the vocabulary, {inputs.ngrams:,} n-grams in the wide part", flush=True)
        for name in names:
            checkpoints = output.checkpoints(name)
            with interruption.deferred():
                classifier, trained = trainer.train(
                    name, inputs, job, output.logs(name), checkpoints, interruption.asked)
            interruption.stop_if_asked()
            phases.end("training")
            answered = classifier.predict(inputs.dev).argmax(1)
            dev = metrics.evaluate(inputs.dev.labels, answered, inputs.names)
            dev["wrong_rows"] = np.flatnonzero(answered != inputs.dev.labels).tolist()
            test = metrics.evaluate(inputs.test.labels, classifier.predict(inputs.test).argmax(1), inputs.names) \
                if len(inputs.test.labels) else {}
            phases.end("test")

            saved_model = Path(scratch) / name
            export.export(
                saved_model, name, trained.weights, vocabulary_file, labels_file, dataset.labels, job.max_length)
            golden_texts = golden.texts(inputs.vocabulary, dataset.dev.texts[:job.golden_rows])
            probabilities = classifier.probabilities(encoder.padded(golden_texts + dataset.dev.texts[:200])).numpy()
            phases.end("export")
            export.verify(saved_model, golden_texts + dataset.dev.texts[:200], probabilities, dataset.labels)
            phases.end("proof")
            made = model_card.model_card(name, dataset, job, trained, dev, test,
                                   golden.answers(golden_texts, probabilities, dataset.labels))
            package.write(output.package(name), saved_model, made, config_json.config(made, job.runtime))
            output.send(name)
            checkpoints.clear()
            phases.end("package")
            print("{}: dev accuracy={:.4f} macro_f1={:.4f} at epoch {}; package in {}".format(
                name, dev["accuracy"], dev["macro_f1"], trained.best_epoch, output.place(name + "/model")), flush=True)


if __name__ == "__main__":
    with interruption.handled():
        sys.exit(errors.run(lambda: main(sys.argv[1:], textjob.BEGAN)))
