"""A folder or a file, to the parts of a data set."""
import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Dict, List

import pytest

from textjob.data.dataset import Dataset, Examples, read_dataset
from textjob.errors import DataError
from textjob.settings import DataSettings

ROWS = "".join("{}\ttext {}\n".format("pos" if i % 3 else "neg", i) for i in range(200))
FEW = "pos\tgood\nneg\tbad\npos\tfine\n"


def fill(folder: Path, files: Dict[str, str], encoding: str = "utf-8") -> str:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        written = content.encode(encoding)
        path.write_bytes(gzip.compress(written) if name.endswith(".gz") else written)
    return str(folder)


def pairs(examples: Examples) -> List[str]:
    return [f"{label}|{text}" for text, label in zip(*examples)]


def notes_of(dataset: Dataset) -> str:
    return "\n".join(dataset.notes)


# Accepted data


@pytest.mark.parametrize("dev", ["dev", "val", "valid", "validation", "DEV"])
@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz", ".txt", ".txt.gz", ".csv", ".csv.gz"])
def test_files_named_by_part_become_the_parts(tmp_path, dev, suffix):
    content = FEW.replace("\t", "," if "csv" in suffix else "\t")
    names = {"train" + suffix: content, dev + suffix: content[9:], "test" + suffix: content[:17]}
    dataset = read_dataset(fill(tmp_path, names))
    assert pairs(dataset.train) == ["pos|good", "neg|bad", "pos|fine"]
    assert pairs(dataset.dev) == ["neg|bad", "pos|fine"]
    assert pairs(dataset.test) == ["pos|good", "neg|bad"]
    assert dataset.labels == ["neg", "pos"]


def test_one_file_and_a_folder_that_holds_just_it_are_the_same_data(tmp_path):
    folder = fill(tmp_path, {"reviews.tsv": ROWS, "README.md": "about"})
    by_file, by_folder = read_dataset(os.path.join(folder, "reviews.tsv")), read_dataset(folder + "/")
    assert by_file[:4] == by_folder[:4]
    assert by_file.digest == by_folder.digest
    assert "not read: README.md" in by_folder.notes


def test_a_folder_per_class_holds_a_text_per_file(tmp_path):
    names = [f"{label}/{i}.txt" for label in "ab" for i in range(30)]
    files = {name: f"{name}\n酒店\n" for name in names}
    junk = dict.fromkeys([".DS_Store", ".git/x", "__MACOSX/a/1.txt", "a/.hidden", "b/Thumbs.db"], "junk")
    dataset = read_dataset(fill(tmp_path, {**files, **junk, "README.txt": "about"}))
    everything = pairs(dataset.train) + pairs(dataset.dev) + pairs(dataset.test)
    assert sorted(everything) == sorted(f"{name[0]}|{text}" for name, text in files.items())
    assert dataset.labels == ["a", "b"]
    assert "not read: README.txt" in dataset.notes


def test_part_folders_hold_class_folders(tmp_path):
    files = {"train/a/1": "one", "train/b/1": "two", "val/a/1": "three", "test/b/1": "four"}
    dataset = read_dataset(fill(tmp_path, files))
    assert pairs(dataset.train) == ["a|one", "b|two"]
    assert pairs(dataset.dev) == ["a|three"]
    assert pairs(dataset.test) == ["b|four"]


def test_class_folder_files_are_read_in_the_order_of_their_names(tmp_path):
    names = ["b/2", "a/10", "a/9", "b/1", "a/1"]
    files = {"train/" + name: name for name in names}
    dataset = read_dataset(fill(tmp_path, {**files, "dev/a/1": "x", "dev/b/1": "y"}))
    assert dataset.train.texts == ["a/1", "a/10", "a/9", "b/1", "b/2"]


def test_class_files_that_are_not_utf8_share_one_encoding_and_a_file_that_does_not_decode_is_a_bad_row(tmp_path):
    fill(tmp_path, {"train/a/1.txt": "\ufeff酒店", "train/b/1.txt": "plain", "dev/b/1.txt": "x"})
    texts = [f"房间很干净,早餐也很好,服务员很热情 {i}" for i in range(10, 30)]
    for i, text in enumerate(texts, 10):
        (tmp_path / f"train/a/{i}.txt").write_bytes(text.encode("gb18030"))
    (tmp_path / "train/b/199.txt").write_bytes(b"a \xa315.8m signing")
    dataset = read_dataset(str(tmp_path))
    assert dataset.train.texts == ["酒店", *texts, "plain"]
    assert "bad rows: 1 of 24, left out:\n  train/b/199.txt: not GB18030" in notes_of(dataset)


