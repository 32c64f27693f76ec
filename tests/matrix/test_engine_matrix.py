"""Compares the verdicts of ``textjob.engines`` with the behaviour of the real engines.

    ENGINES_DIR=FOLDER pytest tests/matrix/test_engine_matrix.py

FOLDER contains the environments tf1.15.5, tf2.1.0, tf2.6.2 (and optionally tf1.13.1), each with bin/python. Every
engine and today's TensorFlow write about a hundred small SavedModels each; then every engine loads and runs all of them
with each of its loaders. This takes 20 minutes on two cores.
"""
import json
import os
import subprocess
import sys

import matrix_edits
import pytest

from textjob.engines import LOAD, SERVING, SESSION, engine_fit
from textjob.engines.registry import engines

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES_DIR = os.path.abspath(os.environ.get("ENGINES_DIR", ".engines"))
PYTHONS = {engine.name: os.path.join(ENGINES_DIR, "tf" + engine.tensorflow, "bin", "python")
           for engine in engines()}
INSTALLED = {name: python for name, python in PYTHONS.items() if os.path.exists(python)}
LOADERS = {engine.name: [SESSION, SERVING] + [LOAD] * engine.has_load for engine in engines()}
CELLS = [(name, loader) for name in INSTALLED for loader in LOADERS[name]]
MAX_CRASHES = 10  # of one engine over all cases; a new process continues after each crash

pytestmark = [pytest.mark.skipif(not INSTALLED, reason="ENGINES_DIR contains no engine; run make engines"),
              pytest.mark.timeout(3600)]


def run(python, script, *arguments):
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="", PYTHONPATH="")
    command = ["nice", "-n", "10", python, "-W", "ignore", os.path.join(HERE, script)]
    return subprocess.run(command + list(arguments), env=environment, capture_output=True)


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """WRITER/CASE/saved_model.pb"""
    folder = tmp_path_factory.mktemp("exports")
    for writer, python in list(INSTALLED.items()) + [("today", sys.executable)]:
        (folder / writer).mkdir()
        done = run(python, "matrix_exports.py", str(folder / writer))
        assert done.returncode == 0, done.stderr.decode()[-2000:]
    matrix_edits.write_edits(str(folder / "today" / "v1_add"), str(folder / "edits"))
    return folder


@pytest.fixture(scope="module")
def outcomes(exports, tmp_path_factory):
    """(engine, loader) → {"WRITER/CASE": the error, or "" if it loaded and ran}"""
    folder = tmp_path_factory.mktemp("outcomes")
    results = {}
    for engine, loader in CELLS:
        out = str(folder / (engine + loader + ".json"))
        for _ in range(MAX_CRASHES):
            done = run(INSTALLED[engine], "matrix_outcomes.py", str(exports), loader, out)
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        with open(out) as source:
            results[engine, loader] = json.load(source)
    return results


@pytest.mark.parametrize("engine, loader", CELLS)
def test_the_verdict_on_every_export_equals_the_behaviour_of_the_engine(engine, loader, exports, outcomes):
    wrong = []
    for name, error in outcomes[engine, loader].items():
        if loader == SERVING and not error:  # it loaded; its Session runs like the one of SESSION
            error = outcomes[engine, SESSION][name]
        tags = ["serve"] if name.endswith("two_meta_graphs") else None
        reasons = engine_fit(str(exports / name), tags, loader)[engine]
        if bool(reasons) != bool(error):
            wrong.append(f"{name}: predicted {reasons}, but the outcome is {error!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("engine, loader", CELLS)
def test_the_matrix_contains_exports_that_load_and_exports_that_fail(engine, loader, outcomes):
    failed = sum(bool(error) for error in outcomes[engine, loader].values())
    assert 20 < failed < len(outcomes[engine, loader]) - 100
