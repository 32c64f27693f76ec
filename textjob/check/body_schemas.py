"""Checks the JSON schemas of the request and the response, and the columns that a batch service reads."""
from typing import Any, Dict, Iterator, List, Tuple

from textjob.check.fields import (
    MALFORMED,
    NO_INPUT,
    Field,
    Rule,
    check_object,
    check_value,
    finding,
    members,
    one_of,
    place,
)
from textjob.check.finding import FAULT, NOTE, Finding
from textjob.errors import nearest, nearest_name

COLUMNS = ("string", "number", "integer", "boolean")  # the types that a batch service fills from a row of a CSV file
TYPES = (*COLUMNS, "object", "array", "null", "file")  # those of JSON Schema, and the platform's type of an upload
OTHER_NAMES = {"list": "array", "tuple": "array", "dict": "object", "map": "object", "str": "string", "text": "string",
               "float": "number", "double": "number", "int": "integer", "long": "integer", "none": "null"}


def _are_types(value: Any) -> bool:
    return all(isinstance(name, str) and name in TYPES for name in (value if isinstance(value, list) else [value]))


def _type_name(value: str) -> str:
    name = OTHER_NAMES.get(value.lower()) or nearest_name(value.lower(), TYPES)
    return f", here {name!r}" if name else ""


_KNOWN_TYPE = Rule(_are_types, " or ".join(repr(name) for name in TYPES), FAULT, MALFORMED, _type_name)
_TYPE = Field("a string or an array", "write a type of JSON Schema", [_KNOWN_TYPE])
_RESPONSE = {  # the keywords that the platform reads
    "type": _TYPE,
    "properties": Field("an object", "write one schema per name"),
    "items": Field("an array or an object", "write [schema]"),
    "required": Field("an array", "list the names of properties"),
    "index": Field("a whole number", "number the columns of the CSV file from 0", [
        Rule(lambda value: value >= 0, "0 or more")]),
}
_REQUEST = {**_RESPONSE, "items": Field("an array or an object", "write [schema], because a batch service copies it", [
    Rule(lambda value: isinstance(value, list) and len(value) == 1, "a list of one schema", NOTE, "")])}
_BATCH_TYPE = _TYPE._replace(remedy="write the type that a batch service fills in", absent=NO_INPUT)
_COLUMN = {**_REQUEST, "type": _BATCH_TYPE._replace(rules=[_KNOWN_TYPE, one_of(COLUMNS, NOTE, NO_INPUT)]),
           "index": _REQUEST["index"]._replace(absent=NO_INPUT)}
_PART = {**_REQUEST, "type": _BATCH_TYPE._replace(rules=[_KNOWN_TYPE, one_of([*COLUMNS, "file"], NOTE, NO_INPUT)])}
# The keywords of JSON Schema that resemble one of those above. The platform ignores them.
_OTHER_KEYWORDS = {
    "additionalItems", "additionalProperties", "dependentRequired", "maxItems", "maxProperties", "minItems",
    "minProperties", "patternProperties", "prefixItems", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}


def check_response(schema: Dict[str, Any], where: str) -> Iterator[Finding]:
    """Findings about the schema of a response."""
    return _schemas(schema, where, _RESPONSE, _RESPONSE)


def check_request(schema: Dict[str, Any], where: str, is_form: bool) -> Iterator[Finding]:
    """Findings about the schema of a request, whose body is a form or JSON."""
    return _schemas(schema, where, _REQUEST, _PART if is_form else _COLUMN)


def _schemas(schema: Any, where: str, of_node: Dict[str, Field], of_leaf: Dict[str, Field]) -> Iterator[Finding]:
    """Check a JSON schema and those inside it; without recursion, because their depth is not limited."""
    waiting, columns = [(where, schema)], []
    while waiting:
        at, schema = waiting.pop()
        if not isinstance(schema, dict):
            yield from check_value(schema, Field("an object", "write a JSON schema"), at)
            continue
        items, properties = schema.get("items"), schema.get("properties")
        inner = members([items] if isinstance(items, dict) else items, at + ".items")
        if isinstance(properties, dict):
            inner += [(place(at + ".properties", name), value) for name, value in properties.items()]
        waiting += reversed(inner)
        keywords = {key: value for key, value in schema.items()
                    if nearest(key, _RESPONSE) and key not in _OTHER_KEYWORDS}
        yield from check_object(keywords, of_node if inner else of_leaf, at)
        if not inner:
            columns.append((at + ".index", schema.get("index")))
    if of_leaf is _COLUMN:
        yield from _indexes(columns)


def _indexes(columns: List[Tuple[str, Any]]) -> Iterator[Finding]:
    """Check that each leaf has its own column of the CSV file, and each column a leaf."""
    taken: Dict[int, str] = {}
    for at, index in columns:
        if type(index) is int and index in taken:
            yield finding(at, f"is {index}, as {taken[index]} is; expected one column per leaf: number them from 0")
        elif type(index) is int:
            taken[index] = at
    last = max(taken, default=-1)
    if len(taken) == len(columns) <= last:
        yield finding(taken[last], f"is {last}; expected each number from 0 to {len(columns) - 1} once: no leaf reads "
                      "the omitted column, so renumber them", NOTE, "")
