"""Lays out the forms (forms.py) for a service: one folder per way (forms_table.py), and adopts them."""
import json
import shutil
import warnings
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import adoption
from forms_table import FORMS, Way


class Case(NamedTuple):
    """A way of a form: the folder of the model with its service.json, the items of a request, the right answers."""

    kind: str
    way: Way
    folder: str
    items: List[Any]
    answers: List[Dict[str, Any]]

    @property
    def name(self) -> str:
        return f"{self.kind} {json.dumps(self.way.options) if self.way.options else 'alone'}"


def written(python: str, folder: Path) -> Path:
    """Write all forms that the TensorFlow of a Python supports into the folder."""
    return adoption.written(python, folder, "forms.py")


def laid_out(folder: Path, target: Path) -> List[Case]:
    """Copy each form that was written into FOLDER to TARGET/KIND-NUMBER, once per way, with the service.json."""
    cases = []
    for kind, form in FORMS.items():
        if not (folder / f"{kind}.json").exists():
            continue
        model = adoption.description(folder, kind)
        for number, way in enumerate(form.ways):
            copy = target / f"{kind}-{number}"
            shutil.copytree(str(folder / kind), str(copy))
            if way.options:
                (copy / "service.json").write_text(json.dumps(way.options), encoding="utf-8")
            items = [{alias: value for alias, value in item.items() if alias not in way.without}
                     if isinstance(item, dict) else item for item in model["items"]]
            cases.append(Case(kind, way, str(copy), items, model["answers"]))
    return cases


def adopt_form(folder: Path, kind: str, output: Path) -> Path:
    """Adopt FOLDER/KIND with the options of the table into OUTPUT/KIND; return the package."""
    from textjob.adopt import AdoptOptions, adopt
    options = dict({"source": "{kind}"}, **(FORMS[kind].adopt or {}))
    fields = {field: str(folder / value.format(kind=kind)) if isinstance(value, str) and "{kind}" in value else value
              for field, value in options.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras 3 warns about files of older versions
        return adopt(AdoptOptions(output=str(output / kind), **fields))[0]
