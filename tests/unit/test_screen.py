"""The table of infer.py predict on a terminal."""
import io
import os
import pty

import pytest

from textjob.rehearsal import screen

ANSWER = {"predicted_label": "体育", "score": 0.75,
          "scores": [["体育", 0.75], ["food", 0.2], ["e\u0301te\u0301", 0.05]]}


def test_labels_scores_and_bars_are_aligned_with_wide_and_combining_characters() -> None:
    text, *lines = screen.table("好吃的汤 soup", ANSWER, 80, colours=False).split("\n")
    assert text == "好吃的汤 soup"
    assert [line.split() for line in lines] == [
        ["体育", "75.00%", "█" * 15], ["food", "20.00%", "█" * 4], ["e\u0301te\u0301", "5.00%", "█"]]
    assert {screen.width(line[:line.index("%")]) for line in lines} == {2 + 4 + 2 + 6}


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_a_line_is_not_wider_than_the_terminal(columns: int) -> None:
    answer = {"predicted_label": "长" * 90, "score": 1.0, "scores": [["长" * 90, 1.0], ["short", 0.0]]}
    lines = screen.table("很长的文字 " * 40, answer, columns, colours=False).split("\n")
    assert max(map(screen.width, lines)) <= columns
    assert lines[0].endswith("…")


def test_an_error_and_a_label_without_a_score_are_shown() -> None:
    error = {"error": {"code": "model_error", "message": "the model failed"}}
    assert screen.table("x", error, 80, colours=False) == "x\n  model_error: the model failed"
    assert screen.table("x", {"predicted_label": "a"}, 80, colours=False) == "x\n  a"


def test_control_characters_of_a_text_do_not_reach_the_terminal() -> None:
    shown = screen.table("red \x1b[31m\nnext", {"predicted_label": "\x1b]0;title\x07"}, 80, colours=False)
    assert "\x1b" not in shown and shown.count("\n") == 1


def test_bars_without_block_characters_are_ascii() -> None:
    assert screen.bar(0.5, blocks=False) == "#" * 10
    assert screen.bar(0.5, blocks=True) == "█" * 10
    assert screen.bar(0.0, blocks=True) == "" and screen.bar(1.0, blocks=True) == "█" * 20


def test_colours_are_for_a_terminal_without_no_color() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        assert screen.coloured(terminal, {"TERM": "xterm"})
        assert not screen.coloured(terminal, {"TERM": "xterm", "NO_COLOR": "1"})
        assert not screen.coloured(terminal, {"TERM": "dumb"})
    os.close(master)
    assert not screen.coloured(io.StringIO(), {"TERM": "xterm"})
    assert "\033[" in screen.table("x", ANSWER, 80, colours=True)
    assert "\033" not in screen.table("x", ANSWER, 80, colours=False)
