"""The service gives the answers of the models in the forms of public reports, or refuses them, on every engine."""
import functools
import json
from pathlib import Path
from typing import Any, Callable, Dict, List

import foreign_table
import forms_ways
import pytest
from conftest import CHECK_NAMES, ENGINES, EVERYONE, ROOT, installed, python_of
from forms_table import FORMS, REFUSED, RIGHT, outcome
from forms_ways import Case

from textjob.check import graph


@pytest.fixture(scope="module")
def cases(forms: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, List[Case]]:
    """Writer → the ways of the forms that it wrote, for today's TensorFlow and each installed engine."""
    folders = {"today": forms, **{engine: forms_ways.written(python_of(engine), tmp_path_factory.mktemp(engine))
                                  for engine in ENGINES if installed(engine)}}
    return {writer: forms_ways.laid_out(folder, tmp_path_factory.mktemp("ways")) for writer, folder in folders.items()}


@pytest.fixture(scope="module")
def answered(cases: Dict[str, List[Case]], drive: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
             ) -> Callable[[str], Dict[str, Any]]:
    """Engine → folder → the answers, or the error of the load; one process per engine."""
    request = tmp_path_factory.mktemp("request") / "forms.json"
    request.write_text(json.dumps({case.folder: case.items for all_cases in cases.values() for case in all_cases}))
    return functools.lru_cache(maxsize=None)(
        lambda engine: drive(engine, "forms", str(request), str(ROOT / "customize_service.py")))


@pytest.mark.parametrize("writer", EVERYONE)
def test_each_tensorflow_writes_all_forms(writer: str, cases: Dict[str, List[Case]]) -> None:
    python_of(writer)
    assert {case.kind for case in cases[writer]} == {kind for kind, form in FORMS.items() if form.ways}


@pytest.mark.parametrize("engine", EVERYONE)
@pytest.mark.parametrize("writer", EVERYONE)
def test_a_form_gets_the_answers_of_the_model_itself_or_the_refusal_of_the_table_if_the_engine_can_load_it(
        writer: str, engine: str, cases: Dict[str, List[Case]], answered: Callable[[str], Dict[str, Any]]) -> None:
    python_of(writer)
    failures = []
    for case in cases[writer]:
        result = answered(engine)[case.folder]
        observed, loads = outcome(result, case.answers), not reasons(case.folder, engine)
        foreign_table.FORMS.setdefault(case.name, {}).setdefault(engine, set()).add(
            observed if observed in (RIGHT, REFUSED) else "WRONG")
        expected = case.way.outcome if loads else REFUSED
        if observed != expected or (loads and observed == REFUSED and case.way.says not in result["error"]):
            failures.append(f"{case.name}: expected {expected}, observed {observed}: {result.get('error', '')}")
    assert not failures, "\n".join(failures)


def reasons(folder: str, engine: str) -> List[str]:
    """The reasons of ``infer.py check`` why an engine does not load a model; today's TensorFlow loads all."""
    return graph.engines(Path(folder), ("serve",))[CHECK_NAMES[engine]] if engine != "today" else []
