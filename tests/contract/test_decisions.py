"""Tag sets, signatures and inputs by the decision table (docs/serving-any-model.md); and that it equals the code."""
import base64
import json
import re
from pathlib import Path
from typing import Any, List

import pytest
import tensorflow as tf
from asking import PROJECT, ask, code, module_of
from made_models import Build, answer, load_error, plain, scores_of, served, texts, write

import customize_service as service

v1 = tf.compat.v1
DOCUMENT = (PROJECT / "docs" / "serving-any-model.md").read_text(encoding="utf-8")


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
    (["__internal", "mine"], {}, "mine"),
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
    assert message.endswith("the model has none. Export the model with one, or convert it with infer.py adopt")


# Inputs

TEXT_SHAPES = [(None,), (None, 1), None]
ID_SHAPES = [(None,), (None, None), (None, 3), None]
NO_INPUTS = [(tf.string, (None, None)), (tf.string, (None, 7)), (tf.string, (None, 1, 1)), (tf.float32, (None, 3)),
             (tf.int32, (None, 3, 3)), (tf.bool, (None,))]


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
    assert error == {"code": "wrong_type", "message": "ids has the shape [2], expected [3] (-1: any size)"}
    answers = ask(served(write(tmp_path / "b", free)), {"req_data": [{"input_x": [1] * n} for n in (3, 1, 9, 1, 3)]})
    assert [round(answer["score"], 4) for answer in answers["resp_data"]] == [0.75, 0.5, 0.9, 0.5, 0.75]


@pytest.mark.parametrize("dtype, shape", NO_INPUTS, ids=str)
def test_an_input_of_neither_texts_nor_ids_is_a_load_error_that_names_its_dtype(
        tmp_path: Path, dtype: Any, shape: Any) -> None:
    def build() -> Any:
        x = v1.placeholder(dtype, shape)
        return {"image": x}, {"output": tf.fill([1, 2], 0.5) + 0 * tf.cast(tf.size(x), tf.float32)}
    message = load_error(write(tmp_path / "m", build))
    assert "image" in message and f"{dtype.name.rstrip('3264')}[" in message and message.endswith("infer.py adopt")


# Several inputs per item

def title_and_body() -> Any:
    """The first probability grows with the title, the second with the body."""
    title, body = texts(), texts()
    sizes = tf.cast(tf.stack([tf.strings.length(title), tf.strings.length(body)], 1), tf.float32)
    return {"title": title, "body": body}, {"output": sizes / tf.reduce_sum(sizes, 1, keepdims=True)}


def test_an_item_gives_each_input_of_a_model_with_several_by_its_alias(tmp_path: Path) -> None:
    made = served(write(tmp_path / "m", title_and_body))
    answers = ask(made, {"req_data": [{"title": "abc", "body": "x"}, {"body": "abc", "title": "x"}]})["resp_data"]
    assert [dict(each["scores"])["0"] for each in answers] == [0.75, 0.25]


@pytest.mark.parametrize("item, missing", [
    ("a text", "body"), ({"text": "a text"}, "body"), ({"title": "a"}, "body"), ({"body": "a"}, "title"),
    ({"title": None, "body": "a"}, "title")], ids=str)
def test_an_item_without_one_of_several_inputs_gets_an_error_that_names_it(
        tmp_path: Path, item: Any, missing: str) -> None:
    error = ask(served(write(tmp_path / "m", title_and_body)), {"req_data": [item]})["resp_data"][0]["error"]
    assert error["code"] == "missing_text" and f"no {missing};" in error["message"]
    assert "body, title" in error["message"]


def masked_ids(length: Any = None) -> Build:
    """The score of class 1 is the mean of the ids whose mask is 1, over 10."""
    def build() -> Any:
        ids, mask = v1.placeholder(tf.int64, [None, length]), v1.placeholder(tf.int32, [None, length])
        weights = tf.cast(mask, tf.float32)
        mean = tf.reduce_sum(tf.cast(ids, tf.float32) * weights, 1) / tf.maximum(tf.reduce_sum(weights, 1), 1) / 10
        return {"input_ids": ids, "input_mask": mask}, {"output": tf.stack([1 - mean, mean], 1)}
    return build


@pytest.mark.parametrize("length", [None, 3])
def test_the_lists_of_an_item_go_to_their_own_inputs(tmp_path: Path, length: Any) -> None:
    made = served(write(tmp_path / "m", masked_ids(length)))
    items = [{"input_ids": [2, 4, 9], "input_mask": [1, 1, 0]}, {"input_ids": [2, 4, 9], "input_mask": [1, 1, 1]}]
    answers = ask(made, {"instances": items})["predictions"]
    assert [round(dict(each["scores"])["1"], 6) for each in answers] == [0.3, 0.5]


