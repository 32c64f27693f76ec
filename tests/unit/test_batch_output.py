"""The lines that infer.py batch writes: columns of the input, quoting, complete rows, progress."""
import contextlib
import csv
import io
import json
import os
import pty
from pathlib import Path
from typing import Any, List, Sequence

import pytest

from textjob.data.form import Record
from textjob.errors import UsageError
from textjob.rehearsal import output, rows
from textjob.rehearsal.output import Lines, Options
from textjob.rehearsal.progress import Progress, duration, state
from textjob.settings import DataSettings

ANSWER = {"predicted_label": "food, hot", "score": 0.75, "scores": [["food, hot", 0.75], ["sport", 0.25]]}
BAD = {"error": {"code": "bad_row", "message": "not UTF-8"}}


def record(cells: Any, line: int = 3) -> Record:
    return Record(f"a.csv:{line}", line, "soup", None, "", cells)


def read_to_end(terminal: int) -> str:
    """What was printed to a terminal that is closed on its other side."""
    shown = b""
    with contextlib.suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:  # the end is an error
        while True:
            shown += file.read(1000)
    return shown.decode("utf-8")


def table(options: Options, names: Sequence[str], cells: Sequence[Any], answer: Any = ANSWER) -> str:
    lines = Lines(options, names, False)
    return lines.header() + lines.line(record(cells), names, answer)


def test_a_csv_keeps_cells_with_quotes_commas_and_line_ends() -> None:
    cells = ['say "soup"', "a,b", "two\nlines", "tail\r\n", ""]
    names = ["a", "b", "c", "d", "e"]
    header, row = csv.reader(io.StringIO(table(Options("csv"), names, cells), newline=""))
    assert header == [*names, "label", "score", "error"]
    assert row == [*cells, "food, hot", "0.75", ""]


def test_a_tsv_has_a_line_per_row_and_no_quotes() -> None:
    written = table(Options("tsv"), ["a", "b"], ["tab\there", 'two\r\nlines "x"'])
    assert written.splitlines()[1].split("\t") == ["tab here", 'two  lines "x"', "food, hot", "0.75", ""]
    assert written.count("\n") == 2


@pytest.mark.parametrize("names, expected", [
    (["text"], ["label", "score"]), (["label", "text"], ["predicted_label", "score"]),
    (["label", "predicted_label", "score"], ["predicted_predicted_label", "predicted_score"])])
def test_a_column_of_the_input_keeps_its_name_beside_the_prediction(names: List[str], expected: List[str]) -> None:
    header = Lines(Options("csv", ("label", "score")), names, False).header()
    assert header == ",".join([*names, *expected]) + "\n"


def test_a_bad_row_has_empty_cells_and_its_error_in_place() -> None:
    assert table(Options("csv"), ["a", "b"], ["x"], BAD).splitlines()[1] == "x,,,,not UTF-8"
    assert table(Options("csv"), ["a", "b"], ["x", "y", "z"], BAD).splitlines()[1] == 'x,"y,z",,,not UTF-8'
    assert Lines(Options("csv"), ["a"], False).line(record(None), ["a"], BAD) == ",,,not UTF-8\n"


def test_the_columns_of_a_second_file_are_written_under_the_names_of_the_first() -> None:
    lines = Lines(Options("csv", ("label",)), ["id", "text"], True)
    assert lines.line(record(["soup", "7"]), ["text", "id"], ANSWER) == '7,soup,"food, hot"\n'
    assert lines.line(record({"text": "soup", "n": 1}), ["text", "n"], ANSWER) == ',soup,"food, hot"\n'


def test_a_json_line_has_the_whole_answer_or_the_chosen_columns() -> None:
    def line(options: Options, several: bool = False) -> Any:
        return json.loads(Lines(options, ["t"], several).line(record(["soup"]), ["t"], ANSWER))

    assert line(Options()) == {"line": 3, **ANSWER}
    assert line(Options(keep=True), True) == {"line": 3, "place": "a.csv:3", "input": {"t": "soup"}, **ANSWER}
    assert line(Options(columns=("label", "line"))) == {"label": "food, hot", "line": 3}
    assert line(Options(columns=("score",), keep=True)) == {"input": {"t": "soup"}, "score": 0.75}


