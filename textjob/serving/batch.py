"""Classifies a file of texts: one JSON line per row, in order; continues where an earlier run stopped."""
import itertools
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from textjob.data.folders import Source
from textjob.data.records import Record, Records
from textjob.errors import RefusedError
from textjob.serving.client import Rehearsal
from textjob.settings import DataSettings

_CHUNK = 256


def read(path: str, settings: DataSettings) -> Iterator[Record]:
    """The records of a file; it may have one column, which is then the text."""
    return Records(settings, labelled=False).open(Source(path, Path(path).name, False)).records


def run(rehearsal: Rehearsal, records: Iterator[Record], output: Path) -> Tuple[int, int]:
    """Classify and append to ``output``; returns the number of rows in it before and the number of rows added.

    Raises:
        RefusedError: ``output`` holds other content than answers to these rows.
    """
    done = _resume(output, records)
    added = 0
    with open(str(output), "a", encoding="utf-8", newline="\n") as file:
        while True:
            chunk = list(itertools.islice(records, _CHUNK))
            if not chunk:
                return done, added
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in _answers(rehearsal, chunk))
            file.flush()  # a killed run loses one chunk at most
            added += len(chunk)


def _answers(rehearsal: Rehearsal, chunk: List[Record]) -> Iterator[Dict[str, Any]]:
    answers = iter(rehearsal.classify([record.text for record in chunk if not record.error]))
    for record in chunk:
        if record.error:
            yield {"line": record.line, "error": {"code": "bad_row", "message": record.error}}
        else:
            yield dict({"line": record.line}, **next(answers))


def _resume(output: Path, records: Iterator[Record]) -> int:
    """Skip the rows that ``output`` answers already; an incomplete last line, left by a kill, is removed."""
    output.parent.mkdir(parents=True, exist_ok=True)
    if not output.exists():
        return 0
    done, kept, last = 0, 0, b""
    with open(str(output), "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            done, kept, last = done + 1, kept + len(line), line
    os.truncate(str(output), kept)
    skipped = list(itertools.islice(records, done))[-1:]
    try:
        matches = not last or (bool(skipped) and json.loads(last.decode("utf-8"))["line"] == skipped[0].line)
    except (ValueError, KeyError, TypeError):
        matches = False
    if not matches:
        raise RefusedError(f"{output} holds other content than answers to these rows; give another --output_url")
    return done