@pytest.mark.parametrize("rule, expected", [("ones", 0.3), ("zeros", 0.0)])
def test_a_rule_under_feeds_computes_an_input_from_the_ids_of_each_item(
        tmp_path: Path, rule: str, expected: float) -> None:
    made = served(write(tmp_path / "m", masked_ids(), options={"feeds": {"input_mask": rule}}))
    answers = ask(made, {"req_data": [[2, 4], {"input_x": [3]}, {"input_ids": [1, 2, 3, 6]}]})["resp_data"]
    assert [round(dict(each["scores"])["1"], 6) for each in answers] == [expected] * 3
    own = ask(made, {"req_data": [{"input_ids": [2, 4], "input_mask": [0, 1]}]})["resp_data"]
    assert abs(dict(own[0]["scores"])["1"] - 0.4) < 1e-6


def test_the_rule_length_is_the_number_of_ids(tmp_path: Path) -> None:
    def build() -> Any:
        ids, lengths = v1.placeholder(tf.int32, [None, None]), v1.placeholder(tf.int32, [None])
        share = tf.cast(lengths, tf.float32) / 10 + 0 * tf.cast(ids[:, 0], tf.float32)
        return {"ids": ids, "sequence_length": lengths}, {"output": tf.stack([1 - share, share], 1)}
    made = served(write(tmp_path / "m", build, options={"feeds": {"sequence_length": "length"}}))
    answers = ask(made, {"req_data": [[5] * n for n in (3, 1, 7)]})["resp_data"]
    assert [round(dict(each["scores"])["1"], 6) for each in answers] == [0.3, 0.1, 0.7]
    made = served(write(tmp_path / "n", build))
    given = ask(made, {"req_data": [{"ids": [5], "sequence_length": 4}, {"ids": [5]}]})["resp_data"]
    assert round(dict(given[0]["scores"])["1"], 6) == 0.4 and "no sequence_length" in given[1]["error"]["message"]


def with_features(dtype: Any, shape: Any) -> Build:
    """Ids, and further numbers of each item; the score of class 1 is the first of these numbers."""
    def build() -> Any:
        ids, features = v1.placeholder(tf.int32, [None, None]), v1.placeholder(dtype, shape)
        share = tf.cast(tf.reshape(features, [tf.shape(ids)[0], -1])[:, 0], tf.float32)
        return {"ids": ids, "features": features}, {"output": tf.stack([1 - share, share], 1)}
    return build


@pytest.mark.parametrize("dtype, shape, value, expected", [
    (tf.float32, (None, 2), [0.25, 7], 0.25), (tf.float32, (None, 2), [1, -1e30], 1.0),
    (tf.float64, (None, None), [0.5], 0.5), (tf.float16, (None,), 0.5, 0.5), (tf.float32, (None,), [0.75], 0.75),
    (tf.bool, (None, 2), [True, False], 1.0), (tf.int64, (None, 1), [1], 1.0)], ids=str)
def test_a_further_input_of_each_item_receives_numbers_of_its_dtype_and_shape(
        tmp_path: Path, dtype: Any, shape: Any, value: Any, expected: float) -> None:
    made = served(write(tmp_path / "m", with_features(dtype, shape)))
    answers = ask(made, {"req_data": [{"ids": [3], "features": value}] * 2})["resp_data"]
    assert [round(dict(each["scores"])["1"], 6) for each in answers] == [expected] * 2


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("dtype, value", [
    (tf.float32, [True, 0.5]), (tf.float32, ["0.5", 1]), (tf.float32, [float("nan"), 0]), (tf.float32, [1e39, 0]),
    (tf.float32, [-1e39, 0]), (tf.float32, [10 ** 400, 0]), (tf.float16, [70000, 0]),
    (tf.float32, [float("inf"), 0]), (tf.float32, [0.5, None]),
    (tf.float32, 0.5), (tf.float32, [0.5]), (tf.float32, [[0.5, 0.5]]), (tf.bool, [1, 0]), (tf.bool, [0.0, True]),
    (tf.int32, [1.0, 2])], ids=lambda value: str(value)[:20])
