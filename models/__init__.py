"""The classifiers. A new one is a file beside these, a line in this table, and a file in config/.

Each is a module with two functions: ``weights`` gives the initial values, ``logits`` maps ids to logits. The wide part
(wide.py) stands beside them all, and no model knows of it.
"""
from types import ModuleType
from typing import Any, Dict, Mapping

from models import cnn, rcnn, rnn
from models import wide as wide_part
from models.layers import Dropout

MODELS: Dict[str, ModuleType] = {
    "cnn": cnn,
    "rnn": rnn,
    "rcnn": rcnn,
}


def logits(model: str, w: Mapping[str, Any], ids: Any, dropout: Dropout) -> Any:
    """A classifier's logits, its model's with those of the wide part where ``w`` holds one: int32 ``[batch, columns]``
    to ``[batch, classes]``."""
    own = MODELS[model].logits(w, ids, dropout)
    return w[wide_part.NETWORK] * own + wide_part.logits(w, ids, dropout) if wide_part.orders(w) else own
