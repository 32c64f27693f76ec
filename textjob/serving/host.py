"""The life cycle of the platform's inference server, without its network; standard library only.

As on the platform, the service file is loaded by its path, exactly one leaf class must remain, one instance of it is
made with ``(model_name, model_path)``, a body that is not JSON is answered with MR.0101, and an exception of the
service with MR.0105.

This file imports no other module of the project, because it also runs as a program, in a process whose path contains
only the package (and the stand-in for the platform's ``model_service``)::

    python -I textjob/serving/host.py PACKAGE SHIMS < bodies

Standard input has one JSON body per line; standard output gets one line ``[status, body, seconds]`` for the start and
one per body. The logging of the process is left to the service, as on the platform.
"""
import importlib.util
import inspect
import itertools
import json
import logging
import os
import sys
import time
from types import ModuleType
from typing import Any, Dict, Tuple

SERVICE = "customize_service.py"
NOT_STARTED = 5  # exit code

log = logging.getLogger(__name__)

_number = itertools.count()
INVALID_BODY = 400, '{"erno": "MR.0101", "msg": "The input parameter is invalid", "words_result": {}}'
SERVICE_FAILED = '{"erno": "MR.0105", "msg": "Recognition failed", "words_result": {}}'


encode = json.JSONEncoder(ensure_ascii=False).encode
"""``json.dumps(..., ensure_ascii=False)`` as on the platform, without a new encoder per call."""


class ServiceError(Exception):
    """The service cannot be started; the message says what a deployment would write to its log."""


class Server:
    """The loaded service of a package; :meth:`post` and :meth:`request` answer as the platform does."""

    def __init__(self, package: str, shims: str, name: str = "serve") -> None:
        self.package = package
        if importlib.util.find_spec("model_service") is None:
            sys.path.append(shims)
        service_class = _leaf_class(_load(os.path.join(package, SERVICE)))
        try:
            self.service = service_class(name, package)
        except Exception as error:
            raise ServiceError(f"{package}: the service does not start: {error}")

    def post(self, body: bytes) -> Tuple[int, Dict[str, Any]]:
        """Status and body of the response to the bytes of a JSON request."""
        try:
            return self.request(json.loads(body.decode("utf-8")))
        except (ValueError, RecursionError):
            return self.request(None)

    def request(self, data: Any) -> Tuple[int, Dict[str, Any]]:
        """Status and body of the response to a parsed request body."""
        status, text = self.respond(data)
        return status, json.loads(text)

    def respond(self, data: Any) -> Tuple[int, str]:
        """Status and text of the response to a parsed request body."""
        if not data:
            return INVALID_BODY
        try:
            return 200, encode(self.service.inference(data))
        except Exception as error:
            return failed(error)


def failed(error: Exception) -> Tuple[int, str]:
    """Status and text of the response to a request on which the service raised this exception."""
    log.error("Algorithm crashed!", exc_info=error)
    return 400 if isinstance(error, (KeyError, TypeError)) else 500, SERVICE_FAILED


def _load(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"customize_service_{next(_number)}", file)
    if spec is None or spec.loader is None or not os.path.isfile(file):
        raise ServiceError(f"{file} is missing, but the platform needs it beside the model; copy it from the template")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(file))  # modules of the package lie beside the service file
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ServiceError(f"{file} cannot be imported: {type(error).__name__}: {error}")
    finally:
        sys.path.remove(os.path.dirname(file))
    return module


def _leaf_class(module: ModuleType) -> Any:
    from model_service.tfserving_model_service import TfServingBaseService

    classes = [c for c in vars(module).values() if inspect.isclass(c) and issubclass(c, TfServingBaseService)]
    leaves = [c for c in classes if not c.__subclasses__()]
    if len(leaves) != 1:
        names = ", ".join(c.__name__ for c in leaves) or "none"
        raise ServiceError(f"{module.__file__}: the platform needs exactly one leaf class of TfServingBaseService, but "
                           f"the file has {len(leaves)}: {names}; keep one service class in it")
    return leaves[0]


def main(package: str, shims: str) -> int:
    """Answer each line of standard input; exit code 5 and a message on standard error if the service does not start."""
    responses = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # output of the service must not mix with the responses
    sys.dont_write_bytecode = True

    def write(status: int, body: Dict[str, Any]) -> None:
        responses.write(json.dumps([status, body, time.time() - began]) + "\n")
        responses.flush()

    began = time.time()
    try:
        server = Server(package, shims)
    except ServiceError as error:
        print(f"error: {error}", file=sys.stderr)
        return NOT_STARTED
    write(0, {})
    for line in sys.stdin.buffer:
        began = time.time()
        write(*server.post(line))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
