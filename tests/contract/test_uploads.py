"""Uploaded tables and JSON files: their items, and the refusals of those that cannot be read (docs/reference.md)."""
import base64
import csv
import json
from io import BytesIO
from pathlib import Path
from typing import Any, List

import pytest
import tensorflow as tf
from asking import ask, code, made_service
from made_models import served, texts, write

v1 = tf.compat.v1


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model whose score of class b is the number of bytes of the text, over 100."""
    def scores(words: Any) -> Any:
        share = tf.cast(tf.strings.length(words), tf.float32) / 100
        return tf.stack([1 - share, share], 1)
    return made_service(tmp_path_factory.mktemp("sizes") / "model", scores, "ab")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of two texts; the score of class 0 is the share of the title in the bytes of both."""
    def build() -> Any:
        title, body = texts(), texts()
        lengths = tf.cast(tf.stack([tf.strings.length(title), tf.strings.length(body)], 1), tf.float32) + 1e-6
        return {"title": title, "body": body}, {"output": lengths / tf.reduce_sum(lengths, 1, keepdims=True)}
    return served(write(tmp_path_factory.mktemp("pairs") / "model", build))


def answers(service: Any, name: str, content: bytes) -> List[Any]:
    reply = ask(service, {"file": {name: BytesIO(content)}})
    assert set(reply) == {"resp_data"}, reply
    return list(reply["resp_data"])


def lengths(service: Any, name: str, content: bytes) -> List[Any]:
    """The bytes of the text of each item of the file, or the code of its error."""
    return [code(each) if "error" in each else round(100 * dict(each["scores"])["b"])
            for each in answers(service, name, content)]


def refusal(service: Any, name: str, content: bytes) -> str:
    reply = ask(service, {"file": {name: BytesIO(content)}})
    assert code(reply) == "bad_request"
    return str(reply["error"]["message"])


@pytest.mark.parametrize("name, content, expected", [
    pytest.param("a.csv", b"label,text\nx,good\ny,not bad\n", [4, 7], id="CSV"),
    pytest.param("A.CSV", b"text,label\r\ngood,x\r\n", [4], id="suffix in capitals, CRLF"),
    pytest.param("a.csv", b"\xef\xbb\xbftext,label\ngood,x", [4], id="BOM"),
    pytest.param("a.csv", b"text\ngood\nnot bad\n", [4, 7], id="CSV of one column"),
    pytest.param("a.csv", b"input_x,label\ngood,x\n", [4], id="the alias of the model"),
    pytest.param("a.csv", b'"label","text"\n"x","a, b\nand ""c"""\n', [12], id="quoted cells"),
    pytest.param("a.csv", b"label,text\n\nx,good\n\n", [4], id="empty lines between the rows"),
    pytest.param("a.csv", b"label,text\nx,\n", [0], id="empty text"),
    pytest.param("a.tsv", b"label\ttext\nx\tgood, is it\n", [11], id="TSV with commas"),
    pytest.param("a.tsv", b'label\ttext\nx\t"Good\ny\tbad" he said\nz\tfine\n', [5, 12, 4],
                 id="quotes in a TSV are text"),
    pytest.param("a.csv", b"label\ttext\nx\tgood\n", [4], id="tabs in a file called CSV"),
    pytest.param("a.csv", "label,text\nx,好\n".encode("gb18030"), [3], id="GB18030"),
    pytest.param("a.csv", b"label,text\n", [], id="the header alone"),
])
def test_the_rows_of_a_table_are_items_and_its_header_is_not(
        sizes: Any, name: str, content: bytes, expected: List[int]) -> None:
    assert lengths(sizes, name, content) == expected


@pytest.mark.parametrize("name, content, expected", [
    pytest.param("a.jsonl", b'{"text": "good", "label": "x"}\n{"text": "not bad"}\n', [4, 7], id="JSONL"),
    pytest.param("A.JSONL", b'"good"\n\n"a"', [4, 1], id="strings and an empty line"),
    pytest.param("a.json", b'[{"text": "good"}, "a"]', [4, 1], id="JSON list"),
    pytest.param("a.json", b'[\n  {"text": "good"},\n  {"text": "a"}\n]\n', [4, 1], id="JSON list on several lines"),
    pytest.param("a.json", b'\n [{"text": "good"}]', [4], id="blanks before a JSON list"),
    pytest.param("a.json", b'{"text": "good"}\n', [4], id="JSON object"),
    pytest.param("a.json", b'{\n  "text": "good"\n}\n', [4], id="JSON object on several lines"),
    pytest.param("a.json", b'{"text": "good"}\n{"text": "a"}\n', [4, 1], id="an object per line in a file called JSON"),
    pytest.param("a.txt", b'{"text": "good"}\n{"text": "a"}', [4, 1], id="objects in a file called TXT"),
    pytest.param("a.jsonl", b'{"text": "good"}\n{"txt": "a"}\n{"text": 5}\nnull\n',
                 [4, "missing_text", "wrong_type", "missing_text"], id="items with errors"),
    pytest.param("a.json", b"[]", [], id="empty list"),
])
def test_the_objects_of_a_json_file_are_items(sizes: Any, name: str, content: bytes, expected: List[Any]) -> None:
    assert lengths(sizes, name, content) == expected


@pytest.mark.parametrize("name, content, expected", [
    ("a.txt", b"text\ngood\n", [4, 4]), ("a.txt", b"texts, labels\ngood, x\n", [13, 7]),
    ("a.log", b"[1]\n{}\n", [3, 2]), ("a.txt", b"the text\tis long\n", [16])], ids=str)
