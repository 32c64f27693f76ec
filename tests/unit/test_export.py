"""The exported graph: its two signatures, its assets, its variables, and the comparison with its source."""
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import models
from textjob.errors import JobError
from textjob.packaging import export, signatures

WORDS = ["soup", "goal", "team", "好"]
LABELS = ["food", "sport", "体育 news"]
TEXTS = ["", "soup", "goal team 好", "unknown", "soup " * 30]
MAX_LENGTH = 6


def weights(seed: int) -> Dict[str, np.ndarray]:
    rng = np.random.RandomState(seed)
    settings = {"embedding": 4, "filters": 3, "widths": [1, 2]}
    initial = models.module("cnn").weights(rng, len(WORDS) + 2, len(LABELS), settings)
    return {name: rng.normal(size=value.shape).astype(np.float32) for name, value in initial.items()}


def write(folder: Path, seed: int = 1) -> Path:
    folder.mkdir()
    for name, lines in (("vocabulary.txt", WORDS), ("labels.txt", LABELS)):
        (folder / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    export.export(folder / "saved", "cnn", weights(seed), folder / "vocabulary.txt", folder / "labels.txt", LABELS,
                  MAX_LENGTH, 4 * MAX_LENGTH)
    return folder / "saved"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("export") / "1")


@pytest.fixture(scope="module")
def meta(saved: Path) -> Any:
    """The only MetaGraph."""
    (meta,) = saved_model_pb2.SavedModel.FromString((saved / "saved_model.pb").read_bytes()).meta_graphs
    return meta


def described(infos: Any) -> Dict[str, Any]:
    return {alias: (tf.as_dtype(info.dtype).name, [d.size for d in info.tensor_shape.dim])
            for alias, info in infos.items()}


def test_both_signatures_have_the_contracts_aliases_types_and_shapes(meta: Any) -> None:
    assert list(meta.meta_info_def.tags) == ["serve"]
    named = {key: each for key, each in meta.signature_def.items() if not key.startswith("__")}
    assert set(named) == {"serving_default", "predict_text"}
    for signature in named.values():
        assert signature.method_name == "tensorflow/serving/predict"
        assert described(signature.outputs) == {"output": ("float32", [-1, 3]), "label": ("string", [-1])}
    assert described(named["predict_text"].inputs) == {"input_x": ("string", [-1])}
    assert described(named["serving_default"].inputs) == {"input_x": ("string", [-1]), "keep_prob": ("float32", [])}
    assert list(named["serving_default"].defaults) == ["keep_prob"] and not named["predict_text"].defaults
    assert tf.make_ndarray(named["serving_default"].defaults["keep_prob"]) == 1.0


def test_the_nodes_of_the_aliases_have_their_names_and_softmax_computes_the_output(meta: Any) -> None:
    nodes = {node.name: node.op for node in meta.graph_def.node}
    assert (nodes["input_x"], nodes["keep_prob"]) == ("Placeholder", "PlaceholderWithDefault")
    assert (nodes["output"], nodes["label"]) == ("Softmax", "GatherV2")


def test_the_graph_has_reference_variables_stripped_defaults_and_no_devices(meta: Any) -> None:
    ops = {node.op for node in meta.graph_def.node}
    assert "VariableV2" in ops and "VarHandleOp" not in ops
    assert not any(node.device for node in meta.graph_def.node) and meta.meta_info_def.stripped_default_attrs
    # Weights are in variables/ and not in constants.
    sizes = [len(node.attr["value"].tensor.tensor_content) for node in meta.graph_def.node
             if node.op == "Const" and node.attr["value"].tensor.dtype == tf.float32.as_datatype_enum]
    assert max(sizes, default=0) < 64


def test_vocabulary_and_labels_are_assets(saved: Path) -> None:
    assert sorted(path.name for path in (saved / "assets").iterdir()) == ["labels.txt", "vocabulary.txt"]
    assert (saved / "assets" / "labels.txt").read_text(encoding="utf-8").splitlines() == LABELS


def test_the_label_is_that_of_the_highest_probability_and_rows_sum_to_1(saved: Path) -> None:
    probabilities, labels = export.predict(saved, TEXTS)
    assert probabilities.shape == (len(TEXTS), 3) and probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(1), 1, atol=1e-6)
    assert labels == [LABELS[i] for i in probabilities.argmax(1)] and len(set(labels)) > 1


def test_the_predictions_are_those_of_the_network_and_do_not_depend_on_the_batch(saved: Path) -> None:
    ids = np.array([[2, 0, 0, 0], [3, 4, 5, 0], [2, 2, 2, 2]], np.int32)  # 0 padding, 1 unknown, then WORDS
    expected = tf.nn.softmax(models.logits("cnn", weights(1), ids, lambda x: x)).numpy()
    probabilities, _ = export.predict(saved, ["soup", "goal team 好", "soup soup soup soup"])
    assert np.abs(probabilities - expected).max() < 1e-6
    for i, text in enumerate(["soup", "goal team 好"]):
        assert np.abs(export.predict(saved, [text])[0] - expected[i]).max() < 1e-6


