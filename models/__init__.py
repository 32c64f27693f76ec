"""The classifiers. A new one is a file beside these, a line in this table, and a file in config/.

Each is a module with two functions: ``weights`` gives the initial values, ``logits`` maps ids to logits.
"""
from types import ModuleType
from typing import Dict

from models import cnn, rcnn, rnn

MODELS: Dict[str, ModuleType] = {
    "cnn": cnn,
    "rnn": rnn,
    "rcnn": rcnn,
}
