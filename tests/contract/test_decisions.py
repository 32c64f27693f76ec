"""The decision table (docs/serving-any-model.md), row by row; and that the document equals the code."""
import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np
import pytest
import tensorflow as tf
from asking import PROJECT, ask, code, module_of

import customize_service as service

v1 = tf.compat.v1
DOCUMENT = (PROJECT / "docs" / "serving-any-model.md").read_text(encoding="utf-8")

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


# The document

def rows_of(section: str) -> List[List[str]]:
    """The cells of the tables of a section, without the head rows."""
    part = DOCUMENT.split("## " + section)[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    return [row for i, row in enumerate(cells) if not set("".join(row)) <= set("-") and (
        i + 1 >= len(cells) or not set("".join(cells[i + 1])) <= set("-"))]


def test_the_document_lists_the_rules_of_the_scores_in_the_order_of_the_code() -> None:
    rules = [(condition, meaning) for condition, _, meaning in service.RULES]
    assert [tuple(row) for row in rows_of("The meaning of the scores")] == rules


def test_the_document_lists_the_values_of_further_inputs_in_the_order_of_the_code() -> None:
    assert [tuple(row) for row in rows_of("Further inputs")] == [
        (f"`{part}`", kind, str(value)) for part, kind, value in service.FEEDS]


def test_the_document_names_every_key_of_service_json() -> None:
    named = set(re.findall(r'[`"](\w+)[`"]', DOCUMENT))
    assert set(service.KEYS) <= named
    assert {row[-1].strip("`") for row in rows_of("Which tensors") if row[-1].startswith("`") and len(row) == 4} <= set(
        service.KEYS)
    example = json.loads(DOCUMENT.split("```json\n")[1].split("```")[0])
    assert all(isinstance(value, service.KEYS[key]) for key, value in example.items())


# Tag sets and signatures

@pytest.mark.parametrize("tags, options, chosen", [
    ([["serve"]], {}, ["serve"]),
    ([["train"], ["serve"]], {}, ["serve"]),
    ([["test_saved_model"]], {}, ["test_saved_model"]),
    ([["serve", "gpu"]], {}, ["gpu", "serve"]),
    ([["a"], ["b"]], {"tags": ["b"]}, ["b"]),
    ([["serve"], ["serve", "gpu"]], {"tags": ["gpu", "serve"]}, ["gpu", "serve"]),
], ids=str)
def test_the_tag_set_is_the_one_in_service_json_else_serve_else_the_only_one(
        tmp_path: Path, tags: Any, options: Any, chosen: List[str]) -> None:
    made = served(write(tmp_path / "m", plain, tags, options=options))
    assert list(made.model.plan.tags) == chosen
    assert ask(made, {"text": "x"})["predicted_label"] == "1"


@pytest.mark.parametrize("tags, options", [
    ([["a"], ["b"]], {}), ([["serve", "gpu"], ["train"]], {}), ([["serve"]], {"tags": ["gpu"]})], ids=str)
def test_an_ambiguous_tag_set_is_a_load_error_that_names_the_tag_sets_and_the_key(
        tmp_path: Path, tags: Any, options: Any) -> None:
    message = load_error(write(tmp_path / "m", plain, tags, options=options))
    assert "'tags' in service.json" in message and all(tag in message for tag_set in tags for tag in tag_set)


@pytest.mark.parametrize("keys, options, chosen", [
    (["serving_default"], {}, "serving_default"),
    (["other", "serving_default"], {}, "serving_default"),
    (["test_signature"], {}, "test_signature"),
    (["a", "b"], {"signature": "b"}, "b"),
    (["a", "serving_default"], {"signature": "a"}, "a"),
], ids=str)
def test_the_signature_is_the_one_in_service_json_else_serving_default_else_the_only_one(
        tmp_path: Path, keys: List[str], options: Any, chosen: str) -> None:
    plan = served(write(tmp_path / "m", plain, keys=keys, options=options)).model.plan
    assert plan.signature == chosen


@pytest.mark.parametrize("keys, options", [(["a", "b"], {}), (["serving_default"], {"signature": "x"})])
def test_an_ambiguous_signature_is_a_load_error_that_names_the_signatures_and_the_key(
        tmp_path: Path, keys: List[str], options: Any) -> None:
    message = load_error(write(tmp_path / "m", plain, keys=keys, options=options))
    assert "'signature' in service.json" in message and all(key in message for key in keys)


def test_a_model_without_a_signature_is_a_load_error_that_recommends_adopt(tmp_path: Path) -> None:
    message = load_error(write(tmp_path / "m", plain, keys=[]))
    assert message.endswith("the model has none. Convert the model with infer.py adopt")


# Inputs

TEXT_SHAPES = [(None,), (None, 1), (None, None), None]
ID_SHAPES = [(None,), (None, None), (None, 3), None]
NO_INPUTS = [(tf.string, ()), (tf.string, (None, 7)), (tf.string, (None, 1, 1)), (tf.float32, (None, 3)),
             (tf.int32, ()), (tf.int32, (None, 3, 3)), (tf.bool, (None,))]


@pytest.mark.parametrize("shape", TEXT_SHAPES, ids=str)
def test_an_input_of_strings_receives_texts_in_its_own_shape(tmp_path: Path, shape: Any) -> None:
    def build() -> Any:
        x = texts(shape)
        lengths = tf.cast(tf.strings.length(tf.reshape(x, [-1])), tf.float32)
        return {"my words": x}, {"scores": tf.stack([1 / (1 + lengths), lengths / (1 + lengths)], 1)}
    made = served(write(tmp_path / "m", build))
    answers = ask(made, {"req_data": ["abc", "", {"text": "好"}]})["resp_data"]
    assert [round(answer["score"], 4) for answer in answers] == [0.75, 1.0, 0.75]
    assert [answer["predicted_label"] for answer in answers] == ["1", "0", "1"]


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64], ids=str)
@pytest.mark.parametrize("shape", ID_SHAPES, ids=str)
def test_an_input_of_integers_receives_ids(tmp_path: Path, shape: Any, dtype: Any) -> None:
    def build() -> Any:
        x = v1.placeholder(dtype, shape)
        first = tf.cast(tf.reshape(x, [tf.shape(x)[0], -1])[:, 0], tf.float32)
        return {"ids": x}, {"scores": tf.stack([1 / (1 + first), first / (1 + first)], 1)}
    made = served(write(tmp_path / "m", build))
    row = [3] if shape in ((None,), None) else [3, 0, 0]
    answers = ask(made, {"req_data": [{"input_x": row}, {"ids": row}, {"text": "a text"}, "a text", {}]})["resp_data"]
    assert [answer["score"] for answer in answers[:2]] == [0.75, 0.75]
    assert [code(answer) for answer in answers[2:]] == ["wrong_type", "wrong_type", "missing_text"]
    assert "takes ids, not text" in answers[2]["error"]["message"]


