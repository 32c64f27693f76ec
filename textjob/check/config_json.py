"""Checks ``config.json`` by the platform's schema: faults of an import, ignored keys, and the needs of a batch service.

``FIELDS`` is the schema, in the structure of the file. The rules about more than one value are at the end.
"""
import re
from pathlib import Path
from reprlib import Repr
from typing import Any, Callable, Collection, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from textjob.check.finding import FAULT, NOTE, OK, Finding
from textjob.errors import nearest

MALFORMED, UNSUPPORTED, NO_SOURCE = "ModelArts.3015", "ModelArts.3016", "ModelArts.3017"
BAD_RESTRAINT, NO_INPUT = "ModelArts.3041", "ModelArts.3514"

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

TYPES = ("TensorFlow", "PyTorch", "MindSpore", "MXNet", "Caffe", "Spark_MLlib", "Scikit_Learn", "XGBoost", "Image")
JSON, MULTIPART, MISSPELT_JSON = "application/json", "multipart/form-data", "applicaton/json"
COLUMNS = ("string", "number", "integer", "boolean")  # the types that a batch service fills from a row of a CSV file
KINDS: Dict[str, Tuple[type, ...]] = {
    "a string": (str,), "a number": (int, float), "a whole number": (int,), "an object": (dict,), "an array": (list,),
    "a string or an array": (str, list), "an array or an object": (list, dict), "the key to be absent": ()}

_ALGORITHM = re.compile(r"""[A-Za-z][^&!'\\"<>=\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]{0,35}""")
_PACKAGE_NAME = re.compile(r"""[^&!'"<>=]+""")
_PLAIN_KEY = re.compile(r"[\w-]{1,60}")
_SHORT = Repr()  # abbreviates long and deep values
_SHORT.maxstring = _SHORT.maxother = 60


class Rule(NamedTuple):
    """A condition for a value that has the right type, and the finding if the value does not meet it."""

    kept: Callable[[Any], Any]
    expected: str
    level: str = FAULT
    code: str = MALFORMED
    names: Collection[str] = ()  # valid values, for the correction of a misspelt one


class Field(NamedTuple):
    """The value of a key. Only the first rule that it breaks is reported."""

    kind: str               # one of KINDS
    remedy: str
    rules: Sequence[Rule] = ()
    absent: str = ""        # the platform's code if the key is missing; "" if the key is optional
    code: str = MALFORMED   # the platform's code if the value has another type
    inside: "Optional[Dict[str, Field]]" = None  # the keys of the object, or of each object of the array


def _one_of(names: Collection[str], level: str = FAULT, code: str = MALFORMED) -> Rule:
    return Rule(names.__contains__, " or ".join(repr(name) for name in names), level, code, names)


