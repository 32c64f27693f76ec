"""The rows that infer.py batch classifies: only the text is needed, and half a text is never classified."""
from pathlib import Path
from typing import Any, List

import pytest

from textjob.errors import DataError
from textjob.rehearsal import rows as rows_
from textjob.settings import DataSettings

TEXTS = [f"the kettle no {i} boils, quickly" + ", and more" * (i % 3) for i in range(30)]


def texts_of(folder: Path, name: str, content: str, **settings: Any) -> List[str]:
    (folder / name).write_bytes(content.encode("utf-8"))
    rows = rows_.read(str(folder / name), DataSettings(**settings)).rows
    return [record.text if not record.error else "ERROR" for record, _ in rows]


def quoted(text: str) -> str:
    return f'"{text}"'


CONTENTS = {
    "lines.txt": "\n".join(TEXTS),
    "lines.csv": "\n".join(TEXTS) + "\n",
    "header.txt": "text\n" + "\n".join(TEXTS),
    "quoted.csv": "text\r\n" + "\r\n".join(map(quoted, TEXTS)),
    "id_text.csv": "id,text\n" + "".join(f"{i},{quoted(text)}\n" for i, text in enumerate(TEXTS)),
    "text_id.csv": "text,id\n" + "".join(f"{quoted(text)},{i}\n" for i, text in enumerate(TEXTS)),
    "named_ids.csv": "key,text\n" + "".join(f"a{i},{quoted(text)}\n" for i, text in enumerate(TEXTS)),
    "no_header.tsv": "".join(f"{i}\t{text}\n" for i, text in enumerate(TEXTS)),
    "labelled.tsv": "".join(f"{'ab'[i % 2]}\t{text}\n" for i, text in enumerate(TEXTS)),
    "nan_labels.csv": "label,text\n" + "".join(f"nan,{quoted(text)}\n" for text in TEXTS),
    "objects.jsonl": "".join(f'{{"id": {i}, "text": "{text}"}}\n' for i, text in enumerate(TEXTS)),
    "fasttext.txt": "".join(f"__label__a __label__b {text}\n" for text in TEXTS),
}


@pytest.mark.parametrize("name", list(CONTENTS))
def test_the_text_is_read_without_labels_whatever_the_other_columns_are(tmp_path, name):
    assert texts_of(tmp_path, name, CONTENTS[name]) == TEXTS


def test_one_line_with_a_comma_is_one_text(tmp_path):
    assert texts_of(tmp_path, "a.txt", "fine kettle, really\n") == ["fine kettle, really"]


def test_an_unknown_text_column_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"--text_column 'txt': .* did you mean 'text'"):
        texts_of(tmp_path, "a.csv", CONTENTS["id_text.csv"], text_column="txt")
    with pytest.raises(DataError, match="has no such key"):
        texts_of(tmp_path, "a.jsonl", CONTENTS["objects.jsonl"], text_column="words")


def test_two_columns_of_texts_stop_and_name_the_settings(tmp_path):
    content = "".join(f"{text}\tother {text}\n" for text in TEXTS)
    with pytest.raises(DataError, match=r"--text_column .* or set --separator none"):
        texts_of(tmp_path, "a.tsv", content)
    assert texts_of(tmp_path, "a.tsv", content, text_column="1") == ["other " + text for text in TEXTS]
    assert texts_of(tmp_path, "a.tsv", content, separator="none") == content.splitlines()


def test_a_row_with_too_many_cells_below_a_header_is_a_bad_row(tmp_path):
    assert texts_of(tmp_path, "a.csv", 'id,text\na7,soup\nb8,"team, goal"\nc9,x,y\n') == ["soup", "team, goal", "ERROR"]


def test_a_header_in_the_middle_is_not_classified(tmp_path):
    table = "id,text\n1,soup\n2,bread\n"
    assert texts_of(tmp_path, "a.csv", table + table) == ["soup", "bread"] * 2