@pytest.mark.parametrize("row", [["3"], [1.5], [True], 3, "3", [2 ** 40], [[1]], [None]], ids=str)
def test_values_that_are_not_ids_are_a_wrong_type(tmp_path: Path, row: Any) -> None:
    def build() -> Any:
        x = v1.placeholder(tf.int32, [None, None])
        return {"ids": x}, {"output": scores_of(x)}
    made = served(write(tmp_path / "m", build))
    answers = ask(made, {"req_data": [{"input_x": row}, {"input_x": [1]}]})["resp_data"]
    assert code(answers[0]) == "wrong_type" and answers[1]["predicted_label"] == "1"


def test_ids_may_have_any_value_of_their_dtype(tmp_path: Path) -> None:
    def build() -> Any:
        x = v1.placeholder(tf.int32, [None, None])
        return {"ids": x}, {"output": scores_of(x)}
    limits = [2 ** 31 - 1, -2 ** 31, 2 ** 31, -2 ** 31 - 1]
    answers = ask(served(write(tmp_path / "m", build)), {"req_data": [{"input_x": [i]} for i in limits]})["resp_data"]
    assert [answer["predicted_label"] for answer in answers[:2]] == ["1", "1"]
    assert [code(answer) for answer in answers[2:]] == ["wrong_type", "wrong_type"]


