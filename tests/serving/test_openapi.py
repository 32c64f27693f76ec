"""/openapi.json: a valid document whose schemas are those of the requests and answers of the server."""
import json
from pathlib import Path
from typing import Any, Dict

import pytest
from asking import FORMS, TEXTS, ask, service_of
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from processes import Server, Start

from textjob.packaging import config_json
from textjob.serving import openapi


def described(folder: Path) -> Any:
    return json.loads(openapi.document("news", "3", folder))


def written(folder: Path, config: Any) -> Path:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def validator(document: Any, name: str) -> Draft202012Validator:
    """Of one of the document's schemas."""
    return Draft202012Validator(dict(document, **{"$ref": f"#/components/schemas/{name}"}))


def own_config(takes_ids: bool = False) -> Dict[str, Any]:
    return config_json.config({"test": {}, "dev": {}}, "tf2.1-python3.7", takes_ids)


@pytest.mark.parametrize("config", [own_config(), own_config(True), {}, {"apis": [{"request": {"data": []}}]}],
                         ids=["texts", "ids", "empty", "foreign"])
def test_the_document_is_valid_openapi_3_1(config: Any, tmp_path: Path) -> None:
    document = described(written(tmp_path, config))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["openapi"].startswith("3.1") and document["info"]["version"] == "3"


def test_the_document_has_the_routes_of_the_contract(tmp_path: Path) -> None:
    model = "/v1/models/news"
    versions = model + "/versions/{version}"
    assert {(path, method) for path, methods in described(tmp_path)["paths"].items() for method in methods} == {
        ("/", "post"), ("/", "get"), ("/health", "get"), ("/metrics", "get"), ("/openapi.json", "get"),
        (model, "get"), (versions, "get"), (model + "/metadata", "get"), (versions + "/metadata", "get"),
        (model + ":predict", "post"), (versions + ":predict", "post")}


def test_the_schemas_are_those_of_config_json(tmp_path: Path) -> None:
    schemas = described(written(tmp_path, own_config()))["components"]["schemas"]
    assert schemas["Item"]["anyOf"][0]["properties"] == {"text": {"type": "string"}}
    assert set(schemas["Prediction"]["properties"]) == set(config_json.ANSWER)
    ids = described(written(tmp_path, own_config(True)))
    assert validator(ids, "Item").is_valid({"input_x": [1, 2]}) and validator(ids, "Item").is_valid([1, 2])
    assert not validator(ids, "Item").is_valid("a text") and not validator(ids, "Item").is_valid({"input_x": ["1"]})


def test_every_form_of_a_request_and_its_response_meets_the_schemas(own_package: Path) -> None:
    document, service = described(own_package), service_of(own_package)
    for form in FORMS:
        body = FORMS[form](list(TEXTS))
        assert list(validator(document, "Request").iter_errors(body)) == [], form
        assert list(validator(document, "Response").iter_errors(ask(service, body))) == [], form
    failed = ask(service, {"req_data": [5]})
    assert validator(document, "Response").is_valid(failed) and not validator(document, "Request").is_valid({"text": 5})
    assert not validator(document, "Response").is_valid({"resp_data": [{"error": "text"}]})


def test_the_server_returns_the_document_of_the_version_in_service(own_package: Path, start: Start) -> None:
    server: Server = start(own_package, "--name", "news").ready()
    response, body = server.send("GET", "/openapi.json")
    assert response.status == 200 and response.headers["Content-Type"] == "application/json"
    assert json.loads(body) == json.loads(openapi.document("news", "1", own_package))
    document = json.loads(body)
    for path, schema in (("/health", "Health"), ("/no/such", "Error")):
        assert validator(document, schema).is_valid(json.loads(server.send("GET", path)[1])), path
    assert validator(document, "PlatformError").is_valid(server.post(b"{")[1])
    model = "/v1/models/news"
    for schema, (response, body) in (
            ("Statuses", server.send("GET", model)), ("Statuses", server.send("GET", model + "/versions/1")),
            ("PredictResponse", server.send("POST", model + ":predict", {"instances": ["goal"]})),
            ("PredictResponse", server.send("POST", model + "/versions/1:predict", {"inputs": {"input_x": ["goal"]}})),
            ("ServingError", server.send("POST", model + ":predict", {"instances": 5})),
            ("ServingError", server.send("GET", model + "/versions/7"))):
        assert (response.status == 200) == (schema != "ServingError"), body
        assert list(validator(document, schema).iter_errors(json.loads(body))) == [], body
