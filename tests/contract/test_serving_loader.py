"""The loader of TensorFlow Serving, called through TensorFlow's C library, gives the same answers as the service."""
import shutil
from pathlib import Path
from typing import Any, Dict, List, Tuple

import adoption
import capi
import numpy as np
import pytest
from asking import PROJECT, TEXTS, ask, load, service_of
from tensorflow.core.protobuf import saved_model_pb2

import customize_service as repository_service
from models import MODELS
from textjob.packaging import golden

ADOPTED = sorted(adoption.ARGUMENTS)
FOREIGN = {  # SavedModels that a Session can run without adoption → their service.json
    **dict.fromkeys(["drop_rate", "ids_any", "ids_fixed", "keras_archive", "keras_export", "keras_text", "label_only",
                     "logits", "module", "module_defaults", "one_column", "tutorial", "two_signatures",
                     "two_tag_sets"], ""),
    "outside": '{"scores": "softmax"}', "sigmoid_many": '{"scores": "probabilities"}'}
SAME, KERNELS = 1e-6, 1e-5  # KERNELS: the tolerance if two loaders may choose different kernels
SIGNATURES = ["predict_text", "serving_default"]


def by_serving(folder: Path, key: str, inputs: Dict[str, Any], outputs: List[str], tags: Tuple[str, ...] = ("serve",)
               ) -> List[np.ndarray]:
    """The outputs of a signature for these inputs."""
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    signature = next(meta for meta in model.meta_graphs if sorted(meta.meta_info_def.tags) == sorted(tags)
                     ).signature_def[key]
    feeds = {signature.inputs[alias].name: value for alias, value in inputs.items()}
    return capi.answers(folder, tags, feeds, [signature.outputs[alias].name for alias in outputs])


def as_texts(texts: List[str]) -> np.ndarray:
    return np.array([text.encode("utf-8", "replace") for text in texts], object)


def service_answers(service: Any, items: List[Any]) -> Tuple[List[str], np.ndarray]:
    """Labels, and probabilities in the order of the service's class names."""
    answers = ask(service, {"req_data": items, "top_k": 1000})["resp_data"]
    return [answer["predicted_label"] for answer in answers], np.array(
        [[dict(answer["scores"])[label] for label in service.model.labels] for answer in answers if "scores" in answer])


@pytest.mark.parametrize("key", SIGNATURES)
@pytest.mark.parametrize("model", MODELS)
def test_tensorflow_serving_answers_a_trained_package_as_the_service_does(
        model: str, key: str, packages: Dict[str, Path]) -> None:
    texts = [*TEXTS, *golden.TEXTS]
    output, label = by_serving(packages[model], key, {"input_x": as_texts(texts)}, ["output", "label"])
    labels, probabilities = service_answers(service_of(packages[model]), texts)
    assert [one.decode("utf-8") for one in label] == labels
    assert np.abs(output - probabilities).max() <= SAME


@pytest.mark.parametrize("model", MODELS)
def test_keep_prob_is_optional_and_has_an_effect(model: str, packages: Dict[str, Path]) -> None:
    def output(**more: Any) -> np.ndarray:
        return by_serving(packages[model], "serving_default", {"input_x": as_texts(TEXTS), **more}, ["output"])[0]

    assert np.array_equal(output(), output(keep_prob=np.float32(1.0)))
    assert max(np.abs(output() - output(keep_prob=np.float32(0.1))).max() for _ in range(10)) > 1e-3  # it has an effect


@pytest.mark.parametrize("key", SIGNATURES)
@pytest.mark.parametrize("model", MODELS)
def test_the_output_of_an_empty_batch_has_no_rows_and_all_classes(
        model: str, key: str, packages: Dict[str, Path]) -> None:
    output, label = by_serving(packages[model], key, {"input_x": as_texts([])}, ["output", "label"])
    assert output.shape == (0, 3)
    assert label.shape == (0,)


@pytest.mark.parametrize("kind", ADOPTED)
def test_tensorflow_serving_answers_an_adopted_package_as_the_service_and_the_source_do(
        kind: str, foreign: Path, adopted: Dict[str, Path]) -> None:
    service = service_of(adopted[kind])
    texts, source_labels, rows = adoption.expected(foreign, kind)
    source = np.array(rows)[:, [source_labels.index(label) for label in service.model.labels]]
    labels, probabilities = service_answers(service, texts)
    for key in SIGNATURES:
        output, label = by_serving(adopted[kind], key, {"input_x": as_texts(texts)}, ["output", "label"])
        assert [one.decode("utf-8") for one in label] == labels
        assert np.abs(output - probabilities).max() <= SAME
        assert np.abs(output - source).max() <= KERNELS
        empty, = by_serving(adopted[kind], key, {"input_x": as_texts([])}, ["output"])
        assert empty.shape == (0, len(service.model.labels))


@pytest.mark.parametrize("kind", sorted(FOREIGN))
def test_tensorflow_serving_answers_a_foreign_model_as_the_service_does(
        kind: str, foreign: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(foreign / kind, tmp_path / kind))
    if FOREIGN[kind]:
        (folder / "service.json").write_text(FOREIGN[kind])
    service, description = load(PROJECT / "customize_service.py", folder), adoption.description(foreign, kind)
    plan = service.model.plan
    outputs, labels, probabilities = [], [], []
    for item in description["inputs"]:  # one at a time, because the lists of ids have different lengths
        ids = item + [0] * ((description["length"] or 0) - len(item)) if plan.takes_ids else []
        sent = {"input_x": ids} if plan.takes_ids else item
        inputs = repository_service.feeds_of(plan, [repository_service.read_item(sent, plan)])
        served = dict(zip(plan.outputs, by_serving(folder, plan.signature, inputs, plan.outputs, plan.tags)))
        row, = repository_service.rows_of(service.model, served, 1)
        outputs.append(row.label if row.scores is None else row.scores)
        answer, scores = service_answers(service, [sent])
        labels += answer
        probabilities += scores.tolist()
    if not plan.scores:
        assert outputs == labels == description["answers"]
    else:
        assert np.abs(np.array(outputs) - probabilities).max() <= KERNELS
        assert np.abs(np.array(outputs) - description["probabilities"]).max() <= KERNELS


def test_the_service_answers_a_model_that_tensorflow_serving_cannot_load(foreign: Path) -> None:
    """``tf.saved_model.save`` of a Keras 3 model writes an op that restores other variables than those it reads."""
    folder, description = foreign / "keras_saved", adoption.description(foreign, "keras_saved")
    rows = [ids + [0] * (description["length"] - len(ids)) for ids in description["inputs"]]
    service = load(PROJECT / "customize_service.py", folder)
    plan = service.model.plan
    with pytest.raises(RuntimeError, match="Could not find variable"):
        items = [repository_service.read_item(ids, plan) for ids in rows]
        by_serving(folder, plan.signature, repository_service.feeds_of(plan, items), plan.outputs)
    _, probabilities = service_answers(service, [{"input_x": ids} for ids in rows])
    assert np.abs(probabilities - description["probabilities"]).max() <= KERNELS
