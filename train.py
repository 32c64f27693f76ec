"""Train text classifiers and export each as a package that the platform deploys.

    python train.py --data_url data/ --train_url out/              # cnn, rnn and rcnn
    python train.py --data_url data/ --train_url out/ --models cnn --cnn_filters 200
    python train.py --help                                         # every setting

Running the same command again skips the models that are finished.
"""
if __name__ == "__main__":
    from textjob import process

    process.exit_on_interrupt()

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, List, Sequence

import textjob
from textjob import errors, manifest, process
from textjob.data.sources import find_sources
from textjob.flags import from_flags
from textjob.job import interruption, lock, nodes, several_nodes, storage
from textjob.job.output import Output
from textjob.job.phases import Phases
from textjob.settings import Settings

if TYPE_CHECKING:
    from textjob.data.dataset import Dataset
    from textjob.training.workers import Workers


def main(argv: Sequence[str], start: float = 0.0) -> int:
    """Run the whole job, from ``--data_url`` to the packages.

    ``start`` is the time at which the process started. Returns the exit code (textjob/errors.py).
    """
    phases = Phases(start or time.time())
    node = nodes.node(argv)
    if node.role != "worker":
        print(node.reason)
        return 0
    job, ignored = from_flags(argv)
    cluster = several_nodes.cluster_of(argv, job)
    if cluster:
        phases.end("import TensorFlow")
    if not node.trains:
        if cluster:
            return several_nodes.follow(cluster, job, nodes.gpus(argv))
        print(node.reason)
        return 0
    if ignored:
        print(f"ignored flags, which are not settings of this job: {' '.join(ignored)}")
    storage.check_writable(job.train_url, "--train_url")
    with lock.held(job.train_url), storage.workspace(job.train_url) as work, \
            storage.fetched(job.data_url) as data_url, several_nodes.opened(cluster, job, nodes.gpus(argv)) as connect:
        find_sources(data_url)  # a wrong path is named before NumPy is imported
        from textjob.data.dataset import read_dataset

        data = read_dataset(data_url, job)
        print("\n".join(data.notes))
        print(f"{len(data.train.texts):,} training, {len(data.dev.texts):,} dev and {len(data.test.texts):,} test "
              f"rows, {len(data.labels)} classes", flush=True)
        phases.end("data")
        with storage.fetched(job.vectors) as vectors_file:
            if job.vectors:
                job = replace(job, vectors_sha256=manifest.sha256(vectors_file))
            output = Output(job, data, work)
            workers = run(job, data, vectors_file, output, phases, connect)
            publish(output, job, data, data_url, phases)
            workers.wait()
    print(f"time: {phases}")
    return 0


def run(job: Settings, data: "Dataset", vectors_file: str, output: Output, phases: Phases,
        connect: several_nodes.Connect) -> "Workers":
    """Train the models that are not finished; returns the nodes that have trained them."""
    finished = output.open()
    for name in finished:
        print(f"{name}: finished before; package in {output.place(name + '/model')}")
    outdated = output.outdated(finished)
    unfinished = [name for name in job.models if name not in finished]
    if outdated or unfinished:
        process.limit_threads()
        process.import_tensorflow()
        interruption.stop_if_requested()
        phases.end("import TensorFlow")
    workers = connect(data, unfinished)
    for name, keys in outdated.items():
        from textjob.packaging.repackage import repackage

        repackage(output.package(name), job, data)
        output.send(name)
        print(f"{name}: package written again, without training, for {'; '.join(keys)}")
    if unfinished:
        train_models(unfinished, job, data, vectors_file, output, phases, workers)
    return workers


