"""Keras files (``.keras``, ``.h5``): load them and save them as a SavedModel with the alias ``input_x``."""
import re
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import tensorflow as tf

from textjob.adopt import keras_config, keras_content, keras_old_layers, keras_scores
from textjob.adopt.keras_content import Content
from textjob.errors import PackageError

SUFFIXES = (".keras", ".h5", ".hdf5")
TENSORFLOW_1_13_TO_2_2 = ("2.2.4-tf", "2.3.0-tf")  # the Keras in their files


def save_as_saved_model(path: Path, folder: Path, scratch: Path, scores: str) -> str:
    """Write the model of a Keras file as a SavedModel into ``folder``; return the meaning of its scores.

    ``scores`` is the meaning that the user gave, or "": then the file decides it.

    Raises:
        PackageError: Keras cannot load the file, or the model is not a function of one input.
        UsageError: the file does not decide the meaning of the scores.
    """
    content = keras_content.read(path) or Content("", {}, {})
    model = load(path, content, scratch)
    layers = list(_leaves(model))
    if len(model.inputs) != 1:
        raise PackageError(f"{path} has {len(model.inputs)} inputs, but a text classifier has one; export a model with "
                           "one input")
    stateful = [layer.name for layer in layers if getattr(layer, "stateful", False)]
    if stateful:
        raise PackageError(f"the layer {stateful[0]!r} of {path} is stateful, so its prediction for a text depends on "
                           "the texts before it; build the model with stateful=False, load the weights and save it")
    scores = scores or keras_scores.meaning(model, content.training, str(path))
    model_input = model.inputs[0]
    first = next((layer for layer in layers if not isinstance(layer, tf.keras.layers.InputLayer)), None)
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
    return scores


def _leaves(model: Any) -> Iterator[Any]:
    """The layers of a model and of the models in it."""
    for layer in model.layers:
        if getattr(layer, "layers", None):
            yield from _leaves(layer)
        else:
            yield layer


def load(path: Path, content: Content, scratch: Path) -> Any:
    """The Keras model. The file of an older Keras is converted first, because Keras 3 reads only some of them."""
    installed = getattr(tf.keras, "__version__", tf.__version__)  # TensorFlow 2.1 has no such name
    try:
        if not content.config or not _version(content.version) < (3, 0) <= _version(installed):
            return tf.keras.models.load_model(str(path), compile=False)
        if content.version in TENSORFLOW_1_13_TO_2_2:
            keras_config.check_masked_sequences(content.config)
        file = keras_content.with_config(path, keras_config.converted(content.config), scratch)
        replaced = keras_old_layers.custom_objects(_version(content.version))
        model = tf.keras.models.load_model(str(file), replaced, compile=False)
        keras_old_layers.restore_hard_sigmoid(model)
        return model
    except PackageError as error:
        raise PackageError(f"{path} cannot be loaded by Keras {installed}, because {error}")
    except Exception as error:  # Keras raises many classes of errors
        reason = "the file contains only weights; save the whole model with model.save(). " * (not content.config)
        raise PackageError(f"{path} cannot be loaded by Keras {installed}: {reason}Keras reports: {_cause(error)}. "
                           f"{keras_config.REMEDY}")


def _version(version: str) -> Tuple[int, int]:
    """(3, 15) for ``3.15.1``; (0, 0) for an unknown version."""
    major, minor = (re.findall(r"\d+", version) + [0, 0])[:2]
    return int(major), int(minor)


def _cause(error: Exception) -> str:
    """The whole message of Keras, without the repetitions of a configuration."""
    message = " ".join(str(error).split())
    for literal in sorted(set(re.findall(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", message)), key=len, reverse=True):
        if len(literal) > 100 and message.count(literal) > 1:
            first = message.index(literal) + len(literal)
            message = message[:first] + message[first:].replace(literal, "{the same as above}")
    return message
