"""Checks JSON objects by tables of fields: the type of each value, its rules, and keys that are missing or unknown."""
import re
from reprlib import Repr
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from textjob.check.finding import FAULT, NOTE, Finding
from textjob.errors import nearest

MALFORMED, NO_INPUT = "ModelArts.3015", "ModelArts.3514"
KINDS: Dict[str, Tuple[type, ...]] = {
    "a string": (str,), "a number": (int, float), "a whole number": (int,), "an object": (dict,), "an array": (list,),
    "a string or an array": (str, list), "an array or an object": (list, dict), "the key to be absent": ()}

_PLAIN_KEY = re.compile(r"[\w-]{1,60}")
_SHORT = Repr()  # abbreviates long and deep values
_SHORT.maxstring = _SHORT.maxother = 60


class Rule(NamedTuple):
    """A condition for a value that has the right type, and the finding if the value does not meet it."""

    kept: Callable[[Any], Any]
    expected: str
    level: str = FAULT
    code: str = MALFORMED
    hint: Callable[[str], str] = lambda value: ""  # the correction of a misspelt string, as the end of the sentence


class Field(NamedTuple):
    """The value of a key. Only the first rule that it breaks is reported."""

    kind: str               # one of KINDS
    remedy: str
    rules: Sequence[Rule] = ()
    absent: str = ""        # the platform's code if the key is missing; "" if the key is optional
    code: str = MALFORMED   # the platform's code if the value has another type
    inside: "Optional[Dict[str, Field]]" = None  # the keys of the object, or of each object of the array


def one_of(names: Collection[str], level: str = FAULT, code: str = MALFORMED,
           normal: Callable[[str], str] = str) -> Rule:
    """The value, after ``normal``, is one of the names."""
    return Rule(lambda value: (normal(value) if isinstance(value, str) else value) in names,
                " or ".join(repr(name) for name in names), level, code, lambda value: nearest(normal(value), names))


def finding(where: str, problem: str, level: str = FAULT, code: str = MALFORMED) -> Finding:
    """A finding whose message begins with the place."""
    return Finding(level, "config.json", f"{where} {problem}", code)


def short(value: Any) -> str:
    """The abbreviated repr of a value."""
    return _SHORT.repr(value)


def place(where: str, key: str) -> str:
    """The name of the place of a key: ``apis[0].url``."""
    return f"{where}{'.' if where else ''}{key if _PLAIN_KEY.fullmatch(key) else short(key)}"


def members(array: Any, where: str, kind: type = object) -> List[Tuple[str, Any]]:
    """(place, value) of each member of that kind; empty if it is not an array, which another rule reports."""
    values = array if isinstance(array, list) else []
    return [(f"{where}[{i}]", value) for i, value in enumerate(values) if isinstance(value, kind)]


def places(fields: Dict[str, Field], where: str = "") -> Dict[str, str]:
    """key → its place in the table, for keys that were written in another object."""
    known: Dict[str, str] = {}
    for key, field in fields.items():
        at = place(where, key)
        if field.inside is not None:
            known.update(places(field.inside, at + ("[0]" if field.kind == "an array" else "")))
    return {**known, **{key: place(where, key) for key in fields}}


def check_object(value: Dict[str, Any], fields: Dict[str, Field], where: str,
                 elsewhere: Mapping[str, str] = {}) -> Iterator[Finding]:
    """Findings about the keys of an object and their values; ``elsewhere`` is the result of :func:`places`."""
    for key in value:
        if key not in fields:
            remedy = f"move it to {elsewhere[key]}" if key in elsewhere else "correct or remove it"
            yield finding(place(where, key), "is not a key of the schema, so it is ignored; "
                          + remedy + nearest(key, fields), NOTE, "")
    for key, field in fields.items():
        if key in value:
            yield from check_value(value[key], field, place(where, key), elsewhere)
        elif field.absent == NO_INPUT:
            yield finding(place(where, key), "is missing; a batch service requires it, a real-time service does not: "
                          + field.remedy, NOTE, NO_INPUT)
        elif field.absent:
            yield finding(place(where, key), f"is missing; expected {field.kind}: {field.remedy}")


def check_value(value: Any, field: Field, where: str, elsewhere: Mapping[str, str] = {}
                ) -> Iterator[Finding]:
    """The first rule that a value breaks, and the findings about the objects inside it."""
    of_kind = isinstance(value, KINDS[field.kind]) and not isinstance(value, bool)
    for rule in (Rule(lambda _: of_kind, field.kind, FAULT, field.code), *field.rules):
        if not rule.kept(value):
            hint = rule.hint(value) if isinstance(value, str) else ""
            problem = f"is {short(value)}; expected {rule.expected}: {field.remedy}{hint}"
            yield finding(where, problem, rule.level, rule.code)
            break
    if of_kind and field.inside is not None:
        if isinstance(value, dict):
            yield from check_object(value, field.inside, where, elsewhere)
        for at, member in members(value, where):
            yield from check_value(member, field._replace(kind="an object", rules=()), at, elsewhere)