def test_numbers_of_another_dtype_or_shape_are_a_wrong_type_that_names_the_input(
        tmp_path: Path, dtype: Any, value: Any) -> None:
    made = served(write(tmp_path / "m", with_features(dtype, (None, 2))))
    good = [True, False] if dtype == tf.bool else [1, 0]
    answers = ask(made, {"req_data": [{"ids": [3], "features": each} for each in (value, good)]})["resp_data"]
    assert code(answers[0]) == "wrong_type" and answers[0]["error"]["message"].startswith("features ")
    assert answers[1]["predicted_label"] == "1"


def test_a_further_input_of_several_texts_per_item_is_a_load_error_that_names_it(tmp_path: Path) -> None:
    def build() -> Any:
        x, more = texts(), texts((None, 3))
        return {"text": x, "tags": more}, {"output": scores_of(x) + 0 * tf.cast(tf.size(more), tf.float32)}
    message = load_error(write(tmp_path / "m", build))
    assert "'tags', string[-1, 3], must come from each item" in message


def test_an_input_of_one_number_per_item_receives_a_number_or_a_list_of_one(tmp_path: Path) -> None:
    made = served(write(tmp_path / "m", with_features(tf.float32, (None,))))
    answers = ask(made, {"req_data": [{"ids": [3], "features": value} for value in (0.75, [0.75], [1, 0], [])]})
    assert [round(each["score"], 6) for each in answers["resp_data"][:2]] == [0.75, 0.75]
    assert [code(each) for each in answers["resp_data"][2:]] == ["wrong_type", "wrong_type"]


def test_an_input_that_no_output_depends_on_is_not_needed(tmp_path: Path) -> None:
    def build() -> Any:
        x = texts()
        return {"text": x, "label_ids": v1.placeholder(tf.int32, [None])}, {"output": scores_of(x)}
    assert answer(write(tmp_path / "m", build))["predicted_label"] == "1"


@pytest.mark.parametrize("value", [0, [1, 2], "twos", "length of the text"], ids=str)
def test_feeds_are_refused_for_what_must_come_from_each_item(tmp_path: Path, value: Any) -> None:
    message = load_error(write(tmp_path / "m", masked_ids(), options={"feeds": {"input_mask": value}}))
    assert "'input_mask'" in message and "must come from each item" in message and "ones, zeros, length" in message


def test_a_text_may_be_sent_as_bytes_in_base64(tmp_path: Path) -> None:
    made = served(write(tmp_path / "m", title_and_body))
    item = {"title": {"b64": base64.b64encode("体育体".encode()).decode()}, "body": "123"}
    bad = dict(item, title={"b64": "no base64"})
    answers = ask(made, {"instances": [item, bad]})["predictions"]
    assert dict(answers[0]["scores"])["0"] == 0.75 and code(answers[1]) == "wrong_type"


@pytest.mark.parametrize("size", [1, 4])
def test_a_model_with_a_fixed_batch_is_called_with_batches_of_that_size(tmp_path: Path, size: int) -> None:
    def build() -> Any:
        x = texts((size,))
        lengths = tf.ensure_shape(tf.cast(tf.strings.length(x), tf.float32), [size])
        return {"text": x}, {"output": tf.stack([1 / (1 + lengths), lengths / (1 + lengths)], 1)}
    made = served(write(tmp_path / "m", build))
    answers = ask(made, {"text": ["abc", "", "a", "1234567", "abc", "a"]})["resp_data"]
    assert [round(dict(each["scores"])["1"], 4) for each in answers] == [0.75, 0.0, 0.5, 0.875, 0.75, 0.5]


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
    ("keep_prob", tf.float32, (1,)), ("drop", tf.int32, ())], ids=str)
def test_any_other_further_input_is_a_load_error_that_names_the_input_and_the_key(
        tmp_path: Path, alias: str, dtype: Any, shape: Any) -> None:
    message = load_error(write(tmp_path / "m", with_further(alias, dtype, shape)))
    example = json.loads(message.split(", as in ")[1])
    assert repr(alias) in message and "service.json" in message and list(example["feeds"]) == [alias]
    folder = write(tmp_path / "advised", with_further(alias, dtype, shape), options=example)
    assert abs(dict(answer(folder)["scores"])["0"] - 0.25) < 1e-3


@pytest.mark.parametrize("alias, dtype, shape, value, gets", [
    ("temperature", tf.float32, (), 1, 1.0), ("keep_prob", tf.float32, (), 0.5, 0.5), ("mask", tf.bool, (), True, 1.0),
    ("weights", tf.float32, (2,), [1, 0], 1.0)], ids=str)
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


# service.json and both loaders

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
