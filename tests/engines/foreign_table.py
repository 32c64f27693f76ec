"""What came of the foreign models, kind by kind, for the table that ends the run."""
from typing import Any, Dict, List, Set

import numpy as np


class Row:
    """Of one kind."""

    def __init__(self) -> None:
        self.asked: Dict[str, List[bool]] = {}  # engine → for each writer's model: did it load as it is
        self.told: List[bool] = []              # for each of these on the old engines: did textjob.fit say so
        self.packages: Set[str] = set()         # adopted by whom, of whose model
        self.ways: Set[str] = set()             # who answered these packages, by which way
        self.off = 0.0                          # largest difference from the source's own answers


ROWS: Dict[str, Row] = {}


def row(kind: str) -> Row:
    return ROWS.setdefault(kind, Row())


def off(found: Any, expected: np.ndarray) -> float:
    """The largest difference: infinite between answers that cannot be compared."""
    found = np.array(found)
    return float(np.max(np.abs(found - expected), initial=0.0)) if found.shape == expected.shape else np.inf


def write(terminalreporter: Any, engines: List[str]) -> None:
    """A Markdown table, where there is anything to tell."""
    if not ROWS:
        return
    names = [engine[2:] if engine.startswith("tf") else engine for engine in engines]
    heads = ["kind", *("served on " + name for name in names), "told right by check", "adopted packages",
             "these answered by", "largest difference"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for kind, found in sorted(ROWS.items()):
        cells = [_share(found.asked.get(engine, [])) for engine in engines]
        answered = {way.split()[0] for way in found.ways}
        lines.append("| " + " | ".join([
            kind, *cells, _share(found.told), str(len(found.packages) or "-"),
            f"{len(answered)} engines, {len(found.ways)} ways" if answered else "-",
            f"{found.off:.1e}"]) + " |")
    terminalreporter.write_line("\n" + "\n".join(lines))


def _share(held: List[bool]) -> str:
    return f"{sum(held)} of {len(held)}" if held else "-"
