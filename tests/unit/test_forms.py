"""The forms of data: each is recognised by its content and read into the same records."""
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from textjob.data.form import DataSettings
from textjob.data.inspection import Inspection, inspect
from textjob.errors import DataError

ROWS = [("good" if i % 3 else "bad", f"the kettle no {i} is here") for i in range(24)]


def write(folder: Path, files: Dict[str, str]) -> str:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8"))
    return str(folder)


def rows_of(inspection: Inspection, part: str = "train") -> List[Tuple[str, str]]:
    return [(row["label"], row["text"]) for row in inspection.parts[part].first]


def read(folder: Path, name: str, content: str, **settings: Any) -> Inspection:
    return inspect(write(folder, {name: content}), DataSettings(**settings))


def lines(values: List[Any]) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def study(choices: List[str], text: str) -> Dict[str, Any]:
    """A task as Label Studio exports it."""
    result = [{"type": "choices", "value": {"choices": choices}, "from_name": "x"}] if choices else []
    return {"id": 1, "data": {"text": text, "url": "x"}, "annotations": [{"result": result, "was_cancelled": False}]}


OBJECTS = [{"id": i, "text": text, "label": label} for i, (label, text) in enumerate(ROWS)]
FORMS = {
    "train.tsv": "".join(f"{label}\t{text}\n" for label, text in ROWS),
    "train.csv": "label,text\r\n" + "".join(f'{label},"{text}"\r\n' for label, text in ROWS),
    "objects.jsonl": lines(OBJECTS),
    "objects.data.json": json.dumps(OBJECTS),
    "indented.json": json.dumps(OBJECTS, indent=2),
    "doccano.jsonl": lines([{"id": 7, "data": "x", "text": text, "label": [label]} for label, text in ROWS]),
    "study.json": json.dumps([study([label], text) for label, text in ROWS], indent=1),
    "V001.manifest": lines([
        {"source": "content://" + text, "annotation": [{"type": "modelarts/text_classification", "name": " " + label}]}
        for label, text in ROWS]),
    "fast.txt": "".join(f"__label__{label} {text}\n" for label, text in ROWS),
    "fast_tab.txt": "".join(f"__label__{label}\t{text}\n" for label, text in ROWS),
    "fast_comma.txt": "".join(f"__label__{label} , {text}\n" for label, text in ROWS),
    "fast.csv": "".join(f'__label__{label},"{text}"\n' for label, text in ROWS),
    "fast_last.tsv": "".join(f"{text}\t__label__{label}\n" for label, text in ROWS),
    "list.csv": "label,text\n" + "".join(f"['{label}'],{text}\n" for label, text in ROWS),
    "pipe.txt": "".join(f"{text}|{label}\n" for label, text in ROWS),
}


@pytest.mark.parametrize("name", list(FORMS))
def test_every_form_gives_the_same_rows(tmp_path, name):
    assert rows_of(read(tmp_path, name, FORMS[name])) == ROWS


@pytest.mark.parametrize("name", [name for name in FORMS if "manifest" not in name])
def test_the_content_decides_the_form_whatever_the_name(tmp_path, name):
    path = tmp_path / "texts.dat"
    path.write_text(FORMS[name], encoding="utf-8")
    assert rows_of(inspect(str(path), DataSettings())) == ROWS


def test_pairs_of_modelarts_are_texts_and_labels_line_by_line(tmp_path):
    files = {"a.txt": "one\r\ntwo\r\n", "a_result.txt": "good\nbad\n"}
    folder = write(tmp_path, {**files, "b.txt": "three, four\nfive", "b_result.txt": " good\nbad"})
    expected = [("good", "one"), ("bad", "two"), ("good", "three, four"), ("bad", "five")]
    assert rows_of(inspect(folder, DataSettings())) == expected


def test_a_pair_of_different_lengths_stops(tmp_path):
    with pytest.raises(DataError, match=r"a\.txt has more lines than a_result\.txt"):
        inspect(write(tmp_path, {"a.txt": "one\ntwo\nthree\n", "a_result.txt": "good\nbad\n"}), DataSettings())


def test_a_manifest_may_name_files_beside_it(tmp_path):
    items = [{"source": f"obs://bucket/set/texts/{i}.txt",
              "annotation": [{"type": "modelarts/text_classification", "name": label}]}
             for i, (label, _) in enumerate(ROWS)]
    texts = {f"texts/{i}.txt": text for i, (_, text) in enumerate(ROWS) if i > 0}
    write(tmp_path, {"V1.manifest": lines(items), **texts})
    inspection = inspect(str(tmp_path / "V1.manifest"), DataSettings())
    assert rows_of(inspection) == ROWS[1:]
    assert inspection.bad_rows == 1
    reason = "V1.manifest:1: the file 'obs://bucket/set/texts/0.txt' is not in the folder of the manifest"
    assert "  " + reason in inspection.notes


