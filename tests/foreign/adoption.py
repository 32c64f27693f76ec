"""The options of ``infer.py adopt`` for each kind of foreign model, and the predictions that its package must make."""
import json
import os
import subprocess
import warnings
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

VOCABULARY = {"vocabulary": "{kind}.vocabulary.txt", "tokenizer": "whitespace"}  # for models that take ids

ARGUMENTS: Dict[str, Dict[str, Any]] = {  # kind → AdoptOptions; {kind} begins a path in the folder
    "drop_rate": {},
    "example": VOCABULARY,
    "example_sparse": VOCABULARY,
    "example_text": {},
    "h5_file": dict(VOCABULARY, source="{kind}/model.h5"),
    "ids_any": VOCABULARY,
    "ids_fixed": VOCABULARY,
    "keras_archive": VOCABULARY,
    "keras_export": VOCABULARY,
    "keras_file": dict(VOCABULARY, source="{kind}/model.keras"),
    "keras_saved": VOCABULARY,
    "logits": {},
    "meta": {"output_tensor": "net/prediction/probabilities:0"},
    "meta_ids": dict(VOCABULARY, output_tensor="rnn/probabilities:0"),
    "module": {},
    "module_defaults": {},
    "no_signature": {"output_tensor": "predict_y:0"},
    "one_column": {},
    "outside": {"scores": "softmax"},
    "sigmoid_many": {"scores": "probabilities"},
    "tutorial": {},
    "two_signatures": {},
    "two_tag_sets": {},
}

REFUSED = {  # kind → part of the error message: no options make these adoptable
    "keras_text": "holds lookup tables",
    "label_only": "gives labels without a score for each class",
    "variables_only": "contains variables without a graph",
}


def written(python: str, folder: Path, script: str = "foreign_models.py") -> Path:
    """Write all models of a script that the TensorFlow of a Python supports into the folder."""
    command = [python, str(Path(__file__).with_name(script)), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580,
                          env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", PYTHONDONTWRITEBYTECODE="1"))
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def fields(folder: Path, kind: str) -> Dict[str, Any]:
    """The AdoptOptions for FOLDER/KIND, except the output."""
    options = dict({"source": "{kind}"}, **ARGUMENTS.get(kind, {}))
    return {field: str(folder / value.format(kind=kind)) if "{kind}" in value else value
            for field, value in options.items()}


def flags(folder: Path, kind: str) -> List[str]:
    """The same as flags of ``infer.py adopt``."""
    return [part for field, value in fields(folder, kind).items() for part in ("--" + field, value)]


class Expected(NamedTuple):
    """Texts and a model's predictions for them, with the classes in the order of its own columns."""

    texts: List[str]
    labels: List[str]
    probabilities: List[List[float]]


def description(folder: Path, kind: str) -> Dict[str, Any]:
    """FOLDER/KIND.json, which foreign_models.py describes."""
    content: Dict[str, Any] = json.loads((folder / (kind + ".json")).read_text(encoding="utf-8"))
    return content


def expected(folder: Path, kind: str) -> Expected:
    """The predictions that the package adopted from FOLDER/KIND must make."""
    model = description(folder, kind)
    rows = model["probabilities"]
    labels = model["labels"] or [str(i) for i in range(len(rows[0]))]
    return Expected(model.get("texts") or model["inputs"], labels, rows)


def adopt_kind(folder: Path, kind: str, output: Path) -> Path:
    """Adopt FOLDER/KIND into the folder ``output``; return the package."""
    from textjob.adopt import AdoptOptions, adopt
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras 3 warns about files of older versions
        return adopt(AdoptOptions(output=str(output / kind), **fields(folder, kind)))[0]
