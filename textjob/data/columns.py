"""Which columns of a file are the label and the text, and is its first row a header.

The settings decide; else the names in the header row; else the columns of the file before (dev and test have those of
train); else, of two columns, the one with fewer different values is the label. When that is not clear, the job stops,
because a wrong column makes a useless model.
"""
from collections import Counter
from typing import AbstractSet, List, Optional, Tuple

from textjob.data import header
from textjob.data.form import Columns, Request, shown
from textjob.data.names import ID_NAMES, LABEL_NAMES, TEXT_NAMES, normalised
from textjob.errors import DataError, nearest

BY_SETTING = "choose them with --label_column and --text_column (a name in the header, or a number from 0)"
Rows = List[List[str]]


def find_columns(rows: Rows, name: str, request: Request) -> Columns:
    """The columns of a file, from its first rows of cells; in data that need no labels the label is None.

    Raises:
        DataError: the label or the text is unclear, a setting names no column, or the data are multi-label.
    """
    width = most_common_width(rows)
    rows = [_aligned(rows, width), *rows[1:]]
    named = _from_names(rows[0], name, request) if request.settings.header != "no" else None
    columns = named if named and _is_surely_header(named, rows, request) else None
    if columns is None:
        columns = _from_positions(rows, width, name, request)
        if _is_header(columns, rows, name, request):
            names = normalised(rows[0])
            columns = columns._replace(names=tuple(names + [""] * (width - len(names))))
            _refuse_other_names(columns, rows[0], name, request.columns)
    if not request.labelled:
        return columns._replace(label=None)
    body = [row for row in rows[1:] if len(row) == columns.width]
    if request.columns is None and len(body) >= header.ENOUGH:
        _refuse_numbers(columns, body, name, request)
        _refuse_single_quotes(columns, body, name)
    return columns


def _refuse_single_quotes(columns: Columns, body: Rows, name: str) -> None:
    """Stops where all labels are in single quotes, which would become a part of the labels."""
    labels = [row[columns.label].strip() for row in body if columns.label is not None]
    if labels and all(len(label) > 1 and label[0] == label[-1] == "'" for label in labels):
        raise DataError(f"{name}: the cells are in single quotes ({shown(body[0])}); write them in double quotes")


def _refuse_numbers(columns: Columns, body: Rows, name: str, request: Request) -> None:
    """Stops where the text would be a column of numbers, as in a file of ids and labels."""
    text = columns.texts[0]
    if not request.settings.text_column and all(header.is_number(row[text]) for row in body):
        raise DataError(
            f"{name}: the text would be column {text} ({shown([row[text] for row in body[:3]])}), which holds only "
            "numbers; choose the text with --text_column (a name in the header, or a number from 0)"
        )


def _is_header(columns: Columns, rows: Rows, name: str, request: Request) -> bool:
    """Whether the first row is a header, although it does not name the columns."""
    if request.settings.header != "auto":
        return request.settings.header == "yes"
    if len(rows[0]) != columns.width:
        return False
    return header.is_header(rows[0], [row for row in rows[1:] if len(row) == columns.width], columns, name)


def _refuse_other_names(columns: Columns, first: List[str], name: str, before: Optional[Columns]) -> None:
    """Stops where a file's header shows other columns than the file before."""
    if before is not None and before.names and columns.width == before.width:
        wanted = ", ".join(f"'{one}'" for one in (before.label_name, *before.text_names))
        raise DataError(
            f"{name}: its header ({shown(first)}) has not the columns of train ({wanted}); rename its columns, set "
            "--label_column and --text_column, or remove the file"
        )


def most_common_width(rows: Rows) -> int:
    """The number of cells that most rows have."""
    return Counter(len(row) for row in rows).most_common(1)[0][0] if rows else 0


def _aligned(rows: Rows, width: int) -> List[str]:
    """The first row with a name for each column.

    R writes the number of each row but no name above them; other programs end the rows, but not the header, with a
    separator.
    """
    first, body = rows[0], [row for row in rows[1:] if len(row) == width]
    if body and len(first) == width - 1 and all(row[0].strip() == str(n) for n, row in enumerate(body, 1)):
        return ["", *first]
    if body and len(first) < width and not any(cell.strip() for row in body for cell in row[len(first):]):
        return first + [""] * (width - len(first))
    return first


