"""Checks ``config.json`` by the platform's schema: faults of an import, ignored keys, and the needs of a batch service.

``FIELDS`` is the schema, in the structure of the file. The rules about more than one value are at the end.
"""
import re
import sys
from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from textjob import manifest
from textjob.check.body_schemas import check_request, check_response
from textjob.check.fields import (
    MALFORMED,
    NO_INPUT,
    Field,
    Rule,
    check_object,
    finding,
    members,
    one_of,
    place,
    places,
    short,
)
from textjob.check.finding import FAULT, NOTE, OK, Finding

UNSUPPORTED, NO_SOURCE, BAD_RESTRAINT = "ModelArts.3016", "ModelArts.3017", "ModelArts.3041"

RUNTIMES: Dict[str, str] = {  # a TensorFlow runtime of the platform → its engine in textjob/engines, or ""
    "python2.7": "", "python3.6": "",  # TensorFlow 1.8
    **{f"tf1.13-python{python}-{unit}": "tf1.13-python3.6"
       for python in ("2.7", "3.6", "3.7") for unit in ("cpu", "gpu")},
    "tensorflow_1.15.0-cann_6.3.0-py_3.7-euler_2.8.3-aarch64": "tf1.15-python3.7",
    "tensorflow_1.15.5-cuda_11.4-py_3.8-ubuntu_20.04-x86_64": "tf1.15-python3.7",
    "tensorflow_2.1.0-cuda_10.1-py_3.7-ubuntu_18.04-x86_64": "tf2.1-python3.7",
    "tensorflow_2.6.0-cuda_11.2-py_3.7-ubuntu_18.04-x86_64": "tf2.6-python3.7",
    **{engine: engine for engine in ("tf1.13-python3.6", "tf1.15-python3.7", "tf2.1-python3.7", "tf2.6-python3.7")},
}

MODEL_TYPES = ("TensorFlow", "PyTorch", "MindSpore", "MXNet", "Caffe", "Spark_MLlib", "Scikit_Learn", "XGBoost",
               "Image")
JSON, MULTIPART, MISSPELT_JSON = "application/json", "multipart/form-data", "applicaton/json"

_ALGORITHM = re.compile(r"""[A-Za-z][^&!'\\"<>=\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]{0,35}""")
_PACKAGE_NAME = re.compile(r"""[^&!'"<>=]+""")
_TENSORFLOW = re.compile(r"(?:tf|t[a-z]*flow)[-_ ]*v?(\d+\.\d+)", re.IGNORECASE)
# The package's folder on the platform, in the path of a wheel.
_MODEL_FOLDER = re.compile(r"(?:/home/mind|/home/ma-user/infer|\$\{?[A-Za-z_]\w*\}?)/model/(?:\d+/)?")


def _media_type(value: str) -> str:
    """A content type without its parameters, in lower case: HTTP ignores the case."""
    return value.partition(";")[0].strip().lower()


def _same_tensorflow(runtime: str) -> str:
    """The clause that proposes the nearest runtime with the same TensorFlow; "" if none is known."""
    version = _TENSORFLOW.search(runtime)
    same = [name for name, engine in RUNTIMES.items() if version and engine.startswith(f"tf{version.group(1)}-")]
    return "".join(f"; did you mean {name!r}?" for name in get_close_matches(runtime, same, n=1, cutoff=0.0))


