"""The forms of requests and their answers (docs/reference.md)."""
import json
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, Dict, List

import pytest
import tensorflow as tf
from asking import (
    CROWD,
    FORMS,
    GOAL,
    NESTED,
    SOUP,
    TEXTS,
    are_answers,
    ask,
    code,
    labels_of,
    made_service,
    same,
    service_of,
    short,
    unwrapped,
    upload,
)

from models import MODELS

LABELS = ["food", "sport", "体育 news"]
NAN, INFINITY = float("nan"), float("inf")

each_form = pytest.mark.parametrize("form", sorted(FORMS))


@pytest.fixture(scope="module")
def service(packages: Dict[str, Path]) -> Any:
    return service_of(packages["cnn"])


@pytest.fixture(scope="module", params=MODELS)
def each(request: pytest.FixtureRequest, packages: Dict[str, Path]) -> Any:
    return service_of(packages[request.param])


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of seven classes with the same scores for every text; four of the scores are equal."""
    row = [[0.0625, 0.375, 0.0625, 0.25, 0.0625, 0.125, 0.0625]]
    return made_service(tmp_path_factory.mktemp("seven") / "model", lambda x: tf.tile(row, [tf.size(x), 1]), "abcdefg")


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model whose scores differ for any two texts, even if they differ in one byte only."""
    def scores(texts: Any) -> Any:
        share = tf.cast(tf.strings.to_hash_bucket_fast(texts, 2 ** 20), tf.float32) / 2 ** 20
        return tf.stack([share, 1 - share], 1)
    return made_service(tmp_path_factory.mktemp("exact") / "model", scores, "ab")


# The forms


@each_form
def test_each_form_is_answered_in_its_own_wrapper(each: Any, form: str) -> None:
    assert are_answers(unwrapped(form, ask(each, FORMS[form](TEXTS))), each, TEXTS)


def test_a_single_text_gets_an_answer_without_a_wrapper(each: Any) -> None:
    assert set(ask(each, {"text": GOAL})) == {"predicted_label", "score", "scores"}


@each_form
def test_an_item_is_an_object_with_a_text_or_a_string(service: Any, form: str) -> None:
    items = [{"text": GOAL}, SOUP, {"text": CROWD, "id": 7, "label": None}]
    assert are_answers(unwrapped(form, ask(service, FORMS[form](items))), service, TEXTS)


@each_form
def test_an_empty_list_gives_an_empty_list(service: Any, form: str) -> None:
    assert unwrapped(form, ask(service, FORMS[form]([]))) == []


@pytest.mark.parametrize("first, second", [
    ("data", "req_data"), ("data", "instances"), ("data", "text"),
    ("req_data", "instances"), ("req_data", "text"), ("instances", "text")])
def test_the_first_matching_form_is_used(service: Any, first: str, second: str) -> None:
    one, other = FORMS[first]([GOAL]), FORMS[second]([SOUP])
    for body in (dict(one, **other), dict(other, **one)):
        assert are_answers(unwrapped(first, ask(service, body)), service, [GOAL])


def test_a_text_takes_precedence_over_an_uploaded_file(service: Any) -> None:
    assert same(ask(service, {"file": upload(b"soup"), "text": GOAL}), ask(service, {"text": GOAL}))


@pytest.mark.parametrize("data", [{}, None, [], "x", {"text": GOAL}, {"instances": [GOAL]}])
def test_data_without_req_data_is_an_unknown_key(service: Any, data: Any) -> None:
    assert are_answers(unwrapped("req_data", ask(service, {"data": data, "req_data": [SOUP]})), service, [SOUP])
    assert code(ask(service, {"data": data})) == "bad_request"


@each_form
def test_keep_prob_and_unknown_keys_are_ignored(service: Any, form: str) -> None:
    beside = {"keep_prob": 0.01, "Keep": None, "metadata": {"a": NAN}, "\ud800": "\udfff", "nested": NESTED}
    body = dict(FORMS[form]([GOAL]), **beside)
    if form == "data":
        body["data"].update(beside)
    assert are_answers(unwrapped(form, ask(service, body)), service, [GOAL])
    assert are_answers(unwrapped(form, ask(service, FORMS[form]([dict(beside, text=GOAL)]))), service, [GOAL])


# The answer


def test_an_answer_is_the_best_label_its_score_and_all_scores_best_first(each: Any) -> None:
    for answer in ask(each, {"text": [*TEXTS, ""]})["resp_data"]:
        assert sorted(label for label, _ in answer["scores"]) == LABELS
        values = [score for _, score in answer["scores"]]
        assert values == sorted(values, reverse=True) and sum(values) == pytest.approx(1, abs=1e-5)
        assert answer["scores"][0] == [answer["predicted_label"], answer["score"]]
        assert {type(value) for value in [answer["score"], *values]} == {float}


