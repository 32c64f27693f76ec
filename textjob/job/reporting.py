"""The report of a run: the packages answer the rows of the test part, and the sections are written to ``report/``."""
import hashlib
import logging
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple

from textjob import manifest, process
from textjob.data import places
from textjob.data.dataset import Dataset
from textjob.job.output import Output
from textjob.packaging import package
from textjob.paths import PROJECT
from textjob.rehearsal.client import Rehearsal
from textjob.report import (
    answers,
    comparison,
    data_findings,
    evaluation,
    figures,
    html,
    markdown,
    plots,
    predictions,
    reproduction,
)
from textjob.report.blocks import Paragraph, Report, Section
from textjob.report.comparison import Answers
from textjob.report.mistakes import Shown
from textjob.report.predictions import Rows
from textjob.results import ModelCard
from textjob.settings import Settings

PAGE = "report.html"
MOST_ROWS = 10_000
"""Of a larger part, this many rows are sent to the packages, at equal distances."""


def write(output: Output, job: Settings, data: Dataset, data_url: str, cards: Mapping[str, ModelCard], best: str
          ) -> None:
    """Write ``report/``: ``report.html``, ``report.md``, ``figures.csv`` and the plots.

    A report on the same packages is kept, so that running a finished job again does not import TensorFlow.

    Args:
        data_url: the data on this machine.
        cards: the model card of each package, by the name of its model.
        best: the name of the model that is published.
    """
    folder = output.root / "report"
    fingerprint = _fingerprint(output, job, cards)
    if (folder / PAGE).is_file() and fingerprint in (folder / PAGE).read_text(encoding="utf-8"):
        return
    process.limit_threads()
    process.import_tensorflow()
    report, csv = _made(output, job, data, data_url, cards, best)
    folder.mkdir(parents=True, exist_ok=True)
    for picture in report.pictures():
        (folder / picture.file).write_bytes(picture.light)
    _write_text(folder / "report.md", markdown.write(report))
    _write_text(folder / "figures.csv", csv)
    _write_text(folder / PAGE, html.write(report, fingerprint))  # last, because it says that the report is complete


def _fingerprint(output: Output, job: Settings, cards: Mapping[str, ModelCard]) -> str:
    """A hash of the packages, of the setting and of the code that the report is made from."""
    digest = hashlib.sha256(f"{job.report_texts} {','.join(cards)}".encode("utf-8"))
    code = sorted((PROJECT / "textjob" / "report").iterdir())
    for file in [*(output.package(name) / manifest.MANIFEST for name in cards), *code]:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _made(output: Output, job: Settings, data: Dataset, data_url: str, cards: Mapping[str, ModelCard], best: str
          ) -> Tuple[Report, str]:
    """The report, and its figures as CSV."""
    # Imported here because they import TensorFlow.
    from models import wide
    from textjob.report import label_errors, ngrams, training_rows

    def places_of(rows: Rows, numbers: Sequence[int]) -> List[str]:
        return places.find(data_url, rows.part, [rows.texts[row] for row in numbers],
                           [rows.labels[row] for row in numbers], job)

    sizes = {name: package.size(output.package(name)) for name in cards}
    rows, answered = _answers(output, data, cards)
    models = {name: each.predictions for name, each in answered.items()}
    numbers = sorted(evaluation.rows_to_show(models))
    shown = Shown(rows, dict(zip(numbers, places_of(rows, numbers))), job.report_texts)
    training = training_rows.read(output.package(best), *data.train, data.labels, job.tokens_read)
    sections = [
        Section("Models", [comparison.side_by_side(cards, sizes, best, answered, rows.part),
                           Paragraph(comparison.uncertainty(cards[best])),
                           Paragraph(_origin(rows, data, best in models))]),
        Section("Learning curves", [
            plots.learning_curves({name: card.training.history for name, card in cards.items()})])]
    if best in models:
        sections += evaluation.sections(models, best, shown)
    weights = ngrams.wide_weights(output.package(best))
    if job.report_texts:
        sections.append(ngrams.section(weights, best, training))
    sections += [
        label_errors.section(training, max(wide.orders(weights) or [2]), job.report_texts,
                             lambda numbers: places_of(training.rows, numbers)),
        data_findings.section(data, job.report_texts), reproduction.section(cards[best], list(cards))]
    title = f"Report on {len(cards)} models" if len(cards) > 1 else f"Report on the model {best}"
    return (Report(title, _summary(cards[best], best), sections),
            figures.write(figures.of_run(cards, sizes, answered, rows.part)))


def _summary(card: ModelCard, best: str) -> str:
    facts = card.data
    return (f"{facts.train:,} training, {facts.dev:,} dev and {facts.test:,} test rows, {len(card.labels):,} classes. "
            f"The best model, by macro-F1 on dev, is {best}.")


def _origin(rows: Rows, data: Dataset, has_predictions: bool) -> str:
    """Which rows the sections on predictions are made from."""
    count, of = len(rows.texts), len(data.test.texts)
    if not has_predictions:
        return ("The sections on predictions are left out, because there is no test part and the training did not keep "
                "the predictions for the dev part; train with --overwrite to get them.")
    if rows.part == "dev":
        return ("There is no test part: the sections on predictions are of the dev part, predicted in the training "
                "before the wide part was fitted to dev, too.")
    return ("The sections on predictions are of the answers of the packages to "
            + (f"all {of:,} test rows." if count == of else f"{count:,} of the {of:,} test rows, at equal distances."))


def _answers(output: Output, data: Dataset, cards: Mapping[str, ModelCard]) -> Tuple[Rows, Dict[str, Answers]]:
    """The answers of the packages to the test part.

    Without a test part they are the predictions for the dev part before the wide part was fitted to it, because a
    package is better on the rows that it was fitted to than on new rows.
    """
    rows = Rows("test", *data.test).sample(MOST_ROWS) if data.test.texts else Rows("dev", *data.dev)
    found = {}
    for name in cards:
        logging.disable(logging.INFO)  # the service describes the package when it is loaded
        service = Rehearsal(output.package(name))
        logging.disable(logging.NOTSET)
        milliseconds = answers.milliseconds(service.classify, rows.texts)
        if rows.part == "test":
            found[name] = Answers(answers.predict(service.classify, rows), milliseconds)
        elif output.dev_predictions(name).is_file():
            found[name] = Answers(predictions.load(output.dev_predictions(name)), milliseconds)
    return rows, found


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "replace"))
