"""What ``textjob.adopt`` has to be told of each foreign kind, and what the package must answer then."""
import json
import os
import subprocess
import warnings
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

VOCABULARY = {"vocabulary": "{kind}.vocabulary.txt", "tokenizer": "whitespace"}  # of models that take ids

ARGUMENTS: Dict[str, Dict[str, Any]] = {  # kind → fields of Wanted; those that begin with {kind} lie in the folder
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
    "outside": {},
    "sigmoid_many": {"scores": "probabilities"},
    "tutorial": {},
    "two_signatures": {},
    "two_tag_sets": {},
}

REFUSED = {  # kind → what the refusal says: these cannot be adopted by any arguments
    "keras_text": "holds lookup tables",
    "label_only": "gives labels alone",
    "variables_only": "holds variables alone",
}


def written(python: str, folder: Path) -> Path:
    """Let a Python's TensorFlow write every foreign kind that it can into the folder."""
    command = [python, str(Path(__file__).with_name("foreign_models.py")), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580,
                          env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", PYTHONDONTWRITEBYTECODE="1"))
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def fields(folder: Path, kind: str) -> Dict[str, Any]:
    """The fields of Wanted for FOLDER/KIND, but for the output."""
    told = dict({"source": "{kind}"}, **ARGUMENTS.get(kind, {}))
    return {field: str(folder / value.format(kind=kind)) if "{kind}" in value else value
            for field, value in told.items()}


def flags(folder: Path, kind: str) -> List[str]:
    """The same for the command line of ``infer.py adopt``."""
    return [part for field, value in fields(folder, kind).items() for part in ("--" + field, value)]


class Expected(NamedTuple):
    """Texts, and what a model answers them, its classes in the order of its own columns."""

    texts: List[str]
    labels: List[str]
    probabilities: List[List[float]]


def description(folder: Path, kind: str) -> Dict[str, Any]:
    """FOLDER/KIND.json, as foreign_models.py tells it."""
    found: Dict[str, Any] = json.loads((folder / (kind + ".json")).read_text(encoding="utf-8"))
    return found


def expected(folder: Path, kind: str) -> Expected:
    """What the package that was adopted from FOLDER/KIND must answer."""
    said = description(folder, kind)
    rows = said["probabilities"]
    return Expected(said.get("texts") or said["inputs"], said["labels"] or [str(i) for i in range(len(rows[0]))], rows)


def adopt_kind(folder: Path, kind: str, output: Path) -> Path:
    """The package that becomes of FOLDER/KIND, in the folder ``output``."""
    from textjob.adopt import Wanted, adopt
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras 3 warns of what its forerunners wrote
        return adopt(Wanted(output=str(output / kind), **fields(folder, kind)))[0]
