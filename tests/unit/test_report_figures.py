"""The figures of a report: calibration, coverage, mistakes, disagreements, suspect labels, n-grams, places."""
from pathlib import Path
from typing import List, Sequence, Tuple

import numpy as np
import pytest

from models import wide
from textjob import metrics
from textjob.data import places
from textjob.data.dataset import read_dataset
from textjob.report import answers, blocks, calibration, label_errors, mistakes, ngrams, predictions, training_rows
from textjob.report.predictions import NO_ANSWER, Predictions, Rows
from textjob.settings import DataSettings


def made(rows: Sequence[Tuple[str, str, float]]) -> Predictions:
    """Predictions from rows of label, predicted label and confidence."""
    labels, predicted, confidence = zip(*rows)
    return Predictions(list(labels), list(predicted), np.array(confidence), 1 - np.array(confidence))


def test_the_expected_calibration_error_is_that_of_an_example_computed_by_hand() -> None:
    # Bins of width 1/15: 0.95 is in the last one (4 rows, 2 right), 0.61 in the tenth (2 rows, 2 right).
    rows = [("a", "a", 0.95), ("a", "b", 0.95), ("b", "b", 0.95), ("b", "a", 0.95), ("a", "a", 0.61), ("b", "b", 0.61)]
    bins = calibration.curve(made(rows))
    assert [(each.rows, each.accuracy) for each in bins] == [(2, 1.0), (4, 0.5)]
    assert bins[1].confidence == pytest.approx(0.95) and (bins[1].low, bins[1].high) == (14 / 15, 1.0)
    assert calibration.expected_error(bins) == pytest.approx((2 * 0.39 + 4 * 0.45) / 6)


@pytest.mark.parametrize("labels, error", [(["a", "b"], 0.0), (["a", "a"], 0.5), (["unknown", "unknown"], 1.0)])
def test_certain_predictions_have_the_error_rate_as_their_calibration_error(labels: List[str], error: float) -> None:
    made_of = predictions.of_probabilities(np.eye(2), ["a", "b"], labels)
    assert calibration.expected_error(calibration.curve(made_of)) == error


def test_coverage_takes_the_largest_share_of_rows_that_reaches_the_precision() -> None:
    rows = [("a", "a", 0.9)] * 8 + [("a", "b", 0.8)] + [("a", "a", 0.7)] * 11 + [("a", "b", 0.6)] * 5
    at_95, at_99 = calibration.coverage(made(rows), (0.95, 0.99))
    assert (at_95.rows, at_95.threshold, at_95.share, at_95.reached) == (20, 0.7, 0.8, 0.95)
    assert (at_99.rows, at_99.threshold, at_99.share) == (8, 0.9, 0.32)


def test_coverage_never_splits_rows_of_equal_confidence_and_is_none_without_a_sufficient_threshold() -> None:
    found = calibration.coverage(made([("a", "a", 0.9)] * 9 + [("a", "b", 0.9)]), (0.9, 0.99))
    assert (found[0].rows, found[0].threshold) == (10, 0.9)
    assert (found[1].rows, found[1].threshold) == (0, None)


def test_confident_mistakes_are_sorted_by_confidence_and_have_no_rows_without_an_answer() -> None:
    rows = made([("a", "b", 0.6), ("a", "a", 0.99), ("a", "b", 0.9), ("a", NO_ANSWER, 0.0), ("b", "a", 0.7)])
    assert mistakes.most_confident(rows) == [2, 4, 0]
    assert mistakes.most_confident(rows, 1) == [2]
    assert rows.wrong_rows == [0, 2, 3, 4]


def test_a_disagreement_is_a_row_for_which_any_model_predicts_another_class() -> None:
    models = {"one": made([("a", "a", 0.9), ("a", "a", 0.6), ("b", "b", 0.8)]),
              "two": made([("a", "a", 0.9), ("a", "b", 0.7), ("b", "a", 0.9)]),
              "three": made([("a", "a", 0.9), ("a", "a", 0.7), ("b", "b", 0.9)])}
    assert mistakes.disagreements(models) == [2, 1]
    assert mistakes.changed(models["one"], models["three"]) == []
    assert mistakes.disagreements({"one": models["one"]}) == [] == mistakes.disagreements({})


def test_the_intervals_of_a_class_are_those_of_its_precision_and_its_recall() -> None:
    rows = made([("a", "a", 0.9)] * 8 + [("a", "b", 0.9)] * 2 + [("b", "b", 0.9)] * 3 + [("b", "a", 0.9)] * 7)
    first = mistakes.classes(rows.evaluation()).rows[0]
    assert (first[0], first[6], first[7]) == ("a", "10", "15")
    assert first[2] == blocks.interval(metrics.wilson_interval(8, 15)) == "0.301 to 0.752"
    assert first[4] == blocks.interval(metrics.wilson_interval(8, 10)) == "0.490 to 0.943"


def test_predictions_are_read_as_they_were_saved_with_labels_that_the_model_does_not_know(tmp_path: Path) -> None:
    saved = predictions.of_probabilities(np.array([[0.75, 0.25], [0.5, 0.5]]), ["体育", "b c"], ["b c", "weather"])
    predictions.save(tmp_path / "folder" / "dev.npz", saved)
    read = predictions.load(tmp_path / "folder" / "dev.npz")
    assert (read.labels, read.predicted) == (["b c", "weather"], ["体育", "体育"])
    assert read.confidence.tolist() == [0.75, 0.5] and read.of_label.tolist() == [0.25, 0.0]


