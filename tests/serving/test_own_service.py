"""A trained package behind HTTP: the answers are those of its service, also under concurrency (R6, R7)."""
import json
import random
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, List

import pytest
from asking import FORMS, TEXTS, ask, same, service_of, unwrapped
from processes import Server, Start, post_bytes, read_response, resident, wait_until

from textjob.serving import host
from textjob.serving.exchange import encode
from textjob.serving.metrics import Metrics, answers_in

WORDS = ["goal", "team", "score", "soup", "bread", "好吃", "体育", "crowd", "stadium", "match", "kitchen"]


@pytest.fixture(scope="module", params=["normal", "strict"])
def own(request: pytest.FixtureRequest, own_package: Path, start: Start) -> Server:
    return start(own_package, *(["--strict"] if request.param == "strict" else [])).ready()


def texts(seed: int, count: int) -> List[str]:
    """Texts of 1 to 400 words with different answers."""
    random_ = random.Random(seed)
    return [" ".join(random_.choices(WORDS, k=random_.choice([1, 2, 5, 12, 60, 400]))) for _ in range(count)]


class Words(str):
    """A string of a class of its own."""


@pytest.mark.parametrize("response", [
    {"predicted_label": "好吃", "score": 0.1 + 0.2, "scores": [["a", 5e-324], ["b", 1e16], ["c", -0.0]]},
    [1, True, None, "null", ""], {"a": float("nan")}, [float("inf"), -float("inf")], {"n": 1 << 70, "m": -(1 << 63)},
    {1: "a number as a key", None: 1.5}, ("a", ("b",)), Words("text"), {"x": [[[[]]]], "\u2028": "\x7f\x00\""}],
    ids=ascii)
def test_the_text_of_a_response_has_the_values_of_the_platforms_text(response: Any) -> None:
    assert repr(json.loads(encode(response))) == repr(json.loads(host.encode(response)))


@pytest.mark.parametrize("response", [{"a": "\ud800"}, {"a": {1, 2}}, {"a": b""}], ids=ascii)
def test_a_response_that_the_platform_cannot_write_raises_the_same_error(response: Any) -> None:
    with pytest.raises((TypeError, UnicodeEncodeError)) as expected:
        host.encode(response).encode("utf-8")
    with pytest.raises(expected.type):
        encode(response)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gets_the_answers_of_the_service(form: str, own: Server, own_package: Path) -> None:
    status, body = own.post(FORMS[form](list(TEXTS)))
    assert status == 200
    answers = unwrapped(form, body)
    assert len(answers) == len(TEXTS)
    for answer, text in zip(answers, TEXTS):
        assert same(answer, ask(service_of(own_package), {"text": text}))


def test_a_form_and_the_query_set_options(own: Server) -> None:
    status, body = own.post(b"text=goal+team", "/?top_k=1", {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 200 and len(body["scores"]) == 1


def test_answer_i_belongs_to_text_i_under_concurrency(own: Server, own_package: Path) -> None:
    service = service_of(own_package)
    sent = [texts(seed, 1 + seed % 40) for seed in range(200)]
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda each: own.post({"req_data": each}), sent))
    for each, (status, body) in zip(sent, replies):
        assert status == 200 and len(body["resp_data"]) == len(each)
        expected = ask(service, {"req_data": each})["resp_data"]
        assert all(same(answer, other) for answer, other in zip(body["resp_data"], expected))


def test_bad_items_get_errors_in_their_places_and_the_others_their_answers(own: Server, own_package: Path) -> None:
    items: List[Any] = [TEXTS[0], 5, {"text": None}, TEXTS[1], {"text": ["a"]}]
    status, body = own.post({"data": {"req_data": items}, "meta": {"uuid": "1"}})
    assert status == 200 and body["meta"] == {"uuid": "1"}
    codes = [answer.get("error", {}).get("code") for answer in body["data"]["resp_data"]]
    assert codes == [None, "wrong_type", "missing_text", None, "wrong_type"]
    assert own.post({"no": "text"}) == (200, ask(service_of(own_package), {"no": "text"}))


