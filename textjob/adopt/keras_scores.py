"""The meaning of the scores of a Keras model: by the activation of its last layer, else by the loss of its training."""
from typing import Any, Dict, Tuple

import tensorflow as tf

from textjob.errors import UsageError

REGRESSION = ("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
              "mean_squared_logarithmic_error", "mse", "mae", "mape", "msle", "huber", "huber_loss", "log_cosh",
              "logcosh", "poisson", "cosine_similarity", "cosine_proximity")
OF_LOGITS = {"binary_crossentropy": "sigmoid", "binary_focal_crossentropy": "sigmoid",
             "categorical_crossentropy": "softmax", "sparse_categorical_crossentropy": "softmax",
             "categorical_focal_crossentropy": "softmax"}


def meaning(model: Any, training: Dict[str, Any], name: str) -> str:
    """``probabilities``, ``softmax`` or ``sigmoid``; "" if the service can decide it by the values.

    ``training`` contains the arguments of ``compile``; ``name`` is that of the file, for errors.

    Raises:
        UsageError: neither the last layer nor the loss decides, so that the meaning would be a guess.
    """
    if len(model.outputs) != 1:
        return ""
    activation, columns = _activation(model), model.outputs[0].shape[-1]
    if activation in ("softmax", "sigmoid"):
        return "probabilities"
    loss, from_logits = _loss(training.get("loss"))
    if activation == "linear" and from_logits and loss in OF_LOGITS:
        return OF_LOGITS[loss]
    if activation != "linear" and columns != 1:
        return ""
    if loss in REGRESSION:
        reason = f"it was trained by the loss {loss}, so it may be a regression and not a classifier"
    else:
        reason = f"its training loss is {loss or 'not in the file'}" + (
            ", which takes probabilities" if loss in OF_LOGITS else "")
    raise UsageError(f"the scores of {name} may be logits or probabilities: the activation of its last layer is "
                     f"{activation or 'unknown'}, and {reason}. Give --scores sigmoid (logits of one or of independent "
                     "classes), --scores softmax (logits) or --scores probabilities")


def _activation(model: Any) -> str:
    """The name of the activation that makes the output; "" if the last layer has none."""
    layer = model.outputs[0]._keras_history[0]
    while getattr(layer, "layers", None):  # a model within the model
        layer = layer.layers[-1] if isinstance(layer, tf.keras.Sequential) else layer.outputs[0]._keras_history[0]
    kind = type(layer).__name__.lower()
    if kind in ("softmax", "sigmoid"):  # a layer, or in Keras 3 an op
        return kind
    function = getattr(layer, "activation", None)
    return str(getattr(function, "__name__", function.__class__.__name__)) if function is not None else ""


def _loss(value: Any) -> Tuple[str, bool]:
    """The name of a loss, in lower case with underscores, and whether it takes logits."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return _loss(value[0])
    if isinstance(value, dict) and "class_name" not in value and len(value) == 1:
        return _loss(next(iter(value.values())))
    if isinstance(value, dict):
        config = value.get("config")
        if isinstance(config, str):  # a function
            return config, False
        config = config if isinstance(config, dict) else {}
        kind = "".join("_" + each.lower() if each.isupper() else each for each in str(value.get("class_name")))
        return kind.lstrip("_"), bool(config.get("from_logits"))
    return str(value or ""), False