_IMAGE_ONLY = Field("the key to be absent", "only a model of the type Image has it, so remove it", code=UNSUPPORTED)
_BODY = {
    "Content-type": Field("a string", "write application/json", absent=NO_INPUT, rules=[
        one_of([JSON, MULTIPART, MISSPELT_JSON], normal=_media_type)._replace(expected=f"{JSON!r} or {MULTIPART!r}"),
        Rule(lambda value: _media_type(value) != MISSPELT_JSON, "'application/json' (the platform also accepts this "
             "spelling, which is that of its own samples)", NOTE, "")]),
    "data": Field("an object", "write the JSON schema of the body", absent=NO_INPUT),
}
FIELDS = {
    "model_type": Field("a string", "write TensorFlow, because the package contains a SavedModel", [
        one_of(MODEL_TYPES, code=UNSUPPORTED),
        Rule(lambda value: value == "TensorFlow", "'TensorFlow', the type of the model in this package", code="")],
        absent=MALFORMED),
    "model_algorithm": Field("a string", "write the purpose, such as text_classification", [
        Rule(_ALGORITHM.fullmatch, "a letter and up to 35 more characters, not Chinese and none of & ! ' \\ \" < > =")],
        absent=MALFORMED),
    "runtime": Field("a string", "choose one from the platform's list of engines, which may be longer by now", [
        Rule(bool, "the name of an engine"),
        Rule(RUNTIMES.__contains__, "a known TensorFlow runtime ("
             + ", ".join(sorted(filter(None, set(RUNTIMES.values())))) + ", or the platform's long name of one)",
             NOTE, "", _same_tensorflow)]),
    "swr_location": _IMAGE_ONLY,
    "health": _IMAGE_ONLY,
    "metrics": Field("an object", "write the metrics by name, or leave the key out", inside=dict.fromkeys(
        ("f1", "recall", "precision", "accuracy"),
        Field("a number", "write a fraction, or leave the key out", [
            Rule(lambda value: abs(value) <= sys.float_info.max, "a finite number"),
            Rule(lambda value: 0 <= value <= 1, "0 to 1, because the platform shows it as a fraction", NOTE, "")]))),
    "apis": Field("an array", "describe the API of the service", [
        Rule(lambda value: len(value) == 1, "exactly one API, as for every model of a type other than Image")],
        absent=NO_INPUT, inside={
            "protocol": Field("a string", "write http", [one_of(["http", "https"])]),
            "url": Field("a string", "write /, because only the type Image can have others", [one_of(["/"])]),
            "method": Field("a string", "write post", [one_of(["post"], normal=str.lower)]),
            "request": Field("an object", "write Content-type and data", absent=NO_INPUT, inside=_BODY),
            "response": Field("an object", "write Content-type and data", absent=NO_INPUT, inside=_BODY)}),
    "dependencies": Field("an array", "list installers with their packages, or leave the key out", inside={
        "installer": Field("a string", "write pip", [one_of(["pip"])], absent=MALFORMED),
        "packages": Field("an array", "list the packages", [Rule(bool, "at least one")], absent=MALFORMED, inside={
            "package_name": Field("a string", "write the name for pip, or the name of a wheel file", [
                Rule(_PACKAGE_NAME.fullmatch, "a name without & ! ' \" < > =")], absent=MALFORMED),
            "package_version": Field("a string", "write the version in quotes"),
            "restraint": Field("a string", "these stand for ==, >= and <=", [
                one_of(["EXACT", "ATLEAST", "ATMOST", ""], code=BAD_RESTRAINT)], code=BAD_RESTRAINT)})}),
}
_PLACES = places(FIELDS)


class ParsedObject(Dict[str, Any]):
    """A JSON object and the values of each key that the file contains more than once."""

    def __init__(self, pairs: List[Tuple[str, Any]]) -> None:
        super().__init__(pairs)
        count = Counter(key for key, _ in pairs)
        self.repeated = {key: [value for name, value in pairs if name == key]
                         for key, times in count.items() if times > 1}


def read(path: Path) -> Dict[str, Any]:
    """Read config.json for :func:`findings`; raises :class:`PackageError` if the file has no JSON object."""
    return manifest.read_json(path, ParsedObject)


def findings(config: Dict[str, Any], folder: Path) -> List[Finding]:
    """Findings about the parsed config.json of the package in ``folder``; repeated keys if :func:`read` parsed it."""
    broken = [*_repeated(config), *check_object(config, FIELDS, "", _PLACES), *_bodies(config),
              *_packages(config, folder)]
    return broken or [Finding(OK, "config.json", "all rules of the platform's schema are met")]


def _repeated(config: Dict[str, Any]) -> Iterator[Finding]:
    waiting: List[Tuple[str, Any]] = [("", config)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, ParsedObject):
            for key, values in value.repeated.items():
                yield finding(place(where, key), f"occurs {len(values)} times in its object, with the values "
                              f"{' and '.join(map(short, values[:3]))}; expected one: keep the right one, because "
                              "parsers of JSON differ in which they use")
        inner = [(place(where, key), member) for key, member in value.items()] if isinstance(value, dict) else []
        waiting += reversed(inner or members(value, where))


def _packages(config: Dict[str, Any], folder: Path) -> Iterator[Finding]:
    wheels = {path.name for path in folder.glob("*.whl") if path.is_file()}
    for block_at, block in members(config.get("dependencies"), "dependencies", dict):
        for at, package in members(block.get("packages"), block_at + ".packages", dict):
            name, pair = package.get("package_name"), [package.get(key, "") for key in ("package_version", "restraint")]
            if isinstance(name, str) and name.endswith(".whl"):
                known = _MODEL_FOLDER.match(name)
                if (name[known.end():] if known else name) not in wheels:
                    yield finding(at + ".package_name", f"is {short(name)}; expected a file beside config.json, by its "
                                  "name or by its path /home/mind/model/NAME.whl on the platform: copy the wheel into "
                                  "the package", FAULT, NO_SOURCE)
            if all(isinstance(value, str) for value in pair) and bool(pair[0]) != bool(pair[1]):
                version, restraint = map(short, pair)
                yield finding(at, f"has package_version {version} and restraint {restraint}; expected both or "
                              "neither: add the missing one, or remove both")


def _bodies(config: Dict[str, Any]) -> Iterator[Finding]:
    for at, api in members(config.get("apis"), "apis", dict):
        for name in ("request", "response"):
            body = api.get(name)
            if isinstance(body, dict) and isinstance(body.get("data"), dict):
                where, kind = f"{at}.{name}.data", body.get("Content-type")
                if name == "response":
                    yield from check_response(body["data"], where)
                else:
                    is_form = isinstance(kind, str) and _media_type(kind) == MULTIPART
                    yield from check_request(body["data"], where, is_form)
