"""The request's way through a service, as the platform's server takes it."""
import logging
import time
from typing import Any

log = logging.getLogger(__name__)


class SingleNodeService:
    """What every service class of the platform derives from."""

    def __init__(self, model_name: str, model_path: str) -> None:
        self.model_name = model_name
        self.model_path = model_path

    def inference(self, data: Any) -> Any:
        """One request: each of the three steps, timed into the log as the platform does."""
        for step in (self._preprocess, self._inference, self._postprocess):
            began = time.time()
            data = step(data)
            log.debug("%s: %.1f ms", step.__name__, (time.time() - began) * 1000)
        return data

    def _preprocess(self, data: Any) -> Any:
        return data

    def _inference(self, data: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no _inference")

    def _postprocess(self, data: Any) -> Any:
        return data
