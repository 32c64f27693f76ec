"""TensorFlow Serving's gRPC API on the loaded versions: ``Predict``, ``GetModelMetadata``, ``GetModelStatus``, and the
standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
"""
import asyncio
import hmac
import random
import time
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]
import numpy as np
import tensorflow as tf
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from textjob.serving import admission
from textjob.serving.http import App
from textjob.serving.tfs import rest
from textjob.serving.tfs.messages import STATES, message_classes
from textjob.serving.tfs.signatures import Signature
from textjob.serving.tfs.tensor_json import Arrays, InvalidTensorError
from textjob.serving.versions import StoppedError, Version, Versions

SERVICES = {  # service: method, message of the request, message of the response
    "PredictionService": (("Predict", "PredictRequest", "PredictResponse"),
                          ("GetModelMetadata", "GetModelMetadataRequest", "GetModelMetadataResponse")),
    "ModelService": (("GetModelStatus", "GetModelStatusRequest", "GetModelStatusResponse"),),
}
SIGNATURES = "signature_def"  # the only metadata field
OF_HTTP = {404: grpc.StatusCode.NOT_FOUND, 501: grpc.StatusCode.UNIMPLEMENTED}
CODES = {code.value[0]: code for code in grpc.StatusCode}
Metadata = Sequence[Tuple[str, Any]]


class CallError(Exception):
    """The response to a call is this status and this message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class GrpcApi:
    """The server of the versions of one model; ``app`` is the HTTP application, whose limits and log it shares."""

    def __init__(self, versions: Versions, app: App, token: str) -> None:
        self._versions, self._app = versions, app
        self._authorization = f"Bearer {token}".encode() if token else b""
        self._messages = message_classes()
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            options=[("grpc.max_receive_message_length", app.limits.body), ("grpc.so_reuseport", 0)])
        for service, methods in SERVICES.items():
            handlers = {method: grpc.unary_unary_rpc_method_handler(
                self._handler(method), self._messages[request].FromString, self._messages[response].SerializeToString)
                for method, request, response in methods}
            self._server.add_generic_rpc_handlers(
                [grpc.method_handlers_generic_handler(f"tensorflow.serving.{service}", handlers)])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self, address: str) -> int:
        """Listen on ``HOST:PORT`` and return the port; raises RuntimeError if that is not possible."""
        await self.set_ready(True)
        port: int = self._server.add_insecure_port(address)
        await self._server.start()
        return port

    async def set_ready(self, ready: bool) -> None:
        """The answer of the health service, for the server and for its services."""
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", *(f"tensorflow.serving.{each}" for each in SERVICES)):
            await self._health.set(service, status)

    async def stop(self) -> None:
        """End; no call is in flight any more."""
        await self._server.stop(None)

    def _handler(self, method: str) -> Callable[[Any, grpc.aio.ServicerContext], Any]:
        """Answer calls of a method, with a line in the log and the metrics for each."""
        functions = {"Predict": self._predict, "GetModelMetadata": self._metadata, "GetModelStatus": self._status}

        async def handle(request: Any, context: grpc.aio.ServicerContext) -> Any:
            metadata: Metadata = context.invocation_metadata() or ()
            began, call = time.perf_counter(), _Call(metadata)
            code, message, response = grpc.StatusCode.OK, "", None
            try:
                self._authorize(metadata)
                response = await functions[method](request, call)
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED
                raise
            except Exception as error:
                code, message = _status_of(error)
            finally:
                self._app.record(f"gRPC {method}", f"gRPC {method}", code.name, call.version, call.items,
                                 time.perf_counter() - began, call.id.decode())
            if response is None:
                await context.abort(code, message)
            return response
        return handle

    def _authorize(self, metadata: Metadata) -> None:
        given = [value for key, value in metadata if key == "authorization"]
        if self._authorization and not any(hmac.compare_digest(str(each).encode(), self._authorization)
                                           for each in given):
            raise CallError(grpc.StatusCode.UNAUTHENTICATED,
                            "send the metadata authorization: Bearer TOKEN with the token of --token_file")

    def _version(self, spec: Any, call: "_Call") -> Version:
        version = rest.servable(self._versions, spec.name, _number(spec), call.id)
        call.version = version.number
        return version

    async def _predict(self, request: Any, call: "_Call") -> Any:
        refusal = self._app.admission.refusal()
        if refusal:
            raise CallError(grpc.StatusCode.RESOURCE_EXHAUSTED if refusal == admission.FULL else
                            grpc.StatusCode.UNAVAILABLE, refusal)
        version = self._version(request.model_spec, call)
        work = self._app.admission.begin(version)
        try:
            signatures = await version.signatures()
            signature = signatures.get(request.model_spec.signature_name)
            inputs = _inputs_of(request.inputs, signature, self._app.limits.body)
            call.items = max((len(each) for each in inputs.values() if each.ndim), default=None)
            wanted = list(request.output_filter) or list(signature.output_dtypes)
            unknown = sorted(set(wanted) - set(signature.output_dtypes))
            if unknown:
                raise InvalidTensorError(f"output tensor alias not found in signature: {', '.join(unknown)}. Outputs "
                                         f"expected to be in the set {', '.join(signature.output_dtypes)}")
            outputs = await version.outputs(signature, inputs, work)
            response = self._messages["PredictResponse"]()
            self._fill(response.model_spec, version.number)
            response.model_spec.signature_name = signature.name
            for alias in wanted:
                tensor = tf.make_tensor_proto(outputs[alias], signature.info.outputs[alias].dtype)
                response.outputs[alias].MergeFromString(tensor.SerializeToString())
            return response
        finally:
            self._app.admission.end(version, work)

    async def _metadata(self, request: Any, call: "_Call") -> Any:
        version = self._version(request.model_spec, call)
        if list(request.metadata_field) != [SIGNATURES]:
            raise InvalidTensorError(f"the metadata_field is {', '.join(request.metadata_field) or 'missing'}, "
                                     f"expected {SIGNATURES}")
        infos = self._messages["SignatureDefMap"]()
        for name, info in (await version.signatures()).infos.items():
            infos.signature_def[name].MergeFromString(info.SerializeToString())
        response = self._messages["GetModelMetadataResponse"]()
        self._fill(response.model_spec, version.number)
        response.metadata[SIGNATURES].Pack(infos)
        return response

    async def _status(self, request: Any, call: "_Call") -> Any:
        spec = request.model_spec
        states = rest.states_of(self._versions.states() if spec.name == self._versions.name else {}, spec.name,
                                _number(spec))
        response = self._messages["GetModelStatusResponse"]()
        for number, state in states:
            each = response.model_version_status.add(version=int(number), state=STATES[state.name])
            each.status.error_code = grpc.StatusCode.UNKNOWN.value[0] if state.reason else 0
            each.status.error_message = state.reason
        return response

    def _fill(self, spec: Any, number: str) -> None:
        spec.name = self._versions.name
        spec.version.value = int(number)


class _Call:
    """What the log needs of a call; ``id`` is the client's x-request-id or a new one."""

    def __init__(self, metadata: Metadata) -> None:
        given = [str(value) for key, value in metadata if key == "x-request-id" and str(value).isprintable()]
        self.id = (given[0][:128] if given else f"{random.getrandbits(128):032x}").encode()
        self.version = ""
        self.items: Optional[int] = None


