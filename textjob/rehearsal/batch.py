"""Classifies the rows of a file, in their order, bad rows included; continues where an earlier run stopped.

Two threads call the service with the rows of one window, sorted by length, because a batch is padded to its longest
text. Meanwhile the main thread reads the next window and writes the previous one. A window consists of the same rows in
every run on the same data, so that a continued run has the same result as one that was not stopped.

Beside the output lies a record of the run (package, data, settings), so that no run continues the output of another.
"""
import collections
import contextlib
import gc
import itertools
import json
import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Deque, Dict, Generator, Iterator, List, NamedTuple, TextIO, Tuple

from textjob import manifest
from textjob.data.form import Record
from textjob.errors import PackageError, RefusedError
from textjob.rehearsal.client import Rehearsal
from textjob.rehearsal.output import Answer, Lines, Options, complete_lines
from textjob.rehearsal.progress import Progress, Report
from textjob.rehearsal.rows import Row, Rows, windows
from textjob.settings import DataSettings

RECORD = ".run.json"
"""The suffix of the file beside the output that says which run wrote it."""

CALLS = 2  # at the same time, each with half of the cores (process.limit_threads)
TEXTS, BYTES = 256, 4 << 20  # per call; the largest request of the platform has 12 MB

REMEDY = "give another --output_url, or --overwrite to replace it"


class Summary(NamedTuple):
    """The numbers of rows in the output before, and of the rows that were added: answered, bad."""

    before: int
    answered: int
    bad: int


class _Window(NamedTuple):
    """Rows that are classified together: ``first`` is the first one that the output does not have yet."""

    rows: List[Row]
    first: int
    calls: List[Tuple[List[int], "Future[List[Answer]]"]]  # the indexes of rows, and their answers


def run(rehearsal: Rehearsal, rows: Rows, settings: DataSettings, options: Options, output: Path, record: Path,
        overwrite: bool = False) -> Summary:
    """Classify the rows and append a line for each to ``output``.

    Raises:
        RefusedError: ``output`` holds the results of another run.
    """
    if overwrite and output.exists():
        output.unlink()
    _claim(output, record, identity(rehearsal.package, rows.digest, settings, options))
    lines = Lines(options, rows.names, rows.several)
    before = _resume(output, options, lines.header())
    prepare_process()
    with opened(output, "a") as file, Progress(rows.lines) as progress:
        answered, bad = classify(rehearsal, rows.rows, lines, options, file, progress.add, before)
    return Summary(before, answered, bad)


def prepare_process() -> None:
    """Set up the collection and the switching of this process for :func:`classify`; the service is loaded."""
    gc.collect()
    gc.freeze()  # otherwise collections of TensorFlow's objects take longer than everything else that Python does here
    sys.setswitchinterval(0.0005)  # a call waits for Python's lock before and after the model, each time for this long


def opened(output: Path, mode: str) -> TextIO:
    """An output file. Half of a surrogate pair, which only an escape of JSON can write, is written as an escape."""
    return open(str(output), mode, encoding="utf-8", errors="backslashreplace", newline="\n")  # type: ignore[return-value]


def classify(rehearsal: Rehearsal, rows: Iterator[Row], lines: Lines, options: Options, file: TextIO,
             report: Report, before: int = 0) -> Tuple[int, int]:
    """Write a line for each row but the first ``before`` ones; returns the numbers of answered and of bad rows."""
    answered = bad = 0
    with contextlib.closing(_classified(rehearsal, rows, before, options)) as classified:
        for window in classified:
            answers = _answers(window, report)
            for (row, names), answer in itertools.islice(zip(window.rows, answers), window.first, None):
                file.write(_line(lines, row, names, answer))
                answered += "error" not in answer
                bad += "error" in answer
            file.flush()  # a killed run loses two windows at most
    return answered, bad


def _line(lines: Lines, row: Record, names: List[str], answer: Answer) -> str:
    try:
        return lines.line(row, names, answer)
    except (TypeError, ValueError) as error:
        raise PackageError(f"{row.place}: the service's answer is not JSON, so that the platform answers with MR.0105 "
                           f"({error}); correct customize_service.py in the package")


