"""Texts of every kind, batches of texts, arbitrary requests, and models that fail."""
import json
import random
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import tensorflow as tf
from asking import (
    FORMS,
    GOAL,
    NESTED,
    SOUP,
    TEXTS,
    are_answers,
    ask,
    code,
    made_service,
    same,
    service_of,
    upload,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customize_service import read_request
from models import MODELS

LABELS = ["food", "sport", "体育 news"]
KEYS = ["data", "req_data", "instances", "text", "meta", "top_k", "threshold", "keep_prob", "input_x", "\ud800"]
WORDS = ["goal", "team", "soup", "bread", "stadium", "crowd", "体育", "记者", "好吃", "of", "the", "very", "!", "?",
         "👍", "don't", "unknown", "２０１", "", "\x00", "\ud800"]

examples = settings(max_examples=15, deadline=None, database=None, derandomize=True,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(scope="module")
def service(packages: Dict[str, Path]) -> Any:
    return service_of(packages["cnn"])


@pytest.fixture(scope="module", params=MODELS)
def each(request: pytest.FixtureRequest, packages: Dict[str, Path]) -> Any:
    return service_of(packages[request.param])


# Texts of every kind


@pytest.mark.parametrize("text", [
    "", " ", "\n\t\u3000", "\x00", "?", "、", "\ufeff", "\u200b\u202e", "\U0010ffff", "👍🏽❤️", "字", "a\u0301" * 50,
    "\U0001f468\u200d\U0001f469", "not_in_the_vocabulary", "\ud800", "\udfff\ud800", "goal \udcff", "\x01\x7f\x9f"],
    ids=ascii)
def test_every_text_is_classified(each: Any, text: str) -> None:
    answer = ask(each, {"text": text})
    assert answer["predicted_label"] in LABELS and len(answer["scores"]) == 3


@pytest.mark.parametrize("text, twin", [
    ("goal\x00team", "goal team"), ("goal team\x00\x00", "goal team"), ("\x00goal", "goal"),
    ("ｇｏａｌ　ＴＥＡＭ", "goal team"), ("GOAL Team", "goal team"), ("goal\ud800team", "goal\ufffdteam"),
    ("\udc00goal team\ud83d", "\ufffdgoal team\ufffd"), ("goal \ud83d\udc4d team", "goal 👍 team")], ids=ascii)
def test_equivalent_spellings_of_a_text_get_the_same_answer(each: Any, text: str, twin: str) -> None:
    assert same(ask(each, {"text": text}), ask(each, {"text": twin}))
    assert not same(ask(each, {"text": text}), ask(each, {"text": ""}))


@pytest.mark.parametrize("word, characters", [
    ("goal ", 10 ** 6), ("goal ", 10 ** 7), ("goal", 10 ** 7), ("好", 10 ** 7), ("👍", 10 ** 6), ("\x00", 10 ** 7)],
    ids=["1 MB", "10 MB", "one word", "Chinese", "emoji", "NUL"])
def test_an_overlong_text_is_cut_and_answered(each: Any, word: str, characters: int) -> None:
    text = word * (characters // len(word))
    reply = ask(each, {"req_data": [text, SOUP]})["resp_data"]
    assert are_answers(reply, each, [text, SOUP])
    assert same(reply[0], ask(each, {"text": text[:10 ** 5]}))


def test_more_text_than_the_platforms_limit_is_too_large(service: Any) -> None:
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


# Order and batches


@pytest.fixture(scope="module")
def answered(each: Any) -> Dict[str, Any]:
    """Random texts of many lengths, with the answer that each gets alone."""
    rng = random.Random(1)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(0, 60))) for _ in range(60)]
    return {text: ask(each, {"text": text}) for text in texts}


@examples
@given(data=st.data())
def test_each_answer_belongs_to_its_text_in_any_order(each: Any, answered: Dict[str, Any], data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.sampled_from(sorted(answered)), min_size=1, max_size=300))
    answers = ask(each, {"req_data": texts})["resp_data"]
    assert len(answers) == len(texts) and all(same(answer, answered[text]) for answer, text in zip(answers, texts))


def test_each_answer_belongs_to_its_text_under_eight_threads(each: Any, answered: Dict[str, Any]) -> None:
    rng = random.Random(2)
    requests = [rng.choices(sorted(answered), k=rng.randint(1, 40)) for _ in range(64)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda texts: ask(each, {"req_data": texts, "meta": len(texts)}), requests))
    for texts, reply in zip(requests, replies):
        assert reply["meta"] == len(reply["resp_data"]) == len(texts)
        assert all(same(answer, answered[text]) for text, answer in zip(texts, reply["resp_data"]))


@examples
@given(texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=70).map(" ".join), min_size=2, max_size=12))
def test_a_text_gets_the_same_answer_alone_and_in_a_batch(packages: Dict[str, Path], texts: List[str]) -> None:
    for package in packages.values():
        service = service_of(package)
        assert are_answers(ask(service, {"text": texts})["resp_data"], service, texts)


# Arbitrary requests


