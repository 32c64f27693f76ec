"""The meaning of scores, labels beside scores, and class names by the decision table (docs/serving-any-model.md)."""
import json
from pathlib import Path
from typing import Any, Dict, Sequence, Tuple

import numpy as np
import pytest
import tensorflow as tf
from asking import ask, code
from made_models import Build, answer, giving, load_error, plain, scores_of, served, texts, write

v1 = tf.compat.v1

LOGITS = np.array([2.0, -1.0, 0.5])
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum()
SIGMOID = 1 / (1 + np.exp(-0.5))
SHIFTED = np.exp([0.25, 0.5, 0.5]) / np.exp([0.25, 0.5, 0.5]).sum()


def with_loss(columns: Sequence[float], loss: Any) -> Build:
    """Logits under an alias without a meaning, and the training loss that the graph still contains."""
    def build() -> Any:
        x = texts()
        scores = scores_of(x, columns)
        loss(v1.placeholder_with_default(tf.zeros_like(scores), [None, len(columns)]), scores)
        return {"input_x": x}, {"any": tf.identity(scores)}
    return build


def softmax_loss(labels: Any, logits: Any) -> Any:
    return v1.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)


def sigmoid_loss(labels: Any, logits: Any) -> Any:
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)


SCORES: Dict[str, Tuple[Build, Any, Sequence[float]]] = {
    "made by Softmax": (giving("any", LOGITS, tf.nn.softmax), None, SOFTMAX),
    "made by Softmax under an alias with logits": (giving("logits", LOGITS, tf.nn.softmax), None, SOFTMAX),
    "made by Softmax and reshaped": (
        giving("any", LOGITS, lambda x: tf.squeeze(tf.nn.softmax(x)[:, None], 1)), None, SOFTMAX),
    "made by LogSoftmax": (giving("any", LOGITS, tf.nn.log_softmax), None, SOFTMAX),
    "one column made by Sigmoid": (giving("logit", [0.0], tf.sigmoid), None, [0.5, 0.5]),
    "one column of rank 1 made by Sigmoid": (
        giving("any", [0.5], lambda x: tf.squeeze(tf.sigmoid(x), 1)), None, [1 - SIGMOID, SIGMOID]),
    "read by a softmax loss": (with_loss(LOGITS, softmax_loss), None, SOFTMAX),
    "read by a sigmoid loss": (with_loss([0.5], sigmoid_loss), None, [1 - SIGMOID, SIGMOID]),
    "rows that sum to 1": (giving("any", [0.1, 0.2, 0.7]), None, [0.1, 0.2, 0.7]),
    "rows that sum to 1 and contain 0 and 1": (giving("any", [0.0, 1.0, 0.0]), None, [0.0, 1.0, 0.0]),
    "rows that sum to 1 except for rounding": (giving("any", [0.1, 0.2, 0.7005]), None, [0.1, 0.2, 0.7005]),
    "rows that sum to 1 under an alias with logits": (giving("logits", [0.1, 0.2, 0.7]), None, [0.1, 0.2, 0.7]),
    "an alias that contains logit": (giving("my_logits", [0.25, 0.5, 0.5]), None, SHIFTED),
    "one column of logits": (giving("logits", [0.5]), None, [1 - SIGMOID, SIGMOID]),
    "service.json: probabilities": (giving("any", [0.5, 0.25, 0.125]), "probabilities", [0.5, 0.25, 0.125]),
    "service.json: one probability": (giving("any", [0.75]), "probabilities", [0.25, 0.75]),
    "service.json: softmax": (giving("any", [0.5, 0.5]), "softmax", [0.5, 0.5]),
    "service.json: sigmoid": (giving("any", [0.0, 1.0]), "sigmoid", [0.5, 1 / (1 + np.exp(-1))]),
}