def _classified(rehearsal: Rehearsal, rows: Iterator[Row], before: int, options: Options
                ) -> Generator[_Window, None, None]:
    """The windows whose rows are not all among the first ``before`` ones; the service works on two of them."""
    pool = ThreadPoolExecutor(CALLS)
    submitted: Deque[_Window] = collections.deque()
    try:
        for window in windows(rows):
            first = min(before, len(window))
            before -= first
            if first < len(window):
                submitted.append(_Window(window, first, _calls(rehearsal, pool, window, options)))
            if len(submitted) > 1:
                yield submitted.popleft()
        if before:
            raise RefusedError(f"the output has {before:,} rows more than the data; {REMEDY}")
        yield from submitted
    finally:
        for call in [call for window in submitted for call in window.calls]:
            call[1].cancel()
        pool.shutdown()


def _calls(rehearsal: Rehearsal, pool: ThreadPoolExecutor, window: List[Row], options: Options
           ) -> List[Tuple[List[int], "Future[List[Answer]]"]]:
    """Submit the texts of a window, sorted by length, in calls of limited size."""
    lengths = {index: len(row.text.encode("utf-8")) for index, (row, _) in enumerate(window) if not row.error}
    calls: List[List[int]] = []
    size = BYTES
    for index in sorted(lengths, key=lambda each: lengths[each]):
        size += lengths[index]
        if size > BYTES or len(calls[-1]) == TEXTS:
            calls.append([])
            size = lengths[index]
        calls[-1].append(index)
    return [(call, pool.submit(rehearsal.classify, [window[index][0].text for index in call], **options.top_k()))
            for call in calls]


def _answers(window: _Window, report: Report) -> List[Answer]:
    """The answers to the rows of a window, errors of bad rows included."""
    answers = [{"error": {"code": "bad_row", "message": row.error}} for row, _ in window.rows]
    for indexes, future in window.calls:
        for index, answer in zip(indexes, future.result()):
            answers[index] = answer
        report(len(indexes), window.rows[0][0].line, window.rows[-1][0].line)
    return answers


def identity(package: Path, data: str, settings: DataSettings, options: Options) -> Dict[str, Any]:
    """What a run is identified by: the hash of the package, the hash of the data, and the settings."""
    recorded = {key: value for key, value in asdict(settings).items() if key != "max_bad_rows"}
    return {"package": _package_digest(package), "data": data,
            "settings": dict(recorded, format=options.format, columns=list(options.columns), keep=options.keep)}


def differences(record: Any, run_: Dict[str, Any]) -> List[str]:
    """The keys of a run whose values are others in the record of an output, which is any JSON value."""
    return [key for key in run_ if not isinstance(record, dict) or record.get(key) != run_[key]]


def _claim(output: Path, record: Path, run_: Dict[str, Any]) -> None:
    """Write which run the output belongs to; refuse an output of another run."""
    if output.exists() and output.stat().st_size:
        try:
            other = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise RefusedError(
                f"{output} holds other content than answers to these rows, or its record {record.name} is missing; "
                f"{REMEDY}") from None
        different = differences(other, run_)
        if different:
            raise RefusedError(f"{output} holds other content than answers to these rows: another "
                               f"{' and '.join(different)}; {REMEDY}")
        return
    record.write_text(json.dumps(run_, ensure_ascii=False) + "\n", encoding="utf-8")


def _resume(output: Path, options: Options, header: str) -> int:
    """Prepare an output, and return the number of rows in it; an incomplete last row, left by a kill, is removed."""
    rows, size = complete_lines(output, options.format) if output.exists() else (0, 0)
    if size:
        os.truncate(str(output), size)
        return rows - bool(header)
    with opened(output, "w") as file:
        file.write(header)
    return 0


def _package_digest(package: Path) -> str:
    """The hash of a package: of its manifest, which lists the hashes of its files, else of its graph."""
    names = [name for name in (manifest.MANIFEST, "saved_model.pb") if (package / name).is_file()]
    return manifest.sha256(str(package / names[0]))