def test_the_lines_of_any_other_file_are_texts(sizes: Any, name: str, content: bytes, expected: List[int]) -> None:
    assert lengths(sizes, name, content) == expected


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.txt", "a"])
def test_an_empty_file_has_no_items(sizes: Any, name: str) -> None:
    assert answers(sizes, name, b"") == [] == answers(sizes, name, b"\xef\xbb\xbf")


def test_a_row_with_another_number_of_cells_than_the_header_is_an_error_of_that_row(sizes: Any) -> None:
    content = b"label,text\nx,good\ny,not bad, but\nz\nx,a\n"
    assert lengths(sizes, "a.csv", content) == [4, "bad_request", "bad_request", 1]
    assert [each["error"]["message"] for each in answers(sizes, "a.csv", content)[1:3]] == [
        f"the row has {cells} cells, expected 2 as in the header" for cells in (3, 1)]


@pytest.mark.parametrize("name, content", [
    ("a.csv", b"label,words\nx,good\n"), ("a.csv", b"good\nnot bad\n"), ("a.tsv", b"Label\tText\nx\tgood\n"),
    ("a.csv", b"\ntext\ngood\n")], ids=str)
def test_a_table_without_a_column_of_texts_is_refused_with_the_names_that_it_may_have(
        sizes: Any, name: str, content: bytes) -> None:
    assert refusal(sizes, name, content) == (
        f"{name} cannot be read as JSON objects or as a table: its header has no column input_x or text; add it, or "
        "upload a .txt file with one text per line")


@pytest.mark.parametrize("name, content", [
    ("a.txt", b"label,text\nx,good\n"), ("upload", b"text\tlabel\ngood\tx\n"), ("a.log", b"id,input_x\n")], ids=str)
def test_lines_below_what_may_be_a_header_are_refused_because_the_suffix_decides(
        sizes: Any, name: str, content: bytes) -> None:
    assert refusal(sizes, name, content) == (
        f"the first line of {name} looks like the header of a table; rename the file to .csv or .tsv if it is one, or "
        "else send its lines as JSON")


@pytest.mark.parametrize("name, content", [
    pytest.param("a.jsonl", b'{"text": "good"}\n{"text": "cut', id="a cut line"),
    pytest.param("a.json", b"[1, 2", id="a cut list"),
    pytest.param("a.json", b"[" * 100000, id="a deep list"),
    pytest.param("a.jsonl", b"good\n", id="a line that is not JSON"),
    pytest.param("a.txt", b'{"text": "good"}\nplain\n', id="objects, then a text"),
    pytest.param("a.csv", b"label,text\nx,go\rod\n", id="a CR inside an unquoted row"),
])
def test_a_file_that_cannot_be_read_in_its_form_is_refused_by_its_name(sizes: Any, name: str, content: bytes) -> None:
    assert refusal(sizes, name, content).startswith(f"{name} cannot be read as JSON objects or as a table: ")


def test_a_cell_beyond_the_limit_of_the_csv_module_is_a_refusal_that_names_the_limit(sizes: Any) -> None:
    limit = csv.field_size_limit(1000)  # other modules of this process may have raised it
    try:
        assert "larger than field limit (1000)" in refusal(sizes, "a.csv", b"label,text\nx," + b"a" * 1001 + b"\n")
        assert lengths(sizes, "a.csv", b"label,text\nx," + b"a" * 99 + b"\n") == [99]
    finally:
        csv.field_size_limit(limit)


def test_one_unreadable_file_refuses_the_request_and_an_item_of_another_file_does_not(sizes: Any) -> None:
    good, bad = BytesIO(b'{"text": "good"}'), BytesIO(b"label,words\nx,good\n")
    assert code(ask(sizes, {"file": {"a.jsonl": good, "b.csv": bad}})) == "bad_request"
    files = {"a.jsonl": BytesIO(b'{"text": 5}'), "b.csv": BytesIO(b"text\ngood\n")}
    first, second = ask(sizes, {"file": files})["resp_data"]
    assert code(first) == "wrong_type" and round(second["score"], 6) == 0.96


def test_the_columns_of_a_table_go_to_the_inputs_of_the_same_names(pairs: Any) -> None:
    content = b"body,id,title\nx,7,abc\nabc,8,x\n"
    assert [round(dict(each["scores"])["0"], 4) for each in answers(pairs, "a.csv", content)] == [0.75, 0.25]
    assert [each["error"]["message"] for each in answers(pairs, "a.csv", b"title,id\nabc,7\n")] == [
        "the item has no body; send an object with the keys body, title"]


def test_the_objects_of_an_uploaded_file_may_contain_lists_of_ids_and_base64(tmp_path: Path, pairs: Any) -> None:
    def build() -> Any:
        ids = v1.placeholder(tf.int32, [None, None])
        share = tf.cast(ids[:, 0], tf.float32) / 10
        return {"ids": ids}, {"output": tf.stack([1 - share, share], 1)}
    made = served(write(tmp_path / "m", build))
    given = answers(made, "a.jsonl", b'{"ids": [4]}\n{"input_x": [7, 1]}\n')
    assert [round(dict(each["scores"])["1"], 4) for each in given] == [0.4, 0.7]
    rows = answers(made, "a.jsonl", b"[4]\n[7, 1]\n")
    assert [round(dict(each["scores"])["1"], 4) for each in rows] == [0.4, 0.7]
    assert [code(each) for each in answers(made, "a.csv", b"ids,label\n4,x\n")] == ["wrong_type"]
    item = {"title": {"b64": base64.b64encode(b"abc").decode()}, "body": "x"}
    assert round(answers(pairs, "a.jsonl", json.dumps(item).encode())[0]["score"], 4) == 0.75
