"""Compare the packages of a run: figures, training time, size, response time, and predictions for given texts.

    python benchmarks/compare.py out/ "a text" "another text"

The response time is the median of 50 requests with one text through the package's own service, on this machine in one
process.
"""
import logging
import statistics
import sys
import time
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from textjob import process
from textjob.packaging import golden, package
from textjob.rehearsal.client import Rehearsal
from textjob.results import ModelCard
from textjob.tables import markdown_table

ROUNDS = 50


def main(root: Path, texts: List[str]) -> None:
    """Print both tables."""
    logging.disable(logging.WARNING)  # the service logs its start
    process.without_keras()
    process.import_tensorflow()
    models, predictions = [], []
    for folder in sorted(root.glob("*/model")):
        content = package.card_of(folder)
        if not content:
            continue
        card, rehearsal = ModelCard.from_json(content), Rehearsal(folder)
        name, figures = folder.parent.name, card.figures
        models.append([name, f"{figures.accuracy:.4f}", f"{figures.macro_f1:.4f}", f"{card.training.seconds:.1f}",
                       f"{package.size(folder) / 1e6:.1f}", f"{_response_time(rehearsal) * 1000:.1f}"])
        for text, answer in zip(texts, rehearsal.classify(texts, top_k=1)):
            predictions.append([text, name, answer["predicted_label"], f"{answer['score']:.3f}"])
    predictions.sort(key=lambda row: texts.index(row[0]))
    header = ["model", "test accuracy", "test macro-F1", "training s", "package MB", "response ms"]
    print(markdown_table(header, models))
    print()
    print(markdown_table(["text", "model", "prediction", "score"], predictions))


def _response_time(rehearsal: Rehearsal) -> float:
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        rehearsal.request({"text": golden.TEXTS[2]})
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
