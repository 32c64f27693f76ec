"""Foreign models: served as they are by the unchanged service, or adopted; on every engine, whoever wrote them."""
import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

import adoption
import foreign_table
import numpy as np
import pytest
from conftest import ENGINES, ROOT, installed, python_of

from textjob import fit
from textjob.adopt import Wanted, adopt
from textjob.check import graph
from textjob.errors import PackageError
from textjob.fit.registry import engines

EVERYONE = ["today", *ENGINES]
FIT_NAMES = {"tf" + engine.tensorflow: engine.name for engine in engines()}
CLOSE = 1e-5

TOO_NEW = {"keras_archive", "keras_export", "keras_file", "module_defaults"}  # what these TensorFlows cannot write
LEFT_OUT = {"today": set(), "tf1.15.5": TOO_NEW | {"keras_text"}, "tf2.1.0": TOO_NEW | {"keras_text"},
            "tf2.6.2": TOO_NEW}
NO_SAVED_MODEL = {"h5_file", "keras_file", "meta", "meta_ids", "variables_only"}
NOT_AS_THEY_ARE = {  # these must be adopted; what the service says
    "example": "cannot load", "example_sparse": "cannot load", "example_text": "cannot load",
    "no_signature": "expected a signature"}
AS_THEY_ARE = (set(adoption.ARGUMENTS) | set(adoption.REFUSED)) - NO_SAVED_MODEL - set(NOT_AS_THEY_ARE)
TOLD = {"sigmoid_many": {"scores": "probabilities"}}  # kind → its service.json

OF_OLD = [  # models of old engines that are adopted by today's TensorFlow
    ("tf1.15.5", "example"), ("tf1.15.5", "example_sparse"), ("tf1.15.5", "keras_saved"), ("tf1.15.5", "meta"),
    ("tf1.15.5", "module"), ("tf1.15.5", "tutorial"),
    ("tf2.1.0", "drop_rate"), ("tf2.1.0", "keras_saved"), ("tf2.1.0", "meta_ids"), ("tf2.1.0", "module"),
    ("tf2.6.2", "h5_file"), ("tf2.6.2", "keras_saved"), ("tf2.6.2", "meta_ids"), ("tf2.6.2", "tutorial")]
REFUSED_OF_OLD = [
    ("tf2.6.2", "keras_text", "holds lookup tables"),
    ("tf2.1.0", "h5_file", "cannot be loaded by Keras 3")]  # which misreads the shape that Keras 2.2 gave the layer
BY_OLD = [("tf2.1.0", "ids_fixed"), ("tf2.1.0", "meta"), ("tf2.1.0", "module"), ("tf2.1.0", "tutorial"),
          ("tf2.6.2", "ids_fixed"), ("tf2.6.2", "meta"), ("tf2.6.2", "module"), ("tf2.6.2", "tutorial")]


class Asked(NamedTuple):
    """One writer's model of a kind, as the service is asked."""

    writer: str
    kind: str
    folder: str
    items: List[Any]
    labels: List[str]
    probabilities: np.ndarray  # none of a model that gives labels alone


class Package(NamedTuple):
    """An adopted model; the classes in the package's own order."""

    adopter: str
    writer: str
    kind: str
    folder: str
    texts: List[str]
    labels: List[str]
    probabilities: np.ndarray