def test_a_text_is_cut_at_max_length(saved: Path) -> None:
    at_limit, over, below = export.predict(saved, ["goal " * n for n in (MAX_LENGTH, MAX_LENGTH + 9, 1)])[0]
    assert np.abs(at_limit - over).max() < 1e-6 < np.abs(at_limit - below).max()
    cut, changed = export.predict(saved, ["goal " * MAX_LENGTH + word for word in ("soup", "team")])[0]
    assert np.abs(cut - changed).max() < 1e-6


def test_an_empty_batch_has_no_rows(saved: Path) -> None:
    probabilities, labels = export.predict(saved, [])
    assert probabilities.shape == (0, 3) and labels == []


def test_keep_prob_below_1_drops_units_and_is_1_when_not_fed(saved: Path) -> None:
    model = tf.saved_model.load(str(saved))
    serve, texts = model.signatures["serving_default"], tf.constant(["goal team"] * 16)

    def probabilities(keep_prob: float) -> np.ndarray:
        return np.array(serve(input_x=texts, keep_prob=tf.constant(keep_prob))["output"])
    assert np.ptp(probabilities(1.0), axis=0).max() < 1e-6 < 1e-3 < np.ptp(probabilities(0.5), axis=0).max()
    assert np.allclose(model.signatures["predict_text"](input_x=texts)["output"], probabilities(1.0), atol=1e-6)


def test_two_models_have_different_variable_names_because_tensorflow_2_1_would_confuse_them(
        saved: Path, tmp_path: Path) -> None:
    def names(folder: Path) -> List[str]:
        return [name for name, _ in tf.train.list_variables(str(folder / "variables" / "variables"))]
    other = write(tmp_path / "2", seed=2)
    assert not set(names(saved)) & set(names(other)) and len(names(saved)) == len(weights(1))
    assert all(name.startswith("cnn_") for name in names(saved))
    assert names(write(tmp_path / "1")) == names(saved)


# Verification


def test_an_export_that_predicts_as_its_source_is_accepted(saved: Path) -> None:
    expected = export.predict(saved, TEXTS)[0]
    for difference in (0.0, 0.9e-5):
        export.verify(saved, TEXTS, expected + np.float32(difference) * np.eye(1, 3, dtype=np.float32), LABELS)


@pytest.mark.parametrize("difference", [2e-5, -2e-5, np.nan])
def test_an_export_with_other_probabilities_than_its_source_is_an_error(saved: Path, difference: float) -> None:
    expected = export.predict(saved, TEXTS)[0].astype(np.float64)
    expected[3, 1] += difference
    with pytest.raises(JobError, match=r"differ from those of its source by up to (2e-05|nan); at most 1e-05"):
        export.verify(saved, TEXTS, expected, LABELS)


def test_an_export_whose_label_is_not_the_most_probable_class_is_an_error(saved: Path) -> None:
    with pytest.raises(JobError, match="does not name the class with the highest probability"):
        export.verify(saved, TEXTS, export.predict(saved, TEXTS)[0], LABELS[::-1])


def test_save_runs_the_given_initializers_on_load(tmp_path: Path) -> None:
    v1 = tf.compat.v1
    (tmp_path / "labels.txt").write_text("a\nb\n", encoding="utf-8")
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = signatures.placeholders()
        state = v1.get_variable("state", [2], initializer=v1.zeros_initializer(), use_resource=False)
        session.run(state.initializer)
        output = signatures.unpadded(tf.tile(state[None], [tf.shape(inputs.texts)[0], 1]), inputs)
        signatures.save(session, tmp_path / "saved", inputs, output, ["a", "b"], tmp_path / "labels.txt",
                        [v1.assign(state, [0.25, 0.75])])
    probabilities, labels = export.predict(tmp_path / "saved", ["x"])
    assert probabilities.tolist() == [[0.25, 0.75]] and labels == ["b"]


@pytest.mark.parametrize("batch, texts", [([], [b""]), ([b"a"], [b"a"]), ([b"a", b"b"], [b"a", b"b"])])
def test_only_an_empty_batch_is_padded_with_one_empty_text(batch: List[bytes], texts: List[bytes]) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        inputs = signatures.placeholders()
        padded, rows = session.run([inputs.texts, signatures.unpadded(inputs.texts, inputs)],
                                   {inputs.input_x: np.array(batch, object)})
    assert padded.tolist() == texts and rows.tolist() == batch
