"""Which column of a file is the label and which is the text.

The settings decide; else the names in a header row; else, of two columns, the one with fewer
different values is the label. When that is not clear, the job stops, because a wrong column makes a useless model.
"""
from collections import Counter
from typing import AbstractSet, List, Optional, Tuple

from textjob.data.files import without_compression
from textjob.data.form import Columns
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


def find_columns(cells: List[List[str]], path: str, label_column: str = "", text_column: str = "") -> Columns:
    """The columns of a file, from its first rows; a setting is a name in the header, or a number from 0."""
    named = header_columns(cells[0], path, label_column, text_column)
    if named is not None:
        return named
    width = most_common_width(cells)
    label = _chosen(label_column, "--label_column", cells[0], width, path)
    text = _chosen(text_column, "--text_column", cells[0], width, path)
    if width == 2 and label is None and text is None:
        label = _fewer_values([row for row in cells if len(row) == 2], path)
    label, text = _complete(label, text, width)
    if label is None or text is None:
        raise DataError(_unsure(path, width, cells[0]))
    if label == text:
        raise DataError(f"--label_column and --text_column both choose column {label} of {path}")
    return Columns(label, text, False, width)


def most_common_width(cells: List[List[str]]) -> int:
    """The number of cells that most rows have."""
    return Counter(len(row) for row in cells).most_common(1)[0][0]


def header_columns(
    cells: List[str], path: str, label_column: str = "", text_column: str = ""
) -> Optional[Columns]:
    """The columns by the names in a file's first row; None where that row is not a header."""
    names = _names(cells)
    label, label_named = _locate(names, label_column, text_column, LABEL_NAMES, "--label_column", path)
    text, text_named = _locate(names, text_column, label_column, TEXT_NAMES, "--text_column", path)
    label, text = _complete(label, text, len(names))
    if label is None or text is None or label == text:
        return None
    # In two columns "review" may be a text of one word, so that only a label's name or the setting makes a header.
    text_is_set = text_column != "" and not text_column.strip().isdecimal()
    if label_named or (text_named and (text_is_set or len(names) > 2)):
        return Columns(label, text, True, len(names))
    return None


def _locate(
    names: List[str], setting: str, other: str, known: AbstractSet[str], flag: str, path: str
) -> Tuple[Optional[int], bool]:
    """A column's number, if it is known, and whether it is known by its name."""
    setting, other = setting.strip().lower(), other.strip().lower()
    if setting.isdecimal():
        number = int(setting)
        return (number, names[number] in known) if number < len(names) else (None, False)
    wanted = {setting} if setting else known
    fitting = [i for i, name in enumerate(names) if name in wanted and other not in (name, str(i))]
    if len(fitting) > 1:
        choice = ", ".join(f"{names[i]!r} (column {i})" for i in fitting)
        raise DataError(f"{path}: {choice} have fitting names; choose one with {flag}")
    return (fitting[0], True) if fitting else (None, False)


def _chosen(setting: str, flag: str, first: List[str], width: int, path: str) -> Optional[int]:
    """The column that a setting chooses in a file whose first row is not a complete header."""
    names, wanted = _names(first), setting.strip().lower()
    if not wanted:
        return None
    if wanted.isdecimal() and int(wanted) < width:
        return int(wanted)
    if wanted in names and not wanted.isdecimal():
        return names.index(wanted)
    raise DataError(
        f"{flag} {setting!r}: {path} has no such column; it has {width} column(s), and its first row is "
        f"{_shown(first)}{nearest(wanted, names)}"
    )


def _fewer_values(rows: List[List[str]], path: str) -> int:
    values = [len({row[i].strip() for row in rows}) for i in (0, 1)]
    if values[0] == values[1] or (len(rows) >= 20 and 2 * min(values) > len(rows)):
        raise DataError(
            f"{path}: it is not clear which column is the label, because the columns have {values[0]} and {values[1]} "
            f"different values in {len(rows)} rows; choose one with --label_column (0 or 1)"
        )
    return values.index(min(values))


def _complete(label: Optional[int], text: Optional[int], width: int) -> Tuple[Optional[int], Optional[int]]:
    """Where one of two columns is known, the other one is known too."""
    if width == 2 and label is None and text is not None:
        return 1 - text, text
    if width == 2 and text is None and label is not None:
        return label, 1 - label
    return label, text


def _unsure(path: str, width: int, first: List[str]) -> str:
    if width == 1:
        separator = "comma" if without_compression(path.lower()).endswith(".csv") else "tab"
        return f"{path}: one column ({_shown(first)}); a label, a {separator} and a text were expected"
    return (
        f"{path}: {width} columns ({_shown(first)}), and no header row that names both a label and a text; choose them "
        "with --label_column and --text_column (a name in the header, or a number from 0)"
    )


def _names(cells: List[str]) -> List[str]:
    return [cell.strip().lower() for cell in cells]


def _shown(cells: List[str]) -> str:
    return ", ".join(repr(cell if len(cell) <= 30 else cell[:30] + "…") for cell in cells[:8])
