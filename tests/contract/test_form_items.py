"""Items with several inputs (tests/foreign/forms_inputs.py): the aliases of the model, what is missing, other forms."""
import base64
from pathlib import Path
from typing import Any, Dict, List

import adoption
import pytest
from asking import PROJECT, ask, code, load
from forms_table import difference

from textjob.serving.host import SERVICE

SEVERAL = ["bert_three", "lengths", "text_and_category", "text_and_number", "transformers_three", "two_texts"]


class Served:
    """A form behind the service, its items and the right answers."""

    def __init__(self, forms: Path, kind: str) -> None:
        model = adoption.description(forms, kind)
        self.items, self.answers = model["items"], model["answers"]
        self.service = load(PROJECT / SERVICE, forms / kind)

    def rows(self, items: List[Any], form: str = "req_data") -> List[Dict[str, Any]]:
        reply = ask(self.service, {form: items, "top_k": 1000})
        return list(reply["predictions" if form == "instances" else "resp_data"])


@pytest.fixture(scope="module")
def served(forms: Path) -> Dict[str, Served]:
    return {kind: Served(forms, kind) for kind in [*SEVERAL, "batch_of_one", "names_const"]}


@pytest.mark.parametrize("kind", SEVERAL)
def test_an_item_that_lacks_an_alias_gets_an_error_that_names_it_and_the_other_items_get_their_answers(
        kind: str, served: Dict[str, Served]) -> None:
    form = served[kind]
    for alias in form.items[0]:
        lacking = {name: value for name, value in form.items[0].items() if name != alias}
        first, second = form.rows([lacking, form.items[1]])
        assert code(first) == "missing_text" and alias in first["error"]["message"]
        assert not difference(second, form.answers[1])


@pytest.mark.parametrize("kind", SEVERAL)
def test_a_single_text_for_a_model_of_several_inputs_is_an_error_of_its_item(
        kind: str, served: Dict[str, Served]) -> None:
    for item in ("a text", {"text": "a text"}):
        first, second = served[kind].rows([item, served[kind].items[0]])
        assert "error" in first and not difference(second, served[kind].answers[0])


@pytest.mark.parametrize("kind", SEVERAL)
def test_a_value_of_the_wrong_type_is_an_error_that_names_the_alias(kind: str, served: Dict[str, Served]) -> None:
    form = served[kind]
    for alias, value in form.items[0].items():
        for wrong in ([{}], {"a": 1}, None, True, 2.5 if isinstance(value, list) else [[value]]):
            row, = form.rows([dict(form.items[0], **{alias: wrong})])
            assert "error" in row and alias in row["error"]["message"], (alias, wrong)


@pytest.mark.parametrize("form", ["req_data", "instances"])
def test_a_text_can_be_given_under_the_alias_of_the_model_and_in_base64(form: str, served: Dict[str, Served]) -> None:
    texts, answers = served["names_const"].items, served["names_const"].answers
    for write in (lambda text: {"sentence": text}, lambda text: {"text": text}, lambda text: text,
                  lambda text: {"b64": base64.b64encode(text.encode("utf-8")).decode("ascii")},
                  lambda text: {"sentence": {"b64": base64.b64encode(text.encode("utf-8")).decode("ascii")}}):
        rows = served["names_const"].rows([write(text) for text in texts], form)
        assert not [*filter(None, map(difference, rows, answers))]


@pytest.mark.parametrize("form", ["req_data", "instances"])
def test_ids_can_be_given_as_bare_rows_and_under_the_alias_of_the_model(form: str, served: Dict[str, Served]) -> None:
    items, answers = served["batch_of_one"].items, served["batch_of_one"].answers
    for given in (items, [item["input_ids"] for item in items]):
        rows = served["batch_of_one"].rows(given, form)
        assert not [*filter(None, map(difference, rows, answers))]


def test_two_texts_of_different_lengths_may_stand_in_any_order_of_keys(served: Dict[str, Served]) -> None:
    form = served["two_texts"]
    rows = form.rows([dict(reversed(list(item.items()))) for item in form.items])
    assert not [*filter(None, map(difference, rows, form.answers))]
