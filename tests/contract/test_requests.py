"""What a client may send and what comes back: asked of real packages, and of models made to misbehave."""
import importlib.util
import json
import random
import sys
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PROJECT = Path(__file__).resolve().parents[2]
LABELS = ["food", "sport", "体育 news"]
GOAL, SOUP, CROWD = TEXTS = ["goal team score", "soup bread 好吃", "体育 crowd of the stadium"]
KEYS = ["data", "req_data", "instances", "text", "meta", "top_k", "threshold", "keep_prob", "input_x"]
NESTED: List[Any] = []
for _ in range(100000):
    NESTED = [NESTED]

examples = settings(max_examples=25, deadline=None, database=None, derandomize=True,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def load(service_file: Path, package: Path) -> Any:
    """An instance of the service class in a file, over a package: as the platform makes it."""
    spec = importlib.util.spec_from_file_location("service_" + package.parent.name, str(service_file))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TextClassifierService("text-classifier", str(package))


@pytest.fixture(scope="module")
def services(packages: Dict[str, Path]) -> Iterator[Dict[str, Any]]:
    """A service for each package, by its own file."""
    was, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the packages are other tests' too
    yield {name: load(package / "customize_service.py", package) for name, package in packages.items()}
    sys.dont_write_bytecode = was


@pytest.fixture(scope="module")
def service(services: Dict[str, Any]) -> Any:
    return services["cnn"]


@pytest.fixture(scope="module", params=["cnn", "rnn", "rcnn"])
def each(request: pytest.FixtureRequest, services: Dict[str, Any]) -> Any:
    return services[request.param]


def ask(service: Any, body: Any) -> Any:
    """The reply, which must be what JSON and UTF-8 can carry and nothing else: no tuples, no NumPy, no NaN."""
    reply = service.inference(body)
    sent = json.dumps(reply, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert json.loads(sent.decode("utf-8")) == reply
    return reply


def upload(*contents: bytes) -> Dict[str, BytesIO]:
    """A form's file field as the platform passes it."""
    return OrderedDict(("{}.txt".format(name), BytesIO(content)) for name, content in zip("abc", contents))


def same(one: Dict[str, Any], other: Dict[str, Any]) -> bool:
    """Whether two answers are one: engines may round the scores of a batch otherwise than those of a single text."""
    if "error" in one or "error" in other:
        return one == other
    ours, theirs = dict(one["scores"]), dict(other["scores"])
    if ours.keys() != theirs.keys() or abs(one["score"] - other["score"]) > 5e-6:
        return False
    best = sorted(ours.values())[::-1]
    tie = len(best) > 1 and best[0] - best[1] < 1e-5
    return all(abs(ours[label] - theirs[label]) <= 5e-6 for label in ours) and (
        tie or one["predicted_label"] == other["predicted_label"])


def are_answers(found: Any, service: Any, texts: Sequence[str]) -> bool:
    """Whether ``found`` are the answers that the texts get each by itself."""
    assert isinstance(found, list)
    return len(found) == len(texts) and all(
        same(answer, ask(service, {"text": text})) for answer, text in zip(found, texts))


def short(value: Any) -> str:
    """A test's id."""
    return "deep" if value is NESTED else ascii(value)[:20]


def code(reply: Any) -> str:
    """The code of a reply or an answer that is an error and nothing else."""
    assert set(reply) == {"error"} and set(reply["error"]) == {"code", "message"}
    assert isinstance(reply["error"]["message"], str) and reply["error"]["message"]
    return str(reply["error"]["code"])


# The forms


FORMS: Dict[str, Callable[[List[Any]], Any]] = {
    "data": lambda items: {"data": {"req_data": items}},
    "req_data": lambda items: {"req_data": items},
    "instances": lambda items: {"instances": items},
    "text": lambda items: {"text": items},
}
UNWRAP: Dict[str, Callable[[Any], Any]] = {
    "data": lambda reply: reply["data"]["resp_data"] if set(reply) == {"data"} and len(reply["data"]) == 1 else None,
    "req_data": lambda reply: reply["resp_data"] if set(reply) == {"resp_data"} else None,
    "instances": lambda reply: reply["predictions"] if set(reply) == {"predictions"} else None,
    "text": lambda reply: reply["resp_data"] if set(reply) == {"resp_data"} else None,
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_each_form_is_answered_in_its_own_wrapper(each: Any, form: str) -> None:
    assert are_answers(UNWRAP[form](ask(each, FORMS[form](TEXTS))), each, TEXTS)


def test_a_bare_text_gets_the_bare_answer(each: Any) -> None:
    assert set(ask(each, {"text": GOAL})) == {"predicted_label", "score", "scores"}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_an_item_is_an_object_with_a_text_or_a_bare_string(service: Any, form: str) -> None:
    items = [{"text": GOAL}, SOUP, {"text": CROWD, "id": 7, "label": None}]
    assert are_answers(UNWRAP[form](ask(service, FORMS[form](items))), service, TEXTS)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_an_empty_list_gives_an_empty_list(service: Any, form: str) -> None:
    assert UNWRAP[form](ask(service, FORMS[form]([]))) == []


@pytest.mark.parametrize("first, second", [
    ("data", "req_data"), ("data", "instances"), ("data", "text"),
    ("req_data", "instances"), ("req_data", "text"), ("instances", "text")])
def test_the_first_form_of_the_table_wins(service: Any, first: str, second: str) -> None:
    for body in (dict(FORMS[first]([GOAL]), **FORMS[second]([SOUP])), dict(FORMS[second]([SOUP]), **FORMS[first]([GOAL]))):
        assert are_answers(UNWRAP[first](ask(service, body)), service, [GOAL])


def test_a_text_wins_over_an_uploaded_file(service: Any) -> None:
    assert same(ask(service, {"file": upload(b"soup"), "text": GOAL}), ask(service, {"text": GOAL}))


@pytest.mark.parametrize("data", [{}, None, [], "x", {"text": GOAL}, {"instances": [GOAL]}])
def test_data_without_req_data_is_an_unknown_key(service: Any, data: Any) -> None:
    assert are_answers(UNWRAP["req_data"](ask(service, {"data": data, "req_data": [SOUP]})), service, [SOUP])
    assert code(ask(service, {"data": data})) == "bad_request"


@pytest.mark.parametrize("form", sorted(FORMS))
def test_keep_prob_and_unknown_keys_are_ignored(service: Any, form: str) -> None:
    beside = {"keep_prob": 0.01, "Keep": None, "metadata": {"a": float("nan")}, "\ud800": "\udfff", "nested": NESTED}
    body = dict(FORMS[form]([GOAL]), **beside)
    if form == "data":
        body["data"].update(beside)
    assert are_answers(UNWRAP[form](ask(service, body)), service, [GOAL])
    assert are_answers(UNWRAP[form](ask(service, FORMS[form]([dict(beside, text=GOAL)]))), service, [GOAL])


# The answer


def test_an_answer_is_the_best_label_its_score_and_all_scores_best_first(each: Any) -> None:
    for answer in ask(each, {"text": TEXTS + [""]})["resp_data"]:
        assert sorted(label for label, _ in answer["scores"]) == LABELS
        values = [score for _, score in answer["scores"]]
        assert values == sorted(values, reverse=True) and sum(values) == pytest.approx(1, abs=1e-5)
        assert answer["scores"][0] == [answer["predicted_label"], answer["score"]]
        assert all(type(value) is float for value in values)


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
    pytest.param("goal\u2028team\x0b\x0c\x85score\rsoup\n好\n".encode(), ["goal team score soup", "好"],
                 id="LF alone separates"),
    pytest.param(b"", [], id="empty"),
    pytest.param(b"\xef\xbb\xbf", [], id="BOM alone"),
])
def test_a_line_of_an_uploaded_file_is_a_text(service: Any, content: bytes, lines: List[str]) -> None:
    assert are_answers(UNWRAP["req_data"](ask(service, {"file": upload(content)})), service, lines)


@pytest.mark.parametrize("field", ["file", "text", "", "文件", "data", "req_data", "instances"])
def test_the_name_of_the_file_field_does_not_matter(service: Any, field: str) -> None:
    reply = ask(service, {field: upload(GOAL.encode() + b"\n" + SOUP.encode())})
    assert code(reply) if "error" in reply else are_answers(UNWRAP["req_data"](reply), service, [GOAL, SOUP])
    assert "error" not in reply


def test_several_files_are_answered_in_their_order(service: Any) -> None:
    files = [GOAL.encode() + b"\n", b"\xef\xbb\xbf" + SOUP.encode(), (CROWD + "\n\n").encode("gb18030")]
    expected = [GOAL, SOUP, CROWD, ""]
    assert are_answers(UNWRAP["req_data"](ask(service, {"file": upload(*files)})), service, expected)
    fields = OrderedDict([("one", upload(files[0])), ("two", upload(*files[1:]))])
    assert are_answers(UNWRAP["req_data"](ask(service, fields)), service, expected)


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", b"good\n\xff\n", SOUP.encode() + b"\n" + b"\x80"])
def test_a_file_that_is_neither_encoding_is_refused(service: Any, content: bytes) -> None:
    assert code(ask(service, {"file": upload(content)})) == "bad_request"
    assert code(ask(service, {"file": upload(GOAL.encode(), content)})) == "bad_request"


def test_form_fields_stand_beside_the_file(service: Any) -> None:
    reply = ask(service, {"top_k": "2", "file": upload(b"goal\nsoup"), "threshold": "0.0", "meta": "7", "note": "x"})
    assert reply.pop("meta") == "7"
    assert [len(answer["scores"]) for answer in UNWRAP["req_data"](reply)] == [2, 2]
    assert code(ask(service, {"top_k": "two", "file": upload(b"goal")})) == "bad_request"


# meta


METAS = [None, False, 0, "", "标识", [], {}, {"uuid": "1", "n": [1.5, None, {"a": []}]}, [[[]]] * 3]


@pytest.mark.parametrize("meta", METAS)
def test_meta_comes_back(service: Any, meta: Any) -> None:
    for body in [form([GOAL]) for form in FORMS.values()] + [{"text": GOAL}, {"file": upload(b"goal")}]:
        plain = ask(service, dict(body, file=upload(b"goal")) if "file" in body else body)
        reply = ask(service, dict(body, meta=meta, file=upload(b"goal")) if "file" in body else dict(body, meta=meta))
        assert reply == dict(plain, meta=meta)


@pytest.mark.parametrize("body", [{}, {"text": None}, {"text": 5}, {"req_data": "x"}, {"data": {"req_data": None}},
                                  {"text": GOAL, "top_k": 0}, {"file": upload(b"\xff")}, {"text": [GOAL], "threshold": 2},
                                  {"req_data": ["x" * 2 ** 20] * 13}], ids=str)
def test_meta_comes_back_with_an_error_too(service: Any, body: Dict[str, Any]) -> None:
    reply = ask(service, dict(body, meta={"uuid": "1"}))
    assert reply.pop("meta") == {"uuid": "1"} and code(reply)


@pytest.mark.parametrize("meta", [
    float("nan"), float("-inf"), [1, {"a": float("nan")}], "\ud800", {"\udc00": 1}, [NESTED], 10 ** 5000,
    upload(b"meta")], ids=["NaN", "inf", "NaN inside", "surrogate", "surrogate key", "deep", "huge", "file"])
def test_a_meta_that_json_cannot_carry_back_is_refused(service: Any, meta: Any) -> None:
    for body in [{"text": GOAL}, {"data": {"req_data": [GOAL]}}, {}]:
        assert code(ask(service, dict(body, meta=meta))) == "bad_request"


def test_a_meta_of_any_depth_is_either_refused_or_can_be_sent(service: Any) -> None:
    replies = []
    meta: Any = 1
    for depth in range(sys.getrecursionlimit() + 20):
        meta = [meta]
        if depth > sys.getrecursionlimit() - 150:
            replies.append(service.inference({"text": 5, "meta": meta}))
            json.dumps(replies[-1], ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert code(replies[-1]) == "bad_request"


# top_k and threshold


def save(folder: Path, scores: Callable[[Any], Any], labels: Sequence[str] = ()) -> Any:
    """A service over a model that is made for a test: texts to ``scores``."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        texts = v1.placeholder(tf.string, [None])
        info = v1.saved_model.build_tensor_info
        signature = v1.saved_model.build_signature_def(
            {"input_x": info(texts)}, {"output": info(scores(texts))}, v1.saved_model.signature_constants.PREDICT_METHOD_NAME)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    if labels:
        (folder / "labels.txt").write_text("".join(label + "\n" for label in labels), encoding="utf-8")
    return load(PROJECT / "customize_service.py", folder)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of seven classes that gives every text the same scores; four of them are equal."""
    row = [[0.0625, 0.375, 0.0625, 0.25, 0.0625, 0.125, 0.0625]]
    return save(tmp_path_factory.mktemp("seven") / "model", lambda x: tf.tile(row, [tf.size(x), 1]), "abcdefg")


def scores_of(reply: Any) -> str:
    return "".join(label for label, _ in reply["scores"])


def test_the_five_best_are_given_unless_top_k_says_otherwise(seven: Any) -> None:
    assert scores_of(ask(seven, {"text": "x"})) == "bdfac"
    for form in FORMS:
        assert [scores_of(answer) for answer in UNWRAP[form](ask(seven, FORMS[form](["x", "y"])))] == ["bdfac"] * 2


def test_equal_scores_stand_in_the_order_of_the_labels(seven: Any) -> None:
    assert scores_of(ask(seven, {"text": "x", "top_k": 7})) == "bdfaceg"


@pytest.mark.parametrize("top_k, given", [
    (1, 1), ("1", 1), (3, 3), ("3", 3), (" 3 ", 3), (3.0, 3), ("3.0", 3), (7, 7), (8, 7), (100, 7), (10 ** 6, 7), ("1000", 7),
    ("1e3", 7), (1e3, 7)])
def test_top_k_is_a_number_or_its_text_and_more_than_there_are_classes_is_all(seven: Any, top_k: Any, given: int) -> None:
    assert scores_of(ask(seven, {"text": "x", "top_k": top_k})) == "bdfaceg"[:given]


@pytest.mark.parametrize("top_k", [0, -1, "0", "-1", "x", "", True, False, None, 1.5, "1.5", 0.5, [], [3], {}, {"a": 1}, 10 ** 400,
                                   float("nan"), float("inf"), "nan", "inf", "9" * 5000, "0x5", NESTED], ids=short)
def test_a_bad_top_k_is_a_bad_request(service: Any, top_k: Any) -> None:
    for form in FORMS:
        assert code(ask(service, dict(FORMS[form]([GOAL]), top_k=top_k))) == "bad_request"
    assert code(ask(service, {"data": {"req_data": [GOAL], "top_k": top_k}})) == "bad_request"


@pytest.mark.parametrize("threshold, given", [
    (0, "bdfac"), (0.0, "bdfac"), ("0", "bdfac"), (0.125, "bdf"), ("0.125", "bdf"), (0.126, "bd"), (".3", "b"), (0.375, "b"),
    (0.376, ""), (1, ""), (1.0, ""), ("1", "")])
def test_threshold_filters_the_scores_alone(seven: Any, threshold: Any, given: str) -> None:
    reply = ask(seven, {"text": "x", "threshold": threshold})
    assert scores_of(reply) == given
    assert (reply["predicted_label"], reply["score"]) == ("b", 0.375)


@pytest.mark.parametrize("threshold", [-0.1, 1.0001, 2, "-1", "2", "x", "", True, None, [], [0.5], {}, float("nan"), "nan",
                                       float("inf"), 10 ** 400, -10 ** 400], ids=short)
def test_a_bad_threshold_is_a_bad_request(service: Any, threshold: Any) -> None:
    assert code(ask(service, {"text": GOAL, "threshold": threshold})) == "bad_request"
    assert code(ask(service, {"data": {"req_data": [GOAL], "threshold": threshold}})) == "bad_request"


def test_top_k_and_threshold_stand_beside_the_list_and_apply_together(seven: Any) -> None:
    for form in FORMS:
        body = FORMS[form](["x", {"text": "y", "top_k": 1}])
        (body["data"] if form == "data" else body).update(top_k="2", threshold="0.1")
        assert [scores_of(answer) for answer in UNWRAP[form](ask(seven, body))] == ["bd", "bd"]
    assert scores_of(ask(seven, {"text": "x", "top_k": 5, "threshold": 0.2})) == "bd"


# What is no text


WRONG = {"number": 5, "zero": 0, "float": 1.5, "true": True, "false": False, "list": ["x"], "empty list": [], "NaN": float("nan"),
         "huge": 10 ** 400, "deep": NESTED}


@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_a_number_a_boolean_or_a_list_where_a_text_should_be_is_a_wrong_type(service: Any, wrong: str) -> None:
    for form in FORMS:
        items = [GOAL, {"text": WRONG[wrong]}, WRONG[wrong], SOUP]
        answers = UNWRAP[form](ask(service, FORMS[form](items)))
        assert [code(answer) for answer in answers[1:3]] == ["wrong_type"] * 2
        assert are_answers([answers[0], answers[3]], service, [GOAL, SOUP])
    if not isinstance(WRONG[wrong], list):
        assert code(ask(service, {"text": WRONG[wrong]})) == "wrong_type"
    assert code(ask(service, {"text": {"text": WRONG[wrong]}})) == "wrong_type"


def test_errors_stand_in_the_place_of_their_items(each: Any) -> None:
    items = [GOAL, None, {"text": None}, {}, {"txt": SOUP}, 5, SOUP, {"text": 1}, [SOUP], {"text": {}}, "", {"text": CROWD}]
    codes = {1: "missing_text", 2: "missing_text", 3: "missing_text", 4: "missing_text", 5: "wrong_type", 7: "wrong_type",
             8: "wrong_type", 9: "wrong_type"}
    answers = ask(each, {"req_data": items})["resp_data"]
    assert {i: code(answer) for i, answer in enumerate(answers) if "error" in answer} == codes
    assert are_answers([answer for answer in answers if "error" not in answer], each, [GOAL, SOUP, "", CROWD])


@pytest.mark.parametrize("body", [{"text": None}, {"req_data": None}, {"instances": None}, {"data": {"req_data": None}}], ids=str)
def test_a_null_where_the_texts_should_be_is_a_missing_text(service: Any, body: Any) -> None:
    assert code(ask(service, body)) == "missing_text"


@pytest.mark.parametrize("value", [5, "x", True, {"text": GOAL}, {}, 1.5], ids=str)
def test_what_is_no_list_where_the_items_should_be_is_a_wrong_type(service: Any, value: Any) -> None:
    for body in ({"req_data": value}, {"instances": value}, {"data": {"req_data": value}}):
        assert code(ask(service, body)) == "wrong_type"


@pytest.mark.parametrize("body", [
    {}, {"txt": "x"}, {"Text": "x"}, {"input": ["x"]}, {"meta": 1}, {"top_k": 3}, {"data": {}}, {"data": {"text": "x"}},
    {"data": [1]}, {"data": "x"}, {"file": {}}, {"file": {"a.txt": "no file"}}, {"\ud800": 1}, {"": None}, {"x" * 10 ** 6: 1}],
    ids=short)
def test_a_body_without_a_form_is_a_bad_request(service: Any, body: Any) -> None:
    reply = ask(service, body)
    reply.pop("meta", None)
    assert code(reply) == "bad_request"


@pytest.mark.parametrize("body", [None, [], [GOAL], [{"text": GOAL}], "", GOAL, 0, 5, 1.5, True, float("nan"), 10 ** 400, b"{}",
                                  NESTED], ids=short)
def test_a_body_that_is_no_object_is_a_bad_request(service: Any, body: Any) -> None:
    assert code(ask(service, body)) == "bad_request"


# Texts of every kind


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000", "\x00", "?", "、", "\ufeff", "\u200b\u202e", "\U0010ffff", "👍🏽❤️👨‍👩‍👧", "字",
                                  "a\u0301" * 50, "not_in_the_vocabulary", "\ud800", "\udfff\ud800", "goal \udcff", "\x01\x7f\x9f"],
                         ids=ascii)