_IMAGE_ONLY = Field("the key to be absent", "only a model of the type Image has it, so remove it", code=UNSUPPORTED)
_BODY = {
    "Content-type": Field("a string", "write application/json", absent=NO_INPUT, rules=[
        _one_of([JSON, MULTIPART, MISSPELT_JSON]),
        Rule(lambda value: value != MISSPELT_JSON, "'application/json' (the platform also accepts this spelling, which "
             "is that of its own samples)", NOTE, "")]),
    "data": Field("an object", "write the JSON schema of the body", absent=NO_INPUT),
}
FIELDS = {
    "model_type": Field("a string", "write TensorFlow, because the package contains a SavedModel", [
        _one_of(TYPES, code=UNSUPPORTED),
        Rule(lambda value: value == "TensorFlow", "'TensorFlow', the type of the model in this package", code="")],
        absent=MALFORMED),
    "model_algorithm": Field("a string", "write the purpose, such as text_classification", [
        Rule(_ALGORITHM.fullmatch, "a letter and up to 35 more characters, not Chinese and none of & ! ' \\ \" < > =")],
        absent=MALFORMED),
    "runtime": Field("a string", "choose one from the platform's list of engines, which may be longer by now", [
        Rule(bool, "the name of an engine"),
        Rule(RUNTIMES.__contains__, "a known TensorFlow runtime, such as 'tf2.1-python3.7'", NOTE, "", RUNTIMES)]),
    "swr_location": _IMAGE_ONLY,
    "health": _IMAGE_ONLY,
    "metrics": Field("an object", "write the metrics by name, or leave the key out", inside=dict.fromkeys(
        ("f1", "recall", "precision", "accuracy"),
        Field("a number", "write a fraction, or leave the key out", [Rule(lambda value: 0 <= value <= 1, "0 to 1")]))),
    "apis": Field("an array", "describe the API of the service", [
        Rule(lambda value: len(value) == 1, "exactly one API, as for every model of a type other than Image")],
        absent=NO_INPUT, inside={
            "protocol": Field("a string", "write http", [_one_of(["http", "https"])]),
            "url": Field("a string", "write /, because only the type Image can have others", [_one_of(["/"])]),
            "method": Field("a string", "write post", [_one_of(["post"])]),
            "request": Field("an object", "write Content-type and data", absent=NO_INPUT, inside=_BODY),
            "response": Field("an object", "write Content-type and data", absent=NO_INPUT, inside=_BODY)}),
    "dependencies": Field("an array", "list installers with their packages, or leave the key out", inside={
        "installer": Field("a string", "write pip", [_one_of(["pip"])], absent=MALFORMED),
        "packages": Field("an array", "list the packages", [Rule(bool, "at least one")], absent=MALFORMED, inside={
            "package_name": Field("a string", "write the name for pip, or the name of a wheel file", [
                Rule(_PACKAGE_NAME.fullmatch, "a name without & ! ' \" < > =")], absent=MALFORMED),
            "package_version": Field("a string", "write the version in quotes"),
            "restraint": Field("a string", "these stand for ==, >= and <=", [
                _one_of(["EXACT", "ATLEAST", "ATMOST", ""], code=BAD_RESTRAINT)], code=BAD_RESTRAINT)})}),
}
_SCHEMA = {  # the keywords of a body's JSON schema that the platform reads
    "type": Field("a string or an array", "write a JSON type"),
    "properties": Field("an object", "write one schema per name"),
    "items": Field("an array or an object", "write [schema], because a batch service copies it", [
        Rule(lambda value: isinstance(value, list) and len(value) == 1, "a list of one schema", NOTE, "")]),
    "required": Field("an array", "list the names of properties"),
    "index": Field("a whole number", "number the columns of the CSV file from 0", [
        Rule(lambda value: value >= 0, "0 or more")]),
}
_BATCH_TYPE = Field("a string or an array", "write the type that a batch service fills in", [
    _one_of(COLUMNS, NOTE, NO_INPUT)], absent=NO_INPUT)
_COLUMN = {**_SCHEMA, "type": _BATCH_TYPE, "index": _SCHEMA["index"]._replace(absent=NO_INPUT)}
_PART = {**_SCHEMA, "type": _BATCH_TYPE._replace(rules=[_one_of([*COLUMNS, "file"], NOTE, NO_INPUT)])}
_OTHER_KEYWORDS = {"minProperties", "maxProperties", "propertyNames"}  # valid, though similar to keywords of _SCHEMA


def findings(config: Dict[str, Any], folder: Path) -> List[Finding]:
    """Findings about the parsed config.json of the package in ``folder``."""
    broken = [*_object(config, FIELDS, ""), *_bodies(config), *_packages(config, folder)]
    return broken or [Finding(OK, "config.json", "all rules of the platform's schema are met")]


def _finding(where: str, problem: str, level: str = FAULT, code: str = MALFORMED) -> Finding:
    return Finding(level, "config.json", f"{where} {problem}", code)


def _at(where: str, key: str) -> str:
    return f"{where}{'.' if where else ''}{key if _PLAIN_KEY.fullmatch(key) else _SHORT.repr(key)}"


def _members(array: Any, where: str, kind: type = object) -> List[Tuple[str, Any]]:
    """(place, value) of each member of that kind; empty if it is not an array, which another rule reports."""
    members = array if isinstance(array, list) else []
    return [(f"{where}[{i}]", member) for i, member in enumerate(members) if isinstance(member, kind)]


def _object(value: Dict[str, Any], fields: Dict[str, Field], where: str) -> Iterator[Finding]:
    for key in value:
        if key not in fields:
            yield _finding(_at(where, key), "is not a key of the schema, so it is ignored; correct or remove it"
                           + nearest(key, fields), NOTE, "")
    for key, field in fields.items():
        if key in value:
            yield from _value(value[key], field, _at(where, key))
        elif field.absent == NO_INPUT:
            yield _finding(_at(where, key), "is missing; a batch service requires it, a real-time service does not: "
                           + field.remedy, NOTE, NO_INPUT)
        elif field.absent:
            yield _finding(_at(where, key), f"is missing; expected {field.kind}: {field.remedy}")


