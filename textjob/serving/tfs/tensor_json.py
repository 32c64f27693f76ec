"""Tensors as JSON, by the rules of TensorFlow Serving's REST API (https://www.tensorflow.org/tfx/serving/api_rest).

A request has its inputs as rows (``instances``, one value or object per row) or as columns (``inputs``); the response
has the same form (``predictions`` or ``outputs``). Strings are UTF-8; other bytes are ``{"b64": "..."}``, in a response
for outputs whose alias ends with ``_bytes``. NaN and infinities are the tokens ``NaN``, ``Infinity``, ``-Infinity``.
"""
import base64
import json
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

import numpy as np

MOST_DIMENSIONS = 32  # of an array of NumPy before version 2; a list that is nested more deeply is not a tensor

Arrays = Dict[str, Any]
"""Alias to array; an array of strings has the dtype object and contains bytes."""


class InvalidTensorError(Exception):
    """A request does not fit the inputs of the signature."""


class PredictRequest(NamedTuple):
    """The parsed body of a request."""

    signature: str
    """The name of the signature; "" for the default one."""
    rows: Any
    """The list of ``instances``, or None."""
    columns: Any
    """The value of ``inputs``, or None."""


def parse(body: bytes) -> PredictRequest:
    """The parts of a request body; its tensors cannot be read before the signature is known."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidTensorError(f"JSON Parse error: {error}")
    if not isinstance(value, dict):
        raise InvalidTensorError(f"JSON Value: {_shown(value)} is not an object")
    signature = value.get("signature_name", "")
    if not isinstance(signature, str):
        raise InvalidTensorError(f"'signature_name' is {_shown(signature)}, expected a string")
    if ("instances" in value) == ("inputs" in value):
        raise InvalidTensorError("expected one of the keys 'instances' and 'inputs', and not both")
    rows = value.get("instances")
    if "instances" in value and (not isinstance(rows, list) or not rows):
        raise InvalidTensorError(f"'instances' is {_shown(rows)}, expected a list with at least one row")
    return PredictRequest(signature, rows, value.get("inputs"))


def row_inputs(rows: List[Any], dtypes: Mapping[str, Any], optional: Any) -> Arrays:
    """``[rows, ...]`` of each input, of rows that are values of the only required input or objects with all of them."""
    required = sorted(set(dtypes) - set(optional))
    if _is_object(rows[0]):
        aliases = sorted(rows[0])
        for number, row in enumerate(rows):
            if not _is_object(row) or sorted(row) != aliases:
                raise InvalidTensorError(f"row {number} of 'instances' is {_shown(row)}, expected an object with the "
                                         f"keys {', '.join(aliases)} like row 0")
        _check_aliases(aliases, dtypes, required)
        columns = {alias: [row[alias] for row in rows] for alias in aliases}
    else:
        columns = {_only(required, "each row of 'instances'"): rows}
    return {alias: array_of(column, dtypes[alias], alias) for alias, column in columns.items()}


def column_inputs(value: Any, dtypes: Mapping[str, Any], optional: Any) -> Arrays:
    """The inputs of a request by columns: an object, or the value of the only required input."""
    required = sorted(set(dtypes) - set(optional))
    if not _is_object(value):
        value = {_only(required, "'inputs'"): value}
    _check_aliases(sorted(value), dtypes, required)
    return {alias: array_of(each, dtypes[alias], alias) for alias, each in value.items()}


def array_of(value: Any, dtype: Any, alias: str) -> Any:
    """The array of nested lists of equal lengths."""
    shape, first = [], value  # type: List[int], Any
    while isinstance(first, list) and len(shape) < MOST_DIMENSIONS:
        shape.append(len(first))
        first = first[0] if first else None
    leaves = [value]
    for size in shape:
        if any(not isinstance(each, list) or len(each) != size for each in leaves):
            raise InvalidTensorError(f"the lists of the input {alias!r} have different lengths; the first ones give "
                                     f"the shape {shape}")
        leaves = [leaf for each in leaves for leaf in each]
    kind = np.dtype(dtype).kind
    try:
        if kind == "O":
            leaves = [_bytes_of(leaf) for leaf in leaves]
        elif not all(type(leaf) in _TYPES[kind] for leaf in leaves):
            raise TypeError
        array = np.empty(len(leaves), dtype)
        array[:] = leaves
    except (KeyError, TypeError, ValueError, OverflowError):
        wrong = next((leaf for leaf in leaves if not _fits(leaf, dtype)), None)
        raise InvalidTensorError(f"JSON Value: {_shown(wrong)} of the input {alias!r} is not of the expected type "
                                 f"{'string' if kind == 'O' else np.dtype(dtype).name}")
    return array.reshape(shape)


def row_response(outputs: Arrays) -> bytes:
    """The body of the response to a request by rows."""
    sizes = {np.shape(value)[:1] for value in outputs.values()}
    if len(sizes) != 1 or sizes == {()}:
        raise InvalidTensorError("the outputs have different batch sizes or are scalars; send the inputs by columns "
                                 "under 'inputs'")
    values = {alias: _json_of(alias, value) for alias, value in outputs.items()}
    predictions = [dict(zip(values, row)) for row in zip(*values.values())] if len(values) > 1 else next(
        iter(values.values()))
    return _encode({"predictions": predictions})


def column_response(outputs: Arrays) -> bytes:
    """The body of the response to a request by columns."""
    values = {alias: _json_of(alias, value) for alias, value in outputs.items()}
    return _encode({"outputs": values if len(values) > 1 else next(iter(values.values()))})


_TYPES: Dict[str, Tuple[type, ...]] = {"f": (int, float), "i": (int,), "u": (int,), "b": (bool,)}


def _fits(leaf: Any, dtype: Any) -> bool:
    kind = np.dtype(dtype).kind
    if kind in "iu" and type(leaf) is int:
        return bool(np.iinfo(dtype).min <= leaf <= np.iinfo(dtype).max)
    return isinstance(leaf, bytes) if kind == "O" else type(leaf) in _TYPES.get(kind, ())


def _bytes_of(leaf: Any) -> Any:
    if isinstance(leaf, str):
        # As customize_service.read_text: a lone surrogate becomes U+FFFD, so that every API gives the same answer.
        return leaf.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")
    if isinstance(leaf, dict) and set(leaf) == {"b64"} and isinstance(leaf["b64"], str):
        return base64.b64decode(leaf["b64"], validate=True)
    raise TypeError


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and set(value) != {"b64"}


def _only(required: List[str], place: str) -> str:
    if len(required) != 1:
        raise InvalidTensorError(f"{place} must be an object, because the signature has the inputs "
                                 f"{', '.join(required)}")
    return required[0]


def _check_aliases(aliases: List[str], dtypes: Mapping[str, Any], required: List[str]) -> None:
    unknown, missing = sorted(set(aliases) - set(dtypes)), sorted(set(required) - set(aliases))
    if unknown or missing:
        raise InvalidTensorError("the inputs of the request do not fit the signature. "
                                 f"Unknown: {', '.join(unknown) or '-'}. Missing: {', '.join(missing) or '-'}. "
                                 f"The signature has {', '.join(sorted(dtypes))}")


def _json_of(alias: str, value: Any) -> Any:
    array = np.asarray(value)
    leaves = array.ravel().tolist()
    if array.dtype.kind in "OS":
        encode = (lambda leaf: {"b64": base64.b64encode(leaf).decode()}) if alias.endswith("_bytes") else (
            lambda leaf: leaf.decode("utf-8", "replace"))
        leaves = [encode(leaf) for leaf in leaves]
    elif array.dtype.kind == "f" and array.dtype.itemsize < 8:  # the shortest decimal number that gives the same value
        leaves = [float(str(leaf)) for leaf in array.ravel()]
    shaped = np.empty(len(leaves), object)
    shaped[:] = leaves
    return shaped.reshape(array.shape).tolist()


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:256]
