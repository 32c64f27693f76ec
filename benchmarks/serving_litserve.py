"""The same package behind LitServe with its batching, ``POST /predict``, one worker: python serving_litserve.py PORT"""
import sys
from typing import Any, List

import litserve
import serving_peers
from fastapi import Request


class Package(litserve.LitAPI):
    """The service of the package; one call of the model for the items of simultaneous requests."""

    def setup(self, device: str) -> None:
        """Load the package in the worker process."""
        self.service = serving_peers.load().service

    def decode_request(self, request: Request, **_: Any) -> Any:
        """The inputs of the model; ``Request`` lets LitServe parse the body as JSON."""
        return self.service._preprocess(request)

    def predict(self, requests: List[Any], **_: Any) -> List[Any]:
        """The rows of a batch."""
        return list(zip(requests, self.service.rows([request.items[0] for request in requests])))

    def encode_response(self, output: Any, **_: Any) -> Any:
        """The answer to a request."""
        request, row = output
        return self.service._postprocess((request, [row]))


if __name__ == "__main__":
    server = litserve.LitServer(Package(max_batch_size=64, batch_timeout=0.002), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="error",
               generate_client_file=False)
