"""Adopted foreign models make the predictions of their sources on every engine, for each writer and adopter."""
import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import adoption
import foreign_table
import numpy as np
import pytest
from conftest import CHECK_NAMES, CLOSE, ENGINES, EVERYONE, ROOT, installed, python_of

from textjob import engines
from textjob.errors import PackageError

OLD_SOURCES = [  # (engine that wrote it, kind); today's TensorFlow adopts it
    ("tf1.15.5", "example"), ("tf1.15.5", "example_sparse"), ("tf1.15.5", "keras_saved"), ("tf1.15.5", "meta"),
    ("tf1.15.5", "module"), ("tf1.15.5", "tutorial"), ("tf1.15.5", "h5_file"), ("tf2.1.0", "h5_file"),
    ("tf2.1.0", "drop_rate"), ("tf2.1.0", "keras_saved"), ("tf2.1.0", "meta_ids"), ("tf2.1.0", "module"),
    ("tf2.6.2", "h5_file"), ("tf2.6.2", "keras_saved"), ("tf2.6.2", "meta_ids"), ("tf2.6.2", "tutorial")]
REFUSED_OLD_SOURCES = [
    ("tf2.6.2", "keras_text", "holds lookup tables")]
OLD_ADOPTERS = [  # (engine, kind); the engine adopts its own model
    ("tf2.1.0", "drop_rate"), ("tf2.1.0", "ids_fixed"), ("tf2.1.0", "meta"), ("tf2.1.0", "module"),
    ("tf2.1.0", "tutorial"),
    ("tf2.6.2", "ids_fixed"), ("tf2.6.2", "meta"), ("tf2.6.2", "meta_ids"), ("tf2.6.2", "module"),
    ("tf2.6.2", "tutorial")]


class Package(NamedTuple):
    """An adopted model and the expected predictions, with the classes in the package's order."""

    adopter: str
    writer: str
    kind: str
    folder: str
    texts: List[str]
    labels: List[str]
    probabilities: np.ndarray


@pytest.fixture(scope="module")
def by_old(written: Dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Dict[Tuple[str, str], Any]:
    """(engine, kind) → the package, and the finished process of ``infer.py adopt`` of that engine."""
    results = {}
    for engine, kind in OLD_ADOPTERS:
        if installed(engine):
            output = tmp_path_factory.mktemp("by_old") / kind
            command = [python_of(engine), "infer.py", "adopt", "--output", str(output),
                       *adoption.flags(written[engine], kind)]
            results[engine, kind] = output / "model", subprocess.run(
                command, cwd=str(ROOT), capture_output=True, text=True, timeout=300,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return results


@pytest.mark.parametrize(("engine", "kind"), OLD_ADOPTERS)
def test_infer_adopts_on_an_old_training_image(engine: str, kind: str, by_old: Dict[Tuple[str, str], Any]) -> None:
    python_of(engine)
    package, done = by_old[engine, kind]
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert lines[-1] == f"adopted: {package}"
    assert {"loads on " + CHECK_NAMES[name] for name in ENGINES} < set(lines)


@pytest.fixture(scope="module")
def adoptions(written: Dict[str, Path], adopted: Dict[str, Path], by_old: Dict[Tuple[str, str], Any],
              tmp_path_factory: pytest.TempPathFactory) -> List[Package]:
    """All adopted packages of all writers and adopters."""
    output = tmp_path_factory.mktemp("of_old")
    made = [("today", "today", kind, package) for kind, package in adopted.items()]
    made += [("today", writer, kind, adoption.adopt_kind(written[writer], kind, output / writer))
             for writer, kind in OLD_SOURCES if writer in written]
    made += [(engine, engine, kind, package) for (engine, kind), (package, _) in by_old.items() if package.exists()]
    packages = []
    for adopter, writer, kind, package in made:
        texts, labels, rows = adoption.expected(written[writer], kind)
        order = np.argsort(labels)  # the labels of a package are sorted
        predicted = [labels[i] for i in np.argmax(rows, axis=1)]
        packages.append(Package(adopter, writer, kind, str(package), texts, predicted, np.array(rows)[:, order]))
    return packages


@pytest.fixture(scope="module")
def answers(adoptions: List[Package], drive: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
            ) -> Callable[[str], Dict[str, Any]]:
    """Engine → package → loader → labels and probabilities."""
    request = tmp_path_factory.mktemp("request") / "texts.json"
    request.write_text(json.dumps({package.folder: package.texts for package in adoptions}))
    return functools.lru_cache(maxsize=None)(
        lambda engine: drive(engine, "answers", str(request), *(package.folder for package in adoptions)))


@pytest.mark.parametrize("engine", EVERYONE)
@pytest.mark.parametrize("adopter", ["today", "tf2.1.0", "tf2.6.2"])
def test_an_adopted_model_predicts_as_its_source_on_every_engine_with_every_loader(
        adopter: str, engine: str, adoptions: List[Package], answers: Callable[[str], Dict[str, Any]]) -> None:
    python_of(adopter)
    failures = []
    mine = [package for package in adoptions if package.adopter == adopter]
    assert mine
    for package in mine:
        ways, row = answers(engine)[package.folder], foreign_table.row(package.kind)
        assert set(ways) == {"service", "session"} | ({"function"} if engine != "tf1.15.5" else set())
        row.packages.add(f"{adopter} {package.writer}")
        for way, result in ways.items():
            if "error" in result:
                failures.append(f"{package.kind} of {package.writer}, {way}: {result['error']}")
                continue
            labels, probabilities = result
            difference = foreign_table.difference(probabilities, package.probabilities)
            row.difference = max(row.difference, difference)
            row.ways.add(engine + " " + way)
            if labels != package.labels or not difference <= CLOSE:
                failures.append(f"{package.kind} of {package.writer}, {way}: difference {difference:.1e}, {labels}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("loader", [engines.SESSION, engines.LOAD, engines.SERVING])
def test_check_predicts_that_every_engine_loads_every_adopted_package(
        loader: str, adoptions: List[Package]) -> None:
    able = [engine for engine in ENGINES if (loader, engine) != (engines.LOAD, "tf1.15.5")]
    rejected = []
    for package in adoptions:
        verdicts = engines.engine_fit(package.folder, loader=loader)
        rejected.extend((package.kind, package.adopter, engine, verdicts[CHECK_NAMES[engine]]) for engine in able
                        if verdicts[CHECK_NAMES[engine]])
    assert not rejected


@pytest.mark.parametrize(("writer", "kind", "reason"), REFUSED_OLD_SOURCES)
def test_a_model_of_an_old_engine_that_cannot_be_adopted_is_refused_with_the_reason(
        writer: str, kind: str, reason: str, written: Dict[str, Path], tmp_path: Path) -> None:
    python_of(writer)
    with pytest.raises(PackageError, match=reason):
        adoption.adopt_kind(written[writer], kind, tmp_path)
    assert not list(tmp_path.iterdir())
