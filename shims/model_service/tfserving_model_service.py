"""The base class of TensorFlow services: the platform calls TensorFlow Serving, the stand-in a session in this process.

As on the platform: the choice of the signature, tensors made without a dtype (integers become int32), and results as
nested lists with strings as bytes.
"""
from typing import Any, Dict

import numpy as np
import tensorflow as tf

from model_service.model_service import SingleNodeService

v1 = tf.compat.v1


class TfServingBaseService(SingleNodeService):
    """``_inference`` maps a dict of input values by alias to a dict of nested lists by alias."""

    def __init__(self, model_name: str, model_path: str) -> None:
        super().__init__(model_name, model_path)
        graph = tf.Graph()
        with graph.as_default():
            self._session = v1.Session(graph=graph)
            loaded = v1.saved_model.loader.load(self._session, ["serve"], model_path)
        signatures = loaded.signature_def
        self.model_signature = next(iter(signatures)) if len(signatures) == 1 else "serving_default"
        signature = signatures[self.model_signature]
        self.model_inputs = {alias: info.dtype for alias, info in signature.inputs.items()}
        self.model_outputs = {alias: info.dtype for alias, info in signature.outputs.items()}
        self._inputs = {alias: info.name for alias, info in signature.inputs.items()}
        self._outputs = {alias: info.name for alias, info in signature.outputs.items()}

    def _inference(self, data: Dict[str, Any]) -> Dict[str, Any]:
        feeds = {self._inputs[alias]: _tensor(value) for alias, value in data.items()}
        results = self._session.run(self._outputs, feeds)
        return {alias: np.asarray(value).tolist() for alias, value in results.items()}


def _tensor(value: Any) -> Any:
    proto = tf.make_tensor_proto(value)
    return tf.make_ndarray(proto)