def test_ids_are_checked_against_a_fixed_length_and_are_not_padded_otherwise(tmp_path: Path) -> None:
    def fixed() -> Any:
        x = v1.placeholder(tf.int32, [None, 3])
        return {"ids": x}, {"output": scores_of(x)}

    def free() -> Any:
        x = v1.placeholder(tf.int32, [None, None])
        length = tf.fill([tf.shape(x)[0]], tf.cast(tf.shape(x)[1], tf.float32))
        return {"ids": x}, {"output": tf.stack([1 / (1 + length), length / (1 + length)], 1)}
    short = ask(served(write(tmp_path / "a", fixed)), {"text": [{"input_x": [1, 2]}, {"input_x": [1, 2, 3]}]})
    error = short["resp_data"][0]["error"]
    assert error == {"code": "wrong_type", "message": "input_x has 2 ids, expected 3 ids"}
    answers = ask(served(write(tmp_path / "b", free)), {"req_data": [{"input_x": [1] * n} for n in (3, 1, 9, 1, 3)]})
    assert [round(answer["score"], 4) for answer in answers["resp_data"]] == [0.75, 0.5, 0.9, 0.5, 0.75]


@pytest.mark.parametrize("dtype, shape", NO_INPUTS, ids=str)
def test_an_input_of_neither_texts_nor_ids_is_a_load_error_that_names_its_dtype(
        tmp_path: Path, dtype: Any, shape: Any) -> None:
    def build() -> Any:
        x = v1.placeholder(dtype, shape)
        return {"image": x}, {"output": tf.fill([1, 2], 0.5) + 0 * tf.cast(tf.size(x), tf.float32)}
    message = load_error(write(tmp_path / "m", build))
    assert "the model has image " + dtype.name.rstrip("3264") in message and message.endswith("infer.py adopt")


def two_inputs() -> Any:
    x, y = texts(), texts()
    return {"title": x, "body": y}, {"output": scores_of(tf.stack([x, y], 1))}


def test_of_two_matching_inputs_input_x_is_used_else_service_json_must_decide(tmp_path: Path) -> None:
    message = load_error(write(tmp_path / "open", two_inputs))
    assert "'input' in service.json" in message and "title string[-1]" in message and "body string[-1]" in message

    def contract() -> Any:
        x, y = texts(), v1.placeholder(tf.int32, [None])
        return {"input_x": x, "lengths": y}, {"output": scores_of(x) + 0 * tf.cast(tf.size(y), tf.float32)}
    assert "'lengths', int[-1]" in load_error(write(tmp_path / "contract", contract))
    folder = write(tmp_path / "feeds", contract, options={"feeds": {"lengths": [1]}})
    assert answer(folder)["predicted_label"] == "1"


# Further inputs

def with_further(alias: str, dtype: Any, shape: Any = ()) -> Build:
    """A model whose first probability is computed from the value of its further input."""
    def build() -> Any:
        x, more = texts(), v1.placeholder(dtype, shape)
        share = tf.cast(tf.reshape(more, [-1])[0], tf.float32) * 0.5 + 0.25
        return {"input_x": x, alias: more}, {"output": scores_of(x) * 0 + tf.stack([share, 1 - share])}
    return build


@pytest.mark.parametrize("alias, dtype, gets", [
    ("keep_prob", tf.float32, 1.0), ("dropout_keep_prob", tf.float32, 1.0), ("Keep", tf.float64, 1.0),
    ("dropout_keep", tf.float32, 1.0), ("dropout", tf.float32, 0.0), ("drop_rate", tf.float32, 0.0),
    ("rate", tf.float16, 0.0), ("training", tf.bool, 0.0), ("is_training", tf.bool, 0.0)])
