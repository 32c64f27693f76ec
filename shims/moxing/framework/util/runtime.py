"""Logging, under the platform's name."""
import logging
from typing import Union


def reset_logger(level: Union[int, str] = logging.INFO) -> None:
    """Set the level of the root logger; the platform also removes its handlers, of which the stand-in has none."""
    logging.getLogger().setLevel(level)
