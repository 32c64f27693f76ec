"""``infer.py adopt``: what it asks for, what it refuses, and that what it makes is a package like any other."""
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
    """A foreign SavedModel made for a test."""
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
    """A model whose scores are the same for every text but for what ``reads`` adds."""
    def build() -> Any:
        x = v1.placeholder(tf.string, [None])
        w = v1.get_variable("w", initializer=tf.constant([list(columns)]))
        scores = tf.tile(w, [tf.shape(x)[0], 1]) + tf.cast(tf.strings.length(x), tf.float32)[:, None] * 0.01 * w
        return {"x": x}, {"y": scores if reads is None else scores + reads()}
    return build


# The package

def test_an_adopted_package_is_complete_and_has_what_every_package_has(tutorial: Path) -> None:
    assert is_complete(tutorial)
    assert {"saved_model.pb", "config.json", "model_card.json", "customize_service.py", "assets/labels.txt",
            "variables/variables.index"} <= set(contents(tutorial))
    assert (tutorial / SERVICE).read_bytes() == (PROJECT / SERVICE).read_bytes()
    card = read_json(tutorial / "model_card.json")
    assert card["source"]["kind"] == "SavedModel" and card["versions"]["tensorflow"] == tf.__version__
    assert {item["text"] for item in card["golden"]} == set(golden.TEXTS)


def test_what_serving_does_not_need_stays_behind(foreign: Path, adopted: Dict[str, Path]) -> None:
    """Slots of the optimizer, ops of training and saving, other MetaGraphs."""
    from textjob.engines.saved_graph import meta_graphs

    (meta,) = meta_graphs(str(adopted["meta"]))
    assert not [node.op for node in meta.graph_def.node if "Adam" in node.op or "Grad" in node.op]
    source = sum(path.stat().st_size for path in (foreign / "meta").glob("model.ckpt-10.data*"))
    assert (adopted["meta"] / "variables" / "variables.data-00000-of-00001").stat().st_size < source / 2
    assert len(meta_graphs(str(adopted["two_tag_sets"]))) == 1


@pytest.mark.parametrize("kind", ["drop_rate", "tutorial"])
def test_keep_prob_reaches_the_sources_own_dropout(kind: str, adopted: Dict[str, Path]) -> None:
    model = tf.saved_model.load(str(adopted[kind]))
    texts = tf.constant(["good film 好", "match won today"] * 8)

    def answers(keep_prob: float) -> Any:
        return model.signatures["serving_default"](input_x=texts, keep_prob=tf.constant(keep_prob))["output"].numpy()
    assert np.array_equal(answers(1.0), answers(1.0))
    assert np.abs(answers(0.3) - answers(1.0)).max() > 1e-3
    assert np.allclose(model.signatures["predict_text"](input_x=texts)["output"], answers(1.0), atol=1e-6)


@pytest.mark.parametrize("kind", ["ids_any", "keras_archive", "meta", "tutorial"])
def test_an_adopted_model_answers_alone_as_in_company_and_an_empty_text_too(
        kind: str, adopted: Dict[str, Path]) -> None:
    service = load(adopted[kind] / SERVICE, adopted[kind])
    texts = ["", "good", "the film is good 好 and long " * 9, "\x00good", "match won", " "]
    together = ask(service, {"req_data": texts})["resp_data"]
    assert all(same(answer, ask(service, {"text": text})) for text, answer in zip(texts, together))
    assert ask(service, {"req_data": []}) == {"resp_data": []}
    empty = tf.saved_model.load(str(adopted[kind])).signatures["predict_text"](input_x=tf.constant([], tf.string))
    assert empty["output"].shape == (0, len(service.model.labels))


def test_class_names_are_those_of_the_flag_and_stand_in_the_contracts_order(tmp_path: Path) -> None:
    source = written(tmp_path / "s", topics())
    (tmp_path / "names.txt").write_text("sport\r\n体育\nart\n", encoding="utf-8")
    assert adopt("--source", source, "--output", tmp_path / "out", "--labels", tmp_path / "names.txt") == 0
    package = tmp_path / "out" / "model"
    assert (package / "assets" / "labels.txt").read_bytes() == "art\nsport\n体育\n".encode()
    expected = np.exp([3.0, -1.0, 0.5]) / np.exp([3.0, -1.0, 0.5]).sum()
    found = dict(ask(load(package / SERVICE, package), {"text": ""})["scores"])
    assert np.allclose([found[label] for label in ("sport", "体育", "art")], expected, atol=1e-6)


