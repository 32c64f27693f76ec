"""The forms of data, one module each; a new form is a new module and its entry in ``FORMS``."""
from itertools import islice
from typing import Tuple

from textjob.data.files import open_text
from textjob.data.form import Form, Reading, Request
from textjob.data.forms import delimited, fasttext, json_records, manifest, parquet

FORMS: Tuple[Form, ...] = (manifest.FORM, json_records.FORM, fasttext.FORM, delimited.FORM)
"""The first form that fits the first lines of a file reads it; the last one fits every text."""

LOOKED_AT = 20  # lines that decide the form


def read_file(path: str, name: str, encoding: str, request: Request) -> Reading:
    """The records of a file, whose form is decided by its content."""
    with open(path, "rb") as start:
        if start.read(4) == parquet.MAGIC:
            return parquet.read(path, name, request)
    file = open_text(path, name, encoding)
    lines = [line.text for line in islice(file.lines(), LOOKED_AT) if not line.error and line.text.strip()]
    form = next(form for form in FORMS if form.fits(file, lines))
    return form.read(file, request)
