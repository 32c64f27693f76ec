"""TensorFlow Serving's APIs on the server: REST by HTTP, and gRPC by the client of ``tensorflow-serving-api``."""
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import pytest
import tensorflow as tf
from asking import TEXTS, ask, service_of
from processes import Server, Start, wait_until

grpc = pytest.importorskip("grpc")
pytest.importorskip("tensorflow_serving", reason="needs pip install --no-deps tensorflow-serving-api")

from google.protobuf import json_format  # noqa: E402
from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from tensorflow_serving.apis import (  # noqa: E402
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

MODEL = "/v1/models/serve"


class Both(NamedTuple):
    """A server with both APIs."""

    server: Server
    channel: Any

    def predict(self, texts: List[str], model: str = "serve", version: int = 0, signature: str = "",
                filters: Any = (), timeout: float = 60, **metadata: str) -> Any:
        """The response to a Predict call."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature
        if version:
            request.model_spec.version.value = version
        request.inputs["input_x"].CopyFrom(tf.make_tensor_proto(texts, tf.string))
        request.output_filter.extend(filters)
        return self.call(request, timeout, **metadata)

    def call(self, request: Any, timeout: float = 60, **metadata: str) -> Any:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        return stub.Predict(request, timeout=timeout, metadata=list(metadata.items()))


def begin(start: Start, package: Path, *flags: str) -> Both:
    server = start(package, "--grpc_port", "0", *flags).ready()
    assert server.process.stdout is not None
    line = server.process.stdout.readline()
    assert line.startswith("serving serve by gRPC on 127.0.0.1:")
    return Both(server, grpc.insecure_channel(line.rpartition(" ")[2].strip()))


@pytest.fixture(scope="module")
def both(own_package: Path, start: Start) -> Both:
    return begin(start, own_package)


def arrays(response: Any) -> Dict[str, Any]:
    return {alias: tf.make_ndarray(tensor) for alias, tensor in response.outputs.items()}


def refusal(function: Any, *arguments: Any, **more: Any) -> Any:
    with pytest.raises(grpc.RpcError) as error:
        function(*arguments, **more)
    return error.value


def test_rest_and_grpc_give_the_answers_of_the_service(both: Both, own_package: Path) -> None:
    expected = [ask(service_of(own_package), {"text": text}) for text in TEXTS]
    status, body = both.server.post({"instances": list(TEXTS)}, f"{MODEL}:predict")
    assert status == 200 and [row["label"] for row in body["predictions"]] == [
        each["predicted_label"] for each in expected]
    outputs = arrays(both.predict(list(TEXTS)))
    assert [label.decode() for label in outputs["label"]] == [each["predicted_label"] for each in expected]
    for row, scores, each in zip(body["predictions"], outputs["output"], expected):
        assert max(row["output"]) == pytest.approx(each["score"], abs=1e-5)
        assert scores.tolist() == pytest.approx(row["output"], abs=1e-6)
    status, columns = both.server.post({"inputs": {"input_x": list(TEXTS)}}, f"{MODEL}/versions/1:predict")
    assert status == 200 and columns["outputs"]["label"] == [each["predicted_label"] for each in expected]


def test_the_status_and_the_metadata_are_messages_of_tensorflow_serving(both: Both) -> None:
    response, content = both.server.send("GET", MODEL)
    status = json_format.Parse(content, get_model_status_pb2.GetModelStatusResponse())
    state, = status.model_version_status
    assert response.status == 200 and (state.version, state.state, state.status.error_code) == (1, 30, 0)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "serve"
    assert model_service_pb2_grpc.ModelServiceStub(both.channel).GetModelStatus(request) == status

    _, content = both.server.send("GET", f"{MODEL}/versions/1/metadata")
    found = json.loads(content)
    definitions = json_format.ParseDict(found["metadata"]["signature_def"], get_model_metadata_pb2.SignatureDefMap())
    wanted = get_model_metadata_pb2.GetModelMetadataRequest()
    wanted.model_spec.name = "serve"
    wanted.metadata_field.append("signature_def")
    reply = prediction_service_pb2_grpc.PredictionServiceStub(both.channel).GetModelMetadata(wanted)
    unpacked = get_model_metadata_pb2.SignatureDefMap()
    assert reply.metadata["signature_def"].Unpack(unpacked) and unpacked == definitions
    assert set(unpacked.signature_def) == {"serving_default", "predict_text"}
    assert (reply.model_spec.name, reply.model_spec.version.value) == ("serve", 1)


def test_a_call_may_name_the_version_the_signature_and_the_outputs(both: Both) -> None:
    response = both.predict(["goal"], version=1, signature="predict_text", filters=["label"])
    assert set(response.outputs) == {"label"}
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("serve", 1, "predict_text")


@pytest.mark.parametrize("path, body, status, message", [
    (f"{MODEL}:predict", {"instances": [5]}, 400, "JSON Value: 5"), (f"{MODEL}:predict", b"{", 400, "JSON Parse error"),
    (f"{MODEL}:predict", {"signature_name": "x", "instances": ["a"]}, 400, 'Serving signature name: "x" not found'),
    (f"{MODEL}/versions/9:predict", {"instances": ["a"]}, 404, "Specific(serve, 9)"),
    ("/v1/models/x:predict", {"instances": ["a"]}, 404, "Latest(x)"), ("/v1/y", b"{}", 400, "Malformed request: POST"),
    (f"{MODEL}:predict", {"signature_name": "\ud800", "instances": ["a"]}, 400, '"\ud800" not found'),
    (f"{MODEL}:predict", {"instances": [{"\ud800": "a"}]}, 400, "Unknown: \ud800"),
    (f"{MODEL}:classify", {"examples": []}, 501, "use predict")], ids=ascii)
def test_an_error_has_the_status_and_the_body_of_tensorflow_serving(
        both: Both, path: str, body: Any, status: int, message: str) -> None:
    given, reply = both.server.post(body, path)
    assert given == status and set(reply) == {"error"} and message in reply["error"]


def test_an_error_of_a_call_has_the_code_of_tensorflow_serving(both: Both) -> None:
    assert refusal(both.predict, ["a"], model="x").code() == grpc.StatusCode.NOT_FOUND
    assert refusal(both.predict, ["a"], version=9).code() == grpc.StatusCode.NOT_FOUND
    for more, part in (({"signature": "x"}, "not found in signature def"), ({"filters": ["x"]}, "alias not found")):
        error = refusal(both.predict, ["a"], **more)
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and part in error.details()
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "serve"
    assert "Missing but required: input_x" in refusal(both.call, request).details()
    request.inputs["input_x"].CopyFrom(tf.make_tensor_proto([1]))
    assert "has the dtype int32, expected string" in refusal(both.call, request).details()


def test_a_small_message_cannot_describe_a_large_tensor(both: Both) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "serve"
    request.inputs["input_x"].CopyFrom(tf.make_tensor_proto(["a"]))
    request.inputs["input_x"].tensor_shape.dim[0].size = 10 ** 10
    error = refusal(both.call, request)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "elements; divide the request" in error.details()


def test_simultaneous_calls_of_both_apis_get_their_own_answers(both: Both, own_package: Path) -> None:
    words = ["goal", "team", "soup", "bread", "crowd", "stadium", "好吃", "体育"]
    sent = [[words[(seed + step) % 8] for step in range(1 + seed % 5)] for seed in range(60)]

    def by_rest(texts: List[str]) -> List[str]:
        return [row["label"] for row in both.server.post({"instances": texts}, f"{MODEL}:predict")[1]["predictions"]]

    def by_grpc(texts: List[str]) -> List[str]:
        return [label.decode() for label in arrays(both.predict(texts))["label"]]

    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda pair: (by_rest, by_grpc)[pair[0] % 2](pair[1]), enumerate(sent)))
    labels = {word: ask(service_of(own_package), {"text": word})["predicted_label"] for word in words}
    assert replies == [[labels[word] for word in texts] for texts in sent]


def test_calls_are_in_the_log_and_in_the_metrics_without_their_texts(both: Both) -> None:
    both.predict(["secret words"], **{"x-request-id": "id-7"})
    both.server.post({"instances": ["secret words"]}, f"{MODEL}:predict")
    wait_until(lambda: any(entry.get("id") == "id-7" for entry in both.server.entries()))
    entry = next(entry for entry in both.server.entries() if entry.get("id") == "id-7")
    assert (entry["path"], entry["status"], entry["items"], entry["version"]) == ("gRPC Predict", "OK", 1, "1")
    metrics = both.server.send("GET", "/metrics")[1].decode()
    assert 'textjob_requests_total{path="gRPC Predict",status="OK",version="1"}' in metrics
    assert 'textjob_requests_total{path="/v1 predict",status="200",version="1"}' in metrics
    assert "secret" not in both.server.log.read_text(encoding="utf-8") + metrics


def test_a_token_protects_both_apis(own_package: Path, start: Start, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n", encoding="utf-8")
    both = begin(start, own_package, "--token_file", str(tmp_path / "token"))
    assert both.server.post({"instances": ["a"]}, f"{MODEL}:predict")[0] == 401
    headers = {"Authorization": "Bearer s3cret"}
    assert both.server.post({"instances": ["a"]}, f"{MODEL}:predict", headers)[0] == 200
    assert refusal(both.predict, ["a"]).code() == grpc.StatusCode.UNAUTHENTICATED
    assert refusal(both.predict, ["a"], authorization="Bearer other").code() == grpc.StatusCode.UNAUTHENTICATED
    assert set(both.predict(["a"], authorization="Bearer s3cret").outputs) == {"label", "output"}


def test_the_health_service_says_serving_until_the_server_ends(own_package: Path, start: Start) -> None:
    both = begin(start, own_package)
    stub, request = health_pb2_grpc.HealthStub(both.channel), health_pb2.HealthCheckRequest()
    assert stub.Check(request).status == health_pb2.HealthCheckResponse.SERVING
    watched = stub.Watch(health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService"))
    assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
    both.server.process.terminate()
    assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert refusal(both.predict, ["a"]).code() == grpc.StatusCode.UNAVAILABLE
    assert both.server.process.wait(60) == 0


def test_a_foreign_service_class_is_not_reachable_by_these_apis(echo_package: Path, start: Start) -> None:
    server = start(echo_package).ready()
    status, body = server.post({"instances": ["a"]}, f"{MODEL}:predict")
    assert status == 501 and "called by POST / only" in body["error"]
    assert server.send("GET", MODEL)[0].status == 200


def test_strict_mode_has_neither_of_them(own_package: Path, start: Start) -> None:
    assert start(own_package, "--strict").ready().send("GET", MODEL)[0].status == 404
    refused = start(own_package, "--strict", "--grpc_port", "0")
    assert refused.process.wait(60) == 2 and "the platform's server has no gRPC" in refused.log.read_text("utf-8")
