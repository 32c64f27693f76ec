"""The forms of a source that ``infer.py adopt`` takes beside a folder of one SavedModel, and those that it refuses."""
from pathlib import Path
from typing import Any, Sequence

import adoption
import numpy as np
import pytest
import tensorflow as tf
from asking import ask, load
from google.protobuf import text_format
from jobs import read_json
from tensorflow.core.protobuf import saved_model_pb2

import infer
from textjob import errors
from textjob.serving.host import SERVICE

v1 = tf.compat.v1
TEXTS = ["a", "", "some words", "好"]


def adopt(*arguments: Any) -> int:
    return errors.run(lambda: infer.main(["adopt", *map(str, arguments)]))


def lengths(weights: Sequence[float]) -> Any:
    """A graph whose scores depend on the length of the text."""
    x = v1.placeholder(tf.string, [None], "documents")
    w = v1.get_variable("w", initializer=tf.constant([list(weights)]))
    scores = tf.nn.softmax(w * (1.0 + tf.cast(tf.strings.length(x), tf.float32)[:, None]), name="scores")
    return x, scores


def expected(weights: Sequence[float]) -> np.ndarray:
    logits = np.array([list(weights)]) * (1.0 + np.array([[len(text.encode("utf-8"))] for text in TEXTS]))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def saved(folder: Path, weights: Sequence[float] = (0.1, -0.2, 0.3), tags: Sequence[Sequence[str]] = (("serve",),)
          ) -> Path:
    """A SavedModel with one MetaGraph per tag set, all of one graph."""
    with tf.Graph().as_default(), v1.Session() as session:
        x, scores = lengths(weights)
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.build_signature_def(
            {"x": v1.saved_model.build_tensor_info(x)}, {"y": v1.saved_model.build_tensor_info(scores)}, "any")
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, list(tags[0]), {"serving_default": signature})
        for more in tags[1:]:
            builder.add_meta_graph(list(more), {"serving_default": signature})
        builder.save()
    return folder


def assert_predicts(package: Path, weights: Sequence[float] = (0.1, -0.2, 0.3)) -> None:
    answers = ask(load(package / SERVICE, package), {"req_data": TEXTS, "top_k": 9})["resp_data"]
    rows = [[dict(answer["scores"])[str(i)] for i in range(len(weights))] for answer in answers]
    assert np.allclose(rows, expected(weights), atol=1e-6)


def test_the_text_form_of_a_saved_model_is_adopted(tmp_path: Path) -> None:
    source = saved(tmp_path / "s")
    content = (source / "saved_model.pb").read_bytes()
    (source / "saved_model.pbtxt").write_text(text_format.MessageToString(
        saved_model_pb2.SavedModel.FromString(content)), encoding="utf-8")
    (source / "saved_model.pb").unlink()
    assert adopt("--source", source, "--output", tmp_path / "out") == 0
    assert_predicts(tmp_path / "out" / "model")
    assert not (source / "saved_model.pb").exists()


def test_of_a_base_of_tensorflow_serving_the_newest_version_is_adopted_and_named(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Versions are compared as numbers; a folder without a model is no version."""
    base = tmp_path / "base"
    saved(base / "9", [1.0, 0.0])
    saved(base / "10", [0.3, 0.2])
    (base / "11").mkdir()
    assert adopt("--source", base, "--output", tmp_path / "out") == 0
    assert f"the version 10 of {base}, the newest one; for another one of 9" in capsys.readouterr().out
    assert_predicts(tmp_path / "out" / "model", [0.3, 0.2])


def test_an_empty_tag_set_is_adopted(tmp_path: Path) -> None:
    source = saved(tmp_path / "s", tags=[[]])
    assert adopt("--source", source, "--output", tmp_path / "out") == 0
    assert_predicts(tmp_path / "out" / "model")
    assert adopt("--source", source, "--output", tmp_path / "unchanged", "--as_it_is") == 0
    assert_predicts(tmp_path / "unchanged" / "model")


def test_several_meta_graphs_of_one_graph_are_not_dangerous(tmp_path: Path) -> None:
    """Each MetaGraph has a saver, and the graph contains the ops of all of them."""
    source = saved(tmp_path / "s", tags=[["train"], ["serve"], ["serve", "gpu"]])
    assert adopt("--source", source, "--output", tmp_path / "out") == 0
    assert_predicts(tmp_path / "out" / "model")


def frozen(file: Path) -> Path:
    """A frozen graph with a lookup table, which an op of the graph fills from constants."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.string, [None], "documents")
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
            tf.constant(["good", "bad"]), tf.constant([1, 2], tf.int64)), 0)
        w = v1.get_variable("w", initializer=tf.constant([[2.0, 0.0], [0.0, 1.0], [0.5, 3.0]]))
        tf.nn.softmax(tf.gather(w, table.lookup(x)), name="scores")
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        tables = [node.name for node in session.graph_def.node if node.op == "LookupTableImportV2"]
        graph_def = v1.graph_util.convert_variables_to_constants(session, session.graph_def, ["scores", *tables])
    file.write_bytes(graph_def.SerializeToString())
    return file


