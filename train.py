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
from pathlib import Path
from typing import List, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported: its banner is no news

from textjob import (
    batches,
    card,
    data,
    errors,
    export,
    golden,
    interruption,
    lock,
    metrics,
    package,
    platform,
    report,
    settings,
    storage,
    training,
)
from textjob.output import Output

logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of the classic export, which is there on purpose


def main(argv: Sequence[str]) -> int:
    """The whole way from ``--data_url`` to the packages; returns the exit code."""
    node = platform.node(argv)
    if not node.trains:
        print(node.says())
        return 0
    job, ignored = settings.from_flags(argv)
    if ignored:
        print("ignored, not settings of this job: {}".format(" ".join(ignored)))
    with lock.held(job.train_url), storage.workspace(job.train_url) as work:
        with storage.fetched(job.data_url) as data_url:
            dataset = data.read(data_url, job.label_column, job.text_column, job.max_bad_rows)
        print("\n".join(dataset.notes))
        print("{:,} training, {:,} dev and {:,} test rows, {} classes".format(
            len(dataset.train.texts), len(dataset.dev.texts), len(dataset.test.texts), len(dataset.labels)), flush=True)
        run(job, dataset, Output(job, dataset, work))
    return 0


def run(job: settings.Settings, dataset: data.Dataset, output: Output) -> None:
    """Train what is not finished yet; compare, and publish the best."""
    finished = output.open()
    for name in finished:
        print("{}: finished before, in {}".format(name, output.place(name + "/model")))
    to_train = [name for name in job.models if name not in finished]
    if to_train:
        train_all(to_train, job, dataset, output)
    cards = output.cards()
    best = output.publish_best(cards)
    output.write_metrics(cards[best])
    sizes = {name: package.size(output.package(name)) for name in cards}
    print(report.write(output.root / "report", cards, sizes, best))
    output.send()
    print("best: {}, copied to {}".format(best, output.place("model")))


def train_all(names: List[str], job: settings.Settings, dataset: data.Dataset, output: Output) -> None:
    """Train, export and package one model after the other."""
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary_file, labels_file = Path(scratch) / "vocabulary.txt", Path(scratch) / "labels.txt"
        labels_file.write_bytes("".join(label + "\n" for label in dataset.labels).encode("utf-8"))
        inputs = batches.prepare(dataset, job, vocabulary_file)
        print("{:,} words in the vocabulary".format(len(inputs.vocabulary)), flush=True)
        for name in names:
            checkpoints = output.checkpoints(name)
            network, trained = training.train(name, inputs, job, output.logs(name), checkpoints)
            dev, test = (metrics.evaluate(part.labels, network.predict(part).argmax(1), inputs.names)
                         if len(part.labels) else {} for part in (inputs.dev, inputs.test))

            saved_model = Path(scratch) / name
            export.export(
                saved_model, name, trained.weights, vocabulary_file, labels_file, dataset.labels, job.max_length)
            golden_texts = golden.texts(inputs.vocabulary, dataset.dev.texts[:job.golden_rows])
            probabilities = network.probabilities(inputs.ids(golden_texts + dataset.dev.texts[:200])).numpy()
            export.verify(saved_model, golden_texts + dataset.dev.texts[:200], probabilities, dataset.labels)
            made = card.model_card(name, dataset, job, trained, dev, test,
                                   card.golden_answers(golden_texts, probabilities, dataset.labels))
            package.write(output.package(name), saved_model, made, card.config(made, job.runtime))
            output.send(name)
            checkpoints.clear()
            print("{}: dev accuracy={:.4f} macro_f1={:.4f} at epoch {}; package in {}".format(
                name, dev["accuracy"], dev["macro_f1"], trained.best_epoch, output.place(name + "/model")), flush=True)


if __name__ == "__main__":
    with interruption.handled():
        sys.exit(errors.run(lambda: main(sys.argv[1:])))
