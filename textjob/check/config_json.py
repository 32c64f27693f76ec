"""``config.json`` against the platform's schema: what an import refuses, what it ignores, what a batch service misses.

``FIELDS`` is the schema, in the shape of the file; the rules that look at more than one value stand at the end.
"""
import re
from pathlib import Path
from reprlib import Repr
from typing import Any, Callable, Collection, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from textjob.check.finding import FAULT, NOTE, OK, Finding
from textjob.errors import nearest

MALFORMED, UNSUPPORTED, NO_SOURCE = "ModelArts.3015", "ModelArts.3016", "ModelArts.3017"
BAD_RESTRAINT, NO_INPUT = "ModelArts.3041", "ModelArts.3514"

RUNTIMES: Dict[str, str] = {  # a TensorFlow runtime of the platform -> the engine of textjob/engines or ""
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
COLUMNS = ("string", "number", "integer", "boolean")  # what a batch service fills from a CSV row
KINDS: Dict[str, Tuple[type, ...]] = {
    "a string": (str,), "a number": (int, float), "a whole number": (int,), "an object": (dict,), "an array": (list,),
    "a string or an array": (str, list), "an array or an object": (list, dict), "no such key": ()}

_ALGORITHM = re.compile(r"""[A-Za-z][^&!'\\"<>=\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]{0,35}""")
_PACKAGE_NAME = re.compile(r"""[^&!'"<>=]+""")
_PLAIN_KEY = re.compile(r"[\w-]{1,60}")
_SHOWN = Repr()  # cuts what is long or deep
_SHOWN.maxstring = _SHOWN.maxother = 60


class Rule(NamedTuple):
    """What a value of the right kind must keep, and what breaking it means."""

    kept: Callable[[Any], Any]
    expected: str
    level: str = FAULT
    code: str = MALFORMED
    names: Collection[str] = ()  # where a misspelt value is looked up


class Field(NamedTuple):
    """What may stand under a key. Of its rules the first broken one is told."""

    kind: str               # one of KINDS
    remedy: str
    rules: Sequence[Rule] = ()
    absent: str = ""        # the platform's code where the key is missing; "" where it may be
    code: str = MALFORMED   # where the value is of another kind
    inside: "Optional[Dict[str, Field]]" = None  # the keys of the object, or of each object in the array


def _one_of(names: Collection[str], level: str = FAULT, code: str = MALFORMED) -> Rule:
    return Rule(names.__contains__, " or ".join(repr(name) for name in names), level, code, names)


_IMAGE_ONLY = Field("no such key", "only a model of type Image has it, so take it out", code=UNSUPPORTED)
_BODY = {
    "Content-type": Field("a string", "write application/json", absent=NO_INPUT, rules=[
        _one_of([JSON, MULTIPART, MISSPELT_JSON]),
        Rule(lambda value: value != MISSPELT_JSON, "'application/json', though the platform's own samples have this "
             "spelling and are accepted", NOTE, "")]),
    "data": Field("an object", "declare the JSON schema of the body", absent=NO_INPUT),
}
FIELDS = {
    "model_type": Field("a string", "write TensorFlow, since a SavedModel lies beside config.json", [
        _one_of(TYPES, code=UNSUPPORTED),
        Rule(lambda value: value == "TensorFlow", "'TensorFlow', or the import finds no model of that type", code="")],
        absent=MALFORMED),
    "model_algorithm": Field("a string", "name the purpose, such as text_classification", [
        Rule(_ALGORITHM.fullmatch, "a letter and at most 35 characters more, no & ! ' \\ \" < > = and no Chinese")],
        absent=MALFORMED),
    "runtime": Field("a string", "look it up in the platform's list of engines, which may have grown", [
        Rule(bool, "the name of an engine"),
        Rule(RUNTIMES.__contains__, "a known TensorFlow runtime, such as 'tf2.1-python3.7'", NOTE, "", RUNTIMES)]),
    "swr_location": _IMAGE_ONLY,
    "health": _IMAGE_ONLY,
    "metrics": Field("an object", "write the figures by name, or leave metrics out", inside=dict.fromkeys(
        ("f1", "recall", "precision", "accuracy"),
        Field("a number", "write the share, or leave it out", [Rule(lambda value: 0 <= value <= 1, "0 to 1")]))),
    "apis": Field("an array", "describe the one API of the service", [
        Rule(lambda value: len(value) == 1, "exactly one API, as for any model that is no Image")],
        absent=NO_INPUT, inside={
            "protocol": Field("a string", "write http", [_one_of(["http", "https"])]),
            "url": Field("a string", "write /, since only a model of type Image has others", [_one_of(["/"])]),
            "method": Field("a string", "write post", [_one_of(["post"])]),
            "request": Field("an object", "declare Content-type and data", absent=NO_INPUT, inside=_BODY),
            "response": Field("an object", "declare Content-type and data", absent=NO_INPUT, inside=_BODY)}),
    "dependencies": Field("an array", "list installers with their packages, or leave dependencies out", inside={
        "installer": Field("a string", "write pip", [_one_of(["pip"])], absent=MALFORMED),
        "packages": Field("an array", "list the packages", [Rule(bool, "at least one")], absent=MALFORMED, inside={
            "package_name": Field("a string", "write it as pip knows it, or a wheel's file name", [
                Rule(_PACKAGE_NAME.fullmatch, "a name without & ! ' \" < > =")], absent=MALFORMED),
            "package_version": Field("a string", "put the version in quotes"),
            "restraint": Field("a string", "they mean ==, >= and <=", [
                _one_of(["EXACT", "ATLEAST", "ATMOST", ""], code=BAD_RESTRAINT)], code=BAD_RESTRAINT)})}),
}
_SCHEMA = {  # the keywords that the platform reads in the JSON schema of a body
    "type": Field("a string or an array", "name the JSON type"),
    "properties": Field("an object", "write a schema for each name"),
    "items": Field("an array or an object", "write [schema], which a batch service copies", [
        Rule(lambda value: isinstance(value, list) and len(value) == 1, "a list of one schema", NOTE, "")]),
    "required": Field("an array", "list names of properties"),
    "index": Field("a whole number", "number the CSV's columns from 0", [Rule(lambda value: value >= 0, "0 or more")]),
}
_BATCH_TYPE = Field("a string or an array", "declare what a batch service is to fill in", [
    _one_of(COLUMNS, NOTE, NO_INPUT)], absent=NO_INPUT)
_COLUMN = {**_SCHEMA, "type": _BATCH_TYPE, "index": _SCHEMA["index"]._replace(absent=NO_INPUT)}
_PART = {**_SCHEMA, "type": _BATCH_TYPE._replace(rules=[_one_of([*COLUMNS, "file"], NOTE, NO_INPUT)])}
_OTHER_KEYWORDS = {"minProperties", "maxProperties", "propertyNames"}  # alike in spelling, and right


def findings(config: Dict[str, Any], folder: Path) -> List[Finding]:
    """What the platform makes of a package's parsed config.json; ``folder`` is the package."""
    found = [*_object(config, FIELDS, ""), *_bodies(config), *_packages(config, folder)]
    return found or [Finding(OK, "config.json", "it keeps every rule of the platform's schema")]


def _finding(where: str, said: str, level: str = FAULT, code: str = MALFORMED) -> Finding:
    return Finding(level, "config.json", f"{where} {said}", code)


def _at(where: str, key: str) -> str:
    return "{}{}{}".format(where, "." if where else "", key if _PLAIN_KEY.fullmatch(key) else _SHOWN.repr(key))


def _members(array: Any, where: str, kind: type = object) -> List[Tuple[str, Any]]:
    """What an array holds, each with its place; nothing where it is no array, which is told elsewhere."""
    members = array if isinstance(array, list) else []
    return [(f"{where}[{i}]", member) for i, member in enumerate(members) if isinstance(member, kind)]


def _object(value: Dict[str, Any], fields: Dict[str, Field], where: str) -> Iterator[Finding]:
    for key in value:
        if key not in fields:
            yield _finding(_at(where, key), "is no key of the schema, and is ignored: correct it or take it out"
                           + nearest(key, fields), NOTE, "")
    for key, field in fields.items():
        if key in value:
            yield from _value(value[key], field, _at(where, key))
        elif field.absent == NO_INPUT:
            yield _finding(_at(where, key), "is missing; a real-time service works without, a batch service does not: "
                           + field.remedy, NOTE, NO_INPUT)
        elif field.absent:
            yield _finding(_at(where, key), f"is missing; expected {field.kind}: {field.remedy}")


def _value(value: Any, field: Field, where: str) -> Iterator[Finding]:
    of_kind = isinstance(value, KINDS[field.kind]) and not isinstance(value, bool)
    for rule in (Rule(lambda _: of_kind, field.kind, FAULT, field.code), *field.rules):
        if not rule.kept(value):
            hint = nearest(value, rule.names) if isinstance(value, str) else ""
            yield _finding(where, f"is {_SHOWN.repr(value)}; expected {rule.expected}: {field.remedy}{hint}", rule.level, rule.code)
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
                yield _finding(at + ".package_name", f"is {_SHOWN.repr(name)}; expected a file beside config.json: put the wheel "
                               "there", FAULT, NO_SOURCE)
            if all(isinstance(value, str) for value in pair) and bool(pair[0]) != bool(pair[1]):
                yield _finding(at, "has package_version {} and restraint {}; expected both or neither: add the other, "
                               "or take it out".format(*map(_SHOWN.repr, pair)))


def _bodies(config: Dict[str, Any]) -> Iterator[Finding]:
    for at, api in _members(config.get("apis"), "apis", dict):
        for name in ("request", "response"):
            body = api.get(name)
            if isinstance(body, dict) and isinstance(body.get("data"), dict):
                leaf = _SCHEMA if name == "response" else _PART if body.get("Content-type") == MULTIPART else _COLUMN
                yield from _schemas(body["data"], f"{at}.{name}.data", leaf)


def _schemas(schema: Any, where: str, of_leaf: Dict[str, Field]) -> Iterator[Finding]:
    """A JSON schema and all those inside it; not by recursion, since the file says how deep they are."""
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
    """Each leaf's own column of a CSV, and no column without a leaf."""
    taken: Dict[int, str] = {}
    for at, index in columns:
        if type(index) is int and index in taken:
            yield _finding(at, f"is {index}, as {taken[index]} is; expected a column for each: number them from 0")
        elif type(index) is int:
            taken[index] = at
    last = max(taken, default=-1)
    if len(taken) == len(columns) <= last:
        yield _finding(taken[last], f"is {last}; expected each number from 0 to {len(columns) - 1} once: no leaf reads the column left "
                       "out", NOTE, "")