def test_an_unknown_column_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"--columns lable: .* did you mean 'label'"):
        output.options("csv", ["lable"], False, "out.csv")


@pytest.mark.parametrize("given, name, expected", [
    ("", "out.csv", "csv"), ("", "out.TSV", "tsv"), ("", "out.json", "jsonl"), ("", "", "jsonl"),
    ("jsonl", "out.csv", "jsonl")])
def test_the_end_of_the_output_decides_the_format_unless_a_flag_does(given: str, name: str, expected: str) -> None:
    assert output.options(given, [], False, name).format == expected


def test_scores_that_are_not_written_are_left_out_of_the_request() -> None:
    assert Options("csv").top_k() == Options("jsonl", ("label",)).top_k() == {"top_k": 1}
    assert Options().top_k() == Options("csv", ("scores",)).top_k() == {}


def test_the_complete_rows_of_a_csv_are_counted_at_every_cut(tmp_path: Path) -> None:
    names, cells = ["a"], [["x"], ['two\n"lines"\n'], ['"'], ["\n\n"], [""]]
    lines = Lines(Options("csv"), names, False)
    written = [lines.header(), *(lines.line(record(each), names, ANSWER) for each in cells)]
    whole = "".join(written)
    ends = [len("".join(written[:number])) for number in range(len(written) + 1)]
    for cut in range(len(whole) + 1):
        (tmp_path / "out.csv").write_bytes(whole[:cut].encode("utf-8"))
        complete = max(number for number, end in enumerate(ends) if end <= cut)
        assert output.complete_lines(tmp_path / "out.csv", "csv") == (complete, ends[complete])


def test_windows_are_of_limited_size_and_hold_every_row_in_order(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS", 7)
    monkeypatch.setattr(rows, "CHARACTERS", 800)
    texts = [f"text {number}" + " and more" * (number % 20) for number in range(100)]
    (tmp_path / "in.txt").write_text("\n".join(texts), encoding="utf-8")
    windows = list(rows.windows(rows.read(str(tmp_path / "in.txt"), DataSettings()).rows))
    assert [record.text for window in windows for record, _ in window] == texts
    sizes = [len(window) for window in windows]
    assert max(sizes) == 7 and min(sizes[:-1]) < 7
    assert all(sum(len(record.text) for record, _ in window[:-1]) < 400 for window in windows)


def test_the_progress_names_rate_share_and_time_left() -> None:
    assert state(30000, 60.0, 1, 30000, 120000) == "30,000 rows, 500 rows/s, 25 %, 3 min left"
    assert state(30000, 60.0, 60001, 90000, 120000) == "30,000 rows, 500 rows/s, 75 %, 60 s left"
    assert state(30000, 60.0, 1, 30000, 0) == "30,000 rows, 500 rows/s"
    assert [duration(seconds) for seconds in (3, 89, 100, 7500)] == ["3 s", "89 s", "2 min", "2 h 05 min"]


def test_progress_is_a_changing_line_on_a_terminal_and_a_line_per_minute_in_a_log(
        monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    log = io.StringIO()
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal, Progress(1000, terminal) as on_terminal, Progress(1000, log) as in_log:
        for number in range(9):
            now[0] += 20.0
            for progress in (on_terminal, in_log):
                progress.add(100, 1 + 100 * number, 100 + 100 * number)
    shown = read_to_end(master)
    assert shown.count("\r\033[K") == 10 and shown.endswith("\r\033[K")
    assert "100 rows, 5 rows/s, 10 %, 3 min left" in shown
    assert log.getvalue() == ("300 rows, 5 rows/s, 30 %, 2 min left\n600 rows, 5 rows/s, 60 %, 80 s left\n"
                              "900 rows, 5 rows/s, 90 %, 20 s left\n")
