"""Data that are easily misread: each is read right, or the job stops with a sentence that names what decides."""
import csv
import io
from pathlib import Path
from typing import Any, Dict, List, Sequence, Union

import pytest

from textjob.data.inspection import Inspection, inspect
from textjob.errors import DataError
from textjob.settings import DataSettings

GOOD = ["a warm coat for cold days", "the tent kept dry, all night", "fast and quiet bicycle", "this soup is a joy"]
BAD = ["zip broke on day one", "the pan lost its handle", "never again, sadly", "the lamp hums all the time"]
ROWS = [("good" if i % 2 else "bad", f"{(GOOD if i % 2 else BAD)[i // 2 % 4]} {i}") for i in range(40)]
NUMBERS = [("1" if i % 2 else "0", text) for i, (_, text) in enumerate(ROWS)]
SWAPPED = [(text, label) for label, text in ROWS]
WITH_IDS = [(str(i), text) for i, (_, text) in enumerate(ROWS)]


def table(rows: Sequence[Sequence[str]], separator: str = ",", **dialect: Any) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=separator, lineterminator="\n", **dialect).writerows(rows)
    return file.getvalue()


def plain(rows: Sequence[Sequence[str]], separator: str = "\t") -> str:
    return "".join(separator.join(cells) + "\n" for cells in rows)


def read(folder: Path, files: Dict[str, Union[str, bytes]], **settings: Any) -> Inspection:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return inspect(str(folder), DataSettings(**settings))


def rows_of(inspection: Inspection, part: str = "train") -> List[Any]:
    return [(row["label"], row["text"]) for row in inspection.parts[part].first]


HEADER = [("label", "text")]
UNKNOWN = [("Urteil", "Meinung")]
CONTENTS = {
    "semicolons and a comma in each text": table(
        HEADER + [(label, text.replace(",", "") + ", really") for label, text in ROWS], ";"),
    "tabs": plain(ROWS),
    "vertical bars": table(HEADER + ROWS, "|"),
    "Excel's separator line": "sep=;\n" + table(HEADER + ROWS, ";"),
    "all cells in quotes": table(HEADER + ROWS, "\t", quoting=csv.QUOTE_ALL),
    "row numbers without a name, as by R": '"label"\t"text"\n' + "".join(
        f'"{i}"\t"{label}"\t"{text}"\n' for i, (label, text) in enumerate(ROWS, 1)),
    "a column of row numbers, as by pandas": table([("", *HEADER[0])] + [(str(i), *row) for i, row in enumerate(ROWS)]),
    "empty columns": table([(*row, "", "") for row in HEADER + ROWS]),
    "more separators than names": "label,text\n" + "".join(table([(*row, "")]) for row in ROWS),
    "quotes after a blank": "label, text\n" + "".join(f'{label}, "{text}"\n' for label, text in ROWS),
    "a header of unknown names": table(UNKNOWN + ROWS),
    "joined files": table(HEADER + ROWS[:20]) + "\ufeff" + table(HEADER + ROWS[20:]),
    "joined files with other orders": table(HEADER + ROWS[:20]) + table([("text", "label")] + SWAPPED[20:]),
    "carriage returns": plain(HEADER + ROWS).replace("\n", "\r"),
}


@pytest.mark.parametrize("kind", list(CONTENTS))
def test_a_table_is_read_right_whatever_wrote_it(tmp_path, kind):
    for name in ("train.csv", "train.txt"):
        if kind == "tabs" and name == "train.csv":
            continue
        found = rows_of(read(tmp_path / name, {name: CONTENTS[kind]}))
        assert [(label, text.replace(", really", "")) for label, text in found] == [
            (label, text.replace(",", "") if "comma" in kind else text) for label, text in ROWS]


def test_backslashes_before_quotes_are_escapes(tmp_path):
    content = "label,text\n" + "".join(f'{label},"they said \\"{text}\\" twice"\n' for label, text in ROWS)
    expected = [(label, f'they said "{text}" twice') for label, text in ROWS]
    assert rows_of(read(tmp_path, {"train.csv": content})) == expected


@pytest.mark.parametrize("test", [
    plain([("index", "sentence")] + WITH_IDS), plain([(text,) for _, text in ROWS]),
    plain([("sentence", "label")] + [(text, "-1") for _, text in ROWS]),
    plain([("sentence", "label")] + [(text, "") for _, text in ROWS])])
