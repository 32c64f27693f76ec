"""Calling the signatures of a loaded model as TensorFlow Serving does, and the bodies of its REST API."""
import asyncio
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import tensorflow as tf
from made_models import served, texts, write

from textjob.serving.tfs import rest
from textjob.serving.tfs.predictor import Predictor, rows_of
from textjob.serving.tfs.rest import ApiError
from textjob.serving.tfs.signatures import Signatures, has_signatures
from textjob.serving.tfs.tensor_json import InvalidTensorError, parse

v1 = tf.compat.v1


@pytest.fixture(scope="module")
def own(tiny_run: Path) -> Any:
    """The service of a package that the template trained and exported."""
    return served(tiny_run / "cnn" / "model")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of ids and floats, whose outputs have the ranks 0 to 3."""
    def build() -> Any:
        ids, weights = v1.placeholder(tf.int32, [None, None]), v1.placeholder(tf.float32, [None])
        scores = tf.nn.softmax(tf.stack([weights, tf.cast(ids[:, 0], tf.float32)], 1))
        return {"ids": ids, "weights": weights}, {
            "output": scores, "cube": tf.cast(ids, tf.float32)[:, :, None] * 0.1, "count": tf.size(ids),
            "name_bytes": tf.as_string(ids[:, 0])}
    return served(write(tmp_path_factory.mktemp("mixed") / "m", build, options={"output": "output"}))


def predict(service: Any, body: Any) -> Any:
    """The parsed response to a predict request, or to several that arrive at the same time."""
    async def run(bodies: List[bytes]) -> List[Any]:
        loop = asyncio.get_running_loop()
        sizes: List[int] = []
        predictor = Predictor(service, loop, sizes.append)
        signatures = await predictor.signatures(lambda function: loop.run_in_executor(None, function))

        async def one(content: bytes) -> Any:
            request = parse(content)
            signature = signatures.get(request.signature)
            outputs = await predictor.outputs(signature, rest.inputs_of(request, signature), loop.create_future())
            return json.loads(rest.response(request, outputs))
        try:
            replies = await asyncio.gather(*map(one, bodies), return_exceptions=True)
        finally:
            predictor.stop()
        return [replies, sizes]

    bodies = body if isinstance(body, list) else [body]
    replies, sizes = asyncio.run(run([json.dumps(each).encode() for each in bodies]))
    if isinstance(body, list):
        return replies, sizes
    if isinstance(replies[0], Exception):
        raise replies[0]
    return replies[0]


def test_rows_and_columns_give_all_outputs_of_the_signature(own: Any) -> None:
    expected = own.inference({"text": "goal team score"})
    row, = predict(own, {"instances": ["goal team score"]})["predictions"]
    assert set(row) == {"label", "output"} and row["label"] == expected["predicted_label"]
    assert max(row["output"]) == pytest.approx(expected["score"], abs=1e-6)
    columns = predict(own, {"inputs": {"input_x": ["goal team score"]}})["outputs"]
    assert columns == {"label": [row["label"]], "output": [row["output"]]}
    assert predict(own, {"instances": [{"input_x": "goal team score"}]})["predictions"] == [row]
    assert predict(own, {"instances": [{"b64": "Z29hbCB0ZWFtIHNjb3Jl"}]})["predictions"] == [row]


def test_another_signature_is_called_by_its_name(own: Any) -> None:
    rows = predict(own, {"signature_name": "predict_text", "instances": ["soup", "goal"]})["predictions"]
    assert rows == predict(own, {"instances": ["soup", "goal"]})["predictions"]
    with pytest.raises(InvalidTensorError, match='"other" not found in signature def; the model has predict_text, s'):
        predict(own, {"signature_name": "other", "instances": ["a"]})


def test_an_input_with_a_default_can_be_given_by_columns(own: Any) -> None:
    given = predict(own, {"inputs": {"input_x": ["goal"], "keep_prob": 1.0}})
    assert given == predict(own, {"inputs": ["goal"]})


def test_requests_by_rows_share_calls_and_each_gets_its_own_rows(own: Any) -> None:
    bodies = [{"instances": [text] * count} for text, count in (("goal", 2), ("soup bread", 1), ("crowd", 3))]
    replies, sizes = predict(own, bodies)
    assert [predict(own, body) for body in bodies] == replies
    assert sum(sizes) == 6 and len(sizes) < 3


def test_inputs_and_outputs_of_any_type_and_rank_are_served(mixed: Any) -> None:
    body = {"inputs": {"ids": [[1, 2], [3, 4]], "weights": [1, 0.5]}}
    outputs = predict(mixed, body)["outputs"]
    assert outputs["count"] == 4 and outputs["name_bytes"] == [{"b64": "MQ=="}, {"b64": "Mw=="}]
    assert outputs["cube"] == [[[0.1], [0.2]], [[0.3], [0.4]]] and np.shape(outputs["output"]) == (2, 2)


def test_a_signature_with_a_scalar_output_has_no_rows(mixed: Any) -> None:
    rows = [{"ids": [1, 2], "weights": 1}, {"ids": [3, 4], "weights": 0.5}]
    with pytest.raises(InvalidTensorError, match="send the inputs by columns under 'inputs'"):
        predict(mixed, {"instances": rows})
    signature = Signatures(mixed).get("")
    assert rows_of({"ids": np.zeros([2, 2], np.int32), "weights": np.zeros(2, np.float32)}, signature) is None


@pytest.mark.parametrize("body, message", [
    ({"inputs": {"ids": [[1]]}}, "Missing: weights"), ({"inputs": {"ids": [[1.5]], "weights": [1]}}, "JSON Value: 1.5"),
    ({"inputs": [[1]]}, "'inputs' must be an object, because the signature has the inputs ids, weights")], ids=str)
def test_inputs_that_do_not_fit_are_refused_with_the_status_400(mixed: Any, body: Any, message: str) -> None:
    with pytest.raises(InvalidTensorError) as error:
        predict(mixed, body)
    assert message in str(error.value) and rest.error_of(error.value).status == 400


def test_an_error_of_the_model_has_the_status_of_its_code(mixed: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as error:  # different batch sizes
        predict(mixed, {"inputs": {"ids": [[1], [2]], "weights": [1]}})
    answer = rest.error_of(error.value)
    assert answer.status == 400 and json.loads(answer.body()) == {
        "error": "Shapes of all inputs must match: values[0].shape = [1] != values[1].shape = [2]"}
    assert rest.error_of(tf.errors.ResourceExhaustedError(None, None, "full")).status == 429
    assert rest.error_of(ValueError("wrong")).status == 500


def test_a_failing_request_does_not_change_the_responses_to_the_others(own: Any, tmp_path: Path) -> None:
    def build() -> Any:
        x = texts()
        numbers = tf.strings.to_number(x)
        return {"input_x": x}, {"output": tf.stack([1 - numbers, numbers], 1)}
    folder = write(tmp_path / "m", build, options={"scores": "probabilities"})
    golden = [{"text": text, "label": str(int(text)), "probabilities": [1 - int(text), int(text)]} for text in "01"]
    (folder / "model_card.json").write_text(json.dumps({"golden": golden}), encoding="utf-8")
    made = served(folder)
    replies, _ = predict(made, [{"instances": ["0.25"]}, {"instances": ["text"]}, {"instances": ["0.5", "1"]}])
    assert replies[0] == {"predictions": [[0.75, 0.25]]} and replies[2] == {"predictions": [[0.5, 0.5], [0.0, 1.0]]}
    assert isinstance(replies[1], tf.errors.InvalidArgumentError)


def test_metadata_contains_the_signatures_with_dtypes_and_shapes(own: Any) -> None:
    found = json.loads(rest.metadata(Signatures(own), "text", "3"))
    assert found["model_spec"] == {"name": "text", "signature_name": "", "version": "3"}
    signatures: Dict[str, Any] = found["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "predict_text"}
    info = signatures["predict_text"]["inputs"]["input_x"]
    assert info["dtype"] == "DT_STRING" and info["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}],
                                                                    "unknown_rank": False}


@pytest.mark.parametrize("method, path, expected", [
    ("POST", "/v1/models/m:predict", ("m", None, "predict")),
    ("POST", "/v1/models/m/versions/12:predict", ("m", 12, "predict")),
    ("GET", "/v1/models/m", ("m", None, "status")), ("GET", "/v1/models/m/versions/3", ("m", 3, "status")),
    ("GET", "/v1/models/m/metadata", ("m", None, "metadata")),
    ("GET", "/v1/models/m/versions/3/metadata", ("m", 3, "metadata"))])
def test_each_path_of_the_api_names_a_call(method: str, path: str, expected: Tuple[Any, ...]) -> None:
    assert tuple(rest.read_path(method, path)) == expected


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/v1/models/m:predict", 400), ("POST", "/v1/models/m", 400),
    ("POST", "/v1/models/m/versions/x:predict", 400),
    ("GET", "/v1/model", 400), ("POST", "/v1/models/m:classify", 501), ("POST", "/v1/models/m:regress", 501)])
def test_any_other_path_is_refused_as_by_tensorflow_serving(method: str, path: str, status: int) -> None:
    with pytest.raises(ApiError) as error:
        rest.read_path(method, path)
    assert error.value.status == status


def test_only_the_service_of_the_template_has_signatures(own: Any) -> None:
    class Foreign:
        def _inference(self, data: Any) -> Any:
            return data
    assert has_signatures(own) and not has_signatures(Foreign())
