"""The documents of the server: the page to try the model, and the facts of the model card that the page shows."""
import base64
import contextlib
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Dict, Sequence, Tuple

from textjob import manifest
from textjob.errors import PackageError
from textjob.packaging import package
from textjob.results import ModelCard, as_json

FILE = Path(__file__).parent / "page" / "index.html"


def accepts_html(headers: Sequence[Tuple[bytes, bytes]]) -> bool:
    """Whether a client prefers a page, as browsers do."""
    return any(name == b"accept" and b"text/html" in value.lower() for name, value in headers)


def page() -> Tuple[bytes, Tuple[Tuple[bytes, bytes], ...]]:
    """The page and its headers; it may run its own script, which may send requests to this server only."""
    content = FILE.read_bytes()
    script, style = (_source(content, tag) for tag in (b"script", b"style"))
    policy = (f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
              "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    return content, ((b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", policy.encode()),
                     (b"cache-control", b"no-cache"), (b"vary", b"accept"), (b"x-content-type-options", b"nosniff"),
                     (b"referrer-policy", b"no-referrer"))


def _source(content: bytes, tag: bytes) -> str:
    """The hash of an element for the Content-Security-Policy."""
    (text,) = re.findall(b"<%s>(.*?)</%s>" % (tag, tag), content, re.S)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


def card(name: str, version: str, folder: Path) -> bytes:
    """The facts of a package that the page shows, as JSON; texts of the data and paths are not among them."""
    facts: Dict[str, Any] = {"name": name, "version": version}
    try:
        content = manifest.read_json(folder / package.CARD)
    except PackageError:  # a package that another tool made
        content = {}
    if isinstance(content.get("model"), str) and isinstance(content.get("labels"), list):
        facts.update(model=content["model"], classes=len(content["labels"]))
    with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # an adopted model has no figures
        facts.update(_trained(ModelCard.from_json(content)))
    return json.dumps(facts, ensure_ascii=False).encode("utf-8")


def _trained(content: ModelCard) -> Dict[str, Any]:
    figures = content.figures
    return {
        "figures": {
            "part": "test" if content.test else "dev", "rows": figures.rows, "accuracy": figures.accuracy,
            "accuracy_interval": figures.accuracy_interval, "macro_f1": figures.macro_f1,
            "precision": figures.precision, "recall": figures.recall,
            "classes": [as_json(each) for each in figures.classes]},
        "data": {"train": content.data.train, "dev": content.data.dev, "test": content.data.test},
        "training": {"seconds": content.training.seconds, "best_epoch": content.training.best_epoch},
        "versions": content.versions,
    }