def test_a_further_scalar_receives_the_value_of_the_table_by_its_alias(
        tmp_path: Path, alias: str, dtype: Any, gets: float) -> None:
    scores = dict(answer(write(tmp_path / "m", with_further(alias, dtype)))["scores"])
    assert abs(scores["0"] - (0.25 + 0.5 * gets)) < 1e-3


@pytest.mark.parametrize("alias, dtype, shape", [
    ("temperature", tf.float32, ()), ("training", tf.float32, ()), ("keep_prob", tf.bool, ()), ("mask", tf.bool, ()),
    ("keep_prob", tf.float32, (None,)), ("drop", tf.int32, ()), ("lengths", tf.int32, (None,))], ids=str)
def test_any_other_further_input_is_a_load_error_that_names_the_input_and_the_key(
        tmp_path: Path, alias: str, dtype: Any, shape: Any) -> None:
    message = load_error(write(tmp_path / "m", with_further(alias, dtype, shape)))
    assert repr(alias) in message and "service.json" in message and json.dumps({"feeds": {alias: 0}}) in message


@pytest.mark.parametrize("alias, dtype, shape, value, gets", [
    ("temperature", tf.float32, (), 1, 1.0), ("keep_prob", tf.float32, (), 0.5, 0.5), ("mask", tf.bool, (), True, 1.0),
    ("lengths", tf.int32, (None,), [1, 0], 1.0)], ids=str)
def test_the_key_feeds_comes_before_the_table(
        tmp_path: Path, alias: str, dtype: Any, shape: Any, value: Any, gets: float) -> None:
    folder = write(tmp_path / "m", with_further(alias, dtype, shape), options={"feeds": {alias: value}})
    assert abs(dict(answer(folder)["scores"])["0"] - (0.25 + 0.5 * gets)) < 1e-3


HALF = tf.constant(0.5)


def test_the_default_value_in_a_signature_is_used_if_the_table_has_no_value(tmp_path: Path) -> None:
    class Served(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([], tf.float32)])
        def serve(self, words: Any, temperature: Any = HALF) -> Any:
            return {"output": tf.ones([tf.shape(words)[0], 1]) * tf.stack([temperature, 1 - temperature])}
    made = Served()
    tf.saved_model.save(made, str(tmp_path / "m"), signatures={"serving_default": made.serve})
    assert dict(answer(tmp_path / "m")["scores"]) == {"0": 0.5, "1": 0.5}


# Outputs and what the scores are

def giving(alias: str, columns: Any, op: Any = lambda x: x) -> Build:
    def build() -> Any:
        x = texts()
        return {"input_x": x}, {alias: op(scores_of(x, columns))}
    return build


