"""Tensors as JSON by the rules of TensorFlow Serving's REST API."""
import base64
import json
from typing import Any, Dict

import numpy as np
import pytest

from textjob.serving.tfs.tensor_json import (
    InvalidTensorError,
    array_of,
    column_inputs,
    column_response,
    parse,
    row_inputs,
    row_response,
)

TEXT = {"text": object}
BERT = {"ids": np.int32, "mask": np.int32}


def rows(body: Any, dtypes: Dict[str, Any], optional: Any = ()) -> Dict[str, Any]:
    return row_inputs(parse(json.dumps(body).encode()).rows, dtypes, optional)


def columns(body: Any, dtypes: Dict[str, Any], optional: Any = ()) -> Dict[str, Any]:
    return column_inputs(parse(json.dumps(body).encode()).columns, dtypes, optional)


def refusal(function: Any, *arguments: Any) -> str:
    with pytest.raises(InvalidTensorError) as error:
        function(*arguments)
    return str(error.value)


@pytest.mark.parametrize("instances", [
    ["foo", "bar"], [{"text": "foo"}, {"text": "bar"}],
    [{"b64": base64.b64encode(b"foo").decode()}, "bar"], [{"text": {"b64": "Zm9v"}}, {"text": "bar"}]], ids=str)
def test_a_row_is_the_value_of_the_only_input_or_an_object(instances: Any) -> None:
    assert rows({"instances": instances}, TEXT)["text"].tolist() == [b"foo", b"bar"]


def test_rows_of_several_inputs_are_objects_with_all_of_them() -> None:
    inputs = rows({"instances": [{"ids": [1, 2], "mask": [1, 1]}, {"ids": [3, 4], "mask": [1, 0]}]}, BERT)
    assert inputs["ids"].tolist() == [[1, 2], [3, 4]] and inputs["mask"].tolist() == [[1, 1], [1, 0]]
    assert inputs["ids"].dtype == np.int32


def test_an_input_with_a_default_value_may_be_left_out_of_rows_and_columns() -> None:
    dtypes = {"input_x": object, "keep_prob": np.float32}
    assert set(rows({"instances": ["a"]}, dtypes, {"keep_prob"})) == {"input_x"}
    assert set(columns({"inputs": ["a"]}, dtypes, {"keep_prob"})) == {"input_x"}
    assert columns({"inputs": {"input_x": ["a"], "keep_prob": 0.5}}, dtypes, {"keep_prob"})["keep_prob"].shape == ()


@pytest.mark.parametrize("inputs, shape", [("foo", []), (["foo"], [1]), ([["a", "b"], ["c", "d"], ["e", "f"]], [3, 2]),
                                           ({"b64": "Zm9v"}, []), ({"text": [["a"]]}, [1, 1])], ids=str)
def test_a_column_may_have_any_rank(inputs: Any, shape: Any) -> None:
    assert list(columns({"inputs": inputs}, TEXT)["text"].shape) == shape


@pytest.mark.parametrize("value, dtype", [
    (1, np.float32), (1.5, np.float64), (True, np.bool_), (-3, np.int8), (200, np.uint8), (2 ** 40, np.int64)])
def test_each_type_of_json_becomes_the_type_of_the_input(value: Any, dtype: Any) -> None:
    array = array_of([value], dtype, "x")
    assert array.dtype == dtype and array.tolist() == [value]


@pytest.mark.parametrize("value, dtype, name", [
    (1.0, np.int32, "int32"), (True, np.int32, "int32"), ("1", np.int32, "int32"), (2 ** 31, np.int32, "int32"),
    (-1, np.uint8, "uint8"), (True, np.float32, "float32"), (None, np.float32, "float32"), (1, np.bool_, "bool"),
    (1, object, "string"), ({"b64": "%"}, object, "string"), ({"b64": 5}, object, "string")])
def test_a_value_of_another_type_is_refused_with_the_value_and_the_type(value: Any, dtype: Any, name: str) -> None:
    message = refusal(array_of, [value], dtype, "x")
    assert message == f"JSON Value: {json.dumps(value)} of the input 'x' is not of the expected type {name}"