def test_different_texts_get_different_answers(each: Any) -> None:
    answers = ask(each, {"text": TEXTS})["resp_data"]
    assert not any(same(one, other) for i, one in enumerate(answers) for other in answers[:i])


# Uploaded files


@pytest.mark.parametrize("content, lines", [
    pytest.param(GOAL.encode() + b"\n" + SOUP.encode() + b"\n", [GOAL, SOUP], id="UTF-8"),
    pytest.param(GOAL.encode() + b"\n" + SOUP.encode(), [GOAL, SOUP], id="no last newline"),
    pytest.param(b"\xef\xbb\xbf" + SOUP.encode() + b"\n" + GOAL.encode(), [SOUP, GOAL], id="BOM"),
    pytest.param((SOUP + "\n" + CROWD + "\n").encode("gb18030"), [SOUP, CROWD], id="GB18030"),
    pytest.param((SOUP + "\r\n" + CROWD + "\r\n").encode("gb18030"), [SOUP, CROWD], id="GB18030 and CRLF"),
    pytest.param(GOAL.encode() + b"\r\n\r\n" + SOUP.encode() + b"\r\n", [GOAL, "", SOUP], id="CRLF"),
    pytest.param(GOAL.encode() + b"\n\n\n", [GOAL, "", ""], id="empty lines"),
    pytest.param(b"\n" + GOAL.encode(), ["", GOAL], id="empty first line"),
    pytest.param(b"\n", [""], id="one empty line"),
    pytest.param("a\u2028b\x0b\x0c\x85c\rd\x1e\n好\n".encode(), ["a\u2028b\x0b\x0c\x85c\rd\x1e", "好"],
                 id="LF alone separates"),
    pytest.param("好👍\n㐀".encode("gb18030"), ["好👍", "㐀"], id="beyond GBK"),
    pytest.param(b"a \r\n \r\r\n\x00\n", ["a ", " \r", "\x00"], id="blanks are kept"),
    pytest.param(b"", [], id="empty"),
    pytest.param(b"\xef\xbb\xbf", [], id="BOM alone"),
])
def test_a_line_of_an_uploaded_file_is_a_text(exact: Any, content: bytes, lines: List[str]) -> None:
    assert are_answers(unwrapped("text", ask(exact, {"file": upload(content)})), exact, lines)


@pytest.mark.parametrize("field", ["file", "text", "", "文件", "data", "req_data", "instances"])
def test_the_name_of_the_file_field_does_not_matter(service: Any, field: str) -> None:
    reply = ask(service, {field: upload(GOAL.encode() + b"\n" + SOUP.encode())})
    assert are_answers(unwrapped("text", reply), service, [GOAL, SOUP])


def test_several_files_are_answered_in_their_order(service: Any) -> None:
    files = [GOAL.encode() + b"\n", b"\xef\xbb\xbf" + SOUP.encode(), (CROWD + "\n\n").encode("gb18030")]
    fields = OrderedDict([("one", upload(files[0])), ("two", upload(*files[1:]))])
    for body in ({"file": upload(*files)}, fields):
        assert are_answers(unwrapped("text", ask(service, body)), service, [GOAL, SOUP, CROWD, ""])


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"good\n\xff\n", SOUP.encode() + b"\n" + b"\x80"])
def test_a_file_that_is_neither_utf_8_nor_gb18030_is_a_bad_request(service: Any, content: bytes) -> None:
    assert code(ask(service, {"file": upload(content)})) == "bad_request"
    assert code(ask(service, {"file": upload(GOAL.encode(), content)})) == "bad_request"


def test_form_fields_beside_the_file_may_be_strings(service: Any) -> None:
    fields = {"top_k": "2", "threshold": "0.0", "meta": "7", "note": "x"}
    reply = ask(service, dict(fields, file=upload(b"goal\nsoup")))
    assert reply.pop("meta") == "7"
    assert [len(answer["scores"]) for answer in unwrapped("text", reply)] == [2, 2]
    assert code(ask(service, {"top_k": "two", "file": upload(b"goal")})) == "bad_request"


# meta


@pytest.mark.parametrize("meta", [
    None, False, 0, "", "标识", [], {}, {"uuid": "1", "n": [1.5, None, {"a": []}]}, [[[]]]], ids=short)
