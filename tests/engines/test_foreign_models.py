"""The unchanged service serves foreign models of every writer on every engine."""
import functools
import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

import adoption
import foreign_table
import numpy as np
import pytest
from conftest import CHECK_NAMES, CLOSE, EVERYONE, ROOT, python_of

from textjob.check import graph

TOO_NEW = {"keras_archive", "keras_export", "keras_file", "module_defaults"}  # not for older TensorFlows
LEFT_OUT = {"today": set(), "tf1.15.5": TOO_NEW | {"keras_text"}, "tf2.1.0": TOO_NEW | {"keras_text"},
            "tf2.6.2": TOO_NEW}
NO_SAVED_MODEL = {"h5_file", "keras_file", "meta", "meta_ids", "variables_only"}
NOT_USABLE = {  # these must be adopted; part of the service's error
    "example": "tf.Example", "example_sparse": "tf.Example", "example_text": "tf.Example",
    "no_signature": "expected a signature"}
USABLE = (set(adoption.ARGUMENTS) | set(adoption.REFUSED)) - NO_SAVED_MODEL - set(NOT_USABLE)
OPTIONS = {"outside": {"scores": "softmax"}, "sigmoid_many": {"scores": "probabilities"}}  # kind → its service.json


class Model(NamedTuple):
    """One writer's model of a kind, the items of a request, and the expected predictions."""

    writer: str
    kind: str
    folder: str
    items: List[Any]
    labels: List[str]
    probabilities: np.ndarray  # empty for a model that gives labels only


@pytest.fixture(scope="module")
def models(written: Dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> List[Model]:
    """Every SavedModel of every writer."""
    loaded = []
    for writer, folder in written.items():
        for kind in sorted((USABLE | set(NOT_USABLE)) - LEFT_OUT[writer]):
            model = folder / kind
            if kind in OPTIONS:  # in a copy, because other tests use the folder too
                model = Path(shutil.copytree(model, tmp_path_factory.mktemp("options") / kind))
                (model / "service.json").write_text(json.dumps(OPTIONS[kind]))
            description = adoption.description(folder, kind)
            items, rows = description["inputs"], np.array(description["probabilities"] or [])
            if description["takes"] == "ids":
                items = [{"input_x": ids + [0] * ((description["length"] or 0) - len(ids))} for ids in items]
            names = description["labels"] or [str(i) for i in range(len(rows.T))]
            labels = description["answers"] if description["probabilities"] is None else [
                names[i] for i in rows.argmax(axis=1)]
            loaded.append(Model(writer, kind, str(model), items, labels, rows))
    return loaded


@pytest.fixture(scope="module")
def served(models: List[Model], drive: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
           ) -> Callable[[str], Dict[str, Any]]:
    """Engine → folder → the predictions of the repository's service file; one process per engine."""
    request = tmp_path_factory.mktemp("request") / "models.json"
    request.write_text(json.dumps({model.folder: model.items for model in models}))
    return functools.lru_cache(maxsize=None)(
        lambda engine: drive(engine, "served", str(request), str(ROOT / "customize_service.py")))


@pytest.mark.parametrize("writer", EVERYONE)
def test_each_tensorflow_writes_all_kinds_that_it_supports(writer: str, written: Dict[str, Path]) -> None:
    python_of(writer)
    kinds = {path.stem for path in written[writer].glob("*.json")}
    assert kinds == (set(adoption.ARGUMENTS) | set(adoption.REFUSED)) - LEFT_OUT[writer]


@pytest.mark.parametrize("engine", EVERYONE)
@pytest.mark.parametrize("writer", EVERYONE)
def test_the_unchanged_service_loads_a_foreign_model_if_check_predicts_it_and_predicts_as_the_model(
        writer: str, engine: str, models: List[Model], served: Callable[[str], Dict[str, Any]]) -> None:
    python_of(writer)
    failures, own = [], [model for model in models if model.writer == writer and model.kind in USABLE]
    assert {model.kind for model in own} == USABLE - LEFT_OUT[writer]
    for model in own:
        result, row = served(engine)[model.folder], foreign_table.row(model.kind)
        row.served.setdefault(engine, []).append("error" not in result)
        reasons = _verdict(model.folder, engine)
        correct = bool(reasons) == ("error" in result)
        row.predicted.extend([correct] * (engine != "today"))
        if not correct:
            failures.append(f"{model.kind}: predicted {reasons}, but the outcome is {result.get('error', 'it loads')}")
        elif "error" in result:
            assert result["error"].startswith("TensorFlow "), result  # "TensorFlow ... cannot load"
        else:
            difference = foreign_table.difference(result["probabilities"], model.probabilities)
            row.difference = max(row.difference, difference)
            if result["labels"] != model.labels or not difference <= CLOSE:
                failures.append(f"{model.kind}: difference {difference:.1e}, {result['labels']}")
    assert not failures, "\n".join(failures)


def _verdict(folder: str, engine: str) -> List[str]:
    """The reasons of ``infer.py check`` why the service does not load a model; today's TensorFlow must load all."""
    findings, plan = graph.signature(Path(folder))
    assert plan, findings
    return graph.engines(Path(folder), plan.tags)[CHECK_NAMES[engine]] if engine != "today" else []


@pytest.mark.parametrize("engine", EVERYONE)
def test_a_model_that_the_service_cannot_use_unchanged_stops_the_load_with_the_reason(
        engine: str, models: List[Model], served: Callable[[str], Dict[str, Any]]) -> None:
    python_of(engine)
    unusable = [model for model in models if model.kind in NOT_USABLE]
    assert len(unusable) >= len(NOT_USABLE)
    for model in unusable:
        assert NOT_USABLE[model.kind] in served(engine)[model.folder].get("error", "it loads"), model
