"""One file: its encoding, its rows, its columns."""
import bz2
import gzip
import lzma
import subprocess
import sys
from pathlib import Path
from typing import Any, List, Tuple

import pytest

from textjob.data.columns import find_columns
from textjob.data.dialect import guess
from textjob.data.files import open_text
from textjob.data.folders import Source
from textjob.data.form import Reading, Request
from textjob.data.forms import delimited
from textjob.data.records import Records
from textjob.data.table import Row
from textjob.errors import DataError
from textjob.settings import DataSettings


def write(folder: Path, name: str, content: bytes, compressed: bool = True) -> str:
    path = folder / name
    path.write_bytes(gzip.compress(content) if compressed and name.endswith(".gz") else content)
    return str(path)


def rows_of(folder: Path, name: str, content: bytes, compressed: bool = True) -> List[Row]:
    file = open_text(write(folder, name, content, compressed), name)
    dialect = guess([line.text for line in file.lines() if not line.error], name, "", True)
    return list(delimited.rows(file, dialect))


def encoding_of(folder: Path, name: str, content: bytes) -> str:
    return open_text(write(folder, name, content), name).encoding


def cells_of(folder: Path, name: str, content: bytes, compressed: bool = True) -> List[Tuple[int, List[str]]]:
    rows = rows_of(folder, name, content, compressed)
    return [(row.line, row.cells) for row in rows if row.cells is not None]


def open_source(folder: Path, content: bytes, labelled: bool = True) -> Reading:
    source = Source(write(folder, "train.tsv", content), "train.tsv", False)
    return Records(DataSettings(), labelled).open(source)


def columns_of(lines: List[str], label_column: str = "", text_column: str = "") -> Tuple[Any, ...]:
    settings = DataSettings(label_column=label_column, text_column=text_column)
    found = find_columns([line.split("|") for line in lines], "train.tsv", Request(settings))
    return (found.label, *found.texts, bool(found.names), found.width)


# Encoding


@pytest.mark.parametrize("text", ["pos\tgood\n", "好\t酒店很好\n", "\ufeff好\t酒店\n", "好\t酒\n" * 9 + "a"])
def test_a_file_that_decodes_as_utf8_is_utf8(tmp_path, text):
    assert encoding_of(tmp_path, "a.tsv", text.encode("utf-8")) == "utf-8"


def test_a_mostly_ascii_gb18030_file_is_gb18030(tmp_path):
    content = b"pos\tplain words\n" * 500 + "pos\t酒店很好\n".encode("gb18030") * 2
    rows = rows_of(tmp_path, "a.tsv", content)
    assert open_text(str(tmp_path / "a.tsv"), "a.tsv").encoding == "gb18030"
    assert rows[-1].cells == ["pos", "酒店很好"]


def test_a_line_that_does_not_decode_is_a_bad_row_and_the_others_are_read(tmp_path):
    good = "好\t酒店很好\n".encode("utf-8")
    rows = rows_of(tmp_path, "a.tsv", good * 3 + "坏\t酒店\n".encode("gb18030") + good)
    assert [row.line for row in rows if row.cells is None] == [4]
    assert rows[3].error == "not UTF-8: byte 0xBB at position 0"
    assert [row.cells for row in rows if row.cells] == [["好", "酒店很好"]] * 4


def test_a_byte_order_mark_decides_whatever_else_is_broken(tmp_path):
    content = "\ufeffpos\tgood\n".encode("utf-8") + "坏\t酒店\n".encode("gb18030") * 5
    assert encoding_of(tmp_path, "a.tsv", content) == "utf-8"


def test_texts_cut_inside_a_character_do_not_turn_a_utf8_file_into_nonsense(tmp_path):
    good, cut = "好\t酒店很好\n".encode("utf-8"), "坏\t酒店".encode("utf-8")[:-1] + b"\n"
    rows = rows_of(tmp_path, "a.tsv", (good * 3 + cut) * 5)
    assert sum(row.cells == ["好", "酒店很好"] for row in rows) == 15
    assert sum(row.cells is None for row in rows) == 5


