"""Runs inside an engine: a package with the backend "tfserving", on a base class that calls it as the platform's.

    tfserving_client.py PACKAGE HOST:PORT REQUEST.json     prints the response as JSON

As on the platform (its TfServingBaseService, seen in the samples): a PredictRequest for the model and the signature,
tensors made without a dtype, a limit of 60 seconds, results as nested lists with strings as bytes.
"""
import importlib.util
import json
import os
import sys
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

PACKAGE, ADDRESS, REQUEST = sys.argv[1:]


class TfServingBaseService:
    def __init__(self, model_name, model_path):
        self.model_name, self.model_path = model_name, model_path
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(ADDRESS))

    def _inference(self, data):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.model_name
        request.model_spec.signature_name = "serving_default"
        for alias, value in data.items():
            request.inputs[alias].CopyFrom(tf.compat.v1.make_tensor_proto(value))
        response = self.stub.Predict(request, 60.0)
        return {alias: tf.make_ndarray(tensor).tolist() for alias, tensor in response.outputs.items()}

    def inference(self, data):
        return self._postprocess(self._inference(self._preprocess(data)))


platform = types.ModuleType("model_service.tfserving_model_service")
platform.TfServingBaseService = TfServingBaseService
sys.modules["model_service"] = types.ModuleType("model_service")
sys.modules[platform.__name__] = platform

spec = importlib.util.spec_from_file_location("customize_service", os.path.join(PACKAGE, "customize_service.py"))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with open(REQUEST, encoding="utf-8") as file:
    response = module.TextClassifierService("serve", PACKAGE).inference(json.load(file))
print(json.dumps(response))
