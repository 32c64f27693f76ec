"""A package's own service in this process, in the platform's life cycle (:mod:`textjob.serving.host`)."""
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

from textjob.errors import PackageError
from textjob.paths import SHIMS
from textjob.serving import host


class Rehearsal:
    """The loaded service of a package."""

    def __init__(self, package: Path) -> None:
        try:
            self._server = host.Server(str(package), str(SHIMS))
        except host.ServiceError as error:
            raise PackageError(str(error))
        self.service = self._server.service
        self.package = package

    def request(self, data: Any) -> Tuple[int, Dict[str, Any]]:
        """Status and body of the response to a parsed request body."""
        return self._server.request(data)

    def classify(self, texts: List[str], **options: Any) -> List[Dict[str, Any]]:
        """The answers to the texts, in their order; ``options`` are ``top_k`` and ``threshold``.

        The answers are not converted to JSON and back, as a response is, because this takes as long as a small model.
        """
        request = {"data": dict({"req_data": [{"text": text} for text in texts]}, **options)}
        try:
            status, body = 200, self.service.inference(request)
        except Exception as error:
            status, response = host.failed(error)
            body = json.loads(response)
        data = body.get("data") if isinstance(body, dict) else None
        answers = data.get("resp_data") if isinstance(data, dict) else None
        if status != 200 or not isinstance(answers, list) or len(answers) != len(texts):
            raise PackageError(f"the service answered {len(texts)} texts with status {status} and {str(body)[:1000]}, "
                               "expected status 200 and data.resp_data with an answer to each text; correct "
                               "customize_service.py in the package")
        return answers