def _is_surely_header(columns: Columns, rows: Rows, request: Request) -> bool:
    """Whether the first row is a header, because its names fit.

    In two columns ``review`` may be a text of one word, so that only a label's name, a setting, a number below a word,
    or much longer texts below it make a header.
    """
    settings, before, names = request.settings, request.columns, columns.names
    if settings.header == "yes":
        return True
    if before is not None and before.names and set(names) >= {n for n in (before.label_name, *before.text_names) if n}:
        return True
    if columns.label is not None and names[columns.label] in {settings.label_column.strip().lower()} | LABEL_NAMES:
        return True
    chosen = {part.strip().lower() for part in settings.text_column.split(",")}
    if any(names[text] in chosen for text in columns.texts):
        return True
    if len(names) > 1 and all(name in LABEL_NAMES | TEXT_NAMES | ID_NAMES for name in names):
        return True
    known = TEXT_NAMES.union(before.text_names if before else ())
    if not any(names[text] in known for text in columns.texts):
        return False
    others = [i for i in range(len(names)) if i not in columns.texts]
    body = [row for row in rows[1:] if len(row) == len(names)]
    return len(names) > 2 or header.are_numbers_below(rows, others) or header.is_much_shorter(rows[0], body, columns)


def _from_names(cells: List[str], name: str, request: Request) -> Optional[Columns]:
    """The columns by the names in a first row; None where it does not name the text, or (in train) the label."""
    names = normalised(cells)
    settings, before = request.settings, request.columns
    label_names = {before.label_name} if before and before.label_name else LABEL_NAMES
    text_names = set(before.text_names) if before and before.names else TEXT_NAMES
    if before and not set(names) & text_names:
        text_names = TEXT_NAMES
    label = _locate(names, settings.label_column, settings.text_column, label_names, "--label_column", name)
    texts = _locate_texts(names, text_names, name, request)
    if len(names) == 2 and len(texts) == 1 and label is None and not before:
        label = 1 - texts[0]
    if len(names) == 2 and not texts and label is not None:
        texts = (1 - label,)
    if not texts or label in texts or (label is None and request.labelled and before is None):
        return None
    return Columns(label, texts, len(names), tuple(names))


def _locate(
    names: List[str], setting: str, other: str, known: AbstractSet[str], flag: str, path: str
) -> Optional[int]:
    """A column's number by its setting or its name, if it is known."""
    setting = setting.strip().lower()
    others = {part.strip().lower() for part in other.split(",") if part.strip()}
    if setting.isdecimal():
        return int(setting) if int(setting) < len(names) else None
    wanted = {setting} if setting else known
    fitting = [i for i, name in enumerate(names) if name in wanted and not others & {name, str(i)}]
    if len(fitting) > 1:
        choice = ", ".join(f"'{names[i]}' (column {i})" for i in fitting)
        join = ", or join several (A,B)" if flag == "--text_column" else ""
        raise DataError(f"{path}: {choice} have fitting names; choose one with {flag}{join}")
    return fitting[0] if fitting else None


def _locate_texts(names: List[str], known: AbstractSet[str], path: str, request: Request) -> Tuple[int, ...]:
    settings, before = request.settings, request.columns
    parts = [part for part in settings.text_column.split(",") if part.strip()]
    if not parts and before and before.names and set(before.text_names) <= set(names):
        return tuple(names.index(text) for text in before.text_names)
    columns = [_locate(names, part, settings.label_column, known, "--text_column", path) for part in parts or [""]]
    return tuple(column for column in columns if column is not None) if None not in columns else ()