keys = st.sampled_from(KEYS) | st.text(st.characters(), max_size=3)
leaves = (st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20) |
          st.sampled_from([GOAL, "3", "0.5", "", 10 ** 400]))
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12)
files = st.dictionaries(st.text(max_size=3), st.binary(max_size=30).map(BytesIO), min_size=1, max_size=2)
bodies = anything | st.dictionaries(keys, anything | files, max_size=5) | st.fixed_dictionaries({}, optional={
    "data": st.fixed_dictionaries({"req_data": anything}, optional={"top_k": anything}), "req_data": anything,
    "instances": anything, "text": anything, "meta": anything, "top_k": anything, "threshold": anything})


@settings(examples, max_examples=150)
@given(body=bodies)
def test_the_response_to_any_body_is_valid_json(service: Any, body: Any) -> None:
    reply = service.inference(body)
    sent = json.dumps(reply, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert json.loads(sent.decode("utf-8")) == reply
    assert set(reply) - {"meta"} in (
        {"error"}, {"data"}, {"resp_data"}, {"predictions"}, {"predicted_label", "score", "scores"})


@settings(examples, max_examples=50)
@given(meta=anything)
def test_the_response_with_any_meta_is_valid_json(service: Any, meta: Any) -> None:
    for body in ({"text": GOAL}, {"req_data": [5]}, {}):
        ask(service, dict(body, meta=meta))


def test_a_good_request_gets_the_same_answer_after_a_thousand_bad_requests(service: Any) -> None:
    before = ask(service, {"text": GOAL})
    rng = random.Random(10)
    bad = [None, 5, [], "x", {}, {"text": None}, {"text": NESTED}, {"req_data": {}}, {"data": {"req_data": 1}},
           {"text": GOAL, "top_k": NESTED}, {"text": GOAL, "meta": NESTED}, {"text": [None]}, {"text": 1.5},
           {"text": {}}, {"instances": [{}, 5, []]}, {"text": GOAL, "threshold": "ten"}, {"meta": float("nan")}]
    for number in range(1000):
        noise = {"file": upload(bytes(rng.choices(range(256), k=99)) + b"\xff")}
        reply = ask(service, rng.choice(bad) if number % 10 else noise)
        assert all(code(answer) for answer in reply.get("resp_data") or reply.get("predictions") or [reply])
    assert ask(service, {"text": GOAL}) == before


# Models that fail


def numbers(texts: Any, usual: str, of_bad: str) -> Any:
    """One number per text: ``of_bad`` for the text ``bad``, else ``usual``; TensorFlow raises if it is not a number."""
    like = tf.shape(texts)
    return tf.strings.to_number(tf.where(tf.equal(texts, "bad"), tf.fill(like, of_bad), tf.fill(like, usual)))


FAILING: Dict[str, Callable[[Any], Any]] = {
    "NaN": lambda x: tf.stack([numbers(x, "0.25", "nan"), numbers(x, "0.75", "nan")], 1),
    "NaN in one class": lambda x: tf.stack([numbers(x, "0.25", "nan"), numbers(x, "0.75", "1")], 1),
    "infinity": lambda x: tf.stack([numbers(x, "0.25", "inf"), numbers(x, "0.75", "0")], 1),
    "NaN in the only column": lambda x: numbers(x, "0.75", "nan")[:, None],
    "raises": lambda x: tf.stack([numbers(x, "0.25", "no number"), numbers(x, "0.75", "0")], 1),
    "loses a row": lambda x: tf.boolean_mask(
        tf.stack([numbers(x, "0.25", "0"), numbers(x, "0.75", "1")], 1), tf.not_equal(x, "bad")),
}


@pytest.mark.parametrize("fault", sorted(FAILING))
def test_a_text_on_which_the_model_fails_is_a_model_error_and_the_others_are_answered(
        tmp_path: Path, fault: str) -> None:
    service = made_service(tmp_path / "model", FAILING[fault], ["no", "yes"])
    good = {"predicted_label": "yes", "score": 0.75, "scores": [["yes", 0.75], ["no", 0.25]]}
    answers = ask(service, {"req_data": ["good", "bad", "a longer one", 5, "bad", ""]})["resp_data"]
    assert [code(answers[i]) for i in (1, 3, 4)] == ["model_error", "wrong_type", "model_error"]
    assert [answers[i] for i in (0, 2, 5)] == [good] * 3
    reply = ask(service, {"text": "bad", "meta": 1})
    assert reply.pop("meta") == 1 and code(reply) == "model_error"


@pytest.mark.parametrize("fault", ["raises", "NaN", "loses a row"])
def test_one_failing_text_among_hundreds_does_not_affect_the_others(tmp_path: Path, fault: str) -> None:
    service = made_service(tmp_path / "model", FAILING[fault], ["no", "yes"])
    texts = [f"text {i}" for i in range(300)]
    texts[200] = "bad"
    answers = ask(service, {"instances": texts})["predictions"]
    assert [i for i, answer in enumerate(answers) if "error" in answer] == [200] and len(answers) == 300


def test_more_items_than_the_limit_are_too_large(service: Any) -> None:
    reply = ask(service, {"file": upload(b"\n" * 100_001)})
    assert reply["error"]["code"] == "too_large" and "100000" in reply["error"]["message"]
    assert len(read_request({"text": [""] * 100_000}, service.model.plan).items) == 100_000
