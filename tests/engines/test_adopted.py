"""Adopted foreign models: the source's answers on every engine, whoever wrote them, whoever adopted them."""
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
from conftest import CLOSE, ENGINES, EVERYONE, FIT_NAMES, ROOT, installed, python_of

from textjob import engines
from textjob.errors import PackageError

OF_OLD = [  # models of old engines that are adopted by today's TensorFlow
    ("tf1.15.5", "example"), ("tf1.15.5", "example_sparse"), ("tf1.15.5", "keras_saved"), ("tf1.15.5", "meta"),
    ("tf1.15.5", "module"), ("tf1.15.5", "tutorial"), ("tf1.15.5", "h5_file"), ("tf2.1.0", "h5_file"),
    ("tf2.1.0", "drop_rate"), ("tf2.1.0", "keras_saved"), ("tf2.1.0", "meta_ids"), ("tf2.1.0", "module"),
    ("tf2.6.2", "h5_file"), ("tf2.6.2", "keras_saved"), ("tf2.6.2", "meta_ids"), ("tf2.6.2", "tutorial")]
REFUSED_OF_OLD = [
    ("tf2.6.2", "keras_text", "holds lookup tables")]
BY_OLD = [  # of these, by the engine that wrote them
    ("tf2.1.0", "drop_rate"), ("tf2.1.0", "ids_fixed"), ("tf2.1.0", "meta"), ("tf2.1.0", "module"),
    ("tf2.1.0", "tutorial"),
    ("tf2.6.2", "ids_fixed"), ("tf2.6.2", "meta"), ("tf2.6.2", "meta_ids"), ("tf2.6.2", "module"),
    ("tf2.6.2", "tutorial")]


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
    assert said[-1] == f"adopted: {package}"
    assert {"loads on " + FIT_NAMES[name] for name in ENGINES} < set(said)


@pytest.fixture(scope="module")
def adoptions(written: Dict[str, Path], adopted: Dict[str, Path], by_old: Dict[Tuple[str, str], Any],
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
def answers(adoptions: List[Package], drive: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
            ) -> Callable[[str], Dict[str, Any]]:
    """Engine → package → way → labels and probabilities."""
    request = tmp_path_factory.mktemp("request") / "texts.json"
    request.write_text(json.dumps({package.folder: package.texts for package in adoptions}))
    return functools.lru_cache(maxsize=None)(
        lambda engine: drive(engine, "answers", str(request), *(package.folder for package in adoptions)))


@pytest.mark.parametrize("engine", EVERYONE)
@pytest.mark.parametrize("adopter", ["today", "tf2.1.0", "tf2.6.2"])
def test_an_adopted_model_gives_its_sources_answers_on_every_engine_by_every_way(
        adopter: str, engine: str, adoptions: List[Package], answers: Callable[[str], Dict[str, Any]]) -> None:
    python_of(adopter)
    wrong = []
    mine = [package for package in adoptions if package.adopter == adopter]
    assert mine
    for package in mine:
        ways, row = answers(engine)[package.folder], foreign_table.row(package.kind)
        assert set(ways) == {"service", "session"} | ({"function"} if engine != "tf1.15.5" else set())
        row.packages.add(f"{adopter} {package.writer}")
        for way, found in ways.items():
            if "error" in found:
                wrong.append("{} of {}, {}: {}".format(package.kind, package.writer, way, found["error"]))
                continue
            labels, probabilities = found
            off = foreign_table.off(probabilities, package.probabilities)
            row.off = max(row.off, off)
            row.ways.add(engine + " " + way)
            if labels != package.labels or not off <= CLOSE:
                wrong.append(f"{package.kind} of {package.writer}, {way}: off by {off:.1e}, {labels}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("loader", [engines.SESSION, engines.LOAD, engines.SERVING])
def test_check_says_of_every_adopted_package_that_every_engine_loads_it(
        loader: str, adoptions: List[Package]) -> None:
    able = [engine for engine in ENGINES if (loader, engine) != (engines.LOAD, "tf1.15.5")]
    minded = []
    for package in adoptions:
        told = engines.engine_fit(package.folder, loader=loader)
        minded.extend((package.kind, package.adopter, engine, told[FIT_NAMES[engine]]) for engine in able
                      if told[FIT_NAMES[engine]])
    assert not minded


@pytest.mark.parametrize(("writer", "kind", "reason"), REFUSED_OF_OLD)
def test_what_cannot_be_adopted_of_an_old_engine_is_refused_with_the_reason(
        writer: str, kind: str, reason: str, written: Dict[str, Path], tmp_path: Path) -> None:
    python_of(writer)
    with pytest.raises(PackageError, match=reason):
        adoption.adopt_kind(written[writer], kind, tmp_path)
    assert not list(tmp_path.iterdir())
