"""From the body of a request to the ``data`` of a service, in the shapes of the platform's server.

=======================  ==========================================================================================
content type             ``data``
=======================  ==========================================================================================
JSON                     the parsed body
form                     ``{field: str}``, the first value of each field
multipart                as a form; files are ``{field: {file name: BytesIO}}``
=======================  ==========================================================================================

The parameters of the query are merged into an object, as strings. A body that is empty, ``{}``, ``[]`` or of another
type is :class:`InvalidBodyError`.
"""
import json
from collections import OrderedDict
from typing import Any, Dict, List, Optional
from urllib.parse import parse_qsl

from python_multipart import FormParser
from python_multipart.multipart import parse_options_header

FIELDS = 10000  # fields of a form or a query


class InvalidBodyError(Exception):
    """The body cannot be parsed, or has no content."""


def read(content_type: bytes, body: bytes, query: bytes = b"") -> Any:
    """The ``data`` of a service."""
    kind, options = parse_options_header(content_type) if b";" in content_type else (content_type.strip().lower(), {})
    try:
        if kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json")):
            data = json.loads(body.decode("utf-8"))
        elif kind == b"application/x-www-form-urlencoded":
            data = _first_values(body)
        elif kind == b"multipart/form-data":
            data = _parts(options[b"boundary"], body)
        else:
            raise InvalidBodyError(f"unknown content type {content_type[:100]!r}")
        if not data:
            raise InvalidBodyError("the body has no content")
        if query and isinstance(data, dict):
            data.update(_first_values(query))
    except (ValueError, KeyError, RecursionError) as error:
        raise InvalidBodyError(str(error))
    return data


def _first_values(encoded: bytes) -> Dict[str, Any]:
    values: Dict[str, Any] = {}
    for name, value in parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS):
        values.setdefault(name, value)
    return values


def _parts(boundary: bytes, body: bytes) -> Dict[str, Any]:
    fields: Dict[str, Any] = {}
    uploads: Dict[str, Any] = {}
    ends: List[bool] = []

    def add_field(field: Any) -> None:
        fields.setdefault(_decoded(field.field_name), _decoded(field.value))

    def add_file(file: Any) -> None:
        file.file_object.seek(0)
        uploads.setdefault(_decoded(file.field_name), OrderedDict())[_decoded(file.file_name)] = file.file_object

    limit = len(body) + 1  # the body is in memory already
    parser = FormParser("multipart/form-data", add_field, add_file, on_end=lambda: ends.append(True), boundary=boundary,
                        config={"MAX_MEMORY_FILE_SIZE": limit, "MAX_FIELD_SIZE": limit, "MAX_FIELDS": FIELDS})
    parser.write(body)
    parser.finalize()
    if not ends:
        raise InvalidBodyError("the multipart body has no end")
    return dict(fields, **uploads)


def _decoded(value: Optional[bytes]) -> str:
    return (value or b"").decode("utf-8", "replace")