def test_large_batches_of_all_lengths_are_answered_within_bounded_memory(own: Server) -> None:
    own.post({"text": "warm"})
    before = resident(own)
    for items in ([""] * 100000, ["goal " * 200] * 10000, ["word " * 200000] * 10):
        status, body = own.post({"req_data": items})
        assert status == 200 and len(body["resp_data"]) == len(items)
    assert own.post({"req_data": [""] * 100001})[1]["error"]["code"] == "too_large"
    assert resident(own) - before < 400 << 20


def test_twenty_thousand_requests_leave_no_memory_and_no_descriptors_behind(own: Server) -> None:
    def send(requests: int) -> int:
        with own.connect() as connection:
            for _ in range(requests):
                connection.sendall(post_bytes(json.dumps({"text": "goal team score"}).encode()))
                assert read_response(connection)[0] == 200
        return requests

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(send, [250] * 16)) == 4000
        memory, descriptors = resident(own), own.descriptors()
        assert sum(pool.map(send, [1000] * 16)) == 16000
    wait_until(lambda: own.descriptors() <= descriptors)
    assert resident(own) - memory < 30 << 20


def test_a_large_request_over_the_time_limit_is_504_and_the_rest_of_its_items_is_not_computed(
        own_package: Path, start: Start) -> None:
    server = start(own_package, "--time_limit", "0.05").ready()
    status, body = server.post({"req_data": ["goal team"] * 100000})
    assert (status, body["error"]["code"]) == (504, "timeout")
    wait_until(lambda: server.post({"text": "goal team"})[0] == 200)
    page = server.send("GET", "/metrics")[1].decode("utf-8")
    assert float(page.split('\ntextjob_batch_items_sum{version="1"} ')[1].split()[0]) < 100000


@pytest.mark.parametrize("response, answers", [
    ({"data": {"resp_data": [{"predicted_label": "a"}, 5]}}, 1), ({"predictions": [{}, {"error": {"code": "x"}}]}, 2),
    ({"predicted_label": "a", "meta": 1}, 1), ([1, "a"], 0), ("text", 0), ({"data": None}, 0), ({"error": "text"}, 1)],
    ids=str)
def test_a_response_of_any_shape_is_counted(response: Any, answers: int) -> None:
    metrics = Metrics()
    metrics.response("1", response)
    assert len(answers_in(response)) == answers and b"textjob" in metrics.text()


def test_the_metrics_count_requests_items_labels_and_errors(own_package: Path, start: Start) -> None:
    server = start(own_package).ready()
    label = server.post({"text": TEXTS[0]})[1]["predicted_label"]
    server.post({"req_data": [TEXTS[0], 5]})
    server.post(b"{")
    page = server.send("GET", "/metrics")[1].decode("utf-8")

    def value(name: str) -> float:
        (found,) = re.findall(rf"^{re.escape(name)} (\S+)$", page, re.M)
        return float(found)

    assert value('textjob_requests_total{path="/",status="200",version="1"}') == 2
    assert value('textjob_requests_total{path="/",status="400",version="1"}') == 1
    assert value('textjob_request_seconds_count{version="1"}') == 2
    assert value('textjob_items_total{version="1"}') == 3
    assert value(f'textjob_labels_total{{label="{label}",version="1"}}') == 2
    assert value('textjob_errors_total{code="wrong_type",version="1"}') == 1
    assert value('textjob_batch_items_sum{version="1"}') == 3
    assert value('textjob_model_loaded{name="serve",version="1"}') == 1
    assert value('textjob_model_load_seconds{version="1"}') > 0
    assert value("textjob_queue_requests") == 0
    assert "process_resident_memory_bytes" in page
    assert json.dumps(TEXTS[0]) not in page
