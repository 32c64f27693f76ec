"""The classifiers. A new one is a file beside these, a line in this table, and a file in config/.

Each is a module with two functions: ``weights`` gives the initial values, ``logits`` maps ids to logits. The wide part
(wide.py) is added to the logits of each of them.
"""
import importlib
from types import ModuleType
from typing import Any, Mapping

MODELS = (
    "cnn",
    "rnn",
    "rcnn",
)


def module(model: str) -> ModuleType:
    """The module of a classifier; importing it imports TensorFlow, which the names alone do not need."""
    return importlib.import_module(f"models.{model}")


def logits(model: str, w: Mapping[str, Any], ids: Any, dropout: Any) -> Any:
    """The logits of a network plus those of the wide part where ``w`` holds one.

    Args:
        w: the weights by name: arrays, variables or tensors.
        ids: int32 ``[batch, columns]``, padded with 0.
        dropout: a :data:`models.layers.Dropout`.

    Returns:
        float32 ``[batch, classes]``.
    """
    from models import wide

    network = module(model).logits(w, ids, dropout)
    return w[wide.NETWORK] * network + wide.logits(w, ids, dropout) if wide.orders(w) else network
