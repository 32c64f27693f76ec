"""Models in the forms of public reports (tests/foreign/forms_table.py): the answers of the model, or a refusal."""
import json
import re
import shutil
from pathlib import Path
from typing import Any, Dict, List, Tuple

import forms_ways
import pytest
from asking import PROJECT, ask, load
from forms_table import FORMS, REFUSED, RIGHT, outcome
from forms_ways import Case
from test_foreign import CONFIG

from textjob import check
from textjob.serving.host import SERVICE

WAYS: List[Tuple[str, int]] = [(kind, number) for kind, form in FORMS.items() for number in range(len(form.ways))]


@pytest.fixture(scope="module")
def cases(forms: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[Tuple[str, int], Case]:
    return dict(zip(WAYS, forms_ways.laid_out(forms, tmp_path_factory.mktemp("ways"))))


def answered(folder: Path, items: List[Any], service_file: Path = PROJECT / SERVICE) -> Dict[str, Any]:
    """As drive.py forms: the answers to all items in one request and to each alone, or the error of the load."""
    try:
        service = load(service_file, folder)
    except Exception as error:
        return {"error": str(error), "class": type(error).__name__}
    return {"answers": [row for group in [items, *([item] for item in items)]
                        for row in ask(service, {"req_data": group, "top_k": 1000})["resp_data"]]}


def test_the_tests_cover_every_form_and_every_refusal_has_a_remedy_or_is_not_a_text_classifier() -> None:
    without_remedy = {kind for kind, form in FORMS.items() if form.ways and form.ways[0].outcome == REFUSED
                      and form.adopt is None and all(way.outcome == REFUSED for way in form.ways)}
    assert without_remedy == {"stars_regression", "regression_squeezed", "tanh_sentiment", "embedding_normalised",
                              "embedding_tanh", "token_tags", "tokens_length", "word_vectors", "ragged", "scalar_text"}


def test_the_document_lists_the_forms_with_their_reports_and_outcomes() -> None:
    lines = (PROJECT / "docs" / "model-forms.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    listed = [(kind, re.sub(r".*\(https://github.com/(.*)\)", r"\1", report), alone, options, adoptable)
              for kind, _, report, alone, options, adoptable in cells]
    assert listed == [(
        f"`{kind}`", form.report, form.ways[0].outcome if form.ways else "-",
        "<br>".join(f"`{json.dumps(way.options)}`: {way.outcome}" for way in form.ways[1:]) or "-",
        "-" if form.adopt is None else "yes") for kind, form in FORMS.items()]


@pytest.mark.parametrize(("kind", "number"), WAYS)
def test_a_form_gets_the_answers_of_the_model_itself_or_a_refusal_that_names_the_remedy(
        kind: str, number: int, cases: Dict[Tuple[str, int], Case]) -> None:
    case = cases[kind, number]
    result = answered(Path(case.folder), case.items)
    assert outcome(result, case.answers) == case.way.outcome, result
    assert case.way.outcome == RIGHT or case.way.says in result["error"]


@pytest.mark.parametrize("kind", ["label_confidence", "bert_three", "stars_regression"])
def test_check_finds_a_form_deployable_if_and_only_if_the_service_answers_it(
        kind: str, cases: Dict[Tuple[str, int], Case], tmp_path: Path) -> None:
    package = tmp_path / "model"
    shutil.copytree(cases[kind, 0].folder, str(package))
    shutil.copyfile(str(PROJECT / SERVICE), str(package / SERVICE))
    (package / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    result = check.run(package)
    assert result["deployable"] == (cases[kind, 0].way.outcome == RIGHT), result["findings"]
