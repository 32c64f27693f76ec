"""A service file gets the same data and the client the same responses as on the platform."""
import io
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import requests
from processes import PATIENCE, Server, Start, make_package

INVALID = {"erno": "MR.0101", "msg": "The input parameter is invalid", "words_result": {}}
FAILED = {"erno": "MR.0105", "msg": "Recognition failed", "words_result": {}}


@pytest.fixture(scope="module", params=["normal", "strict"])
def echo(request: pytest.FixtureRequest, echo_package: Path, start: Start) -> Server:
    return start(echo_package, *(["--strict"] if request.param == "strict" else [])).ready()


def upload(server: Server, data: Dict[str, Any], files: List[Tuple[str, Any]], query: str = "") -> Any:
    """The data that the service got from a form with files, sent by another HTTP client."""
    response = requests.post(f"http://127.0.0.1:{server.port}/{query}", data=data, files=files, timeout=PATIENCE)
    return response.json()["data"]


@pytest.mark.parametrize("body", [{"a": [1, None, "é 好", {"b": 2.5}]}, [1, {"a": 2}], "a text", 5, True], ids=str)
def test_a_json_body_reaches_the_service_as_it_is(body: Any, echo: Server) -> None:
    expected = ["dict", body] if isinstance(body, dict) else body
    assert echo.post(body) == (200, {"data": expected})


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON",
                                          "application/problem+json"])
def test_every_json_content_type_is_parsed(content_type: str, echo: Server) -> None:
    status, body = echo.post(b'{"a": 1}', headers={"Content-Type": content_type})
    assert (status, body) == (200, {"data": ["dict", {"a": 1}]})


