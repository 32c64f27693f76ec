"""Keras files (``.keras``, ``.h5``): load them and save them as a SavedModel with the alias ``input_x``."""
import json
import re
import shutil
from pathlib import Path
from typing import Any, Dict

import tensorflow as tf

from textjob.errors import PackageError

SUFFIXES = (".keras", ".h5", ".hdf5")


def save_as_saved_model(path: Path, folder: Path, scratch: Path) -> None:
    """Write the model of a Keras file as a SavedModel into ``folder``.

    Raises:
        PackageError: Keras cannot load the file, or the model has several inputs.
    """
    model = _load(path, scratch)
    if len(model.inputs) != 1:
        raise PackageError(f"{path} has {len(model.inputs)} inputs, but a text classifier has one; export a model with "
                           "one input")
    model_input = model.inputs[0]
    first = next((layer for layer in model.layers if not isinstance(layer, tf.keras.layers.InputLayer)), None)
    # A Sequential model without a declared input takes ids as floats.
    dtype = tf.int32 if isinstance(first, tf.keras.layers.Embedding) else tf.as_dtype(model_input.dtype)

    class Served(tf.Module):  # type: ignore[misc]
        """A module of its own, because Keras' export does not keep the aliases."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        @tf.function(input_signature=[tf.TensorSpec([None, *model_input.shape[1:]], dtype, "input_x")])  # type: ignore
        def serve(self, input_x: Any) -> Dict[str, Any]:
            """Scores by the name of the output."""
            cast = tf.cast(input_x, model_input.dtype) if dtype != model_input.dtype else input_x
            scores = self.model(cast, training=False)
            if isinstance(scores, dict):
                return dict(scores)
            outputs = scores if isinstance(scores, (list, tuple)) else [scores]
            return {"output" if len(outputs) == 1 else f"output_{i}": output for i, output in enumerate(outputs)}

    served = Served()
    tf.saved_model.save(served, str(folder), signatures={"serving_default": served.serve})


def _load(path: Path, scratch: Path) -> Any:
    """The Keras model. An ``.h5`` file that today's Keras cannot read is converted first."""
    try:
        return tf.keras.models.load_model(str(path), compile=False)
    except Exception as error:  # Keras raises many classes of errors
        reason = " ".join(str(error).split())
    if re.search("no model (config )?found", reason, re.I):
        reason = f"the file contains only weights; save the whole model with model.save(). Keras reports: {reason}"
    elif path.suffix != ".keras":
        try:
            return tf.keras.models.load_model(str(_converted(path, scratch / "model.h5")), compile=False)
        except Exception as error:
            reason += f"; after the conversion to today's format: {' '.join(str(error).split())}"
    version = getattr(tf.keras, "__version__", tf.__version__)
    raise PackageError(f"{path} cannot be loaded by Keras {version}: {reason[:600]}. Run the command with the version "
                       "of TensorFlow that wrote the file, or save the model as a SavedModel")


def _converted(path: Path, copy: Path) -> Path:
    """A copy of an ``.h5`` file of TensorFlow 2.1 or older, in the format that today's Keras reads.

    The shape of a Sequential model's input moves to a layer of its own, and initializers lose their dtype.
    """
    import h5py  # type: ignore[import-untyped]  # comes with TensorFlow
    shutil.copyfile(str(path), str(copy))
    with h5py.File(str(copy), "r+") as file:
        config = _without_initializer_dtypes(json.loads(file.attrs["model_config"]))
        layers = config["config"] if isinstance(config["config"], list) else config["config"].get("layers", [])
        shape = layers[0]["config"].get("batch_input_shape") if layers else None
        if config["class_name"] == "Sequential" and layers[0]["class_name"] != "InputLayer" and shape:
            layers.insert(0, {"class_name": "InputLayer", "config": {
                "batch_shape": shape, "dtype": layers[0]["config"].get("dtype") or "float32", "name": "input"}})
        for layer in layers:
            if layer["class_name"] != "InputLayer":
                layer["config"].pop("batch_input_shape", None)
        file.attrs["model_config"] = json.dumps(config)
    return copy


def _without_initializer_dtypes(value: Any) -> Any:
    """A copy of a Keras configuration whose initializers have no dtype."""
    if isinstance(value, list):
        return [_without_initializer_dtypes(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: dict(each, config={k: v for k, v in each["config"].items() if k != "dtype"})
            if key.endswith("_initializer") and isinstance(each, dict) and "config" in each
            else _without_initializer_dtypes(each) for key, each in value.items()}