# What has to be said

def test_of_a_checkpoint_the_scores_tensor_must_be_named_and_the_error_offers_some(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert adopt("--source", foreign / "meta", "--output", tmp_path) == 2
    said = capsys.readouterr().err
    assert "--output_tensor" in said and ":0" in said and not list(tmp_path.iterdir())


def test_a_tensor_that_is_not_there_is_told_the_near_ones(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert adopt("--source", foreign / "no_signature", "--output", tmp_path, "--output_tensor", "predict_z") == 2
    assert "predict_y:0" in capsys.readouterr().err


def test_of_several_checkpoints_the_newest_is_taken_by_number(foreign: Path, tmp_path: Path) -> None:
    """model.ckpt-10 comes after model.ckpt-9; the answers of kind ``meta`` are those of step 10."""
    tensors = ["--output_tensor", "net/prediction/probabilities:0"]
    assert adopt("--source", foreign / "meta" / "model.ckpt-9.meta", "--output", tmp_path / "9", *tensors) == 0
    assert adopt("--source", foreign / "meta", "--output", tmp_path / "newest", *tensors) == 0
    texts, labels, expected = adoption.expected(foreign, "meta")
    off = []
    for name in ("9", "newest"):
        package = tmp_path / name / "model"
        answers = ask(load(package / SERVICE, package), {"req_data": texts, "top_k": 9})["resp_data"]
        found = [[dict(answer["scores"])[label] for label in labels] for answer in answers]
        off.append(np.abs(np.array(found) - np.array(expected)).max())
    assert off[0] > 0.01 and off[1] < 1e-5


def test_a_model_of_ids_needs_its_vocabulary_and_its_tokenizer(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert adopt("--source", foreign / "ids_any", "--output", tmp_path) == 2
    said = capsys.readouterr().err
    assert "--vocabulary" in said and "--tokenizer" in said and "whitespace" in said
    assert adopt("--source", foreign / "tutorial", "--output", tmp_path, "--tokenizer", "char") == 2
    assert "takes texts" in capsys.readouterr().err


def mean_of_all_columns() -> Any:
    """As most Keras models do it: the padding is in the mean, so its length is part of the model."""
    x = v1.placeholder(tf.int32, [None, None])
    table = v1.get_variable("w", initializer=tf.constant(np.random.RandomState(1).normal(size=(20, 3)), tf.float32))
    return {"ids": x}, {"y": tf.nn.softmax(tf.reduce_mean(tf.gather(table, x), 1) * 3)}


def test_where_padding_changes_the_answer_the_trained_length_must_be_said(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "s", mean_of_all_columns)
    (tmp_path / "v.txt").write_text("<pad>\n<unk>\ngood\nfilm\n", encoding="utf-8")
    told = ["--source", source, "--vocabulary", tmp_path / "v.txt", "--tokenizer", "whitespace"]
    assert adopt(*told, "--output", tmp_path / "a") == 2
    assert "--length" in capsys.readouterr().err
    assert adopt(*told, "--output", tmp_path / "b", "--length", 6) == 0
    package = tmp_path / "b" / "model"
    service = load(package / SERVICE, package)
    together = ask(service, {"req_data": ["good", "good film good film good film good film"]})["resp_data"]
    assert same(together[0], ask(service, {"text": "good"}))


def test_an_open_choice_names_the_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "s", topics([0.5, 0.25, 0.125]))
    shutil.rmtree(str(tmp_path / "s" / "variables"))
    assert adopt("--source", source, "--output", tmp_path / "out") == 5
    assert "cannot load" in capsys.readouterr().err
    source = written(tmp_path / "s2", lambda: (
        {"x": v1.placeholder(tf.string, [None], "x"), "t": v1.placeholder(tf.float32, [], "temperature")},
        {"y": tf.ones([1, 2])}))
    assert adopt("--source", source, "--output", tmp_path / "out") == 5
    said = capsys.readouterr().err
    assert "'t'" in said and "--feed NAME=VALUE" in said


def test_a_further_input_gets_what_the_flag_says(tmp_path: Path) -> None:
    def build() -> Any:
        x, share = v1.placeholder(tf.string, [None]), v1.placeholder(tf.float32, [])
        w = v1.get_variable("w", initializer=tf.ones([1, 2]))
        return {"x": x, "share": share}, {"y": tf.tile(w * tf.stack([share, 1 - share]), [tf.shape(x)[0], 1])}
    source = written(tmp_path / "s", build)
    assert adopt("--source", source, "--output", tmp_path / "out", "--feed", "share=0.25") == 0
    package = tmp_path / "out" / "model"
    assert ask(load(package / SERVICE, package), {"text": "x"})["score"] == 0.75


@pytest.mark.parametrize("arguments, exit_code, said", [
    (["--feed", "x"], 2, "expected NAME=VALUE"),
    (["--tags", "gpu"], 5, "'gpu'"),
    (["--signature", "other"], 5, "'other'"),
    (["--output_tensor", "z"], 2, "no such tensor"),
    (["--labels", "no_such_file"], 3, "no_such_file cannot be read"),
    (["--labels", "two.txt"], 3, "2 names"),
], ids=str)
def test_what_is_said_wrongly_is_a_sentence_and_leaves_nothing(
        arguments: List[str], exit_code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.txt").write_text("a\nb\n", encoding="utf-8")
    source = written(tmp_path / "s", topics())
    assert adopt("--source", source, "--output", tmp_path / "out", *arguments) == exit_code
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and said in error
    assert not (tmp_path / "out" / "model").exists()


# What is refused

@pytest.mark.parametrize("make, exit_code, said", [
    (lambda path: None, 2, "no such file or folder"),
    (lambda path: path.mkdir(), 5, "neither saved_model.pb nor a checkpoint"),
    (lambda path: path.write_bytes(b"text"), 5, "neither a SavedModel"),
], ids=["nothing", "an empty folder", "any file"])
def test_what_is_no_model_is_refused(make: Any, exit_code: int, said: str, tmp_path: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "source")
    assert adopt("--source", tmp_path / "source", "--output", tmp_path / "out") == exit_code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "weights.h5"])
def test_a_keras_file_that_keras_cannot_load_is_refused_with_its_reason(
        name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if name.startswith("weights"):
        model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])
        model.save_weights(str(tmp_path / "w.weights.h5"))
        shutil.move(str(tmp_path / "w.weights.h5"), str(tmp_path / name))
    else:
        (tmp_path / name).write_bytes(b"no such thing")
    assert adopt("--source", tmp_path / name, "--output", tmp_path / "out") == 5
    said = capsys.readouterr().err
    assert "cannot be loaded by Keras" in said
    assert name != "weights.h5" or "weights alone" in said


