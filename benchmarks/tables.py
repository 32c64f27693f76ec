"""The tables of ``accuracy.py`` in Markdown: printed, or written between the markers of a document."""
import re
import statistics
from pathlib import Path
from typing import Any, Dict, List, Sequence

from published import PUBLISHED

from textjob.tables import markdown_table

PROJECT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- accuracy: written by benchmarks/accuracy.py -->", "<!-- end of accuracy -->"

Lines = List[Dict[str, Any]]


def show(lines: Lines, part: str, write: bool) -> None:
    """Print the tables of a part; ``write`` writes the first to README.md and all but the times to docs/accuracy.md."""
    parts = [part, *sorted({name for line in lines for name in line["figures"] if name.startswith(part + "_")})]
    short = accuracy(lines, part)
    whole = "\n\n".join(
        [short, *(f"{other}, without the texts that are in the training part too:\n\n"
                  + accuracy([line for line in lines if other in line["figures"]], other) for other in parts[1:]),
         "Macro-F1:\n\n" + accuracy(lines, part, "macro_f1"),
         "Expected calibration error, before and after the last step of the training:\n\n" + calibration(lines, part)])
    print(whole + "\n\nSeconds of training:\n\n" + seconds(lines))
    if write:
        for readme in ("README.md", "README.zh-CN.md"):
            _put(PROJECT / readme, short)
        _put(PROJECT / "docs" / "accuracy.md", whole)


def accuracy(lines: Lines, part: str, figure: str = "accuracy") -> str:
    """One row per classifier, one column per data set: the mean over the seeds in %, and the standard deviation."""
    sets, rows = _in_order(lines, "set"), _rows(lines)
    table = []
    for row in rows:
        cells = [_spread([100 * line["figures"][part][figure] for line in lines
                          if (line["set"], line["row"]) == (name, row) and part in line["figures"]]) for name in sets]
        table.append([row, *cells])
    if figure == "accuracy" and part == "test":
        table += [[row, *(of.get(name, "") for name in sets)] for row, of in PUBLISHED.items()]
    return markdown_table(["%", *sets], table)


def calibration(lines: Lines, part: str) -> str:
    """The expected calibration error of each classifier in %, before and after: the mean over the seeds."""
    sets = _in_order(lines, "set")
    lines = [line for line in lines if "calibration" in line["figures"].get(part, {})]
    table = []
    for row in _rows(lines):
        cells = []
        for name in sets:
            found = [line["figures"][part] for line in lines if (line["set"], line["row"]) == (name, row)]
            cells.append(", ".join(f"{100 * statistics.mean(each[key] for each in found):.1f}"
                                   for key in ("uncalibrated", "calibration")) if found else "")
        table.append([row, *cells])
    return markdown_table(["%", *sets], table)


def seconds(lines: Lines) -> str:
    """The same as :func:`accuracy` for the seconds of training."""
    sets = _in_order(lines, "set")
    return markdown_table(["s", *sets], [
        [row, *(f"{statistics.mean(found):.1f}" if found else "" for found in (
            [line["seconds"] for line in lines if (line["set"], line["row"]) == (name, row)] for name in sets))]
        for row in _rows(lines)])


def _spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.1f}" if values else ""
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"


def _in_order(lines: Lines, key: str) -> List[str]:
    return list(dict.fromkeys(line[key] for line in lines))


def _rows(lines: Lines) -> List[str]:
    """The baselines, the classifiers, and their parts alone."""
    def rank(row: str) -> int:
        return 0 if row.startswith("linear") else 1 if row == "fastText" else 3 if row.endswith(" alone") else 2
    return sorted(_in_order(lines, "row"), key=rank)


def _put(path: Path, table: str) -> None:
    text = path.read_text(encoding="utf-8")
    between = re.compile(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", re.S)
    if not between.search(text):
        raise SystemExit(f"{path} has no lines {BEGIN!r} and {END!r}; add them where the table belongs")
    path.write_text(between.sub(lambda _: "\n" + table + "\n\n", text), encoding="utf-8")
