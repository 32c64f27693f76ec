"""Adoption of models in the forms of public reports (tests/foreign/forms_table.py); one form per kind of source."""
from pathlib import Path

import adoption
import forms_ways
import pytest
from forms_table import RIGHT, outcome
from test_foreign_forms import answered

from textjob.errors import JobError
from textjob.serving.host import SERVICE


@pytest.mark.parametrize("kind", ["estimator_words", "float_ids", "h5_lstm", "names_asset"])
def test_an_adopted_form_gives_the_answers_of_its_source(kind: str, forms: Path, tmp_path: Path) -> None:
    model = adoption.description(forms, kind)
    package = forms_ways.adopt_form(forms, kind, tmp_path)
    result = answered(package, model["texts"] or model["items"], package / SERVICE)
    assert outcome(result, model["answers"]) == RIGHT, result


@pytest.mark.parametrize(("kind", "reason"), [
    ("stars_regression", "not a classifier"), ("topk_zipped", "differs between texts"),
    ("attention_beside_label", "gives labels without a score"), ("two_texts", "several inputs"),
    ("ratings_as_classes", "ratings|which column|--labels")])
def test_a_form_that_no_package_can_represent_is_refused_with_the_reason(
        kind: str, reason: str, forms: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=reason):
        forms_ways.adopt_form(forms, kind, tmp_path)
    assert not list(tmp_path.iterdir())
