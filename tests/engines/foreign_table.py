"""Collects the results of the foreign models per kind, and prints them as a table at the end of the run."""
from typing import Any, Dict, List, Set

import numpy as np


class Row:
    """The results of one kind."""

    def __init__(self) -> None:
        self.served: Dict[str, List[bool]] = {}   # engine → for each writer's model: whether it loads unchanged
        self.predicted: List[bool] = []           # for each of these on the old engines: whether check predicts it
        self.packages: Set[str] = set()           # adopter and writer of each adopted package
        self.ways: Set[str] = set()               # engine and loader that loaded these packages
        self.difference = 0.0                     # largest difference from the source's own predictions


ROWS: Dict[str, Row] = {}
FORMS: Dict[str, Dict[str, Set[str]]] = {}  # form and service.json → engine → the outcomes of all writers' models


def row(kind: str) -> Row:
    return ROWS.setdefault(kind, Row())


def difference(predicted: Any, expected: np.ndarray) -> float:
    """The largest difference; infinite if the shapes differ."""
    predicted = np.array(predicted)
    return float(np.max(np.abs(predicted - expected), initial=0.0)) if predicted.shape == expected.shape else np.inf


def write(terminalreporter: Any, engines: List[str]) -> None:
    """Print the Markdown tables of the foreign models and of the forms that were tested."""
    if FORMS:
        _write_forms(terminalreporter, engines)
    if not ROWS:
        return
    names = [engine[2:] if engine.startswith("tf") else engine for engine in engines]
    heads = ["kind", *("served on " + name for name in names), "predicted by check", "adopted packages",
             "loaded by", "largest difference"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for kind, results in sorted(ROWS.items()):
        cells = [_share(results.served.get(engine, [])) for engine in engines]
        loaded = {way.split()[0] for way in results.ways}
        lines.append("| " + " | ".join([
            kind, *cells, _share(results.predicted), str(len(results.packages) or "-"),
            f"{len(loaded)} engines, {len(results.ways)} loaders" if loaded else "-",
            f"{results.difference:.1e}"]) + " |")
    terminalreporter.write_line("\n" + "\n".join(lines))


def _write_forms(terminalreporter: Any, engines: List[str]) -> None:
    lines = ["| form, service.json | " + " | ".join(engines) + " |", "|" + "---|" * (len(engines) + 1)]
    for name, outcomes in FORMS.items():
        cells = [", ".join(sorted(outcomes.get(engine, {"-"}))) for engine in engines]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    terminalreporter.write_line("\n" + "\n".join(lines))


def _share(values: List[bool]) -> str:
    return f"{sum(values)} of {len(values)}" if values else "-"
