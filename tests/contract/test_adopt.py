"""The promises of ``infer.py adopt``: the flags that it requires, the sources that it refuses, and its packages."""
import json
import shutil
from pathlib import Path
from typing import Any, Dict, List

import adoption
import numpy as np
import pytest
import tensorflow as tf
from asking import PROJECT, ask, load, same
from jobs import contents, is_complete, read_json

import infer
from textjob import errors
from textjob.packaging import golden
from textjob.serving.host import SERVICE

v1 = tf.compat.v1


def adopt(*arguments: Any) -> int:
    return errors.run(lambda: infer.main(["adopt", *map(str, arguments)]))


@pytest.fixture(scope="module")
def tutorial(adopted: Dict[str, Path]) -> Path:
    return adopted["tutorial"]


def written(folder: Path, build: Any) -> Path:
    """Write a foreign SavedModel for a test."""
    with tf.Graph().as_default(), v1.Session() as session:
        inputs, outputs = ({alias: v1.saved_model.build_tensor_info(tensor) for alias, tensor in side.items()}
                           for side in build())
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {
            "serving_default": v1.saved_model.build_signature_def(inputs, outputs, "any")})
        builder.save()
    return folder


def topics(columns: Any = (3.0, -1.0, 0.5), reads: Any = None) -> Any:
    """A model whose scores depend only on the length of the text, plus the result of ``reads``."""
    def build() -> Any:
        x = v1.placeholder(tf.string, [None])
        w = v1.get_variable("w", initializer=tf.constant([list(columns)]))
        scores = tf.tile(w, [tf.shape(x)[0], 1]) + tf.cast(tf.strings.length(x), tf.float32)[:, None] * 0.01 * w
        return {"x": x}, {"y": scores if reads is None else scores + reads()}
    return build


# The package

def test_an_adopted_package_is_complete_and_contains_what_every_package_contains(tutorial: Path) -> None:
    assert is_complete(tutorial)
    assert {"saved_model.pb", "config.json", "model_card.json", "customize_service.py", "assets/labels.txt",
            "variables/variables.index"} <= set(contents(tutorial))
    assert (tutorial / SERVICE).read_bytes() == (PROJECT / SERVICE).read_bytes()
    card = read_json(tutorial / "model_card.json")
    assert card["source"]["kind"] == "SavedModel" and card["versions"]["tensorflow"] == tf.__version__
    assert {item["text"] for item in card["golden"]} == set(golden.TEXTS)


def test_optimizer_slots_training_ops_and_other_meta_graphs_are_not_packaged(
        foreign: Path, adopted: Dict[str, Path]) -> None:
    from textjob.engines.saved_graph import meta_graphs

    (meta,) = meta_graphs(str(adopted["meta"]))
    assert not [node.op for node in meta.graph_def.node if "Adam" in node.op or "Grad" in node.op]
    source = sum(path.stat().st_size for path in (foreign / "meta").glob("model.ckpt-10.data*"))
    assert (adopted["meta"] / "variables" / "variables.data-00000-of-00001").stat().st_size < source / 2
    assert len(meta_graphs(str(adopted["two_tag_sets"]))) == 1


@pytest.mark.parametrize("kind", ["drop_rate", "tutorial"])
def test_keep_prob_controls_the_dropout_of_the_source(kind: str, adopted: Dict[str, Path]) -> None:
    model = tf.saved_model.load(str(adopted[kind]))
    texts = tf.constant(["good film 好", "match won today"] * 8)

    def answers(keep_prob: float) -> Any:
        return model.signatures["serving_default"](input_x=texts, keep_prob=tf.constant(keep_prob))["output"].numpy()
    assert np.array_equal(answers(1.0), answers(1.0))
    assert np.abs(answers(0.3) - answers(1.0)).max() > 1e-3
    assert np.allclose(model.signatures["predict_text"](input_x=texts)["output"], answers(1.0), atol=1e-6)


@pytest.mark.parametrize("kind", ["ids_any", "keras_archive", "meta", "tutorial"])
def test_the_prediction_of_an_adopted_model_for_a_text_does_not_depend_on_the_batch(
        kind: str, adopted: Dict[str, Path]) -> None:
    service = load(adopted[kind] / SERVICE, adopted[kind])
    texts = ["", "good", "the film is good 好 and long " * 9, "\x00good", "match won", " "]
    together = ask(service, {"req_data": texts})["resp_data"]
    assert all(same(answer, ask(service, {"text": text})) for text, answer in zip(texts, together))
    assert ask(service, {"req_data": []}) == {"resp_data": []}
    empty = tf.saved_model.load(str(adopted[kind])).signatures["predict_text"](input_x=tf.constant([], tf.string))
    assert empty["output"].shape == (0, len(service.model.labels))


