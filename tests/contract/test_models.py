"""The contract of every model in ``models.MODELS``."""
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models import MODELS

v1 = tf.compat.v1
WORDS = ["soup", "match", "team", "the", "a", "of", "比赛", "好吃", "stadium", "unknownword", "!", "👍"]


@pytest.fixture(scope="module", params=MODELS)
def package(request: Any, packages: Dict[str, Path]) -> Path:
    return packages[request.param]


@pytest.fixture(scope="module")
def opened(package: Path) -> Any:
    """The signatures of the package, and a function that predicts."""
    graph = tf.Graph()
    with graph.as_default():
        session = v1.Session(graph=graph)
        signatures = v1.saved_model.loader.load(session, ["serve"], str(package)).signature_def
    signature = signatures["serving_default"]

    def predict(texts: List[str], alias: str = "output", **feeds: float) -> np.ndarray:
        feed = {signature.inputs["input_x"].name: np.array([t.encode() for t in texts], object)}
        feed.update({signature.inputs[name].name: value for name, value in feeds.items()})
        return session.run(signature.outputs[alias].name, feed)

    return signatures, predict


def _described(infos: Any) -> Dict[str, Tuple[str, List[int]]]:
    return {alias: (tf.as_dtype(info.dtype).name, [dim.size for dim in info.tensor_shape.dim])
            for alias, info in infos.items()}


def test_every_model_has_the_same_aliases_dtypes_and_shapes(opened: Any) -> None:
    signatures, _ = opened
    assert {key for key in signatures if not key.startswith("__")} == {"serving_default", "predict_text"}
    for key, inputs in (("serving_default", {"input_x": ("string", [-1]), "keep_prob": ("float32", [])}),
                        ("predict_text", {"input_x": ("string", [-1])})):
        assert signatures[key].method_name == "tensorflow/serving/predict"
        assert _described(signatures[key].inputs) == inputs
        assert _described(signatures[key].outputs) == {"output": ("float32", [-1, 3]), "label": ("string", [-1])}
    assert signatures["serving_default"].defaults["keep_prob"].float_val[:] == [1.0]


def test_one_meta_graph_under_the_tag_serve(package: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((package / "saved_model.pb").read_bytes())
    assert [sorted(graph.meta_info_def.tags) for graph in saved.meta_graphs] == [["serve"]]


def test_the_labels_are_sorted_and_the_label_is_the_most_probable(package: Path, opened: Any) -> None:
    labels = (package / "assets" / "labels.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert labels == sorted(["food", "sport", "体育 news"])
    texts = ["soup and bread", "goal and win", "体育 记者", ""]
    assert [x.decode() for x in opened[1](texts, "label")] == [labels[i] for i in opened[1](texts).argmax(1)]


def test_an_empty_batch_has_no_rows_and_all_classes(opened: Any) -> None:
    assert opened[1]([]).shape == (0, 3)


def test_nothing_is_dropped_unless_keep_prob_says_so(opened: Any) -> None:
    texts = ["soup and bread for dinner"] * 64  # 64 texts, so that at least one changes
    plain = opened[1](texts)
    assert np.array_equal(plain, opened[1](texts, keep_prob=1.0))
    assert np.abs(opened[1](texts, keep_prob=0.3) - plain).max() > 1e-3


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join), min_size=2, max_size=12))
def test_padding_is_invisible(opened: Any, texts: List[str]) -> None:
    predict = opened[1]
    alone = np.concatenate([predict([text]) for text in texts])
    assert np.abs(predict(texts) - alone).max() <= 5e-6
    assert np.abs(predict([*texts, "goal " * 49]) [:-1] - alone).max() <= 5e-6


@pytest.mark.parametrize("text", ["", " ", "soup", "soup match", "\0", "👍", "soup " * 5000])
def test_short_empty_and_endless_texts_have_probabilities(opened: Any, text: str) -> None:
    row = opened[1]([text])
    assert row.shape == (1, 3) and abs(row.sum() - 1) < 1e-5 and np.all(row >= 0)
