"""TensorFlow Serving's REST API on a loaded version: status, metadata and predict under ``/v1/models``.

The paths, status codes and bodies are those of https://www.tensorflow.org/tfx/serving/api_rest and of TensorFlow
Serving's ``http_rest_api_handler.cc``; ``tensor_json`` has the form of the tensors.
"""
import asyncio
import json
import re
from functools import partial
from typing import Any, Awaitable, Callable, Dict, List, NamedTuple, Optional, Tuple, Union

from textjob.serving.exchange import Request, Response
from textjob.serving.limits import LARGE
from textjob.serving.tfs import tensor_json
from textjob.serving.tfs.signatures import Signature, Signatures
from textjob.serving.tfs.tensor_json import Arrays, InvalidTensorError, PredictRequest
from textjob.serving.versions import StoppedError, Version, Versions

PREFIX = "/v1/"
PREDICTION = "/v1 predict"  # the name in the metrics
PREDICT = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?:(\w+)")
READ = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(/metadata)?")

STATUSES = {  # gRPC code of an error of the model: HTTP status
    3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 14: 503, 16: 401}


class ApiError(Exception):
    """A response other than 200; its body is ``{"error": message}``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def body(self) -> bytes:
        """The JSON text of the response, in ASCII, because the message may repeat a lone surrogate of the request."""
        return json.dumps({"error": self.message}).encode("ascii")


class Call(NamedTuple):
    """What a path names."""

    model: str
    version: Optional[int]
    verb: str
    """``predict``, ``metadata`` or ``status``."""


def read_path(method: str, path: str) -> Call:
    """The call of a path under ``PREFIX``."""
    match = (PREDICT if method == "POST" else READ).fullmatch(path)
    if match is None:
        raise ApiError(400, f"Malformed request: {method} {path}")
    model, version, verb = match.groups()
    if method == "POST" and verb != "predict":
        raise ApiError(501, f"the method {verb} is not supported; use predict, which has all outputs of the model")
    return Call(model, int(version) if version else None, "predict" if method == "POST" else
                "metadata" if verb else "status")


def states_of(states: Dict[str, Any], model: str, version: Optional[int]) -> List[Tuple[str, Any]]:
    """Number and state of all versions, the newest first, or of one."""
    if version is not None:
        states = {number: state for number, state in states.items() if number == str(version)}
    if not states:
        raise ApiError(404, f"Could not find any versions of model {model}" if version is None else
                       f"Could not find version {version} of model {model}")
    return sorted(states.items(), key=lambda pair: -int(pair[0]))


def status(states: Dict[str, Any], model: str, version: Optional[int]) -> bytes:
    """The body for the states of all versions, or of one."""
    return json.dumps({"model_version_status": [
        {"version": number, "state": state.name,
         "status": {"error_code": "UNKNOWN" if state.reason else "OK", "error_message": state.reason}}
        for number, state in states_of(states, model, version)]}, ensure_ascii=False).encode("utf-8")


def metadata(signatures: Signatures, model: str, version: str) -> bytes:
    """The signatures of a version."""
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

    infos = {name: MessageToDict(info, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
             for name, info in signatures.infos.items()}
    return json.dumps({"model_spec": {"name": model, "signature_name": "", "version": version},
                       "metadata": {"signature_def": {"signature_def": infos}}}, ensure_ascii=False).encode("utf-8")


def inputs_of(request: PredictRequest, signature: Signature) -> Arrays:
    """The inputs of a predict request."""
    if request.rows is not None:
        return tensor_json.row_inputs(request.rows, signature.dtypes, signature.values)
    return tensor_json.column_inputs(request.columns, signature.dtypes, signature.values)


def response(request: PredictRequest, outputs: Arrays) -> bytes:
    """The body for the outputs of a request, in the request's form."""
    return (tensor_json.column_response if request.rows is None else tensor_json.row_response)(outputs)


def error_of(error: Exception) -> ApiError:
    """The response to an exception of a request."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, InvalidTensorError):
        return ApiError(400, str(error))
    # The message of a tf.errors.OpError ends with the lines "Node: ...", the cause, and the place in the graph.
    message = re.sub(r"(?s).*\nNode: [^\n]*\n|\n.*", "", getattr(error, "message", str(error)))
    return ApiError(STATUSES.get(getattr(error, "error_code", 0), 500), message[:1000])


def servable(versions: Versions, model: str, number: Optional[int], request_id: bytes) -> Version:
    """The version that a request for a model names, or the one that answers requests without a version."""
    version = versions.choose(request_id) if number is None else versions.loaded(number)
    if model != versions.name or version is None:
        which = f"Latest({model})" if number is None else f"Specific({model}, {number})"
        raise ApiError(404, f"Servable not found for request: {which}; the server has the model {versions.name}")
    if not version.has_signatures:
        raise ApiError(501, f"version {version.number} has a service class of its own, which is called by POST / only")
    return version


class Api:
    """The paths under ``PREFIX``; ``refusal`` and ``work`` are the methods of the HTTP application."""

    def __init__(self, versions: Versions, refusal: Callable[[Request], Optional[Response]],
                 work: Callable[..., Awaitable[Response]]) -> None:
        self._versions, self._refusal, self._work = versions, refusal, work

    def route(self, request: Request, method: str, path: str) -> Union[Response, Callable[[Any], Awaitable[Response]]]:
        """The response to a request, or a function that makes the response when the body has arrived."""
        call = read_path(method, path)
        request.route = f"/v1 {call.verb}"
        if call.verb == "status":
            states = self._versions.states() if call.model == self._versions.name else {}
            return Response(200, status(states, call.model, call.version))
        version = servable(self._versions, call.model, call.version, request.id)
        if call.verb == "metadata":
            return partial(self._describe, version=version)
        return self._refusal(request) or partial(self._work, number=call.version, answer=self._predict)

    async def _describe(self, request: Request, version: Version) -> Response:
        request.version = version.number
        version.begin()
        try:
            return Response(200, metadata(await version.signatures(), self._versions.name, version.number))
        finally:
            version.end()

    async def _predict(self, _: Any, body: bytes, version: Version, work: "asyncio.Future[Any]") -> Response:
        async def run(function: Callable[[], Any]) -> Any:
            return await version.in_background(function) if len(body) > LARGE else function()

        try:
            signatures = await version.signatures()
            request = await run(partial(tensor_json.parse, body))
            signature = signatures.get(request.signature)
            inputs = await run(partial(inputs_of, request, signature))
            outputs = await version.outputs(signature, inputs, work)
            items = max((len(each) for each in inputs.values() if each.ndim), default=None)
            return Response(200, await run(partial(response, request, outputs)), items=items)
        except StoppedError:
            raise
        except Exception as error:
            raise error_of(error)