def test_class_folders_in_cp1252_are_read_as_such(tmp_path):
    texts = ["Die Tür schließt nicht", "Das Frühstück war köstlich", "größer als gewünscht", "für fünf Nächte"]
    for i, text in enumerate(texts):
        path = tmp_path / ("gut" if i % 2 else "schlecht") / f"{i}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode("cp1252"))
    dataset = read_dataset(str(tmp_path))
    assert sorted(dataset.train.texts + dataset.dev.texts + dataset.test.texts) == sorted(texts)


def test_links_are_followed(tmp_path):
    fill(tmp_path, {"real/1": "one", "data/train/b/1": "two", "data/dev/b/1": "three"})
    os.symlink(str(tmp_path / "real"), str(tmp_path / "data/train/a"))
    assert pairs(read_dataset(str(tmp_path / "data")).train) == ["a|one", "b|two"]


def test_the_train_file_decides_the_columns_of_all_parts(tmp_path):
    train = "great film\t1\npoor film\t0\ngreat book\t1\n"
    dataset = read_dataset(fill(tmp_path, {"train.tsv": train, "dev.tsv": "0\t1\n0\t0\n0\t1\n"}))
    assert pairs(dataset.dev) == ["1|0", "0|0", "1|0"]


def test_each_file_has_a_header_of_its_own_or_none(tmp_path):
    train, test = "id,label,text\n1,a,x\n2,b,y\n", "text,id,label\nw,1,b\n"
    dataset = read_dataset(fill(tmp_path, {"train.csv": train, "dev.csv": "1,a,z\n", "test.csv": test}))
    assert pairs(dataset.train) == ["a|x", "b|y"]
    assert pairs(dataset.dev) == ["a|z"]
    assert pairs(dataset.test) == ["b|w"]


@pytest.mark.parametrize("first", ["", "label\ttext\n"])
def test_a_header_in_the_middle_is_no_row_because_files_are_joined(tmp_path, first):
    dataset = read_dataset(fill(tmp_path, {"train.tsv": first + FEW + "label\ttext\n" + FEW, "dev.tsv": FEW}))
    assert pairs(dataset.train) == ["pos|good", "neg|bad", "pos|fine"] * 2
    assert "a header row, as where files were joined; it is not a row" in notes_of(dataset)


def test_column_settings_reach_every_part(tmp_path):
    files = {"train.csv": "id,kind,words\n1,a,x\n2,b,y\n", "dev.csv": "id,kind,words\n1,a,z\n"}
    dataset = read_dataset(fill(tmp_path, files), DataSettings(label_column="kind", text_column="2"))
    assert pairs(dataset.train) == ["a|x", "b|y"]
    assert pairs(dataset.dev) == ["a|z"]


@pytest.mark.parametrize("setting", ["yes", "no"])
def test_a_first_row_that_may_be_a_header_stops_and_a_setting_decides(tmp_path, setting):
    folder = fill(tmp_path, {"train.tsv": "kind\twords\n" + ROWS})
    with pytest.raises(DataError, match=r"the first row \('kind', 'words'\) may be a header.*--header yes"):
        read_dataset(folder)
    dataset = read_dataset(folder, DataSettings(header=setting))
    assert sum(len(part.texts) for part in dataset[:3]) == (200 if setting == "yes" else 201)
    assert dataset.labels == (["neg", "pos"] if setting == "yes" else ["kind", "neg", "pos"])


# Refused data


