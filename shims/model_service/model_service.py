"""The steps that a request passes through in a service, as on the platform's server."""
import logging
import time
from typing import Any

log = logging.getLogger(__name__)


class SingleNodeService:
    """The base class of all services of the platform."""

    def __init__(self, model_name: str, model_path: str) -> None:
        self.model_name = model_name
        self.model_path = model_path

    def inference(self, data: Any) -> Any:
        """Run the three steps for one request; logs the time of each, as the platform does."""
        for step in (self._preprocess, self._inference, self._postprocess):
            began = time.time()
            data = step(data)
            log.debug("%s: %.1f ms", step.__name__, (time.time() - began) * 1000)
        return data

    def _preprocess(self, data: Any) -> Any:
        return data

    def _inference(self, data: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define _inference")

    def _postprocess(self, data: Any) -> Any:
        return data
