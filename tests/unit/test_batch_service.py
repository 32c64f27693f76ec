"""The requests of the platform's batch service: the schema of config.json with the columns of a row."""
import json
from pathlib import Path
from typing import Any

import pytest

from textjob.errors import PackageError
from textjob.packaging import config_json
from textjob.rehearsal import batch_service

CARD = {"test": None, "dev": None}


def schema(leaf: Any) -> Any:
    return {"type": "object", "properties": {"data": {"type": "object", "properties": {
        "req_data": {"type": "array", "items": [{"type": "object", "properties": leaf}]}}}}}


def test_a_row_becomes_the_request_that_the_service_accepts() -> None:
    request_schema = config_json.config(CARD, "tf2.1-python3.7")["apis"][0]["request"]["data"]
    assert batch_service.request(request_schema, ["soup, hot", "x"]) == {"data": {"req_data": [{"text": "soup, hot"}]}}


@pytest.mark.parametrize("leaf, cells, item", [
    ({"a": {"type": "string", "index": 1}, "b": {"type": "integer", "index": 0}}, ["3", "x"], {"a": "x", "b": 3}),
    ({"a": {"type": "number", "index": 0}, "b": {"type": "boolean", "index": 1}}, ["1.5", "True"],
     {"a": 1.5, "b": True}),
    ({"a": {"type": "string", "index": 0}, "b": {"type": "string", "index": 7}, "c": {"type": "string"}}, ["x"],
     {"a": "x"}),
    ({"a": {"type": "integer", "index": 0}}, ["no number"], {"a": "no number"}),
    ({"a": {"type": "array", "items": [{"type": "integer", "index": 0}, {"type": "integer", "index": 1}]}},
     ["4", "5"], {"a": [4, 5]})])
def test_a_leaf_gets_the_column_of_its_index_and_one_without_a_valid_index_is_left_out(
        leaf: Any, cells: Any, item: Any) -> None:
    assert batch_service.request(schema(leaf), cells) == {"data": {"req_data": [item]}}


@pytest.mark.parametrize("content", [
    "{", "[]", '{"apis": []}', json.dumps({"apis": [{"method": "post", "request": {"data": schema({})}}]})])
def test_a_config_json_without_an_index_is_refused_with_a_remedy(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(PackageError, match=r'add, for example, \{"type": "string", "index": 0\}'):
        batch_service.request_schema(tmp_path)
