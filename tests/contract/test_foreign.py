"""Foreign models (tests/foreign): the service serves them unchanged, and they can be checked and adopted."""
import json
import shutil
from pathlib import Path
from typing import Any, Dict, List

import adoption
import numpy as np
import pytest
from asking import PROJECT, answered_in_process, ask, code, load

import infer
from textjob import check, errors
from textjob.check import answers
from textjob.check.finding import FAULT, has_fault
from textjob.serving.host import SERVICE

SERVED = ["drop_rate", "ids_any", "ids_fixed", "keras_archive", "keras_export", "keras_saved", "keras_text",
          "label_only", "logits", "module", "module_defaults", "one_column", "outside", "sigmoid_many", "tutorial",
          "two_signatures", "two_tag_sets"]
NOT_USABLE = {"example": "Could not parse", "no_signature": "expected a signature"}
OPTIONS = {"outside": {"scores": "softmax"}, "sigmoid_many": {"scores": "probabilities"}}
WITHOUT_SCORES_OF_NO_IDS = ["keras_archive"]  # the average of no vectors is not a number
CONFIG = {"model_type": "TensorFlow", "model_algorithm": "text_classification", "apis": [{
    "url": "/", "method": "post", "request": {"Content-type": "application/json", "data": {
        "type": "object", "properties": {"req_data": {"type": "array", "items": [
            {"type": "object", "properties": {"text": {"type": "string", "index": 0}}}]}}}},
    "response": {"Content-type": "application/json", "data": {"type": "object"}}}]}


