"""``/openapi.json``: the routes of the server in OpenAPI 3.1, with the schemas that also make ``config.json``."""
import json
from pathlib import Path
from typing import Any, Dict, List, Optional

from textjob import manifest
from textjob.errors import PackageError
from textjob.packaging import config_json, package

JSON = "application/json"
NUMBER_OF_SCORES = {"type": "integer", "minimum": 1, "default": 5, "description": "the number of scores per answer"}
THRESHOLD = {"type": "number", "minimum": 0, "maximum": 1, "default": 0, "description": "the smallest score"}

Schema = Dict[str, Any]


def document(name: str, version: str, folder: Path) -> bytes:
    """The document for the package in ``folder``, as JSON."""
    try:
        config = manifest.read_json(folder / package.CONFIG)
    except PackageError:  # a package that another tool made
        config = {}
    return json.dumps({
        "openapi": "3.1.0",
        "info": {"title": f"Text classifier {name}", "version": version, "description":
                 "The API of a ModelArts inference service and the REST API of TensorFlow Serving."},
        "paths": {**_own_paths(), **_tensorflow_serving(f"/v1/models/{name}")},
        "components": {
            "schemas": _schemas(config_json.item_properties(config)),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description":
                                          "Needed if the server was started with --token_file."}}},
        "security": [{}, {"token": []}],
    }, ensure_ascii=False).encode("utf-8")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: List[str], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required}


