"""Models of people who never heard of this project (tests/foreign): served as they are, checked, adopted."""
import json
import shutil
from pathlib import Path
from typing import Any, Dict, List

import adoption
import numpy as np
import pytest
from asking import PROJECT, ask, code, load

import infer
from textjob import check
from textjob.check import graph
from textjob.serving.host import SERVICE

SERVED = ["drop_rate", "ids_any", "ids_fixed", "keras_archive", "keras_export", "keras_saved", "keras_text",
          "label_only", "logits", "module", "module_defaults", "one_column", "outside", "sigmoid_many", "tutorial",
          "two_signatures", "two_tag_sets"]
NOT_AS_THEY_ARE = {"example": "Could not parse", "no_signature": "expected a signature"}
OPTIONS = {"sigmoid_many": {"scores": "probabilities"}}
CONFIG = {"model_type": "TensorFlow", "model_algorithm": "text_classification", "apis": [{
    "url": "/", "method": "post", "request": {"Content-type": "application/json", "data": {
        "type": "object", "properties": {"req_data": {"type": "array", "items": [
            {"type": "object", "properties": {"text": {"type": "string", "index": 0}}}]}}}},
    "response": {"Content-type": "application/json", "data": {"type": "object"}}}]}


@pytest.fixture(scope="module")
def deployed(foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """Each kind as its owner would put it on the platform: the model's files unchanged, the service file beside."""
    folder = tmp_path_factory.mktemp("deployed")
    for kind in SERVED:
        package = folder / kind / "model"
        shutil.copytree(str(foreign / kind), str(package))
        shutil.copyfile(str(PROJECT / SERVICE), str(package / SERVICE))
        # No engine of the platform is asked for: what today's TensorFlow writes would suit none.
        (package / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        if kind in OPTIONS:
            (package / "service.json").write_text(json.dumps(OPTIONS[kind]), encoding="utf-8")
    return {kind: folder / kind / "model" for kind in SERVED}


def items_of(said: Dict[str, Any]) -> List[Any]:
    """The inputs of a kind as items of a request: ids filled up where the model takes so many."""
    if said["takes"] == "text":
        return list(said["inputs"])
    return [{"input_x": row + [0] * ((said["length"] or len(row)) - len(row))} for row in said["inputs"]]


def probabilities(service: Any, items: List[Any], labels: List[str]) -> np.ndarray:
    answers = ask(service, {"req_data": items, "top_k": 1000})["resp_data"]
    return np.array([[dict(answer["scores"])[label] for label in labels] for answer in answers])


@pytest.mark.parametrize("kind", SERVED)
def test_a_foreign_model_is_served_unchanged_with_its_own_answers(
        kind: str, foreign: Path, deployed: Dict[str, Path]) -> None:
    said, service = adoption.description(foreign, kind), load(deployed[kind] / SERVICE, deployed[kind])
    if said["probabilities"] is None:
        answers = ask(service, {"instances": said["inputs"]})["predictions"]
        assert answers == [{"predicted_label": label} for label in said["answers"]]
        return
    expected = np.array(said["probabilities"])
    labels = said["labels"] or [str(i) for i in range(expected.shape[1])]
    assert np.abs(probabilities(service, items_of(said), labels) - expected).max() < 1e-5


@pytest.mark.parametrize("kind", sorted(NOT_AS_THEY_ARE))
def test_what_cannot_be_asked_as_it_is_stops_the_load_with_a_reason(kind: str, foreign: Path) -> None:
    with pytest.raises(Exception, match=NOT_AS_THEY_ARE[kind]) as caught:
        load(PROJECT / SERVICE, foreign / kind)
    assert type(caught.value).__name__ == "LoadError"


@pytest.mark.parametrize("kind", SERVED)
def test_check_finds_a_foreign_model_deployable_and_says_what_is_not_the_contracts(
        kind: str, deployed: Dict[str, Path]) -> None:
    result = check.run(deployed[kind])
    assert result["deployable"], result["findings"]
    notes = " ".join(found["message"] for found in result["findings"] if found["level"] == "note")
    assert "no manifest.json" in notes and "no golden answers" in notes and "not the contract's" in notes


@pytest.mark.parametrize("kind", sorted(adoption.ARGUMENTS))
def test_an_adopted_model_answers_texts_as_its_source_does(
        kind: str, foreign: Path, adopted: Dict[str, Path]) -> None:
    texts, labels, expected = adoption.expected(foreign, kind)
    service = load(adopted[kind] / SERVICE, adopted[kind])
    assert np.abs(probabilities(service, texts, labels) - np.array(expected)).max() < 1e-5
    assert service.model.labels == sorted(labels)


@pytest.mark.parametrize("kind", sorted(adoption.ARGUMENTS))
def test_an_adopted_model_is_said_to_load_on_every_engine_and_has_the_contracts_signature(
        kind: str, adopted: Dict[str, Path]) -> None:
    assert {engine: why for engine, why in check.engines(adopted[kind]).items() if why and "1.13" not in engine} == {}
    said, _ = graph.signature(adopted[kind])
    assert [finding.level for finding in said] == ["ok"]


@pytest.mark.parametrize("kind", ["example", "keras_archive", "sigmoid_many"])
def test_check_finds_an_adopted_model_deployable(kind: str, adopted: Dict[str, Path]) -> None:
    result = check.run(adopted[kind])
    assert result["deployable"], result["findings"]


@pytest.mark.parametrize("kind", sorted(adoption.REFUSED))
def test_what_cannot_be_adopted_is_refused_with_a_reason_and_a_way_out(
        kind: str, foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from textjob import errors

    command = ["adopt", "--source", str(foreign / kind), "--output", str(tmp_path / "out")]
    assert errors.run(lambda: infer.main(command)) == 5
    said = capsys.readouterr().err
    assert adoption.REFUSED[kind] in said and said.startswith("error: ") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_holds_tables_is_packaged_as_it_is_where_that_is_asked_for(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert infer.main(["adopt", "--source", str(foreign / "keras_text"), "--output", str(tmp_path), "--as_it_is"]) == 0
    assert "will not load on tf2.6" in capsys.readouterr().out
    package = tmp_path / "model"
    assert (package / "saved_model.pb").read_bytes() == (foreign / "keras_text" / "saved_model.pb").read_bytes()
    said = adoption.description(foreign, "keras_text")
    service = load(package / SERVICE, package)
    assert np.abs(probabilities(service, said["inputs"], ["0", "1"]) - np.array(said["probabilities"])).max() < 1e-6
    result = check.run(package)
    assert [found["message"][:25] for found in result["findings"] if found["level"] == "fault"] == [
        "will not load on tf2.1-py"]  # what config.json asks for by default


def test_ids_are_asked_for_as_ids_and_a_text_is_an_error_of_its_item_alone(deployed: Dict[str, Path]) -> None:
    service = load(deployed["ids_any"] / SERVICE, deployed["ids_any"])
    answers = ask(service, {"req_data": ["a text", {"input_x": [2, 3]}, {"text": "a text"}]})["resp_data"]
    assert [code(answers[i]) for i in (0, 2)] == ["wrong_type"] * 2 and "predicted_label" in answers[1]
