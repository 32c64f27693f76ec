"""JSON: one object per line, or an array of objects; also the exports of doccano and of Label Studio."""
import json
import re
from functools import partial
from itertools import chain, islice
from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Tuple

from textjob.data.division import is_divisible, object_boundaries
from textjob.data.files import TextFile
from textjob.data.form import Columns, Division, Form, Reading, Record, Request, one_label, shown
from textjob.data.json_objects import Item, first_object, objects
from textjob.data.names import LABEL_NAMES, TEXT_NAMES
from textjob.errors import DataError, nearest

SAMPLE = 1000  # objects that decide the keys
SURROGATE = re.compile("[\ud800-\udfff]")  # an escape of JSON can write one, UTF-8 cannot
CHOICES = "label"  # the key for the choices of a Label Studio task


def fits(file: TextFile, lines: List[str]) -> bool:
    """Whether the file begins with an object of JSON.

    Raises:
        DataError: it begins like JSON, but is one object over several lines, or not JSON (Python writes ``{'a': 1}``).
    """
    fitting = first_object(lines) is not None
    if not fitting and lines and re.match(r"\s*(\{\s*$|\[\s*$|\[?\s*\{\s*['\"]\w+['\"]\s*:)", lines[0]):
        raise DataError(
            f"{file.name}: it begins like JSON ({shown([lines[0].strip()])}), but not with an object on one line or an "
            "array of objects; write one object per line with json.dumps"
        )
    return fitting


def read(file: TextFile, request: Request) -> Reading:
    """The records of a file.

    Raises:
        DataError: no key is known as the text or the label, or an object has several labels.
    """
    items = objects(file)
    sample = list(islice(items, SAMPLE))
    flat = [_flat(item.value) for item in sample if not item.error]
    keys = list(dict.fromkeys(key for fields in flat for key in fields))
    if not flat:
        reason = f"line {sample[0].line}: {sample[0].error}" if sample else "it is empty"
        raise DataError(f"{file.name}: no object of JSON can be read; {reason}")
    columns = _find_keys(keys, file.name, request)
    reading = Reading(file.name, "json", iter(()), file.encoding, "", columns, keys)
    reading.labelled = columns.label is not None
    texts = ", ".join(keys[text] for text in columns.texts)
    reading.details = f"JSON, {file.encoding.upper()}, text in '{texts}'"
    if request.labelled:
        reading.details += ", no label" if columns.label is None else f", label in '{keys[columns.label]}'"
    reading.records = _records(chain(sample, items), file.name, keys, columns, request.labelled)
    if not request.labelled and is_divisible(file):
        reading.division = Division(lambda part: _records(objects(part), file.name, keys, columns, False),
                                    partial(object_boundaries, file))
    return reading


def _records(items: Iterator[Item], name: str, keys: List[str], columns: Columns, labelled: bool) -> Iterator[Record]:
    for item in items:
        place = f"{name}:{item.line}"
        if item.error:
            yield Record(place, item.line, "", None, item.error)
            continue
        fields = _flat(item.value)
        texts = [fields.get(keys[text]) for text in columns.texts]
        wrong = next((text for text in texts if isinstance(text, (dict, list))), None)
        if wrong is not None:
            error = f"the text is not a string but {json.dumps(wrong)[:40]}"
            yield Record(place, item.line, "", None, error, item.value)
            continue
        text = " ".join(_as_text(text) for text in texts if _as_text(text).strip())
        if SURROGATE.search(text):
            error = "the text holds half of a surrogate pair, such as \\ud83d"
            yield Record(place, item.line, "", None, error, item.value)
            continue
        if columns.label is None:
            yield Record(place, item.line, text, None, "", item.value)
            continue
        value = fields.get(keys[columns.label])
        labels = value if isinstance(value, list) else [] if value is None else [value]
        if any(isinstance(label, (dict, list)) for label in labels):
            error = f"the label is not a string but {json.dumps(value)[:40]}"
            yield Record(place, item.line, text, None, error, item.value)
            continue
        label = one_label([_as_text(label) for label in labels], place) if labelled else ""
        yield Record(place, item.line, text, label, "", item.value)


def _flat(value: Dict[str, Any]) -> Dict[str, Any]:
    """The fields of an object; those of a Label Studio task are its data and its choices."""
    data = value.get("data")
    annotations = value.get("annotations", value.get("completions"))
    if not isinstance(data, dict) or not isinstance(annotations, list):
        return value
    choices = [
        choice
        for annotation in annotations
        if isinstance(annotation, dict) and not annotation.get("was_cancelled")
        for result in annotation.get("result", [])
        if isinstance(result, dict) and result.get("type") == "choices"
        for choice in result.get("value", {}).get("choices", [])
    ]
    return {**data, CHOICES: list(dict.fromkeys(map(str, choices)))}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _find_keys(keys: List[str], name: str, request: Request) -> Columns:
    """The keys of the label and the text: by the settings, else those of the file before, else by their names."""
    settings, before = request.settings, request.columns
    label_names = frozenset({before.label_name}) if before and before.label_name else LABEL_NAMES
    text_names = frozenset(before.text_names) if before and before.names else TEXT_NAMES
    parts = [part for part in settings.text_column.split(",") if part.strip()]
    if not parts and before and before.text_names and set(before.text_names) <= {key.strip().lower() for key in keys}:
        texts: Tuple[Optional[int], ...] = tuple(
            [key.strip().lower() for key in keys].index(text) for text in before.text_names
        )
    else:
        texts = tuple(_key(keys, part, text_names, "--text_column", name) for part in parts or [""])
    optional = before is not None or not request.labelled
    label = None
    if request.labelled:
        label = _key(keys, settings.label_column, label_names, "--label_column", name, optional)
    found = tuple(text for text in texts if text is not None)
    if not found or (label is None and not optional):
        wanted = "a text" if not found else "a label"
        flag = "--text_column" if not found else "--label_column"
        raise DataError(f"{name}: no key is known as {wanted}; its keys are {', '.join(keys)}; choose one with {flag}")
    return Columns(label, found, len(keys), tuple(key.strip().lower() for key in keys))


def _key(
    keys: List[str], setting: str, known: FrozenSet[str], flag: str, name: str, optional: bool = False
) -> Optional[int]:
    wanted = {setting.strip().lower()} if setting.strip() else known
    fitting = [i for i, key in enumerate(keys) if key.strip().lower() in wanted]
    if len(fitting) > 1:
        choice = " and ".join(f"'{keys[i]}'" for i in fitting)
        raise DataError(f"{name}: the keys {choice} have fitting names; choose one with {flag}")
    if not fitting and setting.strip() and not optional:
        hint = nearest(setting, keys)
        raise DataError(f"{flag} '{setting}': {name} has no such key; its keys are {', '.join(keys)}{hint}")
    return fitting[0] if fitting else None


FORM = Form("json", fits, read)