def test_a_lone_surrogate_becomes_the_replacement_character_as_in_the_service() -> None:
    assert array_of(["a\ud800b"], object, "x").tolist() == ["a\ufffdb".encode()]


def test_a_list_that_is_nested_more_deeply_than_an_array_can_be_is_refused() -> None:
    value: Any = 1
    for _ in range(100):
        value = [value]
    assert "is not of the expected type int32" in refusal(array_of, value, np.int32, "x")


@pytest.mark.parametrize("value", [[[1, 2], [3]], [[1], 2], [1, [2]], [[1], [[2]]]], ids=str)
def test_lists_of_different_lengths_are_refused(value: Any) -> None:
    message = refusal(array_of, value, np.int32, "x")
    assert "different lengths" in message or "is not of the expected type" in message


@pytest.mark.parametrize("body, message", [
    (b"", "JSON Parse error: "), (b"{", "JSON Parse error: "), (b"\xff", "JSON Parse error: "),
    (b"[" * 100000, "JSON Parse error: "), (b"[1]", "JSON Value: [1] is not an object"),
    (b"{}", "expected one of the keys 'instances' and 'inputs'"),
    (b'{"instances": [1], "inputs": 1}', "expected one of the keys 'instances' and 'inputs'"),
    (b'{"instances": []}', "'instances' is [], expected a list with at least one row"),
    (b'{"instances": "a"}', "'instances' is \"a\", expected a list"),
    (b'{"signature_name": 5, "inputs": 1}', "'signature_name' is 5, expected a string")], ids=str)
def test_a_body_in_another_form_is_refused(body: bytes, message: str) -> None:
    assert refusal(parse, body).startswith(message)


@pytest.mark.parametrize("instances, part", [
    (["a"], "each row of 'instances' must be an object, because the signature has the inputs ids, mask"),
    ([{"ids": [1]}], "Missing: mask"), ([{"ids": [1], "mask": [1], "x": 1}], "Unknown: x"),
    ([{"ids": [1], "mask": [1]}, {"ids": [1]}], "row 1 of 'instances' is"),
    ([{"ids": [1], "mask": [1]}, [1]], "row 1 of 'instances' is [1]"),
    ([{"ids": [1], "mask": [1]}, {"ids": [1, 2], "mask": [1, 1]}], "different lengths")], ids=str)
def test_rows_that_do_not_fit_the_signature_are_refused(instances: Any, part: str) -> None:
    assert part in refusal(rows, {"instances": instances}, BERT)


def test_one_output_is_a_list_and_several_are_objects() -> None:
    scores, labels = np.array([[0.25, 0.75]], np.float32), np.array([b"\xe5\xa5\xbd"], object)
    assert json.loads(row_response({"output": scores})) == {"predictions": [[0.25, 0.75]]}
    assert json.loads(row_response({"label": labels, "output": scores})) == {
        "predictions": [{"label": "好", "output": [0.25, 0.75]}]}
    assert json.loads(column_response({"output": scores})) == {"outputs": [[0.25, 0.75]]}
    assert json.loads(column_response({"label": labels, "output": scores})) == {
        "outputs": {"label": ["好"], "output": [[0.25, 0.75]]}}


def test_floats_are_written_as_the_shortest_number_and_values_that_json_lacks_as_tokens() -> None:
    outputs = {"x": np.array([0.2, np.nan, np.inf, -np.inf, 1e-30, 3], np.float32)}
    assert row_response(outputs) == b'{"predictions": [0.2, NaN, Infinity, -Infinity, 1e-30, 3.0]}'
    assert column_response({"x": np.float32(0.1)}) == b'{"outputs": 0.1}'


def test_outputs_of_bytes_are_written_in_base64() -> None:
    assert json.loads(row_response({"image_bytes": np.array([b"\xff\x00"], object)})) == {
        "predictions": [{"b64": base64.b64encode(b"\xff\x00").decode()}]}


@pytest.mark.parametrize("outputs", [
    pytest.param({"a": np.float32(1)}, id="scalar"), pytest.param({"a": np.zeros(2), "b": np.zeros(3)}, id="sizes")])
def test_outputs_without_a_common_batch_size_need_the_form_by_columns(outputs: Any) -> None:
    assert "send the inputs by columns" in refusal(row_response, outputs)