def test_a_frozen_graph_is_adopted_with_its_lookup_table_if_the_tensors_are_named(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = frozen(tmp_path / "graph.pb")
    assert adopt("--source", file, "--output", tmp_path / "out") == 2
    assert "--output_tensor NAME:0. Candidates: scores:0" in capsys.readouterr().err
    assert adopt("--source", file, "--output", tmp_path / "out", "--input_tensor", "documents:0",
                 "--output_tensor", "scores:0") == 0
    package = tmp_path / "out" / "model"
    answers = ask(load(package / SERVICE, package), {"req_data": ["good", "bad", "other"]})["resp_data"]
    assert [answer["predicted_label"] for answer in answers] == ["1", "1", "0"]
    assert answers[1]["score"] == pytest.approx(1 / (1 + np.exp(-2.5)), abs=1e-6)


def test_a_graph_without_the_values_of_its_variables_is_refused(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tf.Graph().as_default() as graph:
        lengths([1.0, 0.0])
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    (tmp_path / "text.pb").write_bytes(b"not a graph")
    assert adopt("--source", tmp_path / "graph.pb", "--output", tmp_path / "out", "--output_tensor", "scores:0") == 5
    assert "without the values of its 1 variables" in capsys.readouterr().err
    assert adopt("--source", tmp_path / "text.pb", "--output", tmp_path / "out") == 5
    assert "text.pb cannot be read" in capsys.readouterr().err


def test_a_frozen_graph_with_a_dangerous_op_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.string, [None], "documents")
        tf.nn.softmax(tf.ones([1, 2]) * tf.cast(tf.strings.length(tf.io.read_file(x[0])), tf.float32), name="scores")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    assert adopt("--source", tmp_path / "graph.pb", "--output", tmp_path / "out", "--output_tensor", "scores:0") == 5
    assert "`ReadFile` reads files" in capsys.readouterr().err




# Words, labels, and the start of the service

def of_words(folder: Path) -> Path:
    """A SavedModel of tf.Example with a list of words: the score of a class is the share of its words."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.string, [None], "examples")
        words = v1.io.parse_example(x, {"words": tf.io.VarLenFeature(tf.string)})["words"]
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
            tf.constant(["good", "Bad"]), tf.constant([1, 2], tf.int64)), 0)
        ids = tf.sparse.to_dense(tf.SparseTensor(words.indices, table.lookup(words.values), words.dense_shape))
        counts = tf.stack([tf.reduce_sum(tf.cast(tf.equal(ids, i), tf.float32), 1) for i in (1, 2)], 1)
        scores = tf.nn.softmax(counts, name="scores")
        session.run(v1.tables_initializer())
        info = v1.saved_model.build_tensor_info
        classes = tf.tile([["film", "shop"]], [tf.size(x), 1])
        signature = v1.saved_model.build_signature_def(
            {"inputs": info(x)}, {"scores": info(scores), "classes": info(classes)}, "tensorflow/serving/classify")
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, main_op=v1.tables_initializer())
        builder.save()
    return folder


def test_the_words_of_a_tf_example_are_those_of_the_tokenizer_and_the_classes_those_of_the_model(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = of_words(tmp_path / "s")
    assert adopt("--source", source, "--output", tmp_path / "out") == 2
    assert "give --tokenizer KIND, one of template, whitespace, char, keras" in capsys.readouterr().err
    assert adopt("--source", source, "--output", tmp_path / "out", "--tokenizer", "whitespace") == 0
    package = tmp_path / "out" / "model"
    assert (package / "assets" / "labels.txt").read_text(encoding="utf-8") == "film\nshop\n"
    texts = ["good", "Bad Bad  good", "", "bad good-good", "Bad\ngood\tgood good"]
    answers = ask(load(package / SERVICE, package), {"req_data": texts})["resp_data"]
    differences = [1, -1, 0, 0, 2]  # words of the first class minus words of the second
    assert np.allclose([dict(answer["scores"])["film"] for answer in answers],
                       1 / (1 + np.exp(-np.array(differences))), atol=1e-6)


def test_the_golden_texts_contain_the_words_of_a_lookup_table(tmp_path: Path) -> None:
    assert adopt("--source", of_words(tmp_path / "s"), "--output", tmp_path / "out", "--tokenizer", "whitespace") == 0
    golden = read_json(tmp_path / "out" / "model" / "model_card.json")["golden"]
    assert any({"good", "Bad"} <= set(item["text"].split()) for item in golden)


def test_a_source_of_labels_alone_is_refused_and_its_service_answers_labels_with_as_it_is(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = foreign / "label_only", tmp_path / "out"
    assert adopt("--source", source, "--output", output) == 5
    assert "give --as_it_is" in capsys.readouterr().err and not output.exists()
    assert adopt("--source", source, "--output", output, "--as_it_is") == 0
    described = adoption.description(foreign, "label_only")
    package = output / "model"
    answers = ask(load(package / SERVICE, package), {"req_data": described["inputs"]})["resp_data"]
    assert answers == [{"predicted_label": label} for label in described["answers"]]


def test_labels_that_are_no_names_of_columns_are_refused_and_named_by_the_flag(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The labels are ratings from 1; the columns are not named."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.string, [None])
        scores = tf.nn.softmax(tf.one_hot(tf.strings.length(x) % 3, 3) * 2.0)
        info = v1.saved_model.build_tensor_info
        signature = v1.saved_model.build_signature_def(
            {"x": info(x)}, {"probabilities": info(scores), "rating": info(tf.argmax(scores, 1) + 1)}, "any")
        builder = v1.saved_model.Builder(str(tmp_path / "s"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    assert adopt("--source", tmp_path / "s", "--output", tmp_path / "out") == 5
    assert "give it as --labels" in capsys.readouterr().err
    (tmp_path / "names.txt").write_text("1\n2\n3\n", encoding="utf-8")
    assert adopt("--source", tmp_path / "s", "--output", tmp_path / "out", "--labels", tmp_path / "names.txt") == 0
    package = tmp_path / "out" / "model"
    answers = ask(load(package / SERVICE, package), {"req_data": ["abc", "a", "ab"]})["resp_data"]
    assert [answer["predicted_label"] for answer in answers] == ["1", "2", "3"]


def test_ids_as_floats_are_adopted_with_a_vocabulary(tmp_path: Path) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4])
        counts = tf.reduce_sum(tf.one_hot(tf.cast(x, tf.int32), 4), 1)[:, 2:]
        info = v1.saved_model.build_tensor_info
        signature = v1.saved_model.build_signature_def({"x": info(x)}, {"y": info(tf.nn.softmax(counts))}, "any")
        builder = v1.saved_model.Builder(str(tmp_path / "s"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    (tmp_path / "v.txt").write_text("<pad>\n<unk>\ngood\nbad\n", encoding="utf-8")
    assert adopt("--source", tmp_path / "s", "--output", tmp_path / "out", "--vocabulary", tmp_path / "v.txt",
                 "--tokenizer", "whitespace") == 0
    package = tmp_path / "out" / "model"
    answers = ask(load(package / SERVICE, package), {"req_data": ["good good", "bad", "other"]})["resp_data"]
    assert np.allclose([dict(answer["scores"])["0"] for answer in answers], 1 / (1 + np.exp([-2.0, 1.0, 0.0])))


def test_a_package_whose_service_does_not_start_is_not_written(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The graph reads a file of the working folder, which the process of the service does not have."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.string, [None], "documents")
        weights = tf.strings.to_number(tf.strings.split([tf.io.read_file("weights.txt")], sep=" ").values)
        scores = tf.nn.softmax(tf.cast(tf.strings.length(x), tf.float32)[:, None] * weights)
        info = v1.saved_model.build_tensor_info
        signature = v1.saved_model.build_signature_def({"x": info(x)}, {"y": info(scores)}, "any")
        builder = v1.saved_model.Builder(str(tmp_path / "s"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.txt").write_text("0.1 -0.1", encoding="utf-8")
    assert adopt("--source", tmp_path / "s", "--output", tmp_path / "out", "--allow", "ReadFile") == 5
    error = capsys.readouterr().err
    assert "the package is not written, because its service does not start" in error and "weights.txt" in error
    assert not (tmp_path / "out").exists()