def train_models(names: List[str], job: Settings, data: "Dataset", vectors_file: str, output: Output, phases: Phases,
                 workers: "Workers") -> None:
    """Train, evaluate, export, verify and package one model after the other."""
    # Imported here because they import TensorFlow, which takes seconds: settings and data are checked before.
    from textjob import metrics
    from textjob.job import disk
    from textjob.packaging import config_json, export, golden, model_card, package
    from textjob.report import predictions
    from textjob.results import as_json
    from textjob.text import vectors
    from textjob.training import data_warnings, finishing, trainer
    from textjob.training.inputs import prepare, with_final_wide_part, with_wide_part

    with tempfile.TemporaryDirectory() as scratch:
        vocabulary_file, labels_file = Path(scratch) / "vocabulary.txt", Path(scratch) / "labels.txt"
        labels_file.write_bytes("".join(label + "\n" for label in data.labels).encode("utf-8"))
        inputs, encoder = prepare(data, job, vocabulary_file, workers=workers)
        warnings = data_warnings.warnings(data, inputs, job)
        print("".join(line + "\n" for line in warnings), end="", flush=True)
        data = data._replace(notes=data.notes + warnings)
        if job.vectors:
            known = vectors.read(vectors_file, inputs.vocabulary)
            print(f"{job.vectors}: vectors of {len(known.words):,} words of the vocabulary")
            inputs = inputs._replace(vectors=known)
        phases.end("words")
        sampled = inputs.sampled if job.wide else []
        print("".join(line + "\n" for line in sampled), end="", flush=True)
        data = data._replace(notes=data.notes + sampled)
        inputs = with_wide_part(inputs, job)
        final = with_final_wide_part(inputs, job)
        phases.end("wide part")
        print(f"{len(inputs.vocabulary):,} words in the vocabulary, {inputs.ngrams:,} n-grams in the wide part",
              flush=True)
        disk.check(output.root, names, inputs, job)
        for name in names:
            checkpoints = output.checkpoints(name)
            with interruption.deferred():
                classifier, trained = trainer.train(name, inputs, job, output.logs(name), checkpoints, workers)
            interruption.stop_if_requested()
            phases.end("training")
            on_dev = classifier.predict(inputs.dev)
            dev = metrics.evaluate(inputs.dev.labels, on_dev.argmax(1), inputs.names, keep_wrong_rows=True)
            classifier, trained = finishing.finish(classifier, trained, inputs, final)
            predictions.save(output.dev_predictions(name), predictions.of_probabilities(
                finishing.calibrated(on_dev, trained.temperature), data.labels, data.dev.labels))
            test = metrics.evaluate(inputs.test.labels, classifier.predict(inputs.test).argmax(1),
                                    inputs.names) if data.test.texts else None
            phases.end("test")

            saved_model = Path(scratch) / name
            export.export(saved_model, name, trained.weights, vocabulary_file, labels_file, data.labels, job.max_length,
                          job.tokens_read)
            golden_texts = golden.texts(inputs.vocabulary, data.dev.texts[:job.golden_rows])
            verified = golden_texts + list(data.dev.texts[:200])
            probabilities = classifier.probabilities(*encoder.inputs(verified)).numpy()
            phases.end("export")
            export.verify(saved_model, verified, probabilities, data.labels)
            phases.end("verification")
            card = model_card.model_card(name, data, job, trained, dev, test,
                                         golden.answers(golden_texts, probabilities, data.labels))
            package.write(output.package(name), saved_model, as_json(card),
                          config_json.config(as_json(card), job.runtime))
            output.send(name)
            checkpoints.clear()
            phases.end("package")
            print(f"{name}: dev accuracy={dev.accuracy:.4f} macro_f1={dev.macro_f1:.4f} at epoch {trained.best_epoch}; "
                  f"package in {output.place(name + '/model')}", flush=True)


def publish(output: Output, job: Settings, data: "Dataset", data_url: str, phases: Phases) -> None:
    """Copy the best package to ``model/``; write the report and the platform's figures."""
    from textjob.job import reporting
    from textjob.packaging import package
    from textjob.report import comparison

    cards = output.cards()
    best = output.publish_best(cards)
    output.write_metrics(cards[best])
    print(comparison.table(cards, {name: package.size(output.package(name)) for name in cards}, best))
    print(comparison.uncertainty(cards[best]), flush=True)
    reporting.write(output, job, data, data_url, cards, best)
    output.send()
    print(f"report: {output.place('report/report.html')}")
    print(f"best: {best}, copied to {output.place('model')}")
    phases.end("report")


if __name__ == "__main__":
    process.interrupts_raise()
    process.without_keras()
    with interruption.handled():
        sys.exit(errors.run(lambda: main(sys.argv[1:], textjob.START),
                            f"{errors.ON_INTERRUPT}; the same command continues from the last checkpoint"))