def _from_positions(rows: Rows, width: int, name: str, request: Request) -> Columns:
    """The columns of a file whose first row does not name them."""
    settings, before = request.settings, request.columns
    first = rows[0]
    if before is not None and before.width == width:
        return before._replace(names=())
    if before is not None and width < before.width and request.labelled:
        return Columns(None, (), width)
    label = _chosen(settings.label_column, "--label_column", first, width, name) if request.labelled else None
    parts = [part for part in settings.text_column.split(",") if part.strip()]
    chosen = (_chosen(part, "--text_column", first, width, name) for part in parts)
    texts = tuple(column for column in chosen if column is not None)
    if label is not None and label in texts:
        raise DataError(f"--label_column and --text_column both choose column {label} of {name}")
    if not request.labelled:
        return Columns(None, texts or (_only_text(rows, width, name),), width)
    filled = _filled(rows, width) if not parts or label is None else []
    if len(filled) == 2 and label is None and not texts:
        label = _fewer_values([[row[i] for i in filled] for row in rows if len(row) == width], name, filled)
    if len(filled) == 2 and label is None and len(texts) == 1:
        label = next(i for i in filled if i not in texts)
    if len(filled) == 2 and not texts and label is not None:
        texts = (next(i for i in filled if i != label),)
    if label is None or not texts:
        raise DataError(_unsure(rows, width, name))
    return Columns(label, texts, width)


def _chosen(setting: str, flag: str, first: List[str], width: int, path: str) -> Optional[int]:
    """The column that a setting chooses in a file whose first row is not a complete header."""
    names, wanted = normalised(first), setting.strip().lower()
    if not wanted:
        return None
    if wanted.isdecimal() and int(wanted) < width:
        return int(wanted)
    if wanted in names and not wanted.isdecimal():
        return names.index(wanted)
    raise DataError(
        f"{flag} '{setting}': {path} has no such column; it has {width} column(s), and its first row is "
        f"{shown(first)}{nearest(wanted, names)}"
    )


def _filled(rows: Rows, width: int) -> List[int]:
    """The columns that are not empty in all rows."""
    return [i for i in range(width) if any(len(row) == width and row[i].strip() for row in rows)]


def _fewer_values(rows: Rows, path: str, columns: List[int]) -> int:
    values = [len({row[i].strip() for row in rows}) for i in (0, 1)]
    if values[0] == values[1] or (len(rows) >= 20 and 2 * min(values) > len(rows)):
        raise DataError(
            f"{path}: it is not clear which column is the label, because the columns have {values[0]} and {values[1]} "
            f"different values in {len(rows)} rows; choose one with --label_column ({columns[0]} or {columns[1]})"
        )
    return columns[values.index(min(values))]


def _only_text(rows: Rows, width: int, name: str) -> int:
    """The text's column in a file without names where no label is needed."""
    filled = _filled(rows, width)
    body = [row for row in rows if len(row) == width]
    if len(filled) == 1:
        return filled[0]
    texts = [i for i in filled if not all(header.is_number(row[i]) for row in body)]
    if len(texts) == 1:
        return texts[0]
    values = {i: len({row[i].strip() for row in body}) for i in filled}
    few, many = min(filled, key=lambda i: values[i]), max(filled, key=lambda i: values[i])
    if len(filled) == 2 and len(body) >= 3 and values[few] < values[many] and 2 * values[few] <= len(body):
        return many
    raise DataError(
        f"{name}: it is not clear which of {width} columns is the text ({shown(rows[0])}); choose one with "
        "--text_column (a name in the header, or a number from 0), or set --separator none where a line is one text"
    )


def _unsure(rows: Rows, width: int, name: str) -> str:
    first = rows[0]
    if width == 1:
        return f"{name}: one column ({shown(first)}); a label, a separator and a text were expected; set --separator"
    flags = [i for i in range(width) if all(row[i].strip() in ("0", "1") for row in rows[1:] if len(row) == width)]
    if len(flags) > 1 and len(rows) > 2:
        names = ", ".join(f"'{first[i]}'" for i in flags if i < len(first))
        return (
            f"{name}: the columns {names} hold only 0 and 1: labels in one-hot columns are multi-label data, which are "
            "not supported; write one column with the name of the class, and choose it with --label_column"
        )
    cells = f"{width} columns ({shown(first)})"
    return f"{name}: {cells}, and no header row that names both a label and a text; {BY_SETTING}"