@pytest.fixture(scope="module")
def deployed(foreign: Path, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """Each kind as on the platform: the model's files unchanged, beside the service file and a config.json."""
    folder = tmp_path_factory.mktemp("deployed")
    for kind in SERVED:
        package = folder / kind / "model"
        shutil.copytree(str(foreign / kind), str(package))
        shutil.copyfile(str(PROJECT / SERVICE), str(package / SERVICE))
        # Without a runtime, because no engine of the platform loads what today's TensorFlow writes.
        (package / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        if kind in OPTIONS:
            (package / "service.json").write_text(json.dumps(OPTIONS[kind]), encoding="utf-8")
    return {kind: folder / kind / "model" for kind in SERVED}


def items_of(model: Dict[str, Any]) -> List[Any]:
    """The inputs of a kind as items of a request; ids are padded if the model has a fixed length."""
    if model["takes"] == "text":
        return list(model["inputs"])
    return [{"input_x": row + [0] * ((model["length"] or len(row)) - len(row))} for row in model["inputs"]]


def probabilities(service: Any, items: List[Any], labels: List[str]) -> np.ndarray:
    rows = ask(service, {"req_data": items, "top_k": 1000})["resp_data"]
    return np.array([[dict(row["scores"])[label] for label in labels] for row in rows])


@pytest.mark.parametrize("kind", SERVED)
def test_a_foreign_model_is_served_unchanged_with_its_own_predictions(
        kind: str, foreign: Path, deployed: Dict[str, Path]) -> None:
    model, service = adoption.description(foreign, kind), load(deployed[kind] / SERVICE, deployed[kind])
    if model["probabilities"] is None:
        predictions = ask(service, {"instances": model["inputs"]})["predictions"]
        assert predictions == [{"predicted_label": label} for label in model["answers"]]
        return
    expected = np.array(model["probabilities"])
    labels = model["labels"] or [str(i) for i in range(expected.shape[1])]
    assert np.abs(probabilities(service, items_of(model), labels) - expected).max() < 1e-5


@pytest.mark.parametrize("kind", sorted(NOT_USABLE))
def test_a_model_that_the_service_cannot_use_unchanged_stops_the_load_with_the_reason(kind: str, foreign: Path) -> None:
    with pytest.raises(Exception, match=NOT_USABLE[kind]) as caught:
        load(PROJECT / SERVICE, foreign / kind)
    assert type(caught.value).__name__ == "LoadError"


def assert_differences_are_notes(findings: List[Dict[str, Any]]) -> None:
    text = " ".join(finding["message"] for finding in findings if finding["level"] == "note")
    assert "has no manifest.json" in text and "the signature differs from that of the template's models" in text


@pytest.mark.parametrize("kind", SERVED)
def test_the_inspection_of_a_foreign_model_has_no_fault_and_its_service_keeps_every_promise_of_check(
        kind: str, deployed: Dict[str, Path]) -> None:
    inspection = check.inspect(deployed[kind])
    assert inspection.plan and not has_fault(inspection.findings), inspection.findings
    assert_differences_are_notes([finding._asdict() for finding in inspection.findings])
    faults = [finding.message for finding in answers.findings(deployed[kind], inspection.plan, answered_in_process)
              if finding.level == FAULT]
    assert len(faults) == (kind in WITHOUT_SCORES_OF_NO_IDS), faults
    assert not faults or ("an item without ids" in faults[0] and "infer.py adopt" in faults[0])


# One kind per way in which the service uses a model: texts, ids, no Session but tf.saved_model.load, labels alone.
@pytest.mark.parametrize("kind", ["tutorial", "ids_fixed", "keras_text", "label_only"])
def test_check_starts_the_service_of_a_foreign_model_and_finds_it_deployable(
        kind: str, deployed: Dict[str, Path]) -> None:
    result = check.run(deployed[kind])
    assert result["deployable"], result["findings"]
    assert_differences_are_notes(result["findings"])
    assert any("no golden answers" in finding["message"] for finding in result["findings"])


@pytest.mark.parametrize("kind", sorted(adoption.ARGUMENTS))
def test_an_adopted_model_predicts_as_its_source(
        kind: str, foreign: Path, adopted: Dict[str, Path]) -> None:
    texts, labels, expected = adoption.expected(foreign, kind)
    service = load(adopted[kind] / SERVICE, adopted[kind])
    assert np.abs(probabilities(service, texts, labels) - np.array(expected)).max() < 1e-5
    assert service.model.labels == sorted(labels)


@pytest.mark.parametrize("kind", sorted(adoption.ARGUMENTS))
def test_an_adopted_model_has_the_signature_of_a_package_and_loads_on_every_engine_since_1_15(
        kind: str, adopted: Dict[str, Path]) -> None:
    inspection = check.inspect(adopted[kind])
    assert inspection.plan and not has_fault(inspection.findings), inspection.findings
    assert [engine for engine, reasons in inspection.engines.items() if reasons] in ([], ["tf1.13-python3.6"])
    assert [finding.level for finding in inspection.findings if finding.rule == "signature"] == ["ok"]


@pytest.mark.parametrize("kind", ["example", "sigmoid_many"])  # without and with a service.json
def test_check_finds_an_adopted_model_deployable(kind: str, adopted: Dict[str, Path]) -> None:
    result = check.run(adopted[kind])
    assert result["deployable"], result["findings"]


@pytest.mark.parametrize("kind", sorted(adoption.REFUSED))
def test_a_model_that_cannot_be_adopted_is_refused_in_one_sentence(
        kind: str, foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["adopt", "--source", str(foreign / kind), "--output", str(tmp_path / "out")]
    assert errors.run(lambda: infer.main(command)) == 5
    error = capsys.readouterr().err
    assert adoption.REFUSED[kind] in error and error.startswith("error: ") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_model_with_tables_is_packaged_unchanged_with_as_it_is(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert infer.main(["adopt", "--source", str(foreign / "keras_text"), "--output", str(tmp_path), "--as_it_is"]) == 0
    assert "does not load on tf2.6" in capsys.readouterr().out
    package = tmp_path / "model"
    assert (package / "saved_model.pb").read_bytes() == (foreign / "keras_text" / "saved_model.pb").read_bytes()
    model = adoption.description(foreign, "keras_text")
    service = load(package / SERVICE, package)
    assert np.abs(probabilities(service, model["inputs"], ["0", "1"]) - np.array(model["probabilities"])).max() < 1e-6
    inspection = check.inspect(package)
    assert inspection.plan
    assert [finding.message[:25] for finding in inspection.findings if finding.level == "fault"] == [
        "does not load on tf2.1-py"]  # the default runtime of config.json


def test_a_text_for_a_model_that_takes_ids_is_an_error_of_its_item_only(deployed: Dict[str, Path]) -> None:
    service = load(deployed["ids_any"] / SERVICE, deployed["ids_any"])
    rows = ask(service, {"req_data": ["a text", {"input_x": [2, 3]}, {"text": "a text"}]})["resp_data"]
    assert [code(rows[i]) for i in (0, 2)] == ["wrong_type"] * 2 and "predicted_label" in rows[1]