def test_answers_are_in_the_order_of_the_rows_and_an_error_is_no_answer() -> None:
    def classify(texts: List[str], **options: object) -> List[dict]:
        return [{"error": {"code": "model_error"}} if text == "bad" else
                {"predicted_label": text[0], "score": 0.75, "scores": [[text[0], 0.75], ["z", 0.25]]} for text in texts]

    rows = Rows("test", ["long text", "a", "bad", "zz"], ["z", "a", "a", "b"])
    found = answers.predict(classify, rows)
    assert found.predicted == ["l", "a", NO_ANSWER, "z"]
    assert found.confidence.tolist() == [0.75, 0.75, 0.0, 0.75]
    assert found.of_label.tolist() == [0.25, 0.75, 0.0, 0.0]


def test_a_service_that_returns_labels_alone_has_figures_but_no_confident_mistakes() -> None:
    found = answers.predict(lambda texts, **_: [{"predicted_label": "a"} for _ in texts],
                            Rows("test", ["x", "y"], ["a", "b"]))
    assert found.evaluation().accuracy == 0.5 and mistakes.most_confident(found) == []


def test_a_sample_has_rows_of_the_whole_part() -> None:
    rows = Rows("test", [str(i) for i in range(1000)], ["a"] * 1000).sample(10)
    assert len(rows.texts) == len(rows.labels) == 10 and (rows.texts[0], rows.texts[-1]) == ("0", "999")


def topics() -> Tuple[List[str], List[str]]:
    rng, words = np.random.RandomState(1), {"sport": ["goal", "team", "ball"], "food": ["soup", "bread", "salt"]}
    labels = [["sport", "food"][i % 2] for i in range(200)]
    return [" ".join(rng.choice(words[label], 6)) for label in labels], labels


def encoded(folder: Path, texts: List[str], labels: List[str]) -> training_rows.TrainingRows:
    (folder / "assets").mkdir()
    words = sorted({word for text in texts for word in text.split()})
    (folder / "assets" / "vocabulary.txt").write_text("".join(word + "\n" for word in words), encoding="utf-8")
    return training_rows.read(folder, texts, labels, sorted(set(labels)), 20)


def test_a_wrong_label_is_the_first_suspect(tmp_path: Path) -> None:
    texts, labels = topics()
    labels[40] = "food"
    rows = encoded(tmp_path, texts, labels)
    found = label_errors.suspects(label_errors.probabilities(rows, 2), rows.encoded.labels)
    assert [each.row for each in found] == [40]
    assert rows.classes[found[0].predicted] == "sport" and found[0].probability >= 0.9


def test_labels_that_only_hesitant_predictions_contradict_are_not_suspect() -> None:
    predicted = np.array([[0.05, 0.95], [0.15, 0.85], [0.97, 0.03]])
    assert [each.row for each in label_errors.suspects(predicted, np.array([0, 0, 0]))] == [0]


def test_the_ngrams_of_a_class_have_the_weights_of_the_table_and_the_tokens_of_the_texts(tmp_path: Path) -> None:
    rows = encoded(tmp_path, ["goal team", "goal soup", "soup goal team"], ["sport", "food", "sport"])
    # Ids: goal 2, soup 3, team 4. The classes are food, sport.
    one = [int(each) for each in wide.hashes(np.array([[2, 3, 4]], np.int32), 1).numpy()[0]]
    two = int(wide.hashes(np.array([[2, 4]], np.int32), 2).numpy()[0, 0])
    order = np.argsort(one)
    table = np.array([[0, 10, 1], [40, 0, 1], [0, 20, 1]], np.int8)[order]
    weights = {
        "wide/keys1": np.array(one, np.int32)[order], "wide/keys2": np.array([two], np.int32),
        "wide/table": np.concatenate([table, [[0, 30, 1], [0, 0, 0]]]).astype(np.int8),
        "wide/scale": np.array([0.5, 0.5, 1], np.float32)}
    found = ngrams.largest(weights, rows)
    assert [(each.text, each.weight, each.texts) for each in found["sport"]] == [
        ("goal team", 15.0, 2), ("team", 10.0, 2), ("goal", 5.0, 3)]
    assert [(each.text, each.weight, each.texts) for each in found["food"]] == [("soup", 20.0, 2)]


def test_rows_are_located_in_the_file_they_were_read_from_also_if_their_part_was_split_off(tmp_path: Path) -> None:
    texts, labels = topics()
    texts = [f"{text} {number}" for number, text in enumerate(texts)]
    (tmp_path / "all.tsv").write_text(
        "".join(f"{label}\t{text}\n" for text, label in zip(texts, labels)), encoding="utf-8")
    data = read_dataset(str(tmp_path / "all.tsv"), DataSettings())
    for part, examples in (("dev", data.dev), ("test", data.test), ("train", data.train)):
        found = places.find(str(tmp_path / "all.tsv"), part, *examples, DataSettings())
        assert found == [f"all.tsv:{texts.index(text) + 1}" for text in examples.texts]


def test_a_row_of_the_test_part_is_located_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("label\ttext\na\tsame\nb\tother\n", encoding="utf-8")
    (tmp_path / "test.tsv").write_text("b\tnew\nb\tsame\na\tsame\n", encoding="utf-8")
    assert places.find(str(tmp_path), "test", ["same", "new", "missing"], ["a", "b", "a"], DataSettings()) == [
        "test.tsv:3", "test.tsv:1", ""]
