"""Foreign models served as they are, by the unchanged service, on every engine, whoever wrote them."""
import functools
import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

import adoption
import foreign_table
import numpy as np
import pytest
from conftest import CLOSE, EVERYONE, FIT_NAMES, ROOT, python_of

from textjob.check import graph

TOO_NEW = {"keras_archive", "keras_export", "keras_file", "module_defaults"}  # what these TensorFlows cannot write
LEFT_OUT = {"today": set(), "tf1.15.5": TOO_NEW | {"keras_text"}, "tf2.1.0": TOO_NEW | {"keras_text"},
            "tf2.6.2": TOO_NEW}
NO_SAVED_MODEL = {"h5_file", "keras_file", "meta", "meta_ids", "variables_only"}
NOT_AS_THEY_ARE = {  # these must be adopted; what the service says
    "example": "cannot load", "example_sparse": "cannot load", "example_text": "cannot load",
    "no_signature": "expected a signature"}
AS_THEY_ARE = (set(adoption.ARGUMENTS) | set(adoption.REFUSED)) - NO_SAVED_MODEL - set(NOT_AS_THEY_ARE)
TOLD = {"sigmoid_many": {"scores": "probabilities"}}  # kind → its service.json


class Asked(NamedTuple):
    """One writer's model of a kind, as the service is asked."""

    writer: str
    kind: str
    folder: str
    items: List[Any]
    labels: List[str]
    probabilities: np.ndarray  # none of a model that gives labels alone


@pytest.fixture(scope="module")
def models(written: Dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> List[Asked]:
    """Every SavedModel of every writer."""
    found = []
    for writer, folder in written.items():
        for kind in sorted((AS_THEY_ARE | set(NOT_AS_THEY_ARE)) - LEFT_OUT[writer]):
            model = folder / kind
            if kind in TOLD:  # the folder is other tests' too
                model = Path(shutil.copytree(model, tmp_path_factory.mktemp("told") / kind))
                (model / "service.json").write_text(json.dumps(TOLD[kind]))
            said = adoption.description(folder, kind)
            items, rows = said["inputs"], np.array(said["probabilities"] or [])
            if said["takes"] == "ids":
                items = [{"input_x": ids + [0] * ((said["length"] or 0) - len(ids))} for ids in items]
            names = said["labels"] or [str(i) for i in range(len(rows.T))]
            labels = said["answers"] if said["probabilities"] is None else [names[i] for i in rows.argmax(axis=1)]
            found.append(Asked(writer, kind, str(model), items, labels, rows))
    return found


@pytest.fixture(scope="module")
def served(models: List[Asked], drive: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
           ) -> Callable[[str], Dict[str, Any]]:
    """Engine → folder → what the repository's service file answers over it there; all in one process an engine."""
    request = tmp_path_factory.mktemp("request") / "models.json"
    request.write_text(json.dumps({model.folder: model.items for model in models}))
    return functools.lru_cache(maxsize=None)(
        lambda engine: drive(engine, "served", str(request), str(ROOT / "customize_service.py")))


@pytest.mark.parametrize("writer", EVERYONE)
def test_each_tensorflow_writes_the_kinds_that_it_can(writer: str, written: Dict[str, Path]) -> None:
    python_of(writer)
    kinds = {path.stem for path in written[writer].glob("*.json")}
    assert kinds == (set(adoption.ARGUMENTS) | set(adoption.REFUSED)) - LEFT_OUT[writer]


@pytest.mark.parametrize("engine", EVERYONE)
@pytest.mark.parametrize("writer", EVERYONE)
def test_the_unchanged_service_loads_a_foreign_model_where_check_says_so_and_answers_as_the_model_does(
        writer: str, engine: str, models: List[Asked], served: Callable[[str], Dict[str, Any]]) -> None:
    python_of(writer)
    wrong, asked = [], [model for model in models if model.writer == writer and model.kind in AS_THEY_ARE]
    assert {model.kind for model in asked} == AS_THEY_ARE - LEFT_OUT[writer]
    for model in asked:
        found, row = served(engine)[model.folder], foreign_table.row(model.kind)
        row.asked.setdefault(engine, []).append("error" not in found)
        reasons = _verdict(model.folder, engine)
        told_right = bool(reasons) == ("error" in found)
        row.told.extend([told_right] * (engine != "today"))
        if not told_right:
            wrong.append("{}: told {}, found {}".format(model.kind, reasons, found.get("error", "that it loads")))
        elif "error" in found:
            assert found["error"].startswith("TensorFlow "), found  # cannot load it: no fault of the description
        else:
            off = foreign_table.off(found["probabilities"], model.probabilities)
            row.off = max(row.off, off)
            if found["labels"] != model.labels or not off <= CLOSE:
                wrong.append("{}: off by {:.1e}, {}".format(model.kind, off, found["labels"]))
    assert not wrong, "\n".join(wrong)


def _verdict(folder: str, engine: str) -> List[str]:
    """Why ``infer.py check`` says that the service will not load a model; today's TensorFlow must load all."""
    said, plan = graph.signature(Path(folder))
    assert plan, said
    return graph.engines(Path(folder), plan.tags)[FIT_NAMES[engine]] if engine != "today" else []


@pytest.mark.parametrize("engine", EVERYONE)
def test_a_model_that_cannot_be_asked_as_it_is_stops_the_load_with_the_reason(
        engine: str, models: List[Asked], served: Callable[[str], Dict[str, Any]]) -> None:
    python_of(engine)
    asked = [model for model in models if model.kind in NOT_AS_THEY_ARE]
    assert len(asked) >= len(NOT_AS_THEY_ARE)
    for model in asked:
        assert NOT_AS_THEY_ARE[model.kind] in served(engine)[model.folder].get("error", "it loads"), model