LOGITS = np.array([2.0, -1.0, 0.5])
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum()
SCORES: Dict[str, Tuple[Build, Any, Sequence[float]]] = {
    "made by Softmax": (giving("any", LOGITS, tf.nn.softmax), None, SOFTMAX),
    "made by Softmax under an alias with logits": (giving("logits", LOGITS, tf.nn.softmax), None, SOFTMAX),
    "one column made by Sigmoid": (giving("logit", [0.0], tf.sigmoid), None, [0.5, 0.5]),
    "rows that sum to 1": (giving("any", [0.1, 0.2, 0.7]), None, [0.1, 0.2, 0.7]),
    "rows that sum to 1 and contain 0 and 1": (giving("any", [0.0, 1.0, 0.0]), None, [0.0, 1.0, 0.0]),
    "rows that sum to 1 except for rounding": (giving("any", [0.1, 0.2, 0.7005]), None, [0.1, 0.2, 0.7005]),
    "rows that sum to 1 with a negative value": (giving("any", [-1.0, 2.0]), None, [1 / (1 + np.exp(3.0)),
                                                                                 1 / (1 + np.exp(-3.0))]),
    "rows that sum to 1 under an alias with logits": (giving("logits", [0.1, 0.2, 0.7]), None, [0.1, 0.2, 0.7]),
    "an alias that contains logit": (giving("my_logits", [0.25, 0.5, 0.5]), None,
                            np.exp([0.25, 0.5, 0.5]) / np.exp([0.25, 0.5, 0.5]).sum()),
    "one column of logits": (giving("logits", [0.5]), None, [1 - 1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(-0.5))]),
    "values outside [0, 1]": (giving("any", LOGITS), None, SOFTMAX),
    "one column outside [0, 1]": (giving("any", [3.0]), None, [1 - 1 / (1 + np.exp(-3.0)), 1 / (1 + np.exp(-3.0))]),
    "one column in [0, 1]": (giving("any", [0.75]), None, [0.25, 0.75]),
    "one column of 0": (giving("any", [0.0]), None, [1.0, 0.0]),
    "one column of 1": (giving("any", [1.0]), None, [0.0, 1.0]),
    "one column of rank 1": (giving("any", [0.75], lambda x: x[:, 0]), None, [0.25, 0.75]),
    "service.json: probabilities": (giving("any", [0.5, 0.25, 0.125]), "probabilities", [0.5, 0.25, 0.125]),
    "service.json: softmax": (giving("any", [0.5, 0.5]), "softmax", [0.5, 0.5]),
    "service.json: sigmoid": (giving("any", [0.0, 1.0]), "sigmoid", [0.5, 1 / (1 + np.exp(-1))]),
}


@pytest.mark.parametrize("case", sorted(SCORES))
def test_the_first_matching_rule_decides_the_meaning_of_the_scores(tmp_path: Path, case: str) -> None:
    build, meaning, expected = SCORES[case]
    scores = dict(answer(write(tmp_path / "m", build, options={"scores": meaning} if meaning else {}))["scores"])
    assert np.allclose([scores[str(i)] for i in range(len(expected))], expected, atol=1e-6)


@pytest.mark.parametrize("columns, op", [
    ([0.5, 0.25, 0.125], tf.identity), ([0.1, 0.2, 0.702], tf.identity), ([0.0, 1.0, 2.0], tf.sigmoid),
    ([1.0, 1.0], tf.identity)], ids=lambda value: str(value) if isinstance(value, list) else value.__name__)
def test_rows_in_0_to_1_that_do_not_sum_to_1_require_the_key_scores(tmp_path: Path, columns: Any, op: Any) -> None:
    message = load_error(write(tmp_path / "m", giving("any", columns, op)))
    assert message.startswith("the rows of 'any'") and message.endswith(
        "Write 'probabilities', 'softmax' or 'sigmoid' under 'scores' in service.json")


def test_the_rule_of_the_scores_is_decided_at_load_and_not_changed_by_a_request(tmp_path: Path) -> None:
    def build() -> Any:
        x = texts()
        odd = tf.where(tf.equal(x, "odd"), tf.fill(tf.shape(x), 7.0), tf.fill(tf.shape(x), 0.25))
        return {"input_x": x}, {"any": tf.stack([odd, 1 - odd], 1)}
    made = served(write(tmp_path / "m", build))
    both = ask(made, {"req_data": ["odd", "even"]})["resp_data"]
    assert both[0]["score"] == 7.0 and both[1]["score"] == 0.75


def test_the_log_names_the_rule_of_the_scores_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    made = served(write(tmp_path / "m", giving("any", LOGITS)))
    ask(made, {"text": ["x", "y"]})
    messages = [message for message in caplog.messages if "softmax" in message and "Plan" not in message]
    assert messages == ["any: values outside [0, 1], so the rule of the scores is softmax"]