def test_a_source_that_could_do_harm_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stolen = tmp_path / "stolen"

    def reads() -> Any:
        with tf.control_dependencies([tf.io.write_file(str(stolen), "x")]):
            return tf.zeros([1, 3])
    source = written(tmp_path / "s", topics(reads=reads))
    assert adopt("--source", source, "--output", tmp_path / "out") == 5
    assert "`WriteFile` writes files" in capsys.readouterr().err and not stolen.exists()
    assert adopt("--source", source, "--output", tmp_path / "out", "--allow", "WriteFile") == 0 and stolen.exists()


def test_a_link_in_the_source_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "s", topics())
    (source / "assets").symlink_to(tmp_path)
    assert adopt("--source", source, "--output", tmp_path / "out") == 5
    assert "assets is a link" in capsys.readouterr().err


def test_nothing_that_is_there_is_replaced_unasked_and_never_what_is_no_package(
        foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--source", foreign / "logits", "--output", tmp_path / "out"]
    assert adopt(*told) == 0
    before = contents(tmp_path / "out")
    assert adopt(*told) == 4 and contents(tmp_path / "out") == before
    assert "--overwrite" in capsys.readouterr().err
    assert adopt(*told, "--overwrite") == 0 and is_complete(tmp_path / "out" / "model")
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "notes.txt").write_text("mine", encoding="utf-8")
    assert adopt("--source", foreign / "logits", "--output", tmp_path / "mine", "--overwrite") == 4
    assert contents(tmp_path / "mine") == {"model/notes.txt": b"mine"}


def test_the_package_lies_in_a_folder_called_model(foreign: Path, tmp_path: Path) -> None:
    assert adopt("--source", foreign / "outside", "--output", tmp_path / "a" / "model") == 0
    assert is_complete(tmp_path / "a" / "model") and not (tmp_path / "a" / "model" / "model").exists()


def test_columns_that_are_probabilities_each_for_itself_stay_so(foreign: Path, adopted: Dict[str, Path]) -> None:
    assert json.loads((adopted["sigmoid_many"] / "service.json").read_text(encoding="utf-8")) == {
        "scores": "probabilities"}
    assert is_complete(adopted["sigmoid_many"])
