"""The platform's inference server without its network: load a package's service file, pass requests through it.

As the platform does it: the file is loaded by path, exactly one leaf class must remain, it is made once with
``(model_name, model_path)``, and whatever it raises becomes the body MR.0105.
"""
import importlib.util
import inspect
import itertools
import json
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, List, Tuple

from textjob.errors import PackageError
from textjob.package import SERVICE
from textjob.settings import PROJECT

_number = itertools.count()
_NO_BODY = {"erno": "MR.0101", "msg": "The input parameter is invalid", "words_result": {}}
_FAILED = {"erno": "MR.0105", "msg": "Recognition failed", "words_result": {}}


class Rehearsal:
    """A package's service, loaded; ``request`` is what a client sees."""

    def __init__(self, package: Path) -> None:
        if importlib.util.find_spec("model_service") is None:
            sys.path.append(str(PROJECT / "shims"))
        service = _leaf_class(_load(package / SERVICE))
        try:
            self.service = service("serve", str(package))
        except Exception as error:  # on the platform, the deployment fails with this text in its log
            raise PackageError("{}: the service does not start: {}".format(package, error))

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

    def classify(self, texts: List[str], **options: Any) -> List[Dict[str, Any]]:
        """The answers to some texts, in order."""
        status, body = self.request({"data": dict({"req_data": [{"text": text} for text in texts]}, **options)})
        answers = body.get("data", {}).get("resp_data")
        if status != 200 or not isinstance(answers, list):
            raise PackageError("the service answered {}: {}".format(status, json.dumps(body, ensure_ascii=False)))
        return answers


def _load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("customize_service_{}".format(next(_number)), str(file))
    if spec is None or spec.loader is None or not file.is_file():
        raise PackageError("{} is missing: the platform needs it beside the model".format(file))
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent))  # own modules lie beside the service file
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PackageError("{} cannot be imported: {}: {}".format(file, type(error).__name__, error))
    finally:
        sys.path.remove(str(file.parent))
    return module


def _leaf_class(module: ModuleType) -> Any:
    from model_service.tfserving_model_service import TfServingBaseService

    classes = [c for c in vars(module).values() if inspect.isclass(c) and issubclass(c, TfServingBaseService)]
    leaves = [c for c in classes if not c.__subclasses__()]
    if len(leaves) != 1:
        raise PackageError("{}: the platform wants exactly one leaf class of TfServingBaseService, found {}: {}".format(
            module.__file__, len(leaves), ", ".join(c.__name__ for c in leaves) or "none"))
    return leaves[0]
