"""How a table is written: its separator and its quotes, decided from its first lines.

A separator fits where nearly all rows have the same number of cells, two or more. Where two separators fit, the one
under which the first row names the columns is taken; otherwise the job stops, because the wrong one cuts texts.
"""
import csv
import re
from collections import Counter
from typing import Dict, Iterable, List, NamedTuple, Tuple

from textjob.data.form import shown
from textjob.data.names import has_names
from textjob.errors import DataError

SEPARATORS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "'|'"}
WORDS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|", "\\t": "\t", "none": ""}
CONSISTENT = 0.9  # share of the rows that have the same number of cells where a separator fits
USABLE = 0.5  # the same for the separator that belongs to the file's suffix: the other rows are bad rows
LONGEST_CELL = 1 << 24  # characters; a longer cell is an unclosed quote, not a text

NO_QUOTES, DOUBLED, BACKSLASH, AFTER_BLANK = "none", "doubled", "backslash", "doubled, after a blank"


class Dialect(NamedTuple):
    """How the lines of a file are divided into cells."""

    separator: str
    """``""`` in a file of one column."""
    quotes: str
    """One of the constants above."""
    quotes_set: bool = False
    """Whether a setting decides the quotes."""


class _Fit(NamedTuple):
    dialect: Dialect
    width: int
    share: float
    first: List[str]


def guess(lines: List[str], name: str, setting: str, labelled: bool, quotes: str = "auto") -> Dialect:
    """The dialect of a file, from its first lines with their line ends.

    Args:
        setting: the separator of ``--separator``, or ``""``.
        quotes: ``--quotes``.

    Raises:
        DataError: several separators fit, or the lines are rows with quotes and without them.
    """
    lines = [line for line in lines if line.strip()]
    dialect = _guess(lines, name, setting, labelled, quotes)
    if quotes == "yes" and dialect.quotes == NO_QUOTES:
        raise DataError(f"{name}: cells in quotes (--quotes yes) need a separator of one character, but it is "
                        f"'{dialect.separator}'; leave one of the two settings out")
    if quotes == "auto" and dialect.quotes == NO_QUOTES and dialect.separator:
        _refuse_two_readings(lines, dialect.separator, name)
    return dialect._replace(quotes_set=quotes != "auto")


def _guess(lines: List[str], name: str, setting: str, labelled: bool, quotes: str) -> Dialect:
    if setting:
        separator = WORDS.get(setting, setting)
        if separator and lines and not any(separator in line for line in lines):
            raise DataError(
                f"{name}: the separator '{setting}' (--separator) does not occur in its first lines, such as "
                f"{shown([lines[0].strip()])}; every table of the data needs this separator"
            )
        return _fit(lines, separator, quotes).dialect if separator else Dialect(
            "", DOUBLED if quotes == "yes" else NO_QUOTES)
    if lines and excel_separator(lines[0]):
        return _fit(lines[1:], excel_separator(lines[0]), quotes).dialect
    usual = "," if name.endswith(".csv") else "\t"
    fits = [_fit(lines, separator, quotes) for separator in SEPARATORS]
    usable = [
        fit for fit in fits
        if fit.share >= CONSISTENT or (
            fit.share >= USABLE and fit.dialect.separator == usual and (labelled or has_names(fit.first)))
    ]
    if not labelled:
        usable = [fit for fit in usable if has_names(fit.first) or not _is_prose(lines, fit.dialect.separator)]
    good = [fit for fit in usable if len(fit.first) == fit.width] or (usable if labelled else [])
    if len(good) > 1:
        good = [fit for fit in good if has_names(fit.first)] or good
    if len(good) > 1 and "\t" in {fit.dialect.separator for fit in good} and usual == "\t":
        good = [fit for fit in good if fit.dialect.separator == "\t"]
    if len(good) > 1:
        choice = " or ".join(SEPARATORS[fit.dialect.separator] for fit in good)
        raise DataError(
            f"{name}: the separator may be {choice}, because each of them gives rows of equal width; set --separator "
            "(comma, tab, semicolon, pipe, the separator itself, or none in a file of one column)"
        )
    if good:
        return good[0].dialect
    return _one_column(lines, usual, quotes)


def _refuse_two_readings(lines: List[str], separator: str, name: str) -> None:
    """Stops where all lines are rows without quotes, and quotes join some of them so that a label disappears.

    The label is the column with the fewest different values, if these are at most half as many as the rows.
    """
    if len(separator) > 1 or not any('"' in line for line in lines):
        return
    (plain, _), (quoted, errors) = [parse(lines, Dialect(separator, quotes)) for quotes in (NO_QUOTES, DOUBLED)]
    if errors or not quoted or len(quoted) == len(plain) or len({len(row) for row in plain + quoted}) > 1:
        return
    values = [set(column) for column in zip(*quoted)]
    label = min(range(len(values)), key=lambda column: len(values[column]))
    rows = [row for row in plain if row[label] not in values[label]]
    if rows and len(values[label]) <= len(quoted) / 2:
        raise DataError(
            f"{name}: the double quotes may belong to the texts or enclose cells over several lines, because the row "
            f"{shown(rows[0])}, without quotes, has a label that no other row has. Set --quotes no if they belong to "
            "the texts, or --quotes yes if they enclose cells"
        )


def _is_prose(lines: List[str], separator: str) -> bool:
    """Whether commas or semicolons are those of sentences, because a blank follows nearly all of them."""
    if separator not in (",", ";"):
        return False
    text = "".join(lines)
    return text.count(separator + " ") >= CONSISTENT * text.count(separator)