def test_a_part_without_labels_is_left_out_with_a_note(tmp_path, test):
    train = plain([("sentence", "label")] + [(text, label) for label, text in NUMBERS])
    inspection = read(tmp_path, {"train.tsv": train, "test.tsv": test})
    assert list(inspection.parts) == ["train"]
    assert rows_of(inspection) == NUMBERS
    assert [note for note in inspection.notes if "test.tsv: the test part is left out, because" in note]


CSV = table(HEADER + ROWS)
COMMAS = "".join(f"{text.replace(',', '')}, yes;{label}\n" for label, text in ROWS)
QUOTES = "".join(f"'{label}','{text.replace(',', '')}'\n" for label, text in ROWS)
DICTS = "".join(f"{{'text': '{text}', 'label': '{label}'}}\n" for label, text in ROWS)
IDS = table([("id", "label")] + [(str(i), label) for i, (label, _) in enumerate(ROWS)])
SCORES = table(HEADER + [(str(i * 1.7), text) for i, (_, text) in enumerate(ROWS)])
THREE = table([("nr", "Meinung", "Urteil")] + [(str(i), *row) for i, row in enumerate(SWAPPED)])
STOPS = [
    ({"train.tsv": plain(NUMBERS), "test.tsv": plain(WITH_IDS)}, r"test\.tsv: most labels of the test part"),
    ({"train.csv": CSV, "dev.csv": table([("id", "words")] + WITH_IDS)}, r"dev\.csv: its header .*'label'"),
    ({"train.csv": CSV, "dev.csv": table(SWAPPED)}, r"dev\.csv: most labels of the dev part .*--label_column"),
    ({"train.csv": COMMAS}, "a comma or a semicolon.*--separator"),
    ({"train.csv": table([("Meinung zum Produkt, kurz", "Urteil")] + SWAPPED)}, r"'Urteil'\) may be .*--header yes"),
    ({"train.csv": IDS}, "only numbers.*--text_column"),
    ({"train.csv": SCORES}, "40 different labels.*--label_column"),
    ({"train.csv": THREE}, "'Urteil'.*--label_column"),
    ({"train.csv": QUOTES}, "in single quotes"),
    ({"train.txt": DICTS}, "begins like JSON"),
    ({"train.json": '{\n "data": []\n}\n'}, "begins like JSON"),
    ({"data.csv": CSV, "notes/a.txt": "x", "old/b.txt": "y"}, r"beside notes, old, .* give .*/data\.csv as --data_url"),
    ({"notes.txt": plain(ROWS), "a/1.txt": "x", "b/1.txt": "y"}, r"notes\.txt holds rows .*/notes\.txt as --data_url"),
    ({"mine/train.tsv": plain(ROWS)}, "around the data: mine holds train.tsv; give .*/mine as --data_url"),
    ({"mine/a/1.txt": "x", "mine/b/1.txt": "y"}, "around the data: mine holds a/, b/; give .*/mine as --data_url"),
    ({"train.py": "", "infer.py": "", "customize_service.py": "", "tests/a.py": ""}, "is the folder of this template"),
    ({"a/all.txt": "x\n" * 20, "b/all.txt": "y\n" * 20}, "--class_folder_texts line .* --class_folder_texts file"),
    ({"train.csv": CSV, "train_1.csv": CSV}, "are both the train part"),
    ({"train.txt": plain(ROWS).encode("utf-16-le")}, "--encoding utf-16-le"),
]


@pytest.mark.parametrize(("files", "message"), STOPS)
def test_data_that_could_be_misread_stop_with_what_decides(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, files)


def test_an_unclosed_quote_that_a_later_quote_closes_does_not_swallow_rows(tmp_path):
    rows = [f"{label},{text.replace(',', '')}\n" for label, text in ROWS]
    rows[10:10], rows[20:20] = ['good,"stray here\n'], ['bad,a screen of 6"\n']
    with pytest.raises(DataError, match=r"train\.csv:12: the quoted text goes over lines that look like rows"):
        read(tmp_path, {"train.csv": "label,text\n" + "".join(rows)})


def test_a_quoted_text_over_lines_in_a_file_without_quotes_is_no_row(tmp_path):
    lines = [f"{label}\t{text}\n" for label, text in ROWS]
    lines[5:5] = ['good\t"half a text\n', 'other half"\n', 'good\t"a quote that ends" here\n']
    inspection = read(tmp_path, {"train.tsv": "".join(lines)})
    assert inspection.bad_rows == 2
    assert [row for row in rows_of(inspection) if row not in ROWS] == [("good", '"a quote that ends" here')]