@pytest.fixture(scope="module")
def written(foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """Writer → the folder of its models, of all engines that are installed."""
    old = {engine: adoption.written(python_of(engine), tmp_path_factory.mktemp(engine))
           for engine in ENGINES if installed(engine)}
    return {"today": foreign, **old}


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
        row.told.append(bool(reasons) == ("error" in found))
        if not row.told[-1]:
            wrong.append("{}: told {}, found {}".format(model.kind, reasons, found.get("error", "that it loads")))
        elif "error" in found:
            assert found["error"].startswith("TensorFlow "), found  # cannot load it: no fault of the description
        else:
            row.off = max(row.off, _off(found["probabilities"], model.probabilities))
            if found["labels"] != model.labels or not row.off <= CLOSE:
                wrong.append("{}: answers {}, expected {}".format(model.kind, found, model))
    assert not wrong, "\n".join(wrong)


def _verdict(folder: str, engine: str) -> List[str]:
    """Why ``infer.py check`` says that the service will not load a model; today's TensorFlow must load all."""
    said, plan = graph.signature(Path(folder))
    assert plan, said
    return graph.engines(Path(folder), plan.tags)[FIT_NAMES[engine]] if engine != "today" else []


def _off(found: Any, expected: np.ndarray) -> float:
    found = np.array(found)
    return float(np.abs(found - expected).max()) if found.shape == expected.shape and found.size else (
        0.0 if found.shape == expected.shape else np.inf)


@pytest.mark.parametrize("engine", EVERYONE)
def test_a_model_that_cannot_be_asked_as_it_is_stops_the_load_with_the_reason(
        engine: str, models: List[Asked], served: Callable[[str], Dict[str, Any]]) -> None:
    python_of(engine)
    asked = [model for model in models if model.kind in NOT_AS_THEY_ARE]
    assert len(asked) >= len(NOT_AS_THEY_ARE)
    for model in asked:
        assert NOT_AS_THEY_ARE[model.kind] in served(engine)[model.folder].get("error", "it loads"), model


# --- adopted ----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def by_old(written: Dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Dict[Tuple[str, str], Any]:
    """(engine, kind) → the finished ``infer.py adopt`` of that engine over its own model, and where its package is."""
    found = {}
    for engine, kind in BY_OLD:
        if installed(engine):
            output = tmp_path_factory.mktemp("by_old") / kind
            command = [python_of(engine), "infer.py", "adopt", "--output", str(output),
                       *adoption.flags(written[engine], kind)]
            found[engine, kind] = output / "model", subprocess.run(
                command, cwd=str(ROOT), capture_output=True, text=True, timeout=300,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return found


@pytest.mark.parametrize(("engine", "kind"), BY_OLD)
def test_infer_adopts_on_an_old_training_image(engine: str, kind: str, by_old: Dict[Tuple[str, str], Any]) -> None:
    python_of(engine)
    package, done = by_old[engine, kind]
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    said = done.stdout.splitlines()
    assert said[-1] == "adopted: {}".format(package)
    assert {"loads on " + FIT_NAMES[name] for name in ENGINES} < set(said)


@pytest.fixture(scope="module")
def packages_(written: Dict[str, Path], adopted: Dict[str, Path], by_old: Dict[Tuple[str, str], Any],
              tmp_path_factory: pytest.TempPathFactory) -> List[Package]:
    """Everything that was adopted, by whomever, of whosever model."""
    output = tmp_path_factory.mktemp("of_old")
    made = [("today", "today", kind, package) for kind, package in adopted.items()]
    made += [("today", writer, kind, adoption.adopt_kind(written[writer], kind, output / writer))
             for writer, kind in OF_OLD if writer in written]
    made += [(engine, engine, kind, package) for (engine, kind), (package, _) in by_old.items() if package.exists()]
    found = []
    for adopter, writer, kind, package in made:
        texts, labels, rows = adoption.expected(written[writer], kind)
        order = np.argsort(labels)  # a package has its labels sorted
        found.append(Package(adopter, writer, kind, str(package), texts, [labels[i] for i in np.argmax(rows, axis=1)],
                             np.array(rows)[:, order]))
    return found


@pytest.fixture(scope="module")
def answers(packages_: List[Package], drive: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
            ) -> Callable[[str], Dict[str, Any]]:
    """Engine → package → way → labels and probabilities."""
    request = tmp_path_factory.mktemp("request") / "texts.json"
    request.write_text(json.dumps({package.folder: package.texts for package in packages_}))
    return functools.lru_cache(maxsize=None)(
        lambda engine: drive(engine, "answers", str(request), *(package.folder for package in packages_)))


def _of(packages: List[Package], adopter: str) -> Iterator[Package]:
    return (package for package in packages if package.adopter == adopter)


@pytest.mark.parametrize("engine", EVERYONE)
@pytest.mark.parametrize("adopter", ["today", "tf2.1.0", "tf2.6.2"])
def test_an_adopted_model_gives_its_sources_answers_on_every_engine_by_every_way(
        adopter: str, engine: str, packages_: List[Package], answers: Callable[[str], Dict[str, Any]]) -> None:
    python_of(adopter)
    wrong = []
    for package in _of(packages_, adopter):
        ways, row = answers(engine)[package.folder], foreign_table.row(package.kind)
        assert set(ways) == {"service", "session"} | ({"function"} if engine != "tf1.15.5" else set())
        row.packages.add("{} {}".format(adopter, package.writer))
        for way, found in ways.items():
            if "error" in found:
                wrong.append("{} of {}, {}: {}".format(package.kind, package.writer, way, found["error"]))
                continue
            labels, probabilities = found
            off = _off(probabilities, package.probabilities)
            row.off = max(row.off, off)
            row.ways.add(engine + " " + way)
            if labels != package.labels or not off <= CLOSE:
                wrong.append("{} of {}, {}: off by {:.1e}, {}".format(package.kind, package.writer, way, off, labels))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("loader", [fit.SESSION, fit.LOAD, fit.SERVING])
def test_check_says_of_every_adopted_package_that_every_engine_loads_it(
        loader: str, packages_: List[Package]) -> None:
    for package in packages_:
        told = fit.engine_fit(package.folder, loader=loader)
        minded = {engine: told[FIT_NAMES[engine]] for engine in ENGINES
                  if told[FIT_NAMES[engine]] and not (loader == fit.LOAD and engine == "tf1.15.5")}
        assert not minded, package


@pytest.mark.parametrize(("writer", "kind", "reason"), REFUSED_OF_OLD)
def test_what_cannot_be_adopted_of_an_old_engine_is_refused_with_the_reason(
        writer: str, kind: str, reason: str, written: Dict[str, Path], tmp_path: Path) -> None:
    python_of(writer)
    with pytest.raises(PackageError, match=reason):
        adopt(Wanted(output=str(tmp_path), **adoption.fields(written[writer], kind)))
    assert not list(tmp_path.iterdir())