def _one_column(lines: List[str], usual: str, quotes: str) -> Dialect:
    """A file of one column: commas belong to the text, a tab makes a bad row."""
    quoted = quotes == "auto" and usual == "," and any(line.startswith('"') for line in lines)
    if quotes == "yes" or (quoted and _loss(lines, Dialect(usual, DOUBLED)) == 0):
        return Dialect("" if usual == "," else usual, DOUBLED)
    return Dialect("" if usual == "," else usual, NO_QUOTES)


def excel_separator(line: str) -> str:
    """The separator that Excel's first line ``sep=;`` names, or ``""``."""
    match = re.match(r'"?sep=(.)"?\s*$', line, re.IGNORECASE)
    return match.group(1) if match else ""


def split(lines: Iterable[str], dialect: Dialect) -> "csv._reader":  # type: ignore[name-defined]
    """A csv reader for a dialect with quotes."""
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
    backslash = dialect.quotes == BACKSLASH
    return csv.reader(
        lines,
        delimiter=dialect.separator or ",",
        strict=True,
        doublequote=not backslash,
        escapechar="\\" if backslash else None,
        skipinitialspace=dialect.quotes == AFTER_BLANK,
    )


def split_plain(line: str, separator: str) -> List[str]:
    """The cells of a line without quotes; its line end is removed."""
    text = line[:-1] if line.endswith("\n") else line
    text = text[:-1] if text.endswith("\r") else text
    return text.split(separator) if separator else [text]


def _fit(lines: List[str], separator: str, quotes: str) -> _Fit:
    """How well a separator fits, with the quotes under which it fits best."""
    if sum(separator in line for line in lines) < 0.3 * len(lines):
        return _Fit(Dialect(separator, _default_quotes(separator, quotes)), 1, 0.0, [])
    dialect = Dialect(separator, _quotes(lines, separator, quotes))
    rows, _ = parse(lines, dialect)
    widths = Counter(map(len, rows))
    width = max(widths, key=lambda w: (w > 1, widths[w])) if widths else 1
    share = widths[width] / max(1, len(rows)) if width > 1 else 0.0
    return _Fit(dialect, width, share, rows[0] if rows else [])


def parse(lines: List[str], dialect: Dialect) -> Tuple[List[List[str]], int]:
    """The rows of the first lines of a file, and how many lines could not be split."""
    if dialect.quotes == NO_QUOTES:
        return [split_plain(line, dialect.separator) for line in lines], 0
    rows, errors = [], 0
    reader = split(lines, dialect)
    while True:
        before = reader.line_num
        try:
            rows.append(next(reader))
        except StopIteration:
            return rows, errors
        except csv.Error:
            if reader.line_num >= len(lines) and before < len(lines) - 1:
                errors += len(lines) - before  # an unclosed quote swallowed what follows
            elif before < len(lines) - 1:
                errors += 1


def _default_quotes(separator: str, quotes: str) -> str:
    if len(separator) > 1 or quotes == "no":
        return NO_QUOTES
    return DOUBLED if separator in (",", ";") or quotes == "yes" else NO_QUOTES


def _quotes(lines: List[str], separator: str, setting: str) -> str:
    """The quotes of a file with this separator: by the setting or RFC 4180 (commas, semicolons), else by evidence."""
    default = _default_quotes(separator, setting)
    quoted = [line for line in lines if '"' in line]
    if not quoted or len(separator) > 1 or setting == "no":
        return default
    candidates = [DOUBLED]
    if any('\\"' in line for line in quoted):
        candidates.append(BACKSLASH)
    if any(separator + ' "' in line for line in quoted):
        candidates.append(AFTER_BLANK)
    losses: Dict[str, int] = {quotes: _loss(lines, Dialect(separator, quotes)) for quotes in candidates}
    best = min(candidates, key=lambda quotes: losses[quotes])
    if default == DOUBLED:
        return best
    plain_loss = _loss(lines, Dialect(separator, NO_QUOTES)) + _first_row_needs(lines, Dialect(separator, best))
    if losses[best] == 0 and (plain_loss > 0 or _written_by_a_program(lines, separator)):
        return best
    return NO_QUOTES


def _loss(lines: List[str], dialect: Dialect) -> int:
    """How many rows below the first cannot be split, or have another width than most rows."""
    rows, errors = parse(lines, dialect)
    widths = Counter(map(len, rows[1:]))
    return errors + len(rows[1:]) - max(widths.values(), default=0)


def _first_row_needs(lines: List[str], dialect: Dialect) -> bool:
    """Whether the first row has the width of the others only with the quotes; a header may have another width."""
    plain, (quoted, _) = [split_plain(line, dialect.separator) for line in lines], parse(lines, dialect)
    width = Counter(map(len, quoted[1:])).most_common(1)[0][0] if quoted[1:] else 0
    inside = plain[1:max(1, len(plain) - len(quoted))]  # the lines of the first row but its first and its last
    return len(quoted) > 1 and len(quoted[0]) == width != len(plain[0]) and all(len(row) != width for row in inside)


def _written_by_a_program(lines: List[str], separator: str) -> bool:
    """Whether all cells of a column are in quotes (R), or all cells with a quote inside them, doubled (Excel)."""
    rows = [split_plain(line, separator) for line in lines]
    if len(rows) < 2:
        return False
    width = Counter(map(len, rows)).most_common(1)[0][0]
    cells = [row for row in rows if len(row) == width]
    for column in range(width):
        if all(_in_quotes(row[column]) for row in cells[1:]):
            return True
    with_quotes = [cell for row in cells for cell in row if '"' in cell]
    return all(map(_in_quotes, with_quotes)) and any('""' in cell[1:-1] for cell in with_quotes)


def _in_quotes(cell: str) -> bool:
    inside = cell[1:-1].replace('""', "").replace('\\"', "")
    return len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inside
