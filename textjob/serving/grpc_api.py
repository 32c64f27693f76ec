"""TensorFlow Serving's gRPC API on the loaded versions: ``Predict``, ``GetModelMetadata``, ``GetModelStatus``, and the
standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
"""
import asyncio
import hmac
import time
from typing import Any, Callable, Dict, Iterable, Optional, Tuple

import grpc
import grpc.aio
import numpy as np
import tensorflow as tf
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from textjob.serving import admission, rest
from textjob.serving.admission import Admission
from textjob.serving.limits import Limits
from textjob.serving.signatures import Signature
from textjob.serving.tensor_json import Arrays, InvalidTensorError
from textjob.serving.tfs_messages import STATES, message_classes
from textjob.serving.versions import StoppedError, Version, Versions

SERVICES = {  # service: method, message of the request, message of the response
    "PredictionService": (("Predict", "PredictRequest", "PredictResponse"),
                          ("GetModelMetadata", "GetModelMetadataRequest", "GetModelMetadataResponse")),
    "ModelService": (("GetModelStatus", "GetModelStatusRequest", "GetModelStatusResponse"),),
}
SIGNATURES = "signature_def"  # the only metadata field
CODES = {code.value[0]: code for code in grpc.StatusCode}

Record = Callable[[str, str, str, Optional[int], float], None]
"""Method, status, version, items (None: unknown) and seconds of a request."""


class CallError(Exception):
    """The response to a call is this status and this message."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class GrpcApi:
    """The server of one model of this name."""

    def __init__(self, name: str, versions: Versions, admitted: Admission, limits: Limits, token: str, record: Record
                 ) -> None:
        self._name, self._versions, self._admission, self._limits = name, versions, admitted, limits
        self._authorization, self._record = f"Bearer {token}".encode() if token else b"", record
        self._messages = message_classes()
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=None, options=[("grpc.max_receive_message_length", limits.body),
                                                   ("grpc.so_reuseport", 0)])
        for service, methods in SERVICES.items():
            self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
                f"tensorflow.serving.{service}", {method: grpc.unary_unary_rpc_method_handler(
                    self._handler(method), self._messages[request].FromString, self._messages[response].SerializeToString)
                    for method, request, response in methods})])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self, address: str) -> int:
        """Listen on ``HOST:PORT`` and return the port; raises RuntimeError if that is not possible."""
        await self.set_ready(False)
        port: int = self._server.add_insecure_port(address)
        await self._server.start()
        return port

    async def set_ready(self, ready: bool) -> None:
        """The answer of the health service, for the server and for its services."""
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", *(f"tensorflow.serving.{each}" for each in SERVICES)):
            await self._health.set(service, status)

    async def stop(self, seconds: float) -> None:
        """Accept no calls any more, and end those in flight after this time."""
        await self._server.stop(seconds)

    def _handler(self, method: str) -> Callable[[Any, grpc.aio.ServicerContext], Any]:
        """Answer calls of a method, with a line in the log and the metrics for each."""
        function = {"Predict": self._predict, "GetModelMetadata": self._metadata, "GetModelStatus": self._status}[method]

        async def handle(request: Any, context: grpc.aio.ServicerContext) -> Any:
            began, call = time.perf_counter(), _Call()
            code, message, response = grpc.StatusCode.OK, "", None
            try:
                self._authorize(context.invocation_metadata() or ())
                response = await function(request, call)
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED
                raise
            except Exception as error:
                code, message = _status_of(error)
            finally:
                self._record(method, code.name, call.version, call.items, time.perf_counter() - began)
            if response is None:
                await context.abort(code, message)
            return response
        return handle

    def _authorize(self, metadata: Iterable[Tuple[str, Any]]) -> None:
        given = [value for key, value in metadata if key == "authorization"]
        if self._authorization and not any(hmac.compare_digest(str(each).encode(), self._authorization)
                                           for each in given):
            raise CallError(grpc.StatusCode.UNAUTHENTICATED,
                            "send the metadata authorization: Bearer TOKEN with the token of --token_file")

    def _version(self, spec: Any) -> Version:
        number = spec.version.value if spec.HasField("version") else None
        version = self._versions.served if number is None else self._versions.loaded(number)
        if spec.name != self._name or version is None or not version.has_signatures:
            which = f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})"
            raise CallError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {which}; the server has the "
                                                       f"model {self._name}")
        return version

    async def _predict(self, request: Any, call: "_Call") -> Any:
        refusal = self._admission.refusal()
        if refusal:
            raise CallError(grpc.StatusCode.RESOURCE_EXHAUSTED if refusal == admission.FULL else
                            grpc.StatusCode.UNAVAILABLE, refusal)
        version = self._version(request.model_spec)
        call.version = version.number
        with self._admission.work(version) as work:
            signatures = await version.signatures()
            signature = signatures.get(request.model_spec.signature_name)
            inputs = _inputs_of(request.inputs, signature, self._limits.body)
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

    async def _metadata(self, request: Any, call: "_Call") -> Any:
        version = self._version(request.model_spec)
        call.version = version.number
        if list(request.metadata_field) != [SIGNATURES]:
            raise InvalidTensorError(f"the metadata_field is {', '.join(request.metadata_field) or 'missing'}, expected "
                                     f"{SIGNATURES}")
        infos = self._messages["SignatureDefMap"]()
        for name, info in (await version.signatures()).infos.items():
            infos.signature_def[name].MergeFromString(info.SerializeToString())
        response = self._messages["GetModelMetadataResponse"]()
        self._fill(response.model_spec, version.number)
        response.metadata[SIGNATURES].Pack(infos)
        return response

    async def _status(self, request: Any, call: "_Call") -> Any:
        spec = request.model_spec
        states = rest.states_of(self._versions.states() if spec.name == self._name else {}, spec.name,
                                spec.version.value if spec.HasField("version") else None)
        response = self._messages["GetModelStatusResponse"]()
        for number, state in states:
            each = response.model_version_status.add(version=int(number), state=STATES[state.name])
            each.status.error_code = grpc.StatusCode.UNKNOWN.value[0] if state.reason else 0
            each.status.error_message = state.reason
        return response

    def _fill(self, spec: Any, number: str) -> None:
        spec.name = self._name
        spec.version.value = int(number)


class _Call:
    """What the log needs of a call."""

    def __init__(self) -> None:
        self.version, self.items = "", None  # type: str, Optional[int]


def _inputs_of(tensors: Dict[str, Any], signature: Signature, most: int) -> Arrays:
    """The arrays of a request; each must have the dtype of the signature.

    A message may give one value for all elements of a shape, so the shape must be limited as well as the message.
    """
    missing = sorted(set(signature.dtypes) - set(signature.values) - set(tensors))
    unknown = sorted(set(tensors) - set(signature.dtypes))
    if missing or unknown:
        raise InvalidTensorError(f"the inputs of the request do not fit the signature. Sent extra: {', '.join(unknown)}. "
                                 f"Missing but required: {', '.join(missing)}")
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
        return grpc.StatusCode.NOT_FOUND if error.status == 404 else grpc.StatusCode.INVALID_ARGUMENT, error.message
    code = 3 if isinstance(error, InvalidTensorError) else getattr(error, "error_code", 13)
    return CODES.get(code, grpc.StatusCode.INTERNAL), rest.error_of(error).message