def _list_of(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _schemas(item: Schema) -> Dict[str, Schema]:
    return {**(_predictions(item) if item else {"Request": {}, "Response": {}}), **_COMMON}


def _predictions(item: Schema) -> Dict[str, Schema]:
    named = {"type": "object", "properties": config_json.json_schema(item), "required": list(item)}
    (value,) = named["properties"].values()
    answer = config_json.json_schema({"type": "object", "properties": config_json.ANSWER,
                                      "required": ["predicted_label"]})
    answer["properties"]["scores"].update(items={
        "type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "minItems": 2, "maxItems": 2})
    items, answers = _list_of(_ref("Item")), _list_of(_ref("Answer"))
    options = {"top_k": NUMBER_OF_SCORES, "threshold": THRESHOLD}
    platform = config_json.json_schema(config_json.wrapped("req_data", _ref("Item")))
    platform["properties"]["data"]["properties"].update(options)
    platform["properties"]["meta"] = {"description": "returned with the answers"}
    return {
        "Item": {"anyOf": [named, value]},
        "Request": {"description": "The first form that matches a body decides.", "anyOf": [
            platform, _object(["req_data"], req_data=items, **options),
            _object(["instances"], instances=items, **options),
            {"type": "object", "properties": {"text": {"anyOf": [{"type": "string"}, _list_of({"type": "string"})]},
                                              **options}, "required": ["text"]}]},
        "Prediction": answer,
        "Answer": {"anyOf": [_ref("Prediction"), _ref("Error")]},
        "Response": {"description": "In the form of the request.", "anyOf": [
            config_json.json_schema(config_json.wrapped("resp_data", _ref("Answer"))),
            _object(["resp_data"], resp_data=answers), _object(["predictions"], predictions=answers),
            _ref("Answer")]},
    }


_COMMON: Dict[str, Schema] = {
    "Error": _object(["error"], error=_object(
        ["code", "message"], code={"type": "string"}, message={"type": "string"})),
    "PlatformError": _object(["erno", "msg"], erno={"type": "string", "enum": ["MR.0101", "MR.0105"]},
                             msg={"type": "string"}, words_result={"type": "object"}),
    "Health": _object(["status", "health"], status={"type": "string", "enum": ["OK", "loading", "draining"]},
                      health={"type": "string", "enum": ["true", "false"]}),
    "ServingError": _object(["error"], error={"type": "string"}),
    "Statuses": _object(["model_version_status"], model_version_status=_list_of(_object(
        ["version", "state"], version={"type": "string"},
        state={"type": "string", "enum": ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]},
        status=_object([], error_code={"type": "string"}, error_message={"type": "string"})))),
    "PredictRequest": {"anyOf": [
        _object(["instances"], instances={"type": "array"}, signature_name={"type": "string"}),
        _object(["inputs"], inputs={}, signature_name={"type": "string"})]},
    "PredictResponse": {"anyOf": [_object(["predictions"], predictions={"type": "array"}),
                                  _object(["outputs"], outputs={})]},
}


def _operation(summary: str, responses: Dict[str, Any], body: Optional[Schema] = None,
               parameters: Optional[List[Schema]] = None) -> Schema:
    operation: Schema = {"summary": summary, "responses": responses}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return dict(operation, parameters=parameters) if parameters else operation


def _response(description: str, schema: str = "", kind: str = JSON) -> Schema:
    content = {JSON: {"schema": _ref(schema)}} if schema else {kind: {"schema": {"type": "string"}}}
    return {"description": description, "content": content}


def _errors(**more: Schema) -> Dict[str, Schema]:
    reasons = {"401": "The token is missing or wrong.", "413": "The body is larger than the limit.",
               "503": "The queue is full, or the server is starting or ending; Retry-After has the time to wait.",
               "504": "The request took longer than the limit."}
    return {**more, **{status: _response(reason, "Error") for status, reason in reasons.items()}}


def _own_paths() -> Dict[str, Schema]:
    form = {"type": "object", "properties": {"text": {"type": "string"}, "top_k": NUMBER_OF_SCORES,
                                             "threshold": THRESHOLD}}
    upload = {"type": "object", "properties": form["properties"], "additionalProperties": {
        "type": "string", "contentMediaType": "application/octet-stream", "description":
        "a text file, one text per line"}}
    failed = _response("The body cannot be used (MR.0101), or the service failed (MR.0105).", "PlatformError")
    return {
        "/": {
            "post": _operation("Classify texts", _errors(**{
                "200": _response("An answer per item; an item with an error has the error as its answer.", "Response"),
                "400": failed, "500": failed}), {
                    JSON: {"schema": _ref("Request")}, "application/x-www-form-urlencoded": {"schema": form},
                    "multipart/form-data": {"schema": upload}}),
            "get": _operation("A page to try the model", {
                "200": _response("For clients that accept text/html.", kind="text/html"),
                "405": _response("For other clients.", "Error")})},
        "/health": {"get": _operation("Whether the server is ready", {
            "200": _response("Ready.", "Health"), "503": _response("Starting or ending.", "Health")})},
        "/metrics": {"get": _operation("Metrics for Prometheus", {
            "200": _response("The text format of Prometheus.", kind="text/plain")})},
        "/openapi.json": {"get": _operation("This document", {
            "200": {"description": "OpenAPI 3.1.", "content": {JSON: {"schema": {"type": "object"}}}}})},
    }


def _tensorflow_serving(model: str) -> Dict[str, Schema]:
    version = {"name": "version", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
    failed = {status: _response(reason, "ServingError") for status, reason in (
        ("400", "The request does not fit the signature."), ("404", "The server has no such model or version."))}
    paths: Dict[str, Schema] = {}
    for path, parameters in ((model, None), (model + "/versions/{version}", [version])):
        paths[path] = {"get": _operation("The state of the versions", {
            "200": _response("The states.", "Statuses"), "404": failed["404"]}, None, parameters)}
        paths[path + "/metadata"] = {"get": _operation("The signatures of the model", {
            "200": {"description": "The signatures.", "content": {JSON: {"schema": {"type": "object"}}}},
            "404": failed["404"]}, None, parameters)}
        paths[path + ":predict"] = {"post": _operation("Call a signature of the model", {
            "200": _response("The outputs of the signature.", "PredictResponse"), **failed,
            **{status: _response(reason, "ServingError") for status, reason in (
                ("503", "The queue is full, or the server is starting or ending."),
                ("504", "The request took longer than the limit."))}},
            {JSON: {"schema": _ref("PredictRequest")}}, parameters)}
    return paths
