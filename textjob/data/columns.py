"""Which column of a file is the label and which the text.

The settings decide; else the names in a header row; else, of two columns, the one with fewer
different values is the label. When that is not clear, it stops: a wrong guess trains on nonsense.
"""
from collections import Counter
from itertools import islice
from typing import AbstractSet, Iterable, List, NamedTuple, Optional, Tuple

from textjob.data.rows import Row, suffix
from textjob.errors import DataError, nearest

LABEL_NAMES = frozenset(
    {"label", "labels", "class", "category", "target", "tag", "intent", "sentiment", "polarity", "topic"}
    | {"标签", "类别", "分类", "类目", "情感"}
)
TEXT_NAMES = frozenset(
    {"text", "texts", "content", "sentence", "review", "title", "headline", "question", "query"}
    | {"utterance", "document", "comment", "message", "body"}
    | {"文本", "内容", "正文", "句子", "标题", "评论", "问题"}
)
SAMPLE = 10000  # rows that are looked at, so that a file larger than memory can be


class Columns(NamedTuple):
    """Where label and text stand in a row of ``width`` cells, and whether the first row names them."""

    label: int
    text: int
    header: bool
    width: int


def find_columns(rows: Iterable[Row], path: str, label_column: str = "", text_column: str = "") -> Columns:
    """The columns of a file, from its first rows; a setting is a name in the header, or a number from 0."""
    sample = list(islice(rows, SAMPLE))
    if not sample:
        raise DataError(f"{path} is empty; rows of a label and a text were expected")
    cells = [row.cells for row in sample if row.cells is not None]
    if not cells:
        raise DataError(f"{path}: no row can be read; line {sample[0].line}: {sample[0].error}")
    named = header_columns(cells[0], path, label_column, text_column)
    if named is not None:
        return named
    width = Counter(len(row) for row in cells).most_common(1)[0][0]
    label = _chosen(label_column, "--label_column", cells[0], width, path)
    text = _chosen(text_column, "--text_column", cells[0], width, path)
    if width == 2 and label is None and text is None:
        label = _fewer_values([row for row in cells if len(row) == 2], path)
    label, text = _complete(label, text, width)
    if label is None or text is None:
        raise DataError(_unsure(path, width, cells[0]))
    if label == text:
        raise DataError(f"--label_column and --text_column both mean column {label} of {path}")
    return Columns(label, text, False, width)


def header_columns(
    cells: List[str], path: str, label_column: str = "", text_column: str = ""
) -> Optional[Columns]:
    """The columns as a file's first row names them; None where that row is not a header."""
    names = _names(cells)
    label, label_named = _locate(names, label_column, text_column, LABEL_NAMES, "--label_column", path)
    text, text_named = _locate(names, text_column, label_column, TEXT_NAMES, "--text_column", path)
    label, text = _complete(label, text, len(names))
    if label is None or text is None or label == text:
        return None
    # Of two columns, "review" may well be a text of one word: only a label's name, or the setting, tells.
    asked = text_column != "" and not text_column.strip().isdecimal()
    if label_named or (text_named and (asked or len(names) > 2)):
        return Columns(label, text, True, len(names))
    return None


def _locate(
    names: List[str], setting: str, other: str, known: AbstractSet[str], flag: str, path: str
) -> Tuple[Optional[int], bool]:
    """A column's number, if it can be told, and whether its name is what tells."""
    setting, other = setting.strip().lower(), other.strip().lower()
    if setting.isdecimal():
        number = int(setting)
        return (number, names[number] in known) if number < len(names) else (None, False)
    wanted = {setting} if setting else known
    found = [i for i, name in enumerate(names) if name in wanted and other not in (name, str(i))]
    if len(found) > 1:
        choice = ", ".join(f"{names[i]!r} (column {i})" for i in found)
        raise DataError(f"{path}: {choice} may each be meant; {flag} says which")
    return (found[0], True) if found else (None, False)


def _chosen(setting: str, flag: str, first: List[str], width: int, path: str) -> Optional[int]:
    """The column that a setting means in a file whose first row is no complete header."""
    names, wanted = _names(first), setting.strip().lower()
    if not wanted:
        return None
    if wanted.isdecimal() and int(wanted) < width:
        return int(wanted)
    if wanted in names and not wanted.isdecimal():
        return names.index(wanted)
    raise DataError(
        f"{flag} {setting!r}: no such column in {path}; it has {width} column(s), and its first row is {_shown(first)}{nearest(wanted, names)}"
    )


def _fewer_values(rows: List[List[str]], path: str) -> int:
    values = [len({row[i].strip() for row in rows}) for i in (0, 1)]
    if values[0] == values[1] or (len(rows) >= 20 and 2 * min(values) > len(rows)):
        raise DataError(
            f"{path}: it is not clear which column is the label: they have {values[0]} and {values[1]} different values in {len(rows)} rows; "
            "--label_column says which (0 or 1)"
        )
    return values.index(min(values))


def _complete(label: Optional[int], text: Optional[int], width: int) -> Tuple[Optional[int], Optional[int]]:
    """Where one of two columns is known, the other is what remains."""
    if width == 2 and label is None and text is not None:
        return 1 - text, text
    if width == 2 and text is None and label is not None:
        return label, 1 - label
    return label, text


def _unsure(path: str, width: int, first: List[str]) -> str:
    if width == 1:
        separator = "comma" if suffix(path) == ".csv" else "tab"
        return f"{path}: one column ({_shown(first)}); a label and a text were expected, with a {separator} between them"
    return (
        f"{path}: {width} columns ({_shown(first)}), and no header row that names both a label and a text; --label_column and "
        "--text_column say which they are (a name in the header, or a number from 0)"
    )


def _names(cells: List[str]) -> List[str]:
    return [cell.strip().lower() for cell in cells]


def _shown(cells: List[str]) -> str:
    return ", ".join(repr(cell if len(cell) <= 30 else cell[:30] + "…") for cell in cells[:8])