def test_a_byte_order_mark_is_no_part_of_a_label_even_where_files_were_joined(tmp_path):
    half = "\ufeff好\t酒店\n".encode("utf-8")
    assert cells_of(tmp_path, "a.tsv", half + half) == [(1, ["好", "酒店"]), (2, ["好", "酒店"])]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_with_a_byte_order_mark_is_read(tmp_path, encoding):
    content = "\ufeff好\t酒店\r\n坏\t很差\n".encode(encoding)
    assert cells_of(tmp_path, "a.tsv", content) == [(1, ["好", "酒店"]), (2, ["坏", "很差"])]


def test_an_unclear_encoding_stops_and_names_the_setting(tmp_path):
    with pytest.raises(DataError, match=r"a\.tsv: the encoding is unclear .* Set --encoding"):
        encoding_of(tmp_path, "a.tsv", b"pos\tgood\nneg\tbad \xfc\n")


# Forms


def test_a_tab_separated_file_has_no_quotes(tmp_path):
    content = b'pos\t"good\nneg\tso "bad""\nneg\t"\n'
    assert cells_of(tmp_path, "a.tsv", content) == [
        (1, ["pos", '"good']),
        (2, ["neg", 'so "bad""']),
        (3, ["neg", '"']),
    ]


def test_a_tab_separated_file_is_split_at_line_feeds_alone(tmp_path):
    text = "one\u2028two\x85three\x0bfour\x1cfive\rsix"
    content = f"pos\t{text}\r\nneg\tbad\r\r\n".encode("utf-8")
    assert cells_of(tmp_path, "a.txt", content) == [(1, ["pos", text]), (2, ["neg", "bad\r"])]


def test_blank_lines_are_skipped_and_counted_in_the_line_numbers(tmp_path):
    expected = [(3, ["pos", "good"]), (5, ["neg", "bad"])]
    assert cells_of(tmp_path, "a.tsv", "\n \t \npos\tgood\n\u3000\r\nneg\tbad".encode("utf-8")) == expected
    assert cells_of(tmp_path, "a.csv", "\n  \npos,good\n\u3000\r\nneg,bad".encode("utf-8")) == expected


def test_a_csv_record_may_span_lines_and_bears_the_number_of_its_first(tmp_path):
    content = b'pos,"one, two\n\nthree"\r\nneg,"say ""no"""\n'
    expected = [(1, ["pos", "one, two\n\nthree"]), (4, ["neg", 'say "no"'])]
    assert cells_of(tmp_path, "a.csv", content) == expected


def test_a_csv_text_may_be_longer_than_the_csv_module_allows_by_default(tmp_path):
    text = "x" * 200000
    assert cells_of(tmp_path, "a.csv", f'pos,"{text}"\n'.encode("ascii")) == [(1, ["pos", text])]


@pytest.mark.parametrize("name, separator", [("a.csv", ","), ("a.tsv", "\t")])
def test_nul_counts_as_a_blank(tmp_path, name, separator):
    content = f"pos{separator}very\0good\n".encode("ascii")
    assert cells_of(tmp_path, name, content) == [(1, ["pos", "very good"])]


@pytest.mark.parametrize(
    "content",
    [
        b'label,text\npos,fine\nneg,"never closed\npos,good\n',
        b'label,text\npos,fine\nneg,"never closed\npos,"good"\n',
        b'label,text\npos,fine\nneg,"never closed',
    ],
)
def test_an_unclosed_quote_stops_and_names_the_line_where_it_began(tmp_path, content):
    with pytest.raises(DataError, match="begins in line 3 "):
        rows_of(tmp_path, "a.csv", content)