def test_the_fields_of_a_form_are_strings_and_the_first_value_counts(echo: Server) -> None:
    form = b"text=good+film&top_k=2&text=second&empty=&%E5%A5%BD=%E5%A5%BD"
    status, body = echo.post(form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 200
    assert body["data"] == ["dict", {"text": "good film", "top_k": "2", "empty": "", "好": "好"}]


def test_uploaded_files_are_byte_streams_by_field_and_file_name(echo: Server) -> None:
    files = [("images", ("a.txt", io.BytesIO(b"one\r\n--x\n"))), ("images", ("b.txt", io.BytesIO(b""))),
             ("other", ("c 好.bin", io.BytesIO(b"\xff\x00")))]
    assert upload(echo, {"note": "é", "top_k": 3}, files) == ["dict", {
        "note": "é", "top_k": "3",
        "images": ["OrderedDict", {"a.txt": ["BytesIO", "one\r\n--x\n"], "b.txt": ["BytesIO", ""]}],
        "other": ["OrderedDict", {"c 好.bin": ["BytesIO", "\xff\x00"]}]}]


def test_a_file_and_a_field_of_several_megabytes_arrive_unchanged(echo: Server) -> None:
    content = bytes(range(256)) * 16000
    data = upload(echo, {"long": "x" * 2000000}, [("file", ("f", io.BytesIO(content)))])
    assert data == ["dict", {"long": "x" * 2000000,
                             "file": ["OrderedDict", {"f": ["BytesIO", content.decode("latin-1")]}]}]


def test_parameters_of_the_query_are_merged_as_strings_and_win(echo: Server) -> None:
    merged = ["dict", {"a": 1, "b": "3", "c": "好"}]
    assert echo.post({"a": 1, "b": 2}, "/?b=3&c=%E5%A5%BD&c=4") == (200, {"data": merged})
    assert upload(echo, {"a": "1"}, [("f", ("f", io.BytesIO(b"x")))], "?top_k=2") == [
        "dict", {"a": "1", "f": ["OrderedDict", {"f": ["BytesIO", "x"]}], "top_k": "2"}]
    assert echo.post([1], "/?a=2") == (200, {"data": [1]})


@pytest.mark.parametrize("body, content_type", [
    (b"", "application/json"), (b"{}", "application/json"), (b"[]", "application/json"), (b"null", "application/json"),
    (b'{"a": ', "application/json"), (b'{"a": 1} x', "application/json"), (b"\xff\xfe", "application/json"),
    (b"[" * 100000, "application/json"), (b'{"a": 1}', "text/plain"), (b'{"a": 1}', ""), (b'{"a": 1}', "a;b;;=c"),
    (b"", "application/x-www-form-urlencoded"), (b"a=1&" * 100000, "application/x-www-form-urlencoded"),
    (b"x", "multipart/form-data"), (b"x", "multipart/form-data; boundary=b"),
    (b"--b\r\n", "multipart/form-data; boundary=b"),
    (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\ncut', "multipart/form-data; boundary=b"),
    (b"--b--\r\n", "multipart/form-data; boundary=b"), (b"\x1f\x8b" + bytes(100), "application/gzip"),
], ids=lambda value: ascii(value)[:40])
def test_a_body_that_is_empty_or_cannot_be_parsed_is_mr_0101(body: bytes, content_type: str, echo: Server) -> None:
    assert echo.post(body, "/?a=1", headers={"Content-Type": content_type}) == (400, INVALID)


@pytest.mark.parametrize("answer, status", [("KeyError", 400), ("TypeError", 400), ("bytes", 400), ("ValueError", 500),
                                            ("a lone surrogate", 500)])
def test_an_exception_of_the_service_is_mr_0105_without_its_text(answer: str, status: int, echo: Server) -> None:
    assert echo.post({"answer": answer}) == (status, FAILED)
    assert echo.post({"a": 1})[0] == 200


def test_nan_is_written_as_the_platform_does(echo: Server) -> None:
    response, body = echo.send("POST", "/", {"answer": "NaN"})
    assert (response.status, body) == (200, b'{"score": NaN}')


def test_the_service_is_made_with_the_name_and_the_folder_of_the_model(echo: Server, echo_package: Path) -> None:
    assert echo.post({"answer": "names"}) == (200, ["serve", str(echo_package)])


def test_other_methods_are_405_and_other_paths_404(echo: Server) -> None:
    for method, path, status in (("GET", "/", 405), ("PUT", "/", 405), ("POST", "/health", 405), ("GET", "/x", 404),
                                 ("POST", "/v1", 404), ("OPTIONS", "/", 405), ("GET", "/health", 200)):
        response, body = echo.send(method, path)
        assert (response.status, isinstance(json.loads(body), dict)) == (status, True), (method, path)
        assert response.headers.get("Allow") == {405: "GET" if path == "/health" else "POST"}.get(status)
    assert echo.send("HEAD", "/health")[0].status == 200


def test_health_has_the_body_that_the_platform_expects(echo: Server) -> None:
    response, body = echo.send("GET", "/health")
    assert (response.status, json.loads(body)) == (200, {"status": "OK", "health": "true"})


def test_strict_has_no_metrics(echo: Server, request: pytest.FixtureRequest) -> None:
    strict = request.node.callspec.params["echo"] == "strict"
    assert echo.send("GET", "/metrics")[0].status == (404 if strict else 200)


@pytest.mark.parametrize("source, message", [
    ("x = 1", "exactly one leaf class"),
    ("from model_service.tfserving_model_service import TfServingBaseService as B\nclass One(B): pass\n"
     "class Two(B): pass\n", "has 2: One, Two"),
    ("import no_such_module", "No module named 'no_such_module'"),
    ("from model_service.tfserving_model_service import TfServingBaseService as B\n"
     "class One(B):\n    def __init__(self, a, b): raise ValueError('no model here')\n", "no model here")])
def test_a_service_that_cannot_be_started_ends_the_server_with_a_sentence(
        source: str, message: str, start: Start, tmp_path: Path) -> None:
    server = start(make_package(tmp_path / "model", source))
    assert server.process.wait(PATIENCE) == 5
    error = server.log.read_text(encoding="utf-8").splitlines()[-1]
    assert error.startswith("error: ") and message in error
