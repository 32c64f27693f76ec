"""The forms of data, one module each; a new form is a new module and its entry in ``FORMS``."""
from typing import Optional, Tuple

from textjob.data.files import COMPRESSED, without_compression
from textjob.data.form import Form
from textjob.data.forms import delimited, rfc4180

FORMS: Tuple[Form, ...] = (delimited.FORM, rfc4180.FORM)
SUFFIXES = tuple(suffix for form in FORMS for suffix in form.suffixes)
ACCEPTED = "accepted are {}, each also as {}".format(", ".join(SUFFIXES), ", ".join(COMPRESSED))


def form_of(name: str) -> Optional[Form]:
    """The form of a file by its name."""
    return next((form for form in FORMS if suffix(name) in form.suffixes), None)


def suffix(name: str) -> str:
    """The suffix of a file's name that belongs to a form, or ``""``."""
    stem = without_compression(name.rsplit("/", 1)[-1].lower())
    return next((known for known in SUFFIXES if stem.endswith(known)), "")
