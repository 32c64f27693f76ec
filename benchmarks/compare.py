"""The packages of a run side by side: what each is worth, what it costs, what it answers.

    python benchmarks/compare.py out/ "a question" "another"

Answer time is that of a request with one text of the golden ones, through the package's own service, as the median
of 50; it holds for this machine and process alone.
"""
import logging
import os
import statistics
import sys
import time
from pathlib import Path
from typing import List

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from textjob.packaging import golden, package
from textjob.serving.client import Rehearsal
from textjob.tables import markdown_table

ROUNDS = 50


def main(root: Path, questions: List[str]) -> None:
    """Print the table and the answers."""
    logging.disable(logging.WARNING)  # the loader's and the service's own words: the table is the point
    rows, answers = [], []
    for folder in sorted(path for path in root.glob("*/model") if package.card_of(path)):
        card, rehearsal = package.card_of(folder), Rehearsal(folder)
        figures = card["test"] or card["dev"]
        rows.append([folder.parent.name, "{:.4f}".format(figures["accuracy"]), "{:.4f}".format(figures["macro_f1"]),
                     "{:.1f}".format(card["training"]["seconds"]), f"{package.size(folder) / 1e6:.1f}",
                     f"{_answer_time(rehearsal) * 1000:.1f}"])
        for question, answer in zip(questions, rehearsal.classify(questions, top_k=1)):
            answers.append([question, folder.parent.name, answer["predicted_label"], "{:.3f}".format(answer["score"])])
    answers.sort(key=lambda row: questions.index(row[0]))
    print(markdown_table(["model", "test accuracy", "test macro-F1", "training s", "package MB", "answer ms"], rows))
    print()
    print(markdown_table(["question", "model", "answer", "score"], answers))


def _answer_time(rehearsal: Rehearsal) -> float:
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        rehearsal.request({"text": golden.TEXTS[2]})
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