MULTI = {
    "fast.txt": "__label__a __label__b text\n" + FORMS["fast.txt"],
    "comma.txt": "__label__a,__label__b text\n" + FORMS["fast.txt"],
    "doccano.jsonl": lines([{"text": "x", "label": ["a", "b"]}]) + FORMS["doccano.jsonl"],
    "study.json": json.dumps([study(["a", "b"], "x")]),
    "V1.manifest": lines([{"source": "content://x", "annotation": [
        {"type": "modelarts/text_classification", "name": name} for name in "ab"]}]),
    "list.csv": "label,text\n\"['a', 'b']\",x\n['a'],y\n",
    "onehot.csv": "id,words,rude,loud\n" + "".join(f"{i},text {i},{i % 2},{i % 3 % 2}\n" for i in range(9)),
}


@pytest.mark.parametrize("name", list(MULTI))
def test_several_labels_are_refused_as_multi_label(tmp_path, name):
    with pytest.raises(DataError, match="multi-label"):
        read(tmp_path, name, MULTI[name])


def test_a_line_that_is_not_json_is_a_bad_row(tmp_path):
    inspection = read(tmp_path, "a.jsonl", FORMS["objects.jsonl"] + '{"text": "cut\n[1]\n')
    assert (inspection.bad_rows, inspection.parts["train"].rows) == (2, 24)
    assert "a.jsonl:25: not JSON" in str(inspection.notes)


def test_a_damaged_array_stops(tmp_path):
    with pytest.raises(DataError, match=r"a\.json:.* the array is"):
        read(tmp_path, "a.json", FORMS["objects.data.json"][:-10])
    with pytest.raises(DataError, match=r"a\.json:.* the array is"):
        read(tmp_path, "a.json", FORMS["objects.data.json"][:-1])


def test_an_indented_array_gives_each_object_its_line(tmp_path):
    inspection = read(tmp_path, "a.json", FORMS["indented.json"])
    assert [row["place"] for row in inspection.parts["train"].first[:3]] == ["a.json:2", "a.json:7", "a.json:12"]


def test_json_keys_are_chosen_by_settings_else_by_name_else_refused_with_the_keys(tmp_path):
    content = lines([{"kind": label, "words": text, "n": 1} for label, text in ROWS])
    with pytest.raises(DataError, match=r"known as a text; its keys are kind, words, n; choose one with --text_column"):
        read(tmp_path, "a.jsonl", content)
    with pytest.raises(DataError, match="did you mean 'words'"):
        read(tmp_path, "a.jsonl", content, label_column="kind", text_column="word")
    assert rows_of(read(tmp_path, "a.jsonl", content, label_column="kind", text_column="words")) == ROWS


def test_several_text_columns_are_joined(tmp_path):
    table = "title,content,label\n" + "".join(f"no {i},,{'ab'[i % 2]}\nno {i},body,{'ab'[i % 2]}\n" for i in range(9))
    expected = [("a", "no 0"), ("a", "no 0 body"), ("b", "no 1"), ("b", "no 1 body")]
    assert rows_of(read(tmp_path, "a.csv", table, text_column="title,content"))[:4] == expected
    objects = [{"title": f"no {i}", "content": "body" if i else None, "label": i % 2} for i in range(9)]
    inspection = read(tmp_path / "json", "a.jsonl", lines(objects), text_column="title,content")
    assert rows_of(inspection)[:2] == [("0", "no 0"), ("1", "no 1 body")]


@pytest.mark.parametrize(("name", "content", "command"), [
    ("data.zip", b"PK\x03\x04\x14\x00train.tsv", "unzip "),
    ("data.xlsx", b"PK\x03\x04\x14\x00[Content_Types].xml", "read_excel"),
    ("data.docx", b"PK\x03\x04\x14\x00word/document.xml", "soffice --headless"),
    ("data.pdf", b"%PDF-1.4", "pdftotext "),
    ("data.tar", b"x" * 257 + b"ustar" + b"x" * 50, "tar -xf "),
    ("train.csv", b"PK\x03\x04\x14\x00xl/workbook.xml", "read_excel"),
])
def test_archives_and_documents_are_refused_with_the_command_that_converts_them(tmp_path, name, content, command):
    (tmp_path / name).write_bytes(content)
    for url in (tmp_path / name, tmp_path):
        with pytest.raises(DataError, match=f"{name} is .* which is not read; .*{command}"):
            inspect(str(url), DataSettings())


def test_parquet_is_read_where_pyarrow_is_installed(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    labels, texts = zip(*ROWS)
    parquet.write_table(pyarrow.table({"label": labels, "text": texts}), str(tmp_path / "train-00000-of-00001.parquet"))
    assert rows_of(inspect(str(tmp_path), DataSettings())) == ROWS


def test_parquet_without_pyarrow_is_refused_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "train.parquet").write_bytes(b"PAR1xxxx")
    with pytest.raises(DataError, match="pip install pyarrow"):
        inspect(str(tmp_path), DataSettings())


def test_half_of_a_surrogate_pair_makes_a_bad_row(tmp_path):
    inspection = read(tmp_path, "a.jsonl", FORMS["objects.jsonl"] + '{"text": "cut \\ud83d", "label": "good"}\n')
    assert (inspection.bad_rows, inspection.parts["train"].rows) == (1, 24)
    inspection.as_text().encode("utf-8")