@pytest.mark.parametrize("text_first", [True, False])
@pytest.mark.parametrize("place", [0, 17])
def test_lines_that_are_rows_with_and_without_quotes_stop_the_job_until_quotes_is_set(tmp_path, text_first, place):
    def lines(*inserted):
        rows = SWAPPED if text_first else ROWS
        return plain([*rows[:place], *inserted, *rows[place:]])

    halves = ([('"the first', "half"), ('and the second"', "good")] if text_first
              else [("good", '"the first'), ("half", 'and the second"')])
    with pytest.raises(DataError, match=r"without quotes, has a label that no other row has. Set --quotes no if .*, or "
                                        r"--quotes yes if"):
        read(tmp_path, {"train.tsv": lines(*halves)})
    joined = "the first\thalf\nand the second" if text_first else "the first\nhalf\tand the second"
    first = read(tmp_path, {}, quotes="yes")
    assert first.parts["train"].rows == 41 and first.parts["train"].labels == {"good": 21, "bad": 20}
    assert place or rows_of(first)[0] == ("good", joined)
    assert read(tmp_path, {}, quotes="no", header="no").parts["train"].rows == 42


def test_a_quotation_over_two_rows_is_two_rows_where_both_labels_are_known(tmp_path):
    for rows in ([("good", '"We came.'), ("bad", 'We left."')], [('"We came.', "good"), ('We left."', "bad")]):
        others = ROWS if rows[0][0] == "good" else SWAPPED
        found = read(tmp_path, {"train.tsv": plain([*others[:9], *rows, *others[9:]])})
        assert found.parts["train"].rows == 42 and found.bad_rows == 0


def test_cells_in_quotes_need_a_separator_of_one_character(tmp_path):
    with pytest.raises(DataError, match=r"\(--quotes yes\) need a separator of one character, but it is '_!_'"):
        read(tmp_path, {"train.txt": plain(ROWS, "_!_")}, quotes="yes", separator="_!_")


def test_quotes_of_a_csv_file_belong_to_the_texts_if_the_setting_says_so(tmp_path):
    content = plain(ROWS, ";").replace("fast and", '"fast" and')
    with pytest.raises(DataError, match="set --quotes no"):
        read(tmp_path, {"train.csv": content.replace("bad;", 'bad;"', 1)})
    found = read(tmp_path, {"train.csv": content}, quotes="no")
    assert found.bad_rows == 0
    assert any(text.startswith('"fast" and quiet') for _, text in rows_of(found))


@pytest.mark.parametrize("rows", [SWAPPED, ROWS], ids=["text first", "label first"])
def test_a_first_text_over_two_lines_is_read_although_no_other_text_has_quotes(tmp_path, rows):
    first = [cell if cell in ("good", "bad") else "two\nlines" for cell in rows[0]]
    inspection = read(tmp_path, {"train.tsv": table([first, *rows[1:]], "\t")})
    assert inspection.bad_rows == 0
    assert rows_of(inspection) == [("bad", "two\nlines"), *ROWS[1:]]


def test_a_first_text_with_the_separator_in_quotes_is_read_although_no_other_text_has_quotes(tmp_path):
    content = table([("good", "a | in the first text"), *ROWS[1:]], "|")
    inspection = read(tmp_path, {"train.csv": content}, header="no")
    assert inspection.bad_rows == 0 and rows_of(inspection) == [("good", "a | in the first text"), *ROWS[1:]]


def test_a_first_line_with_an_unclosed_quote_does_not_swallow_the_next_rows(tmp_path):
    lines = ['"a title\n', *(f"{text}\t{label}\n" for label, text in ROWS), 'a screen of 6"\tbad\n']
    inspection = read(tmp_path, {"train.tsv": "".join(lines)})
    assert rows_of(inspection)[-40:-1] == ROWS[1:]


def test_a_first_line_with_one_quote_does_not_join_rows(tmp_path):
    lines = [f"{text}\t{label}\n" for label, text in ROWS]
    lines[:2] = ['a screen of 6"\tgood\n', '"quoted" and 7"\tbad\n']
    inspection = read(tmp_path, {"train.tsv": "".join(lines)})
    assert inspection.bad_rows == 0
    assert rows_of(inspection)[:2] == [("good", 'a screen of 6"'), ("bad", '"quoted" and 7"')]


