"""Texts with their labels, read part by part, and a record of every row that was left out."""
from typing import List, NamedTuple, Optional

from textjob.data.columns import Columns, find_columns, header_columns
from textjob.data.rows import decide_encoding, read_rows, read_text, suffix
from textjob.data.sources import Source, join, list_folder, nothing_fits, some
from textjob.errors import DataError

SHOWN = 10  # bad rows that are shown one by one


class Examples(NamedTuple):
    """Texts, and the label of each."""

    texts: List[str]
    labels: List[str]


class Reader:
    """Reads one part after the other; the first file decides which column is the label."""

    def __init__(self, label_column: str = "", text_column: str = "") -> None:
        self.settings = (label_column, text_column)
        self.columns: Optional[Columns] = None
        self.notes: List[str] = []
        self.bad: List[str] = []
        self.rows = 0

    def read(self, source: Source) -> Examples:
        """The good rows of a part, in order."""
        examples, bad = Examples([], []), len(self.bad)
        if source.is_folder:
            self._read_class_folders(source, examples)
        else:
            self._read_file(source, examples)
        self.rows += len(examples.texts) + len(self.bad) - bad
        return examples

    def note_bad_rows(self, limit: float) -> None:
        """Note which rows were left out; stop where they are more than a share, or a count from 1 on."""
        if not self.bad:
            return
        shown = self.bad[:SHOWN]
        if len(self.bad) > SHOWN:
            shown.append(f"... and {len(self.bad) - SHOWN:,} more")
        found = f"bad rows: {len(self.bad):,} of {self.rows:,}"
        if len(self.bad) > (limit * self.rows if limit < 1 else limit):
            lines = "\n  ".join(shown)
            raise DataError(f"{found}, more than --max_bad_rows {limit:g} allows:\n  {lines}")
        self.notes.append(found + ", left out:")
        self.notes.extend("  " + line for line in shown)

    def _read_file(self, source: Source, examples: Examples) -> None:
        encoding = decide_encoding(source.url)
        if self.columns is None:
            self.columns = find_columns(read_rows(source.url, encoding), source.name, *self.settings)
        columns = self.columns._replace(header=False)
        first = True
        for row in read_rows(source.url, encoding):
            place = f"{source.name}:{row.line}"
            if row.cells is None:
                self.bad.append(f"{place}: {row.error}")
                continue
            # Each file is asked for itself: dev may lack the header of train, or order its columns otherwise.
            named = header_columns(row.cells, source.name, *self.settings) if first else None
            first = False
            if named is not None:
                columns = named
            elif len(row.cells) != columns.width:
                self.bad.append(f"{place}: {_wrong_width(len(row.cells), columns.width, source)}")
            else:
                self._add(examples, row.cells[columns.label], row.cells[columns.text], place)
        self._note_file(source, examples, encoding, columns)

    def _note_file(self, source: Source, examples: Examples, encoding: str, columns: Columns) -> None:
        self.notes.append(
            "{}: {:,} rows, {}, {}, label in column {}, text in column {}".format(
                source.name,
                len(examples.texts),
                encoding.upper(),
                "a header row" if columns.header else "no header row",
                columns.label,
                columns.text,
            )
        )
        labels = examples.labels
        if not columns.header and len(labels) >= 20 and labels.count(labels[0]) == 1:
            self.notes.append(
                f"{source.name}: no other row has the first one's label, {labels[0]!r}: if it is the name of a column, give it as "
                "--label_column"
            )

    def _read_class_folders(self, source: Source, examples: Examples) -> None:
        entries = list_folder(source.url)
        prefix = source.name + "/" if source.name else ""
        encodings: List[str] = []
        for label in [entry.name for entry in entries if entry.is_folder]:
            folder, place = join(source.url, label), prefix + label
            for name in self._files_of_class(folder, place):
                text, encoding = read_text(join(folder, name))
                encodings.append(encoding)
                if encoding:
                    self._add(examples, label, text, f"{place}/{name}")
                else:
                    self.bad.append(f"{place}/{name}: neither UTF-8 nor GB18030")
        if not encodings:
            raise DataError(nothing_fits(source.url, entries))
        self.notes.append(
            "{}: {:,} texts in class folders, {:,} of {:,} files are GB18030".format(
                source.name or "train", len(examples.texts), encodings.count("gb18030"), len(encodings)
            )
        )

    def _files_of_class(self, folder: str, place: str) -> List[str]:
        inside = list_folder(folder)
        deeper = [entry.name for entry in inside if entry.is_folder]
        files = [entry.name for entry in inside if not entry.is_folder]
        tables = [name for name in files if suffix(name) not in ("", ".txt")]
        if tables:  # a folder of data sets, not of classes
            raise DataError(
                f"{folder} holds {some(tables)}: in a folder per class each file is one text; give the folder with the data "
                "itself as --data_url"
            )
        if deeper:
            self.notes.append(f"{place}: folders inside it are not read: {some(deeper)}")
        if not files:
            self.notes.append(f"{place}: the class folder holds no file; there is no such class")
        return files

    def _add(self, examples: Examples, label: str, text: str, place: str) -> None:
        label = label.strip()
        if not label:
            self.bad.append(f"{place}: the label is empty")
        elif len(label.splitlines()) > 1:
            self.bad.append(f"{place}: a line separator inside the label")
        elif not text.strip():
            self.bad.append(f"{place}: the text is empty")
        else:
            examples.texts.append(text)
            examples.labels.append(label)


def _wrong_width(found: int, expected: int, source: Source) -> str:
    cause = "a comma outside quotes" if suffix(source.url) == ".csv" else "a tab inside the text"
    counts = f"{found} cells where {expected} were expected"
    return f"{counts}; {cause}?" if found > expected else counts
