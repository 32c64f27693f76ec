"""Logging, under the name that people's scripts call."""
import logging
from typing import Union


def reset_logger(level: Union[int, str] = logging.INFO) -> None:
    """Set the root logger's level; this stand-in adds no handlers of its own that would have to go."""
    logging.getLogger().setLevel(level)