@pytest.mark.parametrize("case", sorted(SCORES))
def test_the_first_matching_rule_decides_the_meaning_of_the_scores(tmp_path: Path, case: str) -> None:
    build, meaning, expected = SCORES[case]
    scores = dict(answer(write(tmp_path / "m", build, options={"scores": meaning} if meaning else {}))["scores"])
    assert np.allclose([scores[str(i)] for i in range(len(expected))], expected, atol=1e-6)


def test_names_of_the_columns_prove_that_values_outside_0_to_1_are_logits(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", giving("any", LOGITS))
    (folder / "labels.txt").write_text("a\nb\nc\n", encoding="utf-8")
    assert np.allclose([dict(answer(folder)["scores"])[name] for name in "abc"], SOFTMAX)


OPEN: Dict[str, Build] = {
    "values in [0, 1] that do not sum to 1": giving("any", [0.5, 0.25, 0.125]),
    "a sum that is off by more than rounding": giving("any", [0.1, 0.2, 0.702]),
    "several columns made by Sigmoid": giving("any", [0.0, 1.0, 2.0], tf.sigmoid),
    "two ones": giving("any", [1.0, 1.0]),
    "one column in [0, 1]": giving("any", [0.75]),
    "one column outside [0, 1]": giving("stars", [4.5]),
    "one column under an alias with prob": giving("probability", [0.75]),
    "a confidence without a label": giving("confidence", LOGITS, lambda x: tf.reduce_max(tf.nn.softmax(x), 1)),
    "columns without names outside [0, 1]": giving("any", LOGITS),
    "a normalised embedding": giving("any", np.arange(64.0), lambda x: tf.nn.l2_normalize(x - 30, 1)),
    "a softmax of one column": giving("any", [3.0], tf.nn.softmax),
}


@pytest.mark.parametrize("case", sorted(OPEN))
def test_an_output_without_a_known_meaning_is_a_load_error_whose_advice_leads_to_an_answer(
        tmp_path: Path, case: str) -> None:
    message = load_error(write(tmp_path / "m", OPEN[case]))
    assert "has no known meaning" in message and "not a classifier" in message
    assert message.endswith("write 'probabilities', 'softmax' or 'sigmoid' under 'scores' in service.json")
    assert "score" in answer(write(tmp_path / "n", OPEN[case], options={"scores": "sigmoid"}))


@pytest.mark.parametrize("loss, columns", [(softmax_loss, [0.5, 0.25, 0.125]), (sigmoid_loss, [0.75])],
                         ids=["softmax", "sigmoid"])
def test_a_loss_that_reads_another_tensor_says_nothing_about_the_scores(
        tmp_path: Path, loss: Any, columns: Sequence[float]) -> None:
    def build() -> Any:
        inputs, _ = with_loss(columns, loss)()
        return inputs, {"any": scores_of(inputs["input_x"], columns)}
    assert "has no known meaning" in load_error(write(tmp_path / "m", build))


@pytest.mark.parametrize("columns, values", [(LOGITS, "from -1 to 2"), ([-0.5, 0.75], "from -0.5 to 0.75")], ids=str)
def test_declared_probabilities_outside_0_to_1_are_a_load_error_with_their_values(
        tmp_path: Path, columns: Any, values: str) -> None:
    message = load_error(write(tmp_path / "m", giving("any", columns), options={"scores": "probabilities"}))
    assert f"values {values}" in message and "'softmax' or 'sigmoid'" in message


def test_the_op_that_makes_the_scores_is_known_inside_of_a_function(tmp_path: Path) -> None:
    class Served(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]
        def serve(self, words: Any) -> Any:
            return {"any": tf.sigmoid(scores_of(words, [0.5]))}
    made = Served()
    tf.saved_model.save(made, str(tmp_path / "m"), signatures={"serving_default": made.serve})
    assert abs(dict(answer(tmp_path / "m")["scores"])["1"] - SIGMOID) < 1e-6


# Requests that refute the rule

def odd(value: Sequence[float]) -> Build:
    """Rows of 0.25 and 0.75, but of other values for the text ``odd``."""
    def build() -> Any:
        x = texts()
        rows = tf.where(tf.tile(tf.equal(x, "odd")[:, None], [1, 2]), scores_of(x, value), scores_of(x))
        return {"input_x": x}, {"any": rows}
    return build


@pytest.mark.parametrize("value, fault", [
    ([7.0, -6.0], "outside [0, 1]"), ([0.75, 0.75], "do not sum to 1"), ([0.1, 0.1], "do not sum to 1"),
    ([np.nan, 1.0], "not finite"), ([np.inf, 0.0], "not finite")], ids=str)
def test_scores_that_refute_their_meaning_are_a_model_error_of_that_item(
        tmp_path: Path, value: Any, fault: str) -> None:
    answers = ask(served(write(tmp_path / "m", odd(value))), {"req_data": ["even", "odd", "even"]})["resp_data"]
    assert code(answers[1]) == "model_error" and fault in answers[1]["error"]["message"]
    assert [answers[i]["score"] for i in (0, 2)] == [0.75, 0.75]


def test_another_number_of_columns_than_at_load_is_a_model_error(tmp_path: Path) -> None:
    def build() -> Any:
        x = texts()
        many = tf.reduce_any(tf.equal(x, "many"))
        columns = tf.cond(many, lambda: tf.constant([0.2, 0.3, 0.5]), lambda: tf.constant([0.25, 0.75]))
        return {"input_x": x}, {"any": tf.ones([tf.shape(x)[0], 1]) * columns}
    answers = ask(served(write(tmp_path / "m", build)), {"req_data": ["one", "many"]})["resp_data"]
    assert answers[0]["score"] == 0.75 and code(answers[1]) == "model_error"


def test_another_number_of_rows_than_items_is_a_model_error(tmp_path: Path) -> None:
    def build() -> Any:
        x = texts()
        return {"input_x": x}, {"any": tf.boolean_mask(scores_of(x), tf.not_equal(x, "gone"))}
    answers = ask(served(write(tmp_path / "m", build)), {"req_data": ["one", "gone", "two"]})["resp_data"]
    assert [answers[i]["score"] for i in (0, 2)] == [0.75, 0.75] and code(answers[1]) == "model_error"


def test_the_log_names_the_rule_of_the_scores_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    made = served(write(tmp_path / "m", giving("logits", LOGITS)))
    ask(made, {"text": ["x", "y"]})
    messages = [message for message in caplog.messages if "softmax" in message and "Plan" not in message]
    assert messages == ["logits: an alias that contains logit, so the rule of the scores is softmax"]


# Labels

NAMES = ["one", "two", "three"]


def classified(outputs: Any) -> Build:
    """Three logits from the length of a text; ``outputs`` makes the outputs from the probabilities and the texts."""
    def build() -> Any:
        x = texts()
        size = tf.cast(tf.strings.length(x), tf.float32)
        logits = tf.stack([3.0 - size, tf.sin(size), size - 4.0], 1)
        return {"input_x": x}, outputs(tf.nn.softmax(logits), x)
    return build


def named(probabilities: Any) -> Any:
    return tf.gather(tf.constant(NAMES), tf.argmax(probabilities, 1))


def picked(probabilities: Any) -> Any:
    return tf.reduce_max(probabilities, 1)


def sorted_lists(probabilities: Any, count: int) -> Dict[str, Any]:
    values, indices = tf.math.top_k(probabilities, count)
    return {"scores": values, "classes": tf.gather(tf.constant(NAMES), indices)}


ITEMS = ["", "a", "abc", "abcdefgh", "好的"]
EVERYTHING, OWN, NO = "all scores", "the label's own score", "no score"
LABELS: Dict[str, Tuple[Any, str]] = {
    "probabilities, and names in the graph": (lambda p, x: {"label": named(p), "output": p}, EVERYTHING),
    "any aliases": (lambda p, x: {"topic": named(p), "floats": p}, EVERYTHING),
    "logits and a label": (lambda p, x: {"topic": named(p), "logits": tf.math.log(p)}, EVERYTHING),
    "sorted lists": (lambda p, x: sorted_lists(p, 3), EVERYTHING),
    "sorted lists and a label": (lambda p, x: dict(sorted_lists(p, 3), label=named(p)), EVERYTHING),
    "tiled names": (lambda p, x: {
        "scores": p, "classes": tf.tile(tf.constant([NAMES]), [tf.shape(p)[0], 1])}, EVERYTHING),
    "constant names": (lambda p, x: {"scores": p, "classes": tf.constant(NAMES)}, EVERYTHING),
    "the confidence of the label": (lambda p, x: {"label": named(p), "confidence": picked(p)}, OWN),
    "a maximum of a Softmax": (lambda p, x: {"label": named(p), "any": tf.expand_dims(picked(p), 1)}, OWN),
    "names that no constant holds": (lambda p, x: {
        "label": tf.strings.join([named(p), ""]), "any": picked(p)}, OWN),
    "attention": (lambda p, x: {"topic": named(p), "attention": tf.nn.softmax(
        tf.zeros([tf.shape(p)[0], tf.reduce_max(tf.strings.length(x)) + 1]))}, NO),
    "a float of another meaning": (lambda p, x: {"topic": named(p), "uncertainty": 1 - picked(p)}, NO),
    "an embedding": (lambda p, x: {"topic": named(p), "embedding": tf.tile(p, [1, 4]) - 0.5}, NO),
    "no float": (lambda p, x: {"anything": named(p)}, NO),
}


@pytest.mark.parametrize("case", sorted(LABELS))
def test_the_label_of_the_model_is_the_answer_with_the_scores_that_explain_it(tmp_path: Path, case: str) -> None:
    outputs, given = LABELS[case]
    folder = write(tmp_path / "m", classified(outputs))
    truth = write(tmp_path / "truth", classified(lambda p, x: {"probabilities": p}))
    (truth / "labels.txt").write_text("\n".join(NAMES), encoding="utf-8")
    answers, expected = (ask(served(each), {"req_data": ITEMS})["resp_data"] for each in (folder, truth))
    assert [each["predicted_label"] for each in answers] == [each["predicted_label"] for each in expected]
    assert len({each["predicted_label"] for each in answers}) == 3
    for ours, theirs in zip(answers, expected):
        if given == NO:
            assert ours == {"predicted_label": theirs["predicted_label"]}
        else:
            assert abs(ours["score"] - theirs["score"]) < 1e-6
            assert [name for name, _ in ours["scores"]] == [
                name for name, _ in theirs["scores"]][:None if given == EVERYTHING else 1]


def test_numbers_of_classes_are_places_in_the_names_of_the_model(tmp_path: Path) -> None:
    def outputs(p: Any, x: Any) -> Any:
        return {"class_ids": tf.argmax(p, 1), "scores": p, "names": tf.constant(NAMES)}
    given = ask(served(write(tmp_path / "m", classified(outputs))), {"req_data": ITEMS})["resp_data"]
    truth = ask(served(write(tmp_path / "n", classified(lambda p, x: {"label": named(p)}))), {"req_data": ITEMS})
    assert [each["predicted_label"] for each in given] == [each["predicted_label"] for each in truth["resp_data"]]


def test_of_sorted_lists_whose_scores_have_no_meaning_the_first_class_is_the_label(tmp_path: Path) -> None:
    def outputs(p: Any, x: Any) -> Any:
        values, indices = tf.math.top_k(tf.math.log(p) * 2 + 1, 2)
        return {"values": values, "names": tf.gather(tf.constant(NAMES), indices)}
    given = ask(served(write(tmp_path / "m", classified(outputs))), {"req_data": ITEMS})["resp_data"]
    truth = ask(served(write(tmp_path / "n", classified(lambda p, x: {"label": named(p)}))), {"req_data": ITEMS})
    assert given == truth["resp_data"]


def test_a_golden_text_with_probabilities_is_refused_by_a_model_of_labels_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", classified(lambda p, x: {"label": named(p)}))
    golden = [{"text": "a", "label": "one", "probabilities": [1.0, 0.0, 0.0]}]
    (folder / "model_card.json").write_text(json.dumps({"golden": golden}), encoding="utf-8")
    assert "golden text 'a'" in load_error(folder)


@pytest.mark.parametrize("more", [lambda p: {}, lambda p: {"scores": p}, lambda p: {"confidence": picked(p)}],
                         ids=["alone", "scores", "confidence"])
def test_names_are_answered_rather_than_the_numbers_beside_them(tmp_path: Path, more: Any) -> None:
    folder = write(tmp_path / "m", classified(lambda p, x: dict(more(p), class_id=tf.argmax(p, 1), name=named(p))))
    truth = write(tmp_path / "n", classified(lambda p, x: {"label": named(p)}))
    given, expected = (ask(served(each), {"req_data": ITEMS})["resp_data"] for each in (folder, truth))
    assert [each["predicted_label"] for each in given] == [each["predicted_label"] for each in expected]


def test_a_list_of_names_of_another_width_does_not_name_the_columns_of_the_scores(tmp_path: Path) -> None:
    def outputs(p: Any, x: Any) -> Any:
        return {"scores": p, "best": sorted_lists(p, 2)["classes"]}
    given = ask(served(write(tmp_path / "m", classified(outputs))), {"req_data": ITEMS})["resp_data"]
    assert all(sorted(name for name, _ in each["scores"]) == ["0", "1", "2"] for each in given)


@pytest.mark.parametrize("outputs", [
    lambda p, x: {"values": p * 3 - 1, "names": tf.tile(tf.constant([NAMES]), [tf.shape(p)[0], 1])},
    lambda p, x: {"values": p * 3 - 1, "length": tf.strings.length(x)},
    lambda p, x: {"values": p * 3 - 1, "ranks": tf.argsort(p, 1)}],
    ids=["an unsorted list of names", "a number that is not called a label", "a list of numbers"])
def test_what_is_no_label_beside_floats_without_a_meaning_is_a_load_error(tmp_path: Path, outputs: Any) -> None:
    message = load_error(write(tmp_path / "m", classified(outputs)))
    assert "'values'" in message and "has no known meaning" in message


def test_scores_that_service_json_names_are_used_or_refused(tmp_path: Path) -> None:
    def outputs(p: Any, x: Any) -> Any:
        return {"topic": named(p), "attention": tf.roll(p, 1, 1)}
    assert answer(write(tmp_path / "l", classified(outputs), options={"output": "topic"}))["predicted_label"] in NAMES
    assert "do not agree" in load_error(write(tmp_path / "m", classified(outputs), options={"scores": "attention"}))


def test_the_softmax_of_one_column_is_refused(tmp_path: Path) -> None:
    message = load_error(write(tmp_path / "m", giving("any", [0.5]), options={"scores": "softmax"}))
    assert "always 1" in message and "'sigmoid'" in message


def test_the_best_classes_of_a_longer_list_need_not_sum_to_1(tmp_path: Path) -> None:
    answers = ask(served(write(tmp_path / "m", classified(lambda p, x: sorted_lists(p, 2)))), {"req_data": ITEMS})
    assert all(len(each["scores"]) == 2 and each["score"] < 1 for each in answers["resp_data"])


@pytest.mark.parametrize("labels", [["zero", "one", "two"], None], ids=str)
def test_numbers_of_classes_are_lines_of_labels_txt(tmp_path: Path, labels: Any) -> None:
    folder = write(tmp_path / "m", classified(lambda p, x: {"class_ids": tf.argmax(p, 1)[:, None], "any": p}))
    if labels:
        (folder / "labels.txt").write_text("\n".join(labels), encoding="utf-8")
    given = ask(served(folder), {"req_data": ITEMS})["resp_data"]
    assert [each["predicted_label"] for each in given] == [
        (labels or ["0", "1", "2"])[NAMES.index(each["predicted_label"])] for each in ask(served(write(
            tmp_path / "n", classified(lambda p, x: {"label": named(p)}))), {"req_data": ITEMS})["resp_data"]]
    assert all(len(each["scores"]) == 3 for each in given)


def test_a_label_that_disagrees_with_its_scores_later_is_the_answer_alone(tmp_path: Path) -> None:
    def outputs(p: Any, x: Any) -> Any:
        return {"label": tf.where(tf.equal(x, "odd"), tf.fill(tf.shape(x), "other"), named(p)), "output": p}
    answers = ask(served(write(tmp_path / "m", classified(outputs))), {"req_data": ["odd", "abcd"]})["resp_data"]
    assert answers[0] == {"predicted_label": "other"} and len(answers[1]["scores"]) == 3


def two_heads(p: Any, x: Any) -> Any:
    return {"topic": named(p), "topic_scores": p, "mood": tf.gather(tf.constant(["good", "bad"]), tf.argmin(p, 1) % 2),
            "mood_scores": tf.stack([p[:, 0], 1 - p[:, 0]], 1)}


def test_outputs_that_give_different_answers_are_a_load_error_until_service_json_names_one(tmp_path: Path) -> None:
    message = load_error(write(tmp_path / "m", classified(two_heads)))
    assert "'mood' and 'topic'" in message and message.endswith("under 'output' in service.json")
    given = answer(write(tmp_path / "n", classified(two_heads), options={"output": "topic"}))
    assert given["predicted_label"] in NAMES
    both = {"output": "topic", "scores": "topic_scores"}
    assert len(answer(write(tmp_path / "o", classified(two_heads), options=both))["scores"]) == 3


def test_a_number_that_the_scores_contradict_is_not_a_label_unless_service_json_names_it(tmp_path: Path) -> None:
    def outputs(p: Any, x: Any) -> Any:
        return {"length": tf.strings.length(x), "probabilities": p}
    assert "service.json" in load_error(write(tmp_path / "m", classified(outputs)))
    assert answer(write(tmp_path / "n", classified(outputs), options={"output": "length"}), "ab") == {
        "predicted_label": "2"}
    assert len(answer(write(tmp_path / "o", classified(outputs), options={"output": "probabilities"}))["scores"]) == 3


def test_the_key_output_or_scores_must_name_an_output_with_a_row_per_item(tmp_path: Path) -> None:
    message = load_error(write(tmp_path / "m", plain, options={"scores": "logit"}))
    assert "output" in message and "service.json" in message


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


# Class names

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


def test_an_asset_of_labels_with_a_line_per_class_names_the_classes(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", plain)
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / "class_names.txt").write_text("no\nyes\n", encoding="utf-8")
    (folder / "assets" / "vocabulary.txt").write_text("a\nb\n", encoding="utf-8")
    assert answer(folder)["predicted_label"] == "yes"
    assert json.loads(json.dumps(answer(folder)["scores"])) == [["yes", 0.75], ["no", 0.25]]


def test_the_confidence_of_a_number_is_the_score_of_its_line_of_labels_txt(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", classified(lambda p, x: {"class_id": tf.argmax(p, 1), "confidence": picked(p)}))
    (folder / "labels.txt").write_text("\n".join(NAMES), encoding="utf-8")
    given = ask(served(folder), {"req_data": ITEMS})["resp_data"]
    named_rows = write(tmp_path / "n", classified(lambda p, x: {"label": named(p), "all": p}))
    truth = ask(served(named_rows), {"req_data": ITEMS})
    for ours, theirs in zip(given, truth["resp_data"]):
        assert ours["scores"] == [[theirs["predicted_label"], ours["score"]]]
        assert abs(ours["score"] - theirs["score"]) < 1e-6


def test_a_folder_in_the_assets_is_not_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", plain)
    (folder / "assets" / "more").mkdir(parents=True)
    assert answer(folder)["predicted_label"] == "1"