def test_every_text_is_classified(each: Any, text: str) -> None:
    answer = ask(each, {"text": text})
    assert answer["predicted_label"] in LABELS and len(answer["scores"]) == 3


@pytest.mark.parametrize("text, twin", [
    ("goal\x00team", "goal team"), ("goal team\x00\x00", "goal team"), ("\x00goal", "goal"),
    ("ｇｏａｌ　ＴＥＡＭ", "goal team"), ("GOAL Team", "goal team"), ("goal\ud800team", "goal\ufffdteam"),
    ("\udc00goal team\ud83d", "\ufffdgoal team\ufffd"), ("goal \ud83d\udc4d team", "goal 👍 team")], ids=ascii)
def test_texts_that_are_written_otherwise_get_the_same_answer(each: Any, text: str, twin: str) -> None:
    assert same(ask(each, {"text": text}), ask(each, {"text": twin}))
    assert not same(ask(each, {"text": text}), ask(each, {"text": ""}))


@pytest.mark.parametrize("word, million", [("goal ", 1), ("goal ", 10), ("goal", 10), ("好", 10), ("👍", 1), ("\x00", 10)],
                         ids=["1 MB", "10 MB", "one word", "Chinese", "emoji", "NUL"])
def test_an_overlong_text_is_cut_and_answered(each: Any, word: str, million: int) -> None:
    text = word * (million * 10 ** 6 // len(word))
    reply = ask(each, {"req_data": [text, SOUP]})["resp_data"]
    assert are_answers(reply, each, [text, SOUP])
    assert same(reply[0], ask(each, {"text": text[:10 ** 5]}))


def test_more_text_than_the_platform_lets_through_is_too_large(service: Any) -> None:
    megabyte = "soup " * (2 ** 20 // 5) + "x"
    for form in FORMS:
        assert code(ask(service, FORMS[form]([megabyte] * 13))) == "too_large"
    assert code(ask(service, {"file": upload(b"\n".join([megabyte.encode()] * 13))})) == "too_large"
    assert are_answers(ask(service, {"text": [megabyte] * 12})["resp_data"], service, [megabyte] * 12)


def test_thousands_of_texts_are_answered_in_one_request(service: Any) -> None:
    texts = [word + " the" * (i % 9) for i, word in enumerate(TEXTS * 1000)]
    expected = {text: ask(service, {"text": text}) for text in set(texts)}
    answers = ask(service, {"instances": texts})["predictions"]
    assert len(answers) == 3000 and all(same(answer, expected[text]) for answer, text in zip(answers, texts))


# Order, and company


WORDS = "goal team soup bread rice stadium crowd 体育 记者 好吃 of the very ! ? 👍 don't unknown ２０１".split() + ["", "\x00", "\ud800"]
sentences = st.lists(st.sampled_from(WORDS), max_size=70).map(" ".join)


@examples
@given(order=st.lists(st.integers(0, 39), min_size=1, max_size=300), seed=st.integers(0, 9))
def test_each_answer_belongs_to_its_text_in_any_order(service: Any, order: List[int], seed: int) -> None:
    rng = random.Random(seed)
    tagged = [" ".join(rng.choices(WORDS, k=k)) for k in range(40)]
    expected = [ask(service, {"text": text}) for text in tagged]
    answers = ask(service, {"req_data": [tagged[i] for i in order]})["resp_data"]
    assert len(answers) == len(order) and all(same(answer, expected[i]) for answer, i in zip(answers, order))


def test_each_answer_belongs_to_its_text_under_eight_threads(each: Any) -> None:
    rng = random.Random(1)
    tagged = [" ".join(rng.choices(WORDS, k=rng.randint(0, 60))) for _ in range(60)]
    expected = {text: ask(each, {"text": text}) for text in tagged}
    requests = [rng.choices(tagged, k=rng.randint(1, 40)) for _ in range(160)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda texts: ask(each, {"req_data": texts, "meta": len(texts)}), requests))
    for texts, reply in zip(requests, replies):
        assert reply["meta"] == len(reply["resp_data"]) == len(texts)
        assert all(same(answer, expected[text]) for text, answer in zip(texts, reply["resp_data"]))


@examples
@given(texts=st.lists(sentences, min_size=2, max_size=12))
def test_a_text_gets_the_same_answer_alone_and_in_company(services: Dict[str, Any], texts: List[str]) -> None:
    for service in services.values():
        assert are_answers(ask(service, {"text": texts})["resp_data"], service, texts)


# Clients that mean no good


keys = st.sampled_from(KEYS) | st.text(st.characters(), max_size=3)
leaves = (st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20) |
          st.sampled_from([GOAL, "3", "0.5", "", 10 ** 400]))
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12)
files = st.dictionaries(st.text(max_size=3), st.binary(max_size=30).map(BytesIO), min_size=1, max_size=2)
bodies = anything | st.dictionaries(keys, anything | files, max_size=5) | st.fixed_dictionaries(
    {}, optional={"data": st.fixed_dictionaries({"req_data": anything}, optional={"top_k": anything}), "req_data": anything,
                  "instances": anything, "text": anything, "meta": anything, "top_k": anything, "threshold": anything})