def _number(spec: Any) -> Optional[int]:
    return int(spec.version.value) if spec.HasField("version") else None


def _inputs_of(tensors: Dict[str, Any], signature: Signature, most: int) -> Arrays:
    """The arrays of a request; each must have the dtype of the signature.

    A message may give one value for all elements of a shape, so the shape must be limited as well as the message.
    """
    missing = sorted(set(signature.dtypes) - set(signature.values) - set(tensors))
    unknown = sorted(set(tensors) - set(signature.dtypes))
    if missing or unknown:
        raise InvalidTensorError("the inputs of the request do not fit the signature. Sent extra: "
                                 f"{', '.join(unknown)}. Missing but required: {', '.join(missing)}")
    for alias, tensor in tensors.items():
        expected = signature.info.inputs[alias].dtype
        if tensor.dtype != expected:
            raise InvalidTensorError(f"the input {alias!r} has the dtype {_dtype_name(tensor.dtype)}, expected "
                                     f"{_dtype_name(expected)}")
        if np.prod([max(dim.size, 0) for dim in tensor.tensor_shape.dim], dtype=np.float64) > most:
            raise InvalidTensorError(f"the input {alias!r} has more than {most} elements; divide the request")
    try:
        return {alias: np.asarray(tf.make_ndarray(tensor)) for alias, tensor in tensors.items()}
    except (TypeError, ValueError) as error:
        raise InvalidTensorError(f"an input cannot be read: {error}")


def _dtype_name(number: int) -> str:
    try:
        return str(tf.as_dtype(number).name)
    except TypeError:
        return f"type {number}"


def _status_of(error: Exception) -> Tuple[grpc.StatusCode, str]:
    if isinstance(error, CallError):
        return error.code, error.message
    if isinstance(error, StoppedError):
        return grpc.StatusCode.DEADLINE_EXCEEDED, "the request took too long"
    if isinstance(error, rest.ApiError):
        return OF_HTTP.get(error.status, grpc.StatusCode.INVALID_ARGUMENT), error.message
    code = 3 if isinstance(error, InvalidTensorError) else getattr(error, "error_code", 13)
    return CODES.get(code, grpc.StatusCode.INTERNAL), rest.error_of(error).message