@pytest.mark.parametrize("label", ["nan", "NULL", "None", "NA", ""])
def test_missing_labels_are_bad_rows_unless_a_setting_makes_them_classes(tmp_path, label):
    files = {"train.csv": table([*HEADER, *ROWS, (label, "a text"), (label, "another")])}
    inspection = read(tmp_path, files)
    assert (inspection.bad_rows, sorted(inspection.parts["train"].labels)) == (2, ["bad", "good"])
    if label:
        assert read(tmp_path, files, nan_is_a_class=True).parts["train"].labels[label] == 2


def test_a_whole_number_and_its_decimal_form_are_one_class(tmp_path):
    decimals = [(label + ".0", text) for label, text in NUMBERS]
    inspection = read(tmp_path, {"train.csv": table(HEADER + decimals), "dev.csv": table(HEADER + NUMBERS)})
    assert rows_of(inspection) == rows_of(inspection, "dev") == NUMBERS
    assert "labels that are the same number are one class: 0.0 = 0, 1.0 = 1" in inspection.notes


def test_labels_that_differ_in_case_get_a_note(tmp_path):
    inspection = read(tmp_path, {"train.tsv": plain([*ROWS, ("Good", "x y"), ("Good", "z")])})
    assert "classes that differ only in upper and lower case: Good, good" in inspection.notes


def test_numbered_files_and_names_that_end_in_a_part_are_parts(tmp_path):
    numbered = read(tmp_path / "a", {"train_10.tsv": plain(ROWS[20:]), "train_9.tsv": plain(ROWS[:20])})
    assert rows_of(numbered) == ROWS
    spark = read(tmp_path / "b", {"part-00000": plain(ROWS[:20]), "part-00001": plain(ROWS[20:]), "_SUCCESS": ""})
    assert rows_of(spark) == ROWS
    named = {f"news.{part}.txt": plain(ROWS) for part in ("train", "val", "test")}
    assert sorted(read(tmp_path / "c", {**named, "news.vocab.txt": "a\nb\n"}).parts) == ["dev", "test", "train"]
    folders = {"train/part-00000.csv": table(HEADER + ROWS[:20]), "train/part-00001.csv": table(HEADER + ROWS[20:])}
    assert rows_of(read(tmp_path / "d", folders)) == ROWS


def test_an_output_folder_inside_the_data_is_not_read(tmp_path):
    texts = {f"{label}/{i}.txt": text for i, (label, text) in enumerate(ROWS)}
    output = {"out/model/saved_model.pb": "x", "out/report/report.md": "x", "out/metric.json": "{}"}
    inspection = read(tmp_path, {**texts, **output})
    assert list(inspection.parts["train"].labels) == ["bad", "good"]
    assert "not read: out" in inspection.notes


def test_the_inspection_has_the_parts_before_anything_is_split_off_and_the_fixed_keys(tmp_path):
    inspection = read(tmp_path, {"train.csv": table([*HEADER, *ROWS, ("good", "")])})
    assert list(inspection.__dict__) == ["parts", "files", "bad_rows", "notes"]
    assert inspection.parts["train"].rows == 40 and inspection.parts["train"].labels == {"bad": 20, "good": 20}
    assert inspection.parts["train"].first[0] == {"label": "bad", "text": ROWS[0][1], "place": "train.csv:2"}
    assert inspection.files[0].__dict__ == {
        "name": "train.csv", "part": "train", "form": "csv", "encoding": "utf-8", "separator": ",",
        "columns": ["label", "text"], "rows": 40, "bad_rows": 1}
    assert "no dev part" in str(inspection.notes) and "train.csv (train): csv, UTF-8" in inspection.as_text()


def test_a_separator_of_the_settings_that_a_file_lacks_stops(tmp_path):
    with pytest.raises(DataError, match=r"dev\.txt: the separator '_!_' \(--separator\) does not occur"):
        read(tmp_path, {"train.txt": plain(ROWS, "_!_"), "dev.txt": plain(ROWS)}, separator="_!_")


def test_an_unknown_header_stops_where_a_class_has_one_row(tmp_path):
    rows = [("Urteil", "Meinung"), ("rare", "only one row"), *(("good", text) for _, text in ROWS[:12])]
    with pytest.raises(DataError, match=r"the first row \('Urteil', 'Meinung'\) may be a header"):
        read(tmp_path, {"train.csv": table(rows)})
