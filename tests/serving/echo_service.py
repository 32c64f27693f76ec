"""A service that was not made by this project: it returns a description of its ``data``, or does what they say."""
import os
import time

from model_service.tfserving_model_service import TfServingBaseService


class EchoService(TfServingBaseService):
    def __init__(self, model_name, model_path):
        self.names = [model_name, model_path]
        gate = os.environ.get("CONSTRUCTOR_GATE")
        while gate and not os.path.exists(gate):
            time.sleep(0.01)

    def _preprocess(self, data):
        if isinstance(data, dict) and "started" in data:  # a file to make, then one to wait for
            open(data["started"], "a").close()
            while "gate" in data and not os.path.exists(data["gate"]):
                time.sleep(0.01)
        return data

    def _inference(self, data):
        return data

    def _postprocess(self, data):
        command = data.get("answer") if isinstance(data, dict) else None
        if command == "names":
            return self.names
        if command == "NaN":
            return {"score": float("nan")}
        if command == "a lone surrogate":
            return "\ud800"
        if command == "bytes":
            return b"bytes"
        if command == "large":
            return "x" * 30000000
        if command in ("KeyError", "TypeError", "ValueError"):
            raise {"KeyError": KeyError, "TypeError": TypeError, "ValueError": ValueError}[command]("secret")
        return {"data": described(data)}


def described(value):
    """A value with the types that JSON cannot show."""
    if isinstance(value, dict):
        return [type(value).__name__, {key: described(item) for key, item in value.items()}]
    if hasattr(value, "read"):
        return [type(value).__name__, value.read().decode("latin-1")]
    return value