@settings(examples, max_examples=300)
@given(body=bodies)
def test_whatever_is_sent_the_reply_is_json(service: Any, body: Any) -> None:
    reply = service.inference(body)
    assert isinstance(reply, dict)
    reply.pop("meta", None)
    sent = json.dumps(reply, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert json.loads(sent.decode("utf-8")) == reply
    assert set(reply) in ({"error"}, {"data"}, {"resp_data"}, {"predictions"}, {"predicted_label", "score", "scores"})


@settings(examples, max_examples=50)
@given(body=bodies, meta=anything)
def test_whatever_stands_in_meta_the_reply_can_be_sent(service: Any, body: Any, meta: Any) -> None:
    reply = service.inference(dict(body, meta=meta) if isinstance(body, dict) else body)
    json.dumps(reply, ensure_ascii=False, allow_nan=False).encode("utf-8")


def test_a_thousand_bad_requests_leave_the_service_as_it_was(service: Any) -> None:
    before = ask(service, {"text": GOAL})
    rng = random.Random(10)
    bad = [None, 5, [], "x", {}, {"text": None}, {"text": NESTED}, {"req_data": {}}, {"data": {"req_data": 1}}, {"text": 1.5},
           {"text": GOAL, "top_k": NESTED}, {"text": GOAL, "meta": NESTED}, {"text": [None]}, {"instances": [{}, 5, []]},
           {"text": GOAL, "threshold": "ten"}, {"text": {}}, {"meta": float("nan")}]
    for number in range(1000):
        body = upload_of_noise(rng) if number % 10 == 0 else rng.choice(bad)
        reply = ask(service, body)
        answers = reply.get("resp_data") or reply.get("predictions") or [reply]
        assert all(code(answer) for answer in answers)
    assert ask(service, {"text": GOAL}) == before


def upload_of_noise(rng: random.Random) -> Dict[str, Any]:
    return {"file": upload(bytes(rng.choices(range(256), k=99)) + b"\xff")}


# Models that fail


def number_of(text: Any, bad: str) -> Any:
    """0.25 for every text but the bad one, on which TensorFlow raises."""
    return tf.strings.to_number(tf.where(tf.equal(text, bad), tf.fill(tf.shape(text), "no number"),
                                         tf.fill(tf.shape(text), "0.25")))


def replaced(text: Any, bad: str, value: float) -> Any:
    return tf.where(tf.equal(text, bad), tf.fill(tf.shape(text), value), tf.fill(tf.shape(text), 0.25))


FAILING: Dict[str, Callable[[Any], Any]] = {
    "NaN": lambda x: tf.stack([replaced(x, "bad", float("nan")), 1 - replaced(x, "bad", float("nan"))], 1),
    "NaN in one class": lambda x: tf.stack([replaced(x, "bad", float("nan")), 0.75 + 0 * replaced(x, "", 0.0)], 1),
    "infinity": lambda x: tf.stack([replaced(x, "bad", float("inf")), 1 - replaced(x, "", 0.25)], 1),
    "one column": lambda x: replaced(x, "bad", float("nan"))[:, None],
    "raises": lambda x: tf.stack([number_of(x, "bad"), 1 - number_of(x, "bad")], 1),
    "loses a row": lambda x: tf.boolean_mask(
        tf.stack([replaced(x, "", 0.25), 1 - replaced(x, "", 0.25)], 1), tf.not_equal(x, "bad")),
}


@pytest.mark.parametrize("fault", sorted(FAILING))
def test_a_text_on_which_the_model_fails_is_a_model_error_and_the_others_are_answered(tmp_path: Path, fault: str) -> None:
    service = save(tmp_path / "model", FAILING[fault], ["yes", "no"])
    good = ask(service, {"text": "good"})
    assert scores_of_two(good) == [["no", 0.75], ["yes", 0.25]] or scores_of_two(good) == [["yes", 0.75], ["no", 0.25]]
    answers = ask(service, {"req_data": ["good", "bad", "a longer one", 5, "bad", ""]})["resp_data"]
    assert [code(answers[i]) for i in (1, 3, 4)] == ["model_error", "wrong_type", "model_error"]
    assert [answers[i] for i in (0, 2, 5)] == [good] * 3
    reply = ask(service, {"text": "bad", "meta": 1})
    assert reply.pop("meta") == 1 and code(reply) == "model_error"


def scores_of_two(answer: Dict[str, Any]) -> List[List[Any]]:
    return [[label, round(score, 6)] for label, score in answer["scores"]]


def test_one_failing_text_among_hundreds_costs_no_other_its_answer(tmp_path: Path) -> None:
    service = save(tmp_path / "model", FAILING["raises"], ["yes", "no"])
    texts = ["text {}".format(i) for i in range(300)]
    texts[200] = "bad"
    answers = ask(service, {"instances": texts})["predictions"]
    assert [i for i, answer in enumerate(answers) if "error" in answer] == [200] and len(answers) == 300
