"""The rows of the shards of a file are the rows of the whole file, with the same places: for any content and size."""
import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any, List, Tuple

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from textjob.data.folders import Source
from textjob.errors import DataError
from textjob.rehearsal import rows as rows_
from textjob.rehearsal import shards
from textjob.settings import DataSettings

slow = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))

WORDS = ["soup", "bread", "酒店", "Tür", '"', '""', '"so', 'so"', '6"', ",", "a,", "\\", '\\"', "[1]", "{x}", "sep=,",
         "|--|", "__label__x", "1", "", " ", "\u3000", "😀", "\0"]
ENDS = ["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\\\n", '"\n', "\t", "\n[", "\n{"]
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "gb18030", "utf-16", "shift-jis"]

Row = Tuple[Any, List[str]]


def whole(path: Path, chosen: DataSettings) -> List[Row]:
    return list(rows_.read(str(path), chosen).rows)


def joined(path: Path, chosen: DataSettings, size: int) -> List[Row]:
    plan = shards.plan([Source(str(path), path.name)], chosen, size)
    event(f"{min(len(plan.shards), 5)} shards")
    assert [shard.number for shard in plan.shards] == list(range(len(plan.shards)))
    parts = [list(shards.rows(shard, chosen)) for shard in plan.shards]
    for shard, part in zip(plan.shards[1:], parts[1:]):
        assert all(shard.first_line <= record.line <= shard.first_line + shard.lines for record, _ in part)
    return [row for part in parts for row in part]


def compare(name: str, content: bytes, size: int, **chosen: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        settings_ = DataSettings(**chosen)
        try:
            expected = whole(path, settings_)
        except DataError as error:
            expected = [(str(error), [])]
        try:
            found = joined(path, settings_, size)
        except DataError as error:
            found = [(str(error), [])]
    assert found == expected


@slow
@given(lines=st.lists(st.lists(st.sampled_from([*WORDS, "\t", "\t"]), min_size=1, max_size=6), min_size=4, max_size=30),
       ends=st.lists(st.sampled_from(ENDS), min_size=1, max_size=3), encoding=st.sampled_from(ENCODINGS),
       suffix=st.sampled_from([".txt", ".tsv", ".csv", ".jsonl"]), size=st.integers(1, 40),
       separator=st.sampled_from(["", "", "tab", "comma", "none"]), header=st.sampled_from(["auto", "yes", "no"]),
       text=st.sampled_from(["", "0", "1"]))
@example([['a\t"soup'], ["bread"], ["x\tgoal"], ["y\tteam"]], ["\n"], "utf-8", ".tsv", 5, "tab", "no", "1")
@example([["text"], ['"soup'], ['bread"'], ["goal"], ["team"]], ["\n"], "utf-8", ".csv", 1, "comma", "yes", "0")
def test_any_lines(lines, ends, encoding, suffix, size, separator, header, text):
    content = "".join("".join(line) + ends[number % len(ends)] for number, line in enumerate(lines))
    compare("in" + suffix, content.encode(encoding.replace("shift-jis", "cp932"), "replace"), size, separator=separator,
            header=header, text_column=text, encoding=encoding.replace("-sig", ""))


@slow
@given(cells=st.lists(st.lists(st.sampled_from(WORDS + ["\n", "\r\n", "x\ny", "\t"]), max_size=5).map("".join),
                      min_size=2, max_size=40),
       separator=st.sampled_from(",;\t"), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
       escaped=st.booleans(), end=st.sampled_from(["\n", "\r\n"]), header=st.booleans(), size=st.integers(1, 100),
       damage=st.sampled_from(["", "", "", '"', '\n"x"y\n', "\nonly one cell\n"]), place=st.floats(0, 1))
def test_quoted_tables(cells, separator, quoting, escaped, end, header, size, damage, place):
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=end, doublequote=not escaped,
                        escapechar="\\" if escaped else None)
    writer.writerows([["id", "text"]] * header)
    writer.writerows([str(number), cell.replace("\0", "")] for number, cell in enumerate(cells))
    content = file.getvalue()
    cut = int(place * len(content))
    content = content[:cut] + damage + content[cut:]
    compare("in.csv", content.encode("utf-8"), size, text_column="text" if header else "1")


@slow
@given(texts=st.lists(st.lists(st.sampled_from(WORDS + ["\n", "[", "]", "\ud83d"]), max_size=5).map("".join),
                      min_size=1, max_size=30),
       form=st.sampled_from(["objects", "objects", "array", "fasttext", "manifest"]), ascii_=st.booleans(),
       size=st.integers(1, 100), damage=st.sampled_from(["", "", "\n[\n", "\n{\n", "\nnull\n", "\n \n", "\ufeff"]),
       place=st.floats(0, 1))
def test_objects_and_labelled_lines(texts, form, ascii_, size, damage, place):
    if form == "fasttext":
        lines = ["__label__a " + text.replace("\n", " ") for text in texts]
    else:
        key = "source" if form == "manifest" else "text"
        start = "content://" if form == "manifest" else ""
        lines = [json.dumps({key: start + text, "n": [1]}, ensure_ascii=ascii_ or "\ud83d" in text) for text in texts]
    content = "[" + ",\n".join(lines) + "]" if form == "array" else "\n".join(lines) + "\n"
    cut = content.find("\n", int(place * len(content)))
    content = content[:cut] + damage + content[cut:]
    compare("in.jsonl", content.encode("utf-8", "ignore"), size)