def test_meta_is_returned_with_the_answers(service: Any, meta: Any) -> None:
    for body in [*(form([GOAL]) for form in FORMS.values()), {"text": GOAL}]:
        assert ask(service, dict(body, meta=meta)) == dict(ask(service, body), meta=meta)
    assert ask(service, {"file": upload(b"goal"), "meta": meta}) == dict(ask(service, {"text": ["goal"]}), meta=meta)


@pytest.mark.parametrize("body", [
    {}, {"text": None}, {"text": 5}, {"req_data": "x"}, {"data": {"req_data": None}}, {"text": GOAL, "top_k": 0},
    {"text": [GOAL], "threshold": 2}, {"file": upload(b"\xff")}, {"req_data": ["x" * 2 ** 20] * 13}], ids=short)
def test_meta_is_returned_with_an_error(service: Any, body: Dict[str, Any]) -> None:
    reply = ask(service, dict(body, meta={"uuid": "1"}))
    assert reply.pop("meta") == {"uuid": "1"} and code(reply)


@pytest.mark.parametrize("meta", [
    pytest.param(NAN, id="NaN"), pytest.param(-INFINITY, id="infinity"), pytest.param([1, {"a": NAN}], id="NaN inside"),
    pytest.param("\ud800", id="surrogate"), pytest.param({"\udc00": 1}, id="surrogate key"),
    pytest.param(NESTED, id="deep"), pytest.param(10 ** 5000, id="huge"), pytest.param(upload(b"x"), id="file")])
def test_a_meta_that_is_not_valid_json_is_a_bad_request(service: Any, meta: Any) -> None:
    for body in ({"text": GOAL}, {"data": {"req_data": [GOAL]}}, {}):
        assert code(ask(service, dict(body, meta=meta))) == "bad_request"


def test_a_meta_of_any_depth_is_either_omitted_or_valid_json(service: Any) -> None:
    limit, meta, echoed = sys.getrecursionlimit(), [0], 0
    for depth in range(limit + 20):
        meta = [meta]
        if depth > limit - 150:
            reply = service.inference({"text": 5, "meta": meta})
            json.dumps(reply, ensure_ascii=False, allow_nan=False).encode("utf-8")
            echoed += "meta" in reply
    assert echoed > 10


# top_k and threshold


def test_five_scores_are_returned_by_default(seven: Any) -> None:
    assert labels_of(ask(seven, {"text": "x"})) == "bdfac"
    for form in FORMS:
        assert [labels_of(answer) for answer in unwrapped(form, ask(seven, FORMS[form](["x", "y"])))] == ["bdfac"] * 2


def test_equal_scores_are_in_the_order_of_the_labels(seven: Any) -> None:
    assert labels_of(ask(seven, {"text": "x", "top_k": 7})) == "bdfaceg"


@pytest.mark.parametrize("top_k, given", [
    (1, 1), ("1", 1), (3, 3), ("3", 3), (" 3 ", 3), (3.0, 3), ("3.0", 3), (7, 7), (8, 7), (100, 7), (10 ** 6, 7),
    ("1000", 7), ("1e3", 7), (1e3, 7)])
def test_top_k_may_be_a_string_and_may_exceed_the_number_of_classes(
        seven: Any, top_k: Any, given: int) -> None:
    assert labels_of(ask(seven, {"text": "x", "top_k": top_k})) == "bdfaceg"[:given]


@pytest.mark.parametrize("top_k", [
    0, -1, "0", "-1", "x", "", True, False, None, 1.5, "1.5", 0.5, [], [3], {}, {"a": 1}, 10 ** 400, NAN, INFINITY,
    "nan", "inf", "9" * 5000, "0x5", NESTED], ids=short)
def test_a_bad_top_k_is_a_bad_request(service: Any, top_k: Any) -> None:
    for form in FORMS:
        assert code(ask(service, dict(FORMS[form]([GOAL]), top_k=top_k))) == "bad_request"
    assert code(ask(service, {"text": GOAL, "top_k": top_k})) == "bad_request"
    assert code(ask(service, {"data": {"req_data": [GOAL], "top_k": top_k}})) == "bad_request"


@pytest.mark.parametrize("threshold, given", [
    (0, "bdfac"), (0.0, "bdfac"), ("0", "bdfac"), (0.125, "bdf"), ("0.125", "bdf"), (0.126, "bd"), (".3", "b"),
    (0.375, "b"), (0.376, ""), (1, ""), (1.0, ""), ("1", "")])
def test_threshold_filters_only_the_scores(seven: Any, threshold: Any, given: str) -> None:
    reply = ask(seven, {"text": "x", "threshold": threshold})
    assert labels_of(reply) == given
    assert (reply["predicted_label"], reply["score"]) == ("b", 0.375)


