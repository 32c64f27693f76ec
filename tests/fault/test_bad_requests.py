"""Invalid requests in the platform's life cycle (docs/faults.md: R1, R3, R4, R10).

The forms, their wrong types and failing models are tested in tests/contract: test_requests.py, test_texts.py.
"""
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from asking import GOAL, ask, same, service_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import MODELS
from textjob.paths import PROJECT, SHIMS
from textjob.serving import host

GOOD = json.dumps({"text": GOAL}).encode("utf-8")
EXAMPLES = settings(max_examples=200, deadline=None, database=None, derandomize=True,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(scope="module")
def server(tiny: Path) -> host.Server:
    return host.Server(str(tiny), str(SHIMS))


def is_client_error(status: int, reply: Any) -> bool:
    """Whether a response is MR.0101, or an error of the whole request or of each item."""
    if status == 400:
        return bool(reply["erno"] == "MR.0101")
    rows = reply.get("resp_data", [reply])
    return status == 200 and rows != [] and all(set(row) - {"meta"} == {"error"} for row in rows)


# R1: bodies


def nested(depth: int, opened: bytes = b"[", closed: bytes = b"]") -> bytes:
    return opened * depth + closed * depth


BAD: Dict[str, bytes] = {
    "empty": b"", "blanks": b" \t\r\n", "null": b"null", "empty object": b"{}", "empty list": b"[]", "zero": b"0",
    "cut in a key": b'{"te', "cut in a text": b'{"text": "goal te', "cut in an escape": b'{"text": "\\u00',
    "cut before the end": GOOD[:-1], "trailing letter": GOOD + b"x", "trailing bracket": GOOD + b"}",
    "two bodies": GOOD + GOOD, "trailing NUL": GOOD + b"\0", "single quotes": b"{'text': 'goal'}",
    "a comma too many": b'{"text": "goal",}', "no quotes": b"{text: goal}", "a raw line break": b'{"text": "a\nb"}',
    "a form": b"text=goal", "XML": b"<text>goal</text>", "a number": b"5", "a text alone": b'"goal"', "true": b"true",
    "NaN": b"NaN", "NaN for the text": b'{"text": NaN}', "NaN for top_k": b'{"text": "goal", "top_k": NaN}',
    "NaN for the threshold": b'{"text": "goal", "threshold": NaN}', "NaN in meta": b'{"text": "goal", "meta": [NaN]}',
    "infinity in meta": b'{"text": "goal", "meta": -Infinity}', "a huge float in meta": b'{"text": "a", "meta": 1e999}',
    "NaN for an item": b'{"req_data": [NaN, {"text": NaN}]}',
    "duplicate keys, the last one wrong": b'{"text": "goal", "text": 5}', "duplicate lists": b'{"req_data": [5], '
    b'"req_data": [{}, 6]}',
    "10,000 lists": nested(10_000), "10,000 objects": nested(10_000, b'{"a":', b"}"),
    "10,000 lists that never end": b"[" * 10_000, "10,000 lists for the text": b'{"text": ' + nested(10_000) + b"}",
    "10,000 lists in meta": b'{"text": "goal", "meta": ' + nested(10_000) + b"}",
    "900 lists for the text": b'{"text": {"text": ' + nested(900) + b"}}",
    "a number of 100,000 digits": b'{"text": ' + b"9" * 100_000 + b"}",
    "a number of 4,000 digits": b'{"text": ' + b"9" * 4_000 + b"}",
    "top_k of 4,000 digits": b'{"text": "goal", "top_k": ' + b"9" * 4_000 + b"}",
    "top_k of 1e999": b'{"text": "goal", "top_k": 1e999}', "a float beyond all": b'{"text": 1e400}',
    "-0 for top_k": b'{"text": "goal", "top_k": -0}', "1e-999 for the items": b'{"req_data": 1e-999}',
    "invalid UTF-8": b'{"text": "\xff"}', "cut UTF-8": b'{"text": "\xe5\xa5"}',
    "overlong UTF-8": b'{"text": "\xc0\x80"}',
    "a surrogate as UTF-8": b'{"text": "\xed\xa0\x80"}', "beyond Unicode": b'{"text": "\xf4\x90\x80\x80"}',
    "GB18030": '{"text": "好吃"}'.encode("gb18030"), "UTF-16": '{"text": "goal"}'.encode("utf-16"),
    "UTF-8 with BOM": b"\xef\xbb\xbf" + GOOD, "NUL": b"\0", "gzip": b"\x1f\x8b\x08\0\0\0\0\0",
}


@pytest.mark.parametrize("case", BAD)
def test_an_invalid_body_is_a_client_error_and_the_next_request_is_answered(
        server: host.Server, case: str) -> None:
    before = server.post(GOOD)
    status, reply = server.post(BAD[case])
    assert is_client_error(status, reply), (status, reply)
    assert server.post(GOOD) == before and before[0] == 200


def test_every_truncated_body_is_a_client_error(server: host.Server) -> None:
    body = json.dumps({"data": {"req_data": [{"text": "goal 好吃"}, "x"]}, "top_k": 2, "meta": {"a": [1, None]}},
                      ensure_ascii=False).encode("utf-8")
    assert server.post(body)[0] == 200
    assert [server.post(body[:size])[0] for size in range(len(body))] == [400] * len(body)


def test_the_last_of_duplicate_keys_is_used(server: host.Server) -> None:
    assert server.post(b'{"text": 5, "text": "goal team score"}') == server.post(GOOD)
    assert server.post(b'{"text": "soup", "top_k": "x", "text": "goal team score", "top_k": 5}') == server.post(GOOD)


@pytest.mark.parametrize("template", [b'{"text": 5, "meta": %s}', b'{"text": "goal", "note": %s}', b'{"text": %s}'])
def test_no_depth_of_nesting_raises_an_exception(server: host.Server, template: bytes) -> None:
    near_the_recursion_limit = range(600, 1100)
    for depth in [*range(1, 600, 50), *near_the_recursion_limit, 2000, 5000, 100_000]:
        status, reply = server.post(template % nested(depth))
        assert reply.get("erno") in (None, "MR.0101"), (depth, status, reply)


REQUESTS = [{"text": GOAL}, {"text": [GOAL, 5]}, {"data": {"req_data": [{"text": "好吃"}], "top_k": "2"}}, {
    "instances": ["", None], "meta": {"uuid": "\ud83d\ude00"}, "threshold": 0.5}]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9) | st.just("goal"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2) | st.sampled_from(
        ["text", "req_data", "data", "instances", "meta", "top_k"]), inner, max_size=4), max_leaves=8)


