"""The platform's inference server without its network, in the standard library alone.

As the platform does it: the service file is loaded by path, exactly one leaf class must remain, it is made once with
``(model_name, model_path)``, a body that is no JSON becomes MR.0101, and whatever the service raises MR.0105.

This file imports nothing of the project, so that it can also run as a program, in a process that has nothing on its
path but the package (and the stand-in for the platform's ``model_service``)::

    python -I textjob/serving/host.py PACKAGE SHIMS < bodies    # a JSON body a line; answers [status, body, seconds]
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

_number = itertools.count()
_NO_BODY = {"erno": "MR.0101", "msg": "The input parameter is invalid", "words_result": {}}
_FAILED = {"erno": "MR.0105", "msg": "Recognition failed", "words_result": {}}


class ServiceError(Exception):
    """The deployment fails: the message is what its log would say."""


class Server:
    """A package's service, loaded; ``post`` and ``request`` are what a client sees."""

    def __init__(self, package: str, shims: str) -> None:
        if importlib.util.find_spec("model_service") is None:
            sys.path.append(shims)
        service = _leaf_class(_load(os.path.join(package, SERVICE)))
        try:
            self.service = service("serve", package)
        except Exception as error:
            raise ServiceError(f"{package}: the service does not start: {error}")

    def post(self, body: bytes) -> Tuple[int, Dict[str, Any]]:
        """Status and body for the bytes of a JSON request."""
        try:
            return self.request(json.loads(body.decode("utf-8")))
        except (ValueError, RecursionError):
            return 400, _NO_BODY

    def request(self, data: Any) -> Tuple[int, Dict[str, Any]]:
        """Status and body for a parsed request body."""
        if not data:
            return 400, _NO_BODY
        try:
            answer = self.service.inference(data)
            return 200, json.loads(json.dumps(answer, ensure_ascii=False))
        except Exception as error:
            logging.exception("Algorithm crashed!")
            return 400 if isinstance(error, (KeyError, TypeError)) else 500, _FAILED


def _load(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"customize_service_{next(_number)}", file)
    if spec is None or spec.loader is None or not os.path.isfile(file):
        raise ServiceError(f"{file} is missing: the platform needs it beside the model")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(file))  # own modules lie beside the service file
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
        raise ServiceError("{}: the platform wants exactly one leaf class of TfServingBaseService, found {}: {}".format(
            module.__file__, len(leaves), ", ".join(c.__name__ for c in leaves) or "none"))
    return leaves[0]


def main(package: str, shims: str) -> int:
    """Answer each line of standard input; 5 and a sentence on stderr where the service does not start."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the service prints must not mix with the answers
    sys.dont_write_bytecode = True
    began = time.time()
    try:
        server = Server(package, shims)
    except ServiceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 5
    answers.write(json.dumps([0, {}, time.time() - began]) + "\n")
    answers.flush()
    for body in sys.stdin.buffer:
        began = time.time()
        status, reply = server.post(body)
        answers.write(json.dumps([status, reply, time.time() - began]) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
