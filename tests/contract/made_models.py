"""Small SavedModels whose inputs and outputs a test chooses, and services for them."""
import json
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Sequence, Tuple

import pytest
import tensorflow as tf
from asking import ask

import customize_service as service

v1 = tf.compat.v1

Build = Callable[[], Tuple[Dict[str, Any], Dict[str, Any]]]


def texts(shape: Sequence[Any] = (None,)) -> Any:
    return v1.placeholder(tf.string, shape)


def scores_of(x: Any, columns: Sequence[float] = (0.25, 0.75)) -> Any:
    """Rows of these numbers, one per text; the op that makes them says nothing about their meaning."""
    return tf.tile(tf.constant([list(columns)]), [tf.shape(x)[0], 1])


def plain() -> Tuple[Dict[str, Any], Dict[str, Any]]:
    x = texts()
    return {"input_x": x}, {"output": scores_of(x)}


def write(folder: Path, build: Build, tags: Sequence[Sequence[str]] = (("serve",),),
          keys: Sequence[str] = ("serving_default",), options: Mapping[str, Any] = {}) -> Path:
    """A SavedModel with one MetaGraph per tag set and one signature per key, all equal; and service.json."""
    builder = v1.saved_model.Builder(str(folder))
    for number, tag_set in enumerate(tags):
        with tf.Graph().as_default(), v1.Session() as session:
            inputs, outputs = ({alias: v1.saved_model.build_tensor_info(tensor) for alias, tensor in side.items()}
                               for side in build())
            signatures = {key: v1.saved_model.build_signature_def(inputs, outputs, "any") for key in keys}
            if number:
                builder.add_meta_graph(list(tag_set), signatures)
            else:
                builder.add_meta_graph_and_variables(session, list(tag_set), signatures)
    builder.save()
    if options:
        (folder / "service.json").write_text(json.dumps(options), encoding="utf-8")
    return folder


def served(folder: Path) -> Any:
    return service.TextClassifierService("m", str(folder))


def answer(folder: Path, item: Any = "a text") -> Any:
    return ask(served(folder), {"req_data": [item], "top_k": 99})["resp_data"][0]


def load_error(folder: Path) -> str:
    """The message of the LoadError that the load raises."""
    with pytest.raises(service.LoadError) as caught:
        served(folder)
    return str(caught.value)


def giving(alias: str, columns: Any, op: Any = lambda x: x) -> Build:
    """A model with one output: an op of rows of these numbers."""
    def build() -> Any:
        x = texts()
        return {"input_x": x}, {alias: op(scores_of(x, columns))}
    return build