@pytest.mark.parametrize(
    "files, message",
    [
        ({"train.tsv": FEW, "train.csv": FEW}, "train.csv and train.tsv are both the train part"),
        ({"train.tsv": FEW, "train/a/1": "x"}, "train and train.tsv are both the train part"),
        ({"train.tsv": FEW, "dev.tsv": FEW, "val.tsv": FEW}, "dev.tsv and val.tsv are both the dev part"),
        ({"dev.tsv": FEW, "test.tsv": FEW}, "holds dev.tsv, test.tsv. Expected: train"),
        ({"test.tsv": FEW}, "holds test.tsv. Expected: train"),
        ({"one.tsv": FEW, "two.tsv": FEW}, "holds one.tsv, two.tsv. Expected: train"),
        ({"one.tsv": FEW, "a/1": "x", "b/1": "y"}, "holds one.tsv beside a, b, .* give .*/one.tsv as --data_url"),
        ({"model.bin": "x"}, "holds model.bin. Expected: train.*accepted are .tsv"),
        ({".hidden": "x"}, "holds nothing. Expected: train"),
        ({"a/deeper/1": "x"}, "one class only, 'a'"),
        ({"mr/train.tsv": FEW, "sst/train.tsv": FEW}, "a folder around the data: mr holds train.tsv; give .*/mr as"),
        ({"mr/all.tsv": FEW, "sst/all.tsv": FEW}, "mr holds all.tsv: in a folder per class"),
        ({"train.tsv": ""}, "train.tsv is empty"),
        ({"train.tsv": "\n \n"}, "train.tsv is empty"),
        ({"train.tsv": "label\ttext\n"}, "no usable row for the train part"),
        ({"train.tsv": FEW, "dev.tsv": ""}, "dev.tsv is empty"),
        ({"train.tsv": "a\tx\na\ty\na\tz\n"}, "one class only, 'a'"),
        ({"train.tsv": "label\ttext\na\tx\nb\ty\n"}, "2 different texts are too few to split"),
    ],
)
def test_data_that_are_not_recognised_are_refused_with_their_names(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        read_dataset(fill(tmp_path, files))


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_dataset(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="the protocol is unknown"):
        read_dataset("nosuchstore://bucket/data")


def test_a_name_that_is_not_utf8_is_refused_before_it_breaks_a_print(tmp_path):
    fill(tmp_path, {"a/1": "x"})
    try:
        os.mkdir(os.path.join(os.fsencode(str(tmp_path)), "体育".encode("gb18030")))
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    with pytest.raises(DataError, match="is not UTF-8; rename it") as refusal:
        read_dataset(str(tmp_path))
    str(refusal.value).encode("utf-8")


# Bad rows


@pytest.mark.parametrize(
    "row, reason",
    [
        ("pos\tone\ttwo", "3 cells where 2 were expected; a tab inside the text?"),
        ("pos", "1 cells where 2 were expected"),
        (" \ttext", "the label is empty"),
        ("a\u2028b\ttext", "a line separator inside the label"),
        ("a\x0bb\ttext", "a line separator inside the label"),
        ("pos\t \u3000", "the text is empty"),
    ],
)
def test_a_bad_row_is_counted_and_shown_with_its_line_and_reason(tmp_path, row, reason):
    dataset = read_dataset(fill(tmp_path, {"train.tsv": "\n" + FEW + row + "\n", "dev.tsv": FEW}))
    shown = f"bad rows: 1 of 7, left out:\n  train.tsv:5: {reason}\n"
    assert shown in notes_of(dataset) + "\n"
    assert pairs(dataset.train) == ["pos|good", "neg|bad", "pos|fine"]


def test_labels_are_stripped_and_texts_are_not(tmp_path):
    train = " pos \t good \nneg\tbad\npos\t\u3000fine\n"
    dataset = read_dataset(fill(tmp_path, {"train.tsv": train, "dev.tsv": FEW}))
    assert pairs(dataset.train) == ["pos| good ", "neg|bad", "pos|\u3000fine"]


def test_ten_bad_rows_are_shown_and_the_others_counted(tmp_path):
    dataset = read_dataset(fill(tmp_path, {"train.tsv": ROWS + "bad\n" * 13}))
    lines = [note for note in dataset.notes if note.startswith("  ")]
    assert lines[0].startswith("  train.tsv:201:") and lines[9].startswith("  train.tsv:210:")
    assert lines[10:] == ["  ... and 3 more"]


@pytest.mark.parametrize(
    "limit, bad, refused",
    [(0.25, 50, False), (0.25, 51, True), (0, 1, True), (0, 0, False), (7, 7, False), (7, 8, True)],
)
def test_too_many_bad_rows_stop_by_share_or_by_count(tmp_path, limit, bad, refused):
    rows = "".join(ROWS.splitlines(True)[: 200 - bad])
    folder = fill(tmp_path, {"train.tsv": rows + "bad\n" * bad})
    if not refused:
        read_dataset(folder, DataSettings(max_bad_rows=limit))
        return
    with pytest.raises(DataError, match=f"bad rows: {bad} of 200, more than") as refusal:
        read_dataset(folder, DataSettings(max_bad_rows=limit))
    assert f"train.tsv:{201 - bad}: 1 cells" in str(refusal.value)


# Notes


def test_repeated_conflicting_and_shared_texts_are_counted(tmp_path):
    train = "a\tone\nb\tone\na\ttwo\na\ttwo\nb\tthree\n"
    files = {"train.tsv": train, "dev.tsv": "a\ttwo\na\tfour\n", "test.tsv": "b\tfive\n"}
    dataset = read_dataset(fill(tmp_path, files))
    assert "train: rows that repeat the text of an earlier row: 2" in dataset.notes
    assert "train: texts with several labels: 1" in dataset.notes
    assert "dev: rows whose text is in train too: 1" in dataset.notes
    assert not [note for note in dataset.notes if note.startswith("test: rows")]
    assert len(dataset.train.texts) == 5


def test_rows_with_a_label_that_train_lacks_are_kept_and_pointed_out(tmp_path):
    dataset = read_dataset(fill(tmp_path, {"train.tsv": FEW, "dev.tsv": "pos\tx\nodd\ty\nodd\tz\n"}))
    assert pairs(dataset.dev) == ["pos|x", "odd|y", "odd|z"]
    assert dataset.labels == ["neg", "pos"]
    assert "dev: rows with a label that train lacks, which count as wrong: 2 (odd)" in dataset.notes
    assert "dev: classes without a row: 1 (neg)" in dataset.notes


def test_an_empty_class_folder_is_a_note_and_no_class(tmp_path):
    fill(tmp_path, {"train/a/1": "x", "train/b/1": "y", "train/b/more/1": "z", "dev/a/1": "w"})
    (tmp_path / "train/c").mkdir()
    dataset = read_dataset(str(tmp_path))
    assert dataset.labels == ["a", "b"]
    assert "train/c: the class folder holds no file; there is no such class" in dataset.notes
    assert "train/b: the files of folders inside it are texts of this class: more" in dataset.notes
    assert pairs(dataset.train) == ["a|x", "b|y", "b|z"]


def test_each_file_is_noted_with_its_rows_encoding_and_columns(tmp_path):
    fill(tmp_path, {"train.tsv": "label\ttext\n好\t酒店\n坏\t很差\n"}, "gb18030")
    dataset = read_dataset(fill(tmp_path, {"dev.tsv": "好\t很好\n"}))
    assert dataset.notes[:2] == [
        "train.tsv: 2 rows, GB18030, a header row, label in column 0 (label), text in column 1 (text)",
        "dev.tsv: 1 rows, UTF-8, no header row, label in column 0, text in column 1",
    ]


# Splitting


def test_one_part_gives_a_tenth_to_test_and_a_tenth_to_dev_and_keeps_the_order(tmp_path):
    rows = [line.replace("\t", "|") for line in ROWS.splitlines() * 5]
    dataset = read_dataset(fill(tmp_path, {"all.tsv": ROWS * 5}))
    for part in dataset[:3]:
        kept = set(pairs(part))
        assert pairs(part) == [row for row in rows if row in kept]
    assert len(dataset.train.texts) + len(dataset.dev.texts) + len(dataset.test.texts) == 1000
    assert 50 <= len(dataset.dev.texts) <= 150 and 50 <= len(dataset.test.texts) <= 150
    assert f"no dev part: {len(dataset.dev.texts)} rows were split off train" in notes_of(dataset)
    assert f"no test part: {len(dataset.test.texts)} rows were split off train" in notes_of(dataset)


def test_equal_texts_fall_on_the_same_side_even_with_different_labels(tmp_path):
    dataset = read_dataset(fill(tmp_path, {"all.tsv": ROWS + ROWS.replace("pos", "neg")}))
    train, dev, test = (set(part.texts) for part in dataset[:3])
    assert not train & dev and not train & test and not dev & test


def test_a_text_stays_on_its_side_when_the_data_grow(tmp_path):
    more = "".join(f"pos\tlater text {i}\n" for i in range(100))
    before = read_dataset(fill(tmp_path / "before", {"all.tsv": ROWS}))
    after = read_dataset(fill(tmp_path / "after", {"all.tsv": more + ROWS}))
    for old, new in zip(before[:3], after[:3]):
        assert set(old.texts) <= set(new.texts)


def test_a_missing_dev_part_comes_from_train_alone(tmp_path):
    test = "pos\tx\nneg\ty\n"
    dataset = read_dataset(fill(tmp_path, {"train.tsv": ROWS, "test.tsv": test}))
    assert pairs(dataset.test) == ["pos|x", "neg|y"]
    assert len(dataset.train.texts) + len(dataset.dev.texts) == 200
    assert dataset.dev.texts


def test_a_missing_test_part_beside_dev_is_only_noted(tmp_path):
    dataset = read_dataset(fill(tmp_path, {"train.tsv": ROWS, "dev.tsv": FEW}))
    assert len(dataset.train.texts) == 200
    assert dataset.test == Examples([], [])
    assert "no test part: the figures of this run will be those of dev" in dataset.notes


def test_the_split_is_independent_of_a_plain_hash_split(tmp_path):
    texts = [f"text {i}" for i in range(3000)]
    kept = [t for t in texts if int(hashlib.sha256(t.encode("utf-8")).hexdigest()[:16], 16) % 10 > 1]
    rows = "".join("{}\t{}\n".format("ab"[i % 2], text) for i, text in enumerate(kept))
    dataset = read_dataset(fill(tmp_path, {"all.tsv": rows}))
    assert 0.07 < len(dataset.dev.texts) / len(kept) < 0.13
    assert 0.07 < len(dataset.test.texts) / len(kept) < 0.13


@pytest.mark.parametrize("count", range(3, 30))
def test_no_part_is_empty_from_three_different_texts_on(tmp_path, count):
    for trial in range(5):
        rows = "".join("{}\ttext {} {}\n".format("ab"[i == 0], trial, i) for i in range(count))
        dataset = read_dataset(fill(tmp_path, {"all.csv": "label,text\n" + rows.replace("\t", ",")}))
        assert dataset.train.texts and dataset.dev.texts and dataset.test.texts
        assert dataset.labels == ["a", "b"]


def test_a_rare_class_keeps_a_text_in_train(tmp_path):
    rare = "".join(f"rare {i}\tseldom {i}\n" for i in range(60))
    dataset = read_dataset(fill(tmp_path, {"all.tsv": ROWS + rare}), DataSettings(label_column="0"))
    assert set(dataset.train.labels) == set(dataset.labels)
    assert len(dataset.labels) == 62


# The digest


def test_the_same_data_have_the_same_digest_whatever_the_files_are(tmp_path):
    rows = "好\t酒店很好\nneg\tbad\npos\tfine\npos\tgood\n"
    utf8 = read_dataset(fill(tmp_path / "a", {"train.tsv": rows, "dev.tsv": rows}))
    gb18030 = read_dataset(fill(tmp_path / "b", {"train.txt.gz": rows, "val.txt": rows}, "gb18030"))
    table = ("label,text\n" + rows).replace("\t", ",")
    csv = read_dataset(fill(tmp_path / "c", {"train.csv": table, "valid.csv.gz": table}))
    rows_in_json = [json.dumps([part, *row.split("\t")]) for part in ("train", "dev") for row in rows.splitlines()]
    expected = hashlib.sha256("".join(rows_in_json).encode("ascii")).hexdigest()
    assert utf8.digest == gb18030.digest == csv.digest == expected


@pytest.mark.parametrize(
    "train", ["neg\tgood\npos\tbad\npos\tfine\n", "neg\tbad\npos\tgood\npos\tfine\n", FEW + FEW]
)
def test_other_labels_another_order_or_more_rows_give_another_digest(tmp_path, train):
    before = read_dataset(fill(tmp_path / "a", {"train.tsv": FEW, "dev.tsv": FEW}))
    after = read_dataset(fill(tmp_path / "b", {"train.tsv": train, "dev.tsv": FEW}))
    assert before.digest != after.digest


def test_class_names_are_sorted_by_code_point(tmp_path):
    labels = ["b", "中文", "B", "é", "a b"] * 2
    rows = "".join(f"{label}\ttext {i}\n" for i, label in enumerate(labels))
    dataset = read_dataset(fill(tmp_path, {"train.tsv": rows, "dev.tsv": rows}))
    assert dataset.labels == ["B", "a b", "b", "é", "中文"]
