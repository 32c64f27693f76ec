"""Whether the first row of a table is a header, although its names are unknown.

A header's cells are unlike their columns: a label that occurs once where all others repeat, a word above numbers.
"""
import re
from collections import Counter
from typing import List, Sequence

from textjob.data.form import Columns, shown
from textjob.errors import DataError

REPEATED = 0.95  # share of the rows whose label occurs again, from which on a single label is unlike the others
ENOUGH = 8  # rows below the first one that make a comparison meaningful


def is_header(first: List[str], rows: List[List[str]], columns: Columns, name: str) -> bool:
    """Whether the first row is a header, compared with the rows below it.

    Raises:
        DataError: it may be a header or a row.
    """
    if not rows or not _is_unlike_texts(first, rows, columns):
        return False
    others = [i for i in range(columns.width) if i != columns.label and i not in columns.texts]
    names = all(is_name(cell) for cell in first if cell.strip())
    if names and are_numbers_below([first, *rows], others):
        return True
    if columns.label is None:
        return False
    label = first[columns.label].strip()
    counts = Counter(row[columns.label].strip() for row in rows)
    if label in counts or not is_name(label):
        return False
    if names and len(rows) > 1 and all(is_number(value) for value in counts if value):
        return True
    repeated = sum(count for count in counts.values() if count > 1) / len(rows)
    if len(rows) < ENOUGH or repeated < (0.5 if names else REPEATED):
        return False
    if names and repeated >= REPEATED and is_much_shorter(first, rows, columns):
        return True
    if any(_is_sentence(first[text]) for text in columns.texts):
        return False
    raise DataError(
        f"{name}: the first row ({shown(first)}) may be a header, because its label occurs in no other row; set "
        "--header yes or --header no, or give the names of the columns with --label_column and --text_column"
    )


def are_numbers_below(rows: List[List[str]], columns: Sequence[int]) -> bool:
    """Whether one of the columns is a number in every row but the first."""
    body = [row for row in rows[1:] if len(row) == len(rows[0])]
    return bool(body) and any(
        rows[0][i].strip() and not is_number(rows[0][i]) and all(is_number(row[i]) for row in body) for i in columns
    )


def is_number(cell: str) -> bool:
    """Whether a cell is a number."""
    return re.fullmatch(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*", cell) is not None


def is_name(cell: str) -> bool:
    """Whether a cell can name a column: at most three words (or eight Chinese characters) without punctuation."""
    cell = cell.strip()
    if re.search(r"[.,!?;:。，！？；：…\"]", cell) or is_number(cell):
        return False
    return len(cell) <= 30 and len(cell.split()) <= 3 and len(re.findall("[\u4e00-\u9fff]", cell)) <= 8


def _is_sentence(cell: str) -> bool:
    return len(cell) > 60 or cell.rstrip().endswith((".", "!", "?", "。", "！", "？", "…"))


def _is_unlike_texts(first: List[str], rows: List[List[str]], columns: Columns) -> bool:
    """Whether no other row has the texts of the first row."""
    texts = {tuple(row[i].strip() for i in columns.texts) for row in rows}
    return tuple(first[i].strip() for i in columns.texts) not in texts


def is_much_shorter(first: List[str], rows: List[List[str]], columns: Columns) -> bool:
    """Whether the text of the first row is at most half as long as nearly all others."""
    if not rows:
        return False
    length = sum(len(first[i]) for i in columns.texts)
    lengths = sorted(sum(len(row[i]) for i in columns.texts) for row in rows)
    return 2 * length <= lengths[len(lengths) // 20]