def test_a_model_with_labels_only_is_served_without_scores(tmp_path: Path) -> None:
    def strings() -> Any:
        x = texts()
        return {"input_x": x}, {"class": tf.where(tf.equal(x, ""), tf.fill(tf.shape(x), "empty"), x)}

    def numbers() -> Any:
        x = texts()
        return {"input_x": x}, {"class": tf.strings.length(x)[:, None]}
    assert answer(write(tmp_path / "a", strings), "体育") == {"predicted_label": "体育"}
    assert answer(write(tmp_path / "b", numbers), "ab") == {"predicted_label": "2"}
    (tmp_path / "b" / "labels.txt").write_text("zero\none\ntwo\n", encoding="utf-8")
    assert answer(tmp_path / "b", "ab") == {"predicted_label": "two"}
    assert answer(tmp_path / "b", "four") == {"predicted_label": "4"}


def test_a_label_that_is_not_valid_utf_8_is_answered_with_replacement_characters(tmp_path: Path) -> None:
    def build() -> Any:
        x = texts()
        return {"input_x": x}, {"class": tf.fill(tf.shape(x), b"a\xff")}
    assert answer(write(tmp_path / "m", build)) == {"predicted_label": "a\ufffd"}


def test_of_several_outputs_of_scores_the_alias_output_is_used_else_service_json_must_decide(tmp_path: Path) -> None:
    def two(alias: str) -> Build:
        def build() -> Any:
            x = texts()
            return {"input_x": x}, {alias: scores_of(x), "other": scores_of(x, [0.5, 0.5])}
        return build
    assert answer(write(tmp_path / "a", two("output")))["score"] == 0.75
    assert "'output' in service.json" in load_error(write(tmp_path / "b", two("mine")))
    assert answer(write(tmp_path / "c", two("mine"), options={"output": "mine"}))["score"] == 0.75


# Class names, service.json, and both loaders

@pytest.mark.parametrize("places, expected", [
    ({"assets/labels.txt": "a\nb\n", "labels.txt": "c\nd\n"}, "b"), ({"labels.txt": "c\nd"}, "d"), ({}, "1")], ids=str)
def test_class_names_come_from_the_assets_else_from_the_model_folder_else_are_numbers(
        tmp_path: Path, places: Dict[str, str], expected: str) -> None:
    folder = write(tmp_path / "m", plain)
    (folder / "assets").mkdir(exist_ok=True)
    for name, content in places.items():
        (folder / name).write_text(content, encoding="utf-8")
    assert answer(folder)["predicted_label"] == expected


def test_a_wrong_number_of_class_names_is_a_load_error(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", plain)
    (folder / "labels.txt").write_text("a\nb\nc\n", encoding="utf-8")
    assert "3 labels, the model 2 classes" in load_error(folder)


@pytest.mark.parametrize("options", [
    {"signature_key": "x"}, {"tags": "serve"}, {"scores": 5}, {"scores": "logit"}, {"feeds": []}, {"output": "nothing"},
    {"input": None}], ids=str)
def test_an_invalid_key_or_value_in_service_json_is_a_load_error(tmp_path: Path, options: Any) -> None:
    assert "service.json" in load_error(write(tmp_path / "m", plain, options=options))


@pytest.mark.parametrize("content", ["", "[]", "{", '"x"', "\xff"], ids=ascii)
def test_a_service_json_that_is_not_a_json_object_is_a_load_error(tmp_path: Path, content: str) -> None:
    folder = write(tmp_path / "m", plain)
    (folder / "service.json").write_bytes(content.encode("latin-1"))
    assert "service.json cannot be read" in load_error(folder)


def test_the_log_names_the_loader(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    served(write(tmp_path / "m", plain))
    assert "loaded by a Session as" in caplog.messages[-1]  # tests/fault/test_load.py has the other loader


def test_the_service_file_loads_by_its_path_as_on_the_platform(tmp_path: Path) -> None:
    module = module_of(PROJECT / "customize_service.py")
    made = module.TextClassifierService("m", str(write(tmp_path / "m", plain)))
    assert ask(made, {"text": "x"})["predicted_label"] == "1"
