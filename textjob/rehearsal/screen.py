"""Predictions as a table with bars, for a terminal."""
import os
import unicodedata
from typing import Any, Dict, Mapping, TextIO

from textjob.errors import one_line

BAR = 20  # cells of the bar of a score of 1
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BOLD, _GREEN, _RED, _PLAIN = "\033[1m", "\033[32m", "\033[31m", "\033[0m"


def coloured(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether colours may be printed: on a terminal that has them, where ``NO_COLOR`` is not set."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def table(text: str, answer: Dict[str, Any], columns: int, colours: bool, blocks: bool = True) -> str:
    """A text with its labels, scores and bars, at most ``columns`` cells wide; ``blocks``: bars of block characters."""
    def styled(style: str, words: str) -> str:
        return f"{style}{words}{_PLAIN}" if colours and style else words

    lines = [cut(one_line(text), columns)]
    if "predicted_label" not in answer:
        error = answer.get("error", answer)
        reason = f"{error['code']}: {error['message']}" if "code" in error and "message" in error else str(error)
        return "\n".join([*lines, "  " + styled(_RED, one_line(reason))])
    scores = answer.get("scores") or [[answer["predicted_label"], answer.get("score")]]
    room = max(8, columns - BAR - 14)
    labels = [cut(one_line(str(label)), room) for label, _ in scores]
    widest = max(map(width, labels))
    for number, (label, (_, score)) in enumerate(zip(labels, scores)):
        padded = styled(_BOLD if number == 0 else "", label) + " " * (widest - width(label))
        amount = "" if score is None else f"  {score:7.2%}  {styled(_GREEN, bar(score, blocks))}"
        lines.append(f"  {padded}{amount}".rstrip())
    return "\n".join(lines)


def bar(score: float, blocks: bool) -> str:
    """A bar whose length is proportional to the score."""
    if not blocks:
        return "#" * round(score * BAR)
    eighths = round(score * BAR * 8)
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def width(text: str) -> int:
    """The cells of a terminal that a text takes: two for a wide character (Chinese), none for a combining one."""
    return sum(_cells(character) for character in text)


def cut(text: str, cells: int) -> str:
    """The text in at most so many cells, with ``…`` at its end where it is longer."""
    if width(text) <= cells:
        return text
    kept, used = "", 1
    for character in text:
        used += _cells(character)
        if used > cells:
            break
        kept += character
    return f"{kept}…"


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