def test_labels_are_those_of_the_flag_and_are_sorted(tmp_path: Path) -> None:
    source = written(tmp_path / "s", topics())
    (tmp_path / "names.txt").write_text("sport\r\n体育\nart\n", encoding="utf-8")
    assert adopt("--source", source, "--output", tmp_path / "out", "--labels", tmp_path / "names.txt") == 0
    package = tmp_path / "out" / "model"
    assert (package / "assets" / "labels.txt").read_bytes() == "art\nsport\n体育\n".encode()
    expected = np.exp([3.0, -1.0, 0.5]) / np.exp([3.0, -1.0, 0.5]).sum()
    scores = dict(ask(load(package / SERVICE, package), {"text": ""})["scores"])
    assert np.allclose([scores[label] for label in ("sport", "体育", "art")], expected, atol=1e-6)


# Required flags

def test_a_checkpoint_requires_the_tensor_of_the_scores_and_the_error_names_candidates(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert adopt("--source", foreign / "meta", "--output", tmp_path) == 2
    error = capsys.readouterr().err
    assert "--output_tensor" in error and "Candidates: " in error and not list(tmp_path.iterdir())


def test_the_error_for_an_unknown_tensor_contains_similar_names(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert adopt("--source", foreign / "no_signature", "--output", tmp_path, "--output_tensor", "predict_z") == 2
    assert "predict_y:0" in capsys.readouterr().err


def test_of_several_checkpoints_the_one_with_the_highest_step_is_used(foreign: Path, tmp_path: Path) -> None:
    """model.ckpt-10 is newer than model.ckpt-9; the predictions of kind ``meta`` are those of step 10."""
    tensors = ["--output_tensor", "net/prediction/probabilities:0"]
    assert adopt("--source", foreign / "meta" / "model.ckpt-9.meta", "--output", tmp_path / "9", *tensors) == 0
    assert adopt("--source", foreign / "meta", "--output", tmp_path / "newest", *tensors) == 0
    texts, labels, expected = adoption.expected(foreign, "meta")
    differences = []
    for name in ("9", "newest"):
        package = tmp_path / name / "model"
        answers = ask(load(package / SERVICE, package), {"req_data": texts, "top_k": 9})["resp_data"]
        rows = [[dict(answer["scores"])[label] for label in labels] for answer in answers]
        differences.append(np.abs(np.array(rows) - np.array(expected)).max())
    assert differences[0] > 0.01 and differences[1] < 1e-5


def test_a_source_that_takes_ids_requires_its_vocabulary_and_its_tokenizer(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert adopt("--source", foreign / "ids_any", "--output", tmp_path) == 2
    error = capsys.readouterr().err
    assert "--vocabulary" in error and "--tokenizer" in error and "whitespace" in error
    assert adopt("--source", foreign / "tutorial", "--output", tmp_path, "--tokenizer", "char") == 2
    assert "takes texts" in capsys.readouterr().err


def mean_of_all_columns() -> Any:
    """The padding is included in the mean, as in most Keras models, so the prediction depends on its length."""
    x = v1.placeholder(tf.int32, [None, None])
    table = v1.get_variable("w", initializer=tf.constant(np.random.RandomState(1).normal(size=(20, 3)), tf.float32))
    return {"ids": x}, {"y": tf.nn.softmax(tf.reduce_mean(tf.gather(table, x), 1) * 3)}


def test_a_source_whose_prediction_depends_on_padding_requires_its_length(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "s", mean_of_all_columns)
    (tmp_path / "v.txt").write_text("<pad>\n<unk>\ngood\nfilm\n", encoding="utf-8")
    flags = ["--source", source, "--vocabulary", tmp_path / "v.txt", "--tokenizer", "whitespace"]
    assert adopt(*flags, "--output", tmp_path / "a") == 2
    assert "--length" in capsys.readouterr().err
    assert adopt(*flags, "--output", tmp_path / "b", "--length", 6) == 0
    package = tmp_path / "b" / "model"
    service = load(package / SERVICE, package)
    together = ask(service, {"req_data": ["good", "good film good film good film good film"]})["resp_data"]
    assert same(together[0], ask(service, {"text": "good"}))


def test_a_choice_that_the_source_leaves_open_is_an_error_with_the_flag(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "s", topics([0.5, 0.25, 0.125]))
    shutil.rmtree(str(tmp_path / "s" / "variables"))
    assert adopt("--source", source, "--output", tmp_path / "out") == 5
    assert "cannot load" in capsys.readouterr().err
    source = written(tmp_path / "s2", lambda: (
        {"x": v1.placeholder(tf.string, [None], "x"), "t": v1.placeholder(tf.float32, [], "temperature")},
        {"y": tf.ones([1, 2])}))
    assert adopt("--source", source, "--output", tmp_path / "out") == 5
    error = capsys.readouterr().err
    assert "'t'" in error and "--feed NAME=VALUE" in error


def test_a_further_input_gets_the_value_of_the_flag(tmp_path: Path) -> None:
    def build() -> Any:
        x, share = v1.placeholder(tf.string, [None]), v1.placeholder(tf.float32, [])
        w = v1.get_variable("w", initializer=tf.ones([1, 2]))
        return {"x": x, "share": share}, {"y": tf.tile(w * tf.stack([share, 1 - share]), [tf.shape(x)[0], 1])}
    source = written(tmp_path / "s", build)
    assert adopt("--source", source, "--output", tmp_path / "out", "--feed", "share=0.25") == 0
    package = tmp_path / "out" / "model"
    assert ask(load(package / SERVICE, package), {"text": "x"})["score"] == 0.75


@pytest.mark.parametrize("arguments, exit_code, message", [
    (["--feed", "x"], 2, "expected NAME=VALUE"),
    (["--tags", "gpu"], 5, "'gpu'"),
    (["--signature", "other"], 5, "'other'"),
    (["--output_tensor", "z"], 2, "no such tensor"),
    (["--labels", "no_such_file"], 3, "no_such_file cannot be read"),
    (["--labels", "two.txt"], 3, "2 names"),
], ids=str)
def test_a_wrong_flag_is_an_error_of_one_sentence_and_writes_nothing(
        arguments: List[str], exit_code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.txt").write_text("a\nb\n", encoding="utf-8")
    source = written(tmp_path / "s", topics())
    assert adopt("--source", source, "--output", tmp_path / "out", *arguments) == exit_code
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and message in error
    assert not (tmp_path / "out" / "model").exists()


# Refused sources

@pytest.mark.parametrize("make, exit_code, message", [
    (lambda path: None, 2, "no such file or folder"),
    (lambda path: path.mkdir(), 5, "neither saved_model.pb nor a checkpoint"),
    (lambda path: path.write_bytes(b"text"), 5, "neither a SavedModel"),
], ids=["missing", "an empty folder", "a text file"])
def test_a_source_that_is_not_a_model_is_refused(make: Any, exit_code: int, message: str, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "source")
    assert adopt("--source", tmp_path / "source", "--output", tmp_path / "out") == exit_code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "weights.h5"])
def test_a_keras_file_that_keras_cannot_load_is_refused_with_the_reason(
        name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if name.startswith("weights"):
        model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])
        model.save_weights(str(tmp_path / "w.weights.h5"))
        shutil.move(str(tmp_path / "w.weights.h5"), str(tmp_path / name))
    else:
        (tmp_path / name).write_bytes(b"not a Keras file")
    assert adopt("--source", tmp_path / name, "--output", tmp_path / "out") == 5
    error = capsys.readouterr().err
    assert "cannot be loaded by Keras" in error
    assert name != "weights.h5" or "only weights" in error


def test_a_source_with_a_dangerous_op_is_not_run_unless_the_op_is_allowed(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stolen = tmp_path / "stolen"

    def reads() -> Any:
        with tf.control_dependencies([tf.io.write_file(str(stolen), "x")]):
            return tf.zeros([1, 3])
    source = written(tmp_path / "s", topics(reads=reads))
    assert adopt("--source", source, "--output", tmp_path / "out") == 5
    assert "`WriteFile` writes files" in capsys.readouterr().err and not stolen.exists()
    flags = ["--source", source, "--output", tmp_path / "out", "--scores", "softmax"]
    assert adopt(*flags, "--allow", "WriteFile") == 0 and stolen.exists()


def test_a_link_in_the_source_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "s", topics())
    (source / "assets").symlink_to(tmp_path)
    assert adopt("--source", source, "--output", tmp_path / "out") == 5
    assert "assets is a link" in capsys.readouterr().err


def test_an_existing_package_is_replaced_only_with_overwrite_and_another_folder_never(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--source", foreign / "logits", "--output", tmp_path / "out"]
    assert adopt(*flags) == 0
    before = contents(tmp_path / "out")
    assert adopt(*flags) == 4 and contents(tmp_path / "out") == before
    assert "--overwrite" in capsys.readouterr().err
    assert adopt(*flags, "--overwrite") == 0 and is_complete(tmp_path / "out" / "model")
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "notes.txt").write_text("mine", encoding="utf-8")
    assert adopt("--source", foreign / "logits", "--output", tmp_path / "mine", "--overwrite") == 4
    assert contents(tmp_path / "mine") == {"model/notes.txt": b"mine"}


def test_the_package_is_a_folder_called_model(foreign: Path, tmp_path: Path) -> None:
    assert adopt("--source", foreign / "one_column", "--output", tmp_path / "a" / "model") == 0
    assert is_complete(tmp_path / "a" / "model") and not (tmp_path / "a" / "model" / "model").exists()


def test_independent_probabilities_are_declared_in_service_json(adopted: Dict[str, Path]) -> None:
    assert json.loads((adopted["sigmoid_many"] / "service.json").read_text(encoding="utf-8")) == {
        "scores": "probabilities"}
    assert is_complete(adopted["sigmoid_many"])