@st.composite
def damaged(draw: Any) -> bytes:
    """The bytes of a request of which a part was replaced."""
    value = draw(st.sampled_from(REQUESTS) | anything)
    whole = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    first, last = sorted(draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    return whole[:first] + draw(st.binary(max_size=6) | st.sampled_from([b"", b'"', b"[", b"}", b"\\", b"NaN", b"1e9"])
                                ) + whole[last:]


@EXAMPLES
@given(body=st.binary(max_size=60) | damaged() | anything.map(lambda value: json.dumps(value).encode()))
def test_the_response_to_any_bytes_is_an_answer_or_a_client_error_in_valid_json(
        server: host.Server, body: bytes) -> None:
    status, reply = server.post(body)
    assert status == 200 or (status, reply["erno"]) == (400, "MR.0101"), (status, reply)
    json.dumps(reply, ensure_ascii=False, allow_nan=False).encode("utf-8")


# R10: many invalid requests


def test_a_thousand_bad_requests_in_a_row_raise_no_exception_and_do_not_change_the_answer_to_a_good_one(
        server: host.Server, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(10)
    noise = [bytes(rng.choices(range(256), k=rng.randint(1, 99))) for _ in range(300)]
    before = server.post(GOOD)
    for body in [*rng.choices(list(BAD.values()), k=700), *noise]:
        status, reply = server.post(body)
        assert is_client_error(status, reply), (body, status, reply)
    assert server.post(GOOD) == before and "predicted_label" in before[1]
    assert caplog.text == ""


# R3: invisible characters

INVISIBLE: Dict[str, List[int]] = {
    "control": [*range(1, 0x20), *range(0x7F, 0xA0)],
    "zero-width": [0xAD, 0x180E, 0x200B, 0x200C, 0x200D, 0x2060, 0x2061, 0x2062, 0x2063, 0xFEFF],
    "bidi": [0x200E, 0x200F, *range(0x202A, 0x202F)],
    "bidi isolates": [0x061C, *range(0x2066, 0x206A)],
    "noncharacters": [0xFDD0, 0xFFFE, 0xFFFF, 0xFFFD, 0x10FFFE, 0xE0001],
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", INVISIBLE)
def test_invisible_characters_count_as_blanks_in_all_models(
        packages: Dict[str, Path], model: str, kind: str) -> None:
    service = service_of(packages[model])
    expected = ask(service, {"text": GOAL})
    texts = [text for char in map(chr, INVISIBLE[kind]) for text in (
        f"goal{char}team {char}score", f"{char}{char}goal team{char}score{char}")]
    answers = ask(service, {"req_data": texts})["resp_data"]
    assert [ascii(text) for text, answer in zip(texts, answers) if not same(answer, expected)] == []


@pytest.mark.parametrize("text", ["\ud800", "goal \udcff", "\x00", "\u202e\u200b", "\ufdd0", "\U0010ffff"], ids=ascii)
def test_text_that_is_not_valid_utf_8_is_answered_by_every_model(packages: Dict[str, Path], text: str) -> None:
    answers = [ask(service_of(packages[model]), {"text": text}) for model in MODELS]
    assert all(set(answer) == {"predicted_label", "score", "scores"} for answer in answers)


# R4: size

PEAKS = """
import json, logging, sys
sys.path.insert(0, sys.argv[1])
from textjob.serving import host
logging.disable(logging.CRITICAL)

def megabytes(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1e3 for line in file if line.startswith(field))

texts = {"empty": "", "blanks": "  \\t\\n", "one letter": "g", "a million words": "goal " * 10 ** 6,
         "a word of 10 MB": "g" * 10 ** 7, "10 MB of Chinese": chr(0x597d) * (10 ** 7 // 3)}
for package in sys.argv[3:]:
    server = host.Server(package, sys.argv[2])
    server.post(b'{"text": "goal"}')
    for name, text in texts.items():
        body = json.dumps({"text": text}, ensure_ascii=False).encode("utf-8")
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # resets the peak
        before = megabytes("VmRSS")
        status, reply = server.post(body)
        print(json.dumps([name, status, sorted(reply), megabytes("VmHWM") - before]))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of the memory is read from /proc")
def test_texts_of_any_size_are_answered_within_60_mb(packages: Dict[str, Path]) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PEAKS, str(PROJECT), str(SHIMS), *map(str, packages.values())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == 6 * len(packages)
    for name, status, keys, megabytes in results:
        assert (status, keys) == (200, ["predicted_label", "score", "scores"]), name
        assert megabytes < 60, results  # measured: 20 MB