@pytest.mark.parametrize("threshold", [
    -0.1, 1.0001, 2, "-1", "2", "x", "", True, None, [], [0.5], {}, NAN, "nan", INFINITY, 10 ** 400, -10 ** 400],
    ids=short)
def test_a_bad_threshold_is_a_bad_request(service: Any, threshold: Any) -> None:
    reply = ask(service, {"text": GOAL, "threshold": threshold})
    assert code(reply) == "bad_request" and reply["error"]["message"].startswith("threshold must be a number from 0 to")
    assert code(ask(service, {"data": {"req_data": [GOAL], "threshold": threshold}})) == "bad_request"


def test_top_k_and_threshold_beside_the_list_apply_together(seven: Any) -> None:
    for form in FORMS:
        body = FORMS[form](["x", {"text": "y", "top_k": 1}])
        (body["data"] if form == "data" else body).update(top_k="2", threshold="0.1")
        assert [labels_of(answer) for answer in unwrapped(form, ask(seven, body))] == ["bd", "bd"]
    assert labels_of(ask(seven, {"text": "x", "top_k": 5, "threshold": 0.2})) == "bd"


# Values that are not texts


@pytest.mark.parametrize("wrong", [5, 0, 1.5, True, False, ["x"], [], NAN, 10 ** 400, NESTED], ids=short)
def test_a_number_a_boolean_or_a_list_instead_of_a_text_is_a_wrong_type(service: Any, wrong: Any) -> None:
    for form in FORMS:
        answers = unwrapped(form, ask(service, FORMS[form]([GOAL, {"text": wrong}, wrong, SOUP])))
        assert [code(answer) for answer in answers[1:3]] == ["wrong_type"] * 2
        assert are_answers([answers[0], answers[3]], service, [GOAL, SOUP])
    if not isinstance(wrong, list):
        assert code(ask(service, {"text": wrong})) == "wrong_type"
    assert code(ask(service, {"text": {"text": wrong}})) == "wrong_type"


def test_errors_are_at_the_positions_of_their_items(each: Any) -> None:
    good = {0: GOAL, 4: SOUP, 7: "", 11: CROWD}
    missing = {1: None, 2: {"text": None}, 3: {}, 5: {"txt": SOUP}}
    wrong = {6: 5, 8: {"text": 1}, 9: [SOUP], 10: {"text": {}}}
    items = [item for _, item in sorted({**good, **missing, **wrong}.items(), key=lambda pair: pair[0])]
    answers = ask(each, {"req_data": items})["resp_data"]
    assert {i: code(answer) for i, answer in enumerate(answers) if "error" in answer} == {
        **dict.fromkeys(missing, "missing_text"), **dict.fromkeys(wrong, "wrong_type")}
    assert are_answers([answers[i] for i in good], each, list(good.values()))


@pytest.mark.parametrize("body", [
    {"text": None}, {"req_data": None}, {"instances": None}, {"data": {"req_data": None}}], ids=str)
def test_null_instead_of_the_texts_is_a_missing_text(service: Any, body: Any) -> None:
    assert code(ask(service, body)) == "missing_text"


@pytest.mark.parametrize("value", [5, "x", True, {"text": GOAL}, {}, 1.5], ids=str)
def test_a_value_other_than_a_list_of_items_is_a_wrong_type(service: Any, value: Any) -> None:
    for body in ({"req_data": value}, {"instances": value}, {"data": {"req_data": value}}):
        assert code(ask(service, body)) == "wrong_type"


@pytest.mark.parametrize("body", [
    {}, {"txt": "x"}, {"Text": "x"}, {"input": ["x"]}, {"meta": 1}, {"top_k": 3}, {"data": {}}, {"data": {"text": "x"}},
    {"data": [1]}, {"data": "x"}, {"file": {}}, {"file": {"a.txt": "no file"}}, {"\ud800": 1}, {"": None},
    {"x" * 10 ** 6: 1}], ids=short)
def test_a_body_without_a_form_is_a_bad_request(service: Any, body: Any) -> None:
    reply = ask(service, body)
    assert code({key: value for key, value in reply.items() if key != "meta"}) == "bad_request"
    assert reply.get("meta") == body.get("meta")


@pytest.mark.parametrize("body", [
    None, [], [GOAL], [{"text": GOAL}], "", GOAL, 0, 5, 1.5, True, NAN, 10 ** 400, b"{}", NESTED], ids=short)
def test_a_body_that_is_not_an_object_is_a_bad_request(service: Any, body: Any) -> None:
    assert code(ask(service, body)) == "bad_request"