def test_a_quote_that_is_not_doubled_costs_its_own_row_alone(tmp_path):
    rows = rows_of(tmp_path, "a.csv", b'pos,fine\nneg,"he said "no" twice"\npos,"good"\n')
    assert [row.line for row in rows if row.cells is None] == [2]
    assert [row.cells for row in rows if row.cells] == [["pos", "fine"], ["pos", "good"]]


def test_a_csv_record_with_a_line_that_does_not_decode_is_bad_as_a_whole(tmp_path):
    good = "好,酒店\n".encode("utf-8")
    rows = rows_of(tmp_path, "a.csv", good + '坏,"酒\n'.encode("utf-8") + b'\xff\nx"\n' + good)
    assert [(row.line, row.cells) for row in rows] == [(1, ["好", "酒店"]), (2, None), (5, ["好", "酒店"])]
    assert rows[1].error.startswith("not UTF-8")


@pytest.mark.parametrize("suffix, separator", [(".tsv", "\t"), (".txt", "\t"), (".csv", ",")])
def test_every_form_may_be_gzipped(tmp_path, suffix, separator):
    content = f"好{separator}酒店\n".encode("gb18030")
    assert cells_of(tmp_path, "a" + suffix + ".gz", content) == [(1, ["好", "酒店"])]


def test_a_damaged_gzip_file_is_a_data_error(tmp_path):
    whole = gzip.compress(b"pos\tgood and long enough to be cut\n" * 50)
    (tmp_path / "cut.tsv.gz").write_bytes(whole[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        open_text(str(tmp_path / "cut.tsv.gz"), "cut.tsv.gz")


def test_a_compressed_file_is_recognised_by_its_content_whatever_its_name(tmp_path):
    expected = [(1, ["pos", "good"]), (2, ["neg", "bad"])]
    content = b"pos\tgood\nneg\tbad\n"
    assert cells_of(tmp_path, "plain.tsv.gz", content, compressed=False) == expected
    for name, compress in [("a.tsv", gzip.compress), ("b.tsv.bz2", bz2.compress), ("c.tsv.xz", lzma.compress)]:
        assert cells_of(tmp_path, name, compress(content), compressed=False) == expected


def test_rows_come_before_the_file_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(b"pos\tgood\npos\tbad\n" * 100000)
    records = Records(DataSettings()).open(Source(str(path), "a.tsv", False)).records
    next(records)
    path.write_bytes(b"")
    assert sum(1 for _ in records) < 100000


# Columns


@pytest.mark.parametrize(
    "lines, expected",
    [
        (["label|text", "x|a"], (0, 1, True, 2)),
        (["Text| LABEL ", "a|x"], (1, 0, True, 2)),
        (["类别|内容", "x|a"], (0, 1, True, 2)),
        (["category|what they wrote", "x|a"], (0, 1, True, 2)),
        (["id|sentence|label", "1|a|x"], (2, 1, True, 3)),
    ],
)
def test_the_header_row_names_the_columns(lines, expected):
    assert columns_of(lines) == expected


def test_without_a_header_the_column_with_fewer_values_is_the_label():
    assert columns_of(["pos|a", "neg|b", "pos|c"]) == (0, 1, False, 2)
    assert columns_of(["a|pos", "b|neg", "c|pos"]) == (1, 0, False, 2)


def test_a_text_of_one_word_is_not_a_header():
    assert columns_of(["pos|review", "neg|title", "pos|text"]) == (0, 1, False, 2)
    assert columns_of(["pos|review", "neg|title", "pos|text"], "0", "1") == (0, 1, False, 2)


def test_a_broken_first_row_does_not_decide_how_many_columns_there_are():
    assert columns_of(["pos|a|b", "neg|c", "pos|d", "neg|e"]) == (0, 1, False, 2)


@pytest.mark.parametrize(
    "lines",
    [
        ["pos|good", "neg|bad"],
        [f"{i // 1.5}|text {i}" for i in range(30)],
        ["1|pos|good", "2|neg|bad", "3|neg|worse"],
        ["title|content|label", "a|b|x", "c|d|y"],
        ["label|class|text", "x|y|a", "x|z|b"],
    ],
)
def test_when_unsure_it_stops_and_says_which_setting_decides(lines):
    with pytest.raises(DataError, match=r"--(label|text)_column"):
        columns_of(lines)


def test_settings_decide_by_name_or_by_number():
    lines = ["id|title|content|cat", "1|a|b|x", "2|c|d|y"]
    assert columns_of(lines, "cat", "content") == (3, 2, True, 4)
    assert columns_of(lines, " CAT ", "1") == (3, 1, True, 4)
    assert columns_of(lines[1:], "3", "2") == (3, 2, False, 4)
    assert columns_of(["a|x", "b|y"], "1") == (1, 0, False, 2)
    assert columns_of(["a|x", "b|y"], "", "0") == (1, 0, False, 2)
    assert columns_of(["headline|title", "x|y"], "headline") == (0, 1, True, 2)
    assert columns_of(["body|query", "x|y"], "", "body") == (1, 0, True, 2)


def test_a_number_is_a_column_even_where_labels_are_numbers():
    assert columns_of(["1|0", "good|1", "bad|0"], "1") == (1, 0, False, 2)


def test_a_wrong_name_or_number_is_refused_with_the_nearest_name():
    with pytest.raises(DataError, match="did you mean 'category'"):
        columns_of(["category|words", "x|a"], "categry")
    with pytest.raises(DataError, match="has no such column"):
        columns_of(["x|a", "y|b"], "2")
    with pytest.raises(DataError, match="both choose column 1"):
        columns_of(["x|a", "y|b"], "1", "1")


def test_a_file_of_one_column_is_refused_where_a_label_is_needed():
    with pytest.raises(DataError, match=r"one column .* a separator and a text were expected"):
        columns_of(["pos good", "neg bad"])


def test_a_first_row_without_names_is_no_header():
    rows = ["pos|good", "neg|bad", "pos|fine"]
    assert columns_of(rows) == columns_of(rows, "0", "1") == (0, 1, False, 2)
    with pytest.raises(DataError, match="has no such column"):
        columns_of(rows, "label", "text")


def test_an_empty_file_and_an_unreadable_file_have_their_own_messages(tmp_path):
    with pytest.raises(DataError, match="is empty"):
        open_source(tmp_path, b"")
    with pytest.raises(DataError, match="line 2: not UTF-8"):
        open_source(tmp_path, b"\xef\xbb\xbf\n\xff\n")


# The stream


def test_a_header_after_an_unreadable_first_row_is_a_header_in_the_stream_of_training_and_of_batch(tmp_path):
    content = "坏\n".encode("gb18030") + "label\ttext\n好\t酒店\n坏\t很差\n".encode("utf-8")
    for labelled in (True, False):
        records = list(open_source(tmp_path, content, labelled).records)
        assert [(record.line, record.text) for record in records if not record.error] == [(3, "酒店"), (4, "很差")]
        assert records[0].error.startswith("not UTF-8")


def test_a_file_of_one_column_is_readable_where_no_labels_are_needed(tmp_path):
    records = list(open_source(tmp_path, b"soup\n\nbread\na\tb\n", labelled=False).records)
    assert [record.text for record in records] == ["soup", "bread", ""]
    assert records[2].error == "2 cells where 1 were expected; a tab inside the text?"
    with pytest.raises(DataError, match="one column"):
        open_source(tmp_path, b"soup\nbread\n")


def test_an_empty_file_has_no_records_where_no_labels_are_needed(tmp_path):
    assert list(open_source(tmp_path, b"\n", labelled=False).records) == []


def test_data_are_read_without_tensorflow():
    code = "import sys, textjob.data.dataset, textjob.data.records; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