def _value(value: Any, field: Field, where: str) -> Iterator[Finding]:
    of_kind = isinstance(value, KINDS[field.kind]) and not isinstance(value, bool)
    for rule in (Rule(lambda _: of_kind, field.kind, FAULT, field.code), *field.rules):
        if not rule.kept(value):
            hint = nearest(value, rule.names) if isinstance(value, str) else ""
            problem = f"is {_SHORT.repr(value)}; expected {rule.expected}: {field.remedy}{hint}"
            yield _finding(where, problem, rule.level, rule.code)
            break
    if of_kind and field.inside is not None:
        if isinstance(value, dict):
            yield from _object(value, field.inside, where)
        for at, member in _members(value, where):
            yield from _value(member, field._replace(kind="an object", rules=()), at)


def _packages(config: Dict[str, Any], folder: Path) -> Iterator[Finding]:
    wheels = {path.name for path in folder.glob("*.whl") if path.is_file()}
    for block_at, block in _members(config.get("dependencies"), "dependencies", dict):
        for at, package in _members(block.get("packages"), block_at + ".packages", dict):
            name, pair = package.get("package_name"), [package.get(key, "") for key in ("package_version", "restraint")]
            if isinstance(name, str) and name.endswith(".whl") and name not in wheels:
                yield _finding(at + ".package_name", f"is {_SHORT.repr(name)}; expected a file beside config.json: "
                               "copy the wheel into the package", FAULT, NO_SOURCE)
            if all(isinstance(value, str) for value in pair) and bool(pair[0]) != bool(pair[1]):
                version, restraint = map(_SHORT.repr, pair)
                yield _finding(at, f"has package_version {version} and restraint {restraint}; expected both or "
                               "neither: add the missing one, or remove both")


def _bodies(config: Dict[str, Any]) -> Iterator[Finding]:
    for at, api in _members(config.get("apis"), "apis", dict):
        for name in ("request", "response"):
            body = api.get(name)
            if isinstance(body, dict) and isinstance(body.get("data"), dict):
                leaf = _SCHEMA if name == "response" else _PART if body.get("Content-type") == MULTIPART else _COLUMN
                yield from _schemas(body["data"], f"{at}.{name}.data", leaf)


def _schemas(schema: Any, where: str, of_leaf: Dict[str, Field]) -> Iterator[Finding]:
    """Check a JSON schema and those inside it; without recursion, because their depth is not limited."""
    waiting, columns = [(where, schema)], []
    while waiting:
        at, schema = waiting.pop()
        if not isinstance(schema, dict):
            yield from _value(schema, Field("an object", "write a JSON schema"), at)
            continue
        items, properties = schema.get("items"), schema.get("properties")
        inner = _members([items] if isinstance(items, dict) else items, at + ".items")
        if isinstance(properties, dict):
            inner += [(_at(at + ".properties", name), value) for name, value in properties.items()]
        waiting += reversed(inner)
        keywords = {key: value for key, value in schema.items() if nearest(key, _SCHEMA) and key not in _OTHER_KEYWORDS}
        yield from _object(keywords, _SCHEMA if inner else of_leaf, at)
        if not inner:
            columns.append((at + ".index", schema.get("index")))
    if of_leaf is _COLUMN:
        yield from _indexes(columns)


def _indexes(columns: List[Tuple[str, Any]]) -> Iterator[Finding]:
    """Check that each leaf has its own column of the CSV file, and each column a leaf."""
    taken: Dict[int, str] = {}
    for at, index in columns:
        if type(index) is int and index in taken:
            yield _finding(at, f"is {index}, as {taken[index]} is; expected one column per leaf: number them from 0")
        elif type(index) is int:
            taken[index] = at
    last = max(taken, default=-1)
    if len(taken) == len(columns) <= last:
        yield _finding(taken[last], f"is {last}; expected each number from 0 to {len(columns) - 1} once: no leaf reads "
                       "the omitted column, so renumber them", NOTE, "")
