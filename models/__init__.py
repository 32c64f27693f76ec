"""The models. A new model is one file in this folder, one line in this table, and one file in config/.

A model is a module with two functions: ``weights`` returns the initial values, ``logits`` maps ids to logits. The wide
part (wide.py) can be added to the logits of each model.
"""
import importlib
from types import ModuleType
from typing import Any, Mapping, Optional

MODELS = (
    "cnn",
    "rnn",
    "rcnn",
)

WIDE = "wide"
"""The name of the wide part as a model of its own. A job does not train it alone, so it is not in the table."""


def module(model: str) -> ModuleType:
    """The module of a model. The import of the module imports TensorFlow, which the names alone do not need."""
    return importlib.import_module(f"models.{model}")


def logits(model: str, w: Mapping[str, Any], ids: Any, dropout: Any, spelling: Any = None,
           max_length: Optional[int] = None) -> Any:
    """The logits of a model, plus those of the wide part if ``w`` contains one.

    Args:
        model: a name of :data:`MODELS`, or :data:`WIDE` for the wide part alone.
        w: the weights by name: arrays, variables or tensors.
        ids: int32 ``[batch, columns]``, padded with 0.
        dropout: a :data:`models.layers.Dropout`.
        spelling: the characters of the unknown words, for the wide part (``textjob/text/spelling.py``).
        max_length: the columns that the network reads; None means all. The wide part reads all.

    Returns:
        float32 ``[batch, classes]``.
    """
    from models import wide

    if model == WIDE:
        return wide.logits(w, ids, dropout, spelling)
    own = module(model).logits(w, ids[:, :max_length], dropout)
    if wide.NETWORK in w:
        own = w[wide.NETWORK] * own
    return own + wide.logits(w, ids, dropout, spelling) if wide.orders(w) else own
