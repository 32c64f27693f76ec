"""Forms of inputs that no package can have: the refusal of ``infer.py adopt`` names the change of the source."""
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import made_models
import numpy as np
import pytest
import tensorflow as tf
from asking import ask, load

import infer
from textjob import errors
from textjob.serving.host import SERVICE

v1 = tf.compat.v1
TEXTS = ["good film", "bad", "bad bad film good"]
WEIGHTS = np.random.RandomState(3).normal(size=[50, 3]).astype(np.float32)

Built = Tuple[Dict[str, Any], Dict[str, Any]]


def scores(words: Any) -> Any:
    """Probabilities by the sum of the words' vectors; ``words`` are strings [batch, n], "" is padding."""
    vectors = tf.gather(tf.constant(WEIGHTS), tf.strings.to_hash_bucket_fast(words, 50))
    return tf.nn.softmax(tf.reduce_sum(vectors * tf.cast(tf.not_equal(words, ""), tf.float32)[:, :, None], 1))


def split(texts: Any) -> Any:
    return tf.strings.split(texts).to_tensor()


def ragged_values() -> Built:
    values, splits = v1.placeholder(tf.string, [None]), v1.placeholder(tf.int64, [None])
    words = tf.RaggedTensor.from_row_splits(values, splits).to_tensor()
    return {"args_0": values, "args_0_1": splits}, {"scores": scores(words)}


def ragged_tensor() -> Built:
    words = v1.ragged.placeholder(tf.string, 1, [])
    return {"words": words}, {"scores": scores(words.to_tensor())}


def word_lists() -> Built:
    words = v1.placeholder(tf.string, [None, None])
    return {"tokens": words}, {"scores": scores(words)}


def words_and_count() -> Built:
    words, count = v1.placeholder(tf.string, [None, None]), v1.placeholder(tf.int32, [None])
    padding = tf.fill(tf.shape(words), "")
    return {"tokens": words, "length": count}, {
        "scores": scores(tf.where(tf.sequence_mask(count, tf.shape(words)[1]), words, padding))}


def one_text() -> Built:
    text = v1.placeholder(tf.string, [])
    return {"text": text}, {"scores": scores(split(tf.expand_dims(text, 0)))[0]}


def texts() -> Built:
    several = v1.placeholder(tf.string, [None])
    return {"texts": several}, {"scores": scores(split(several))}


def word_vectors() -> Built:
    vectors = v1.placeholder(tf.float32, [None, 4, 3])
    return {"input_x": vectors}, {"scores": tf.nn.softmax(tf.reduce_sum(vectors, 1))}


def ids() -> Built:
    numbers = v1.placeholder(tf.int32, [None, 4])
    return {"input_x": numbers}, {
        "scores": tf.nn.softmax(tf.reduce_sum(tf.nn.embedding_lookup(tf.constant(WEIGHTS), numbers), 1))}


def ragged_ids() -> Built:
    numbers = v1.placeholder(tf.int32, [None, None])
    words = tf.RaggedTensor.from_tensor(numbers, padding=0)
    return {"input_x": numbers}, {"scores": tf.nn.softmax(tf.reduce_sum(tf.gather(tf.constant(WEIGHTS), words), 1))}


def adopt(*arguments: Any) -> int:
    return errors.run(lambda: infer.main(["adopt", *map(str, arguments)]))


@pytest.mark.parametrize("build, described", [
    (ragged_values, "args_0 (string[-1]), args_0_1 (int[-1]): the parts of a RaggedTensor"),
    (ragged_tensor, "the parts of a RaggedTensor"),
    (word_lists, "tokens (string[-1, -1]): a list of words per text"),
    (words_and_count, "tokens (string[-1, -1]): a list of words per text"),
    (one_text, "text (string[]): one text per call"),
    (word_vectors, "input_x (float[-1, 4, 3]): a vector per word")])
def test_an_input_that_no_package_can_have_is_refused_with_the_change_of_the_source_and_without_flags(
        build: Callable[[], Built], described: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_models.write(tmp_path / "s", build)
    assert adopt("--source", tmp_path / "s", "--output", tmp_path / "out") == 5
    error = capsys.readouterr().err
    assert described in error and "In the code of the source model, export a signature that takes " in error
    assert "--tags" not in error and "infer.py check" not in error
    assert ("--vocabulary and --tokenizer" in error) == (build is word_vectors)
    assert not (tmp_path / "out").exists()


def test_the_changed_source_of_words_or_of_one_text_is_adopted(tmp_path: Path) -> None:
    """The remedy of these refusals: texts, which are split within the graph."""
    made_models.write(tmp_path / "s", texts)
    assert adopt("--source", tmp_path / "s", "--output", tmp_path / "out") == 0
    with tf.Graph().as_default(), v1.Session() as session:
        expected = session.run(scores(split(tf.constant(TEXTS))))
    assert np.allclose(probabilities(tmp_path / "out" / "model"), expected, atol=1e-6)


@pytest.mark.parametrize("build, columns", [(ids, 4), (ragged_ids, None)])
def test_the_changed_source_of_vectors_or_of_a_ragged_tensor_is_adopted(
        build: Callable[[], Built], columns: Any, tmp_path: Path) -> None:
    """The remedy of these refusals: ids, whose vectors are looked up and whose padding is removed within the graph."""
    made_models.write(tmp_path / "s", build)
    (tmp_path / "v.txt").write_text("<pad>\n<unk>\ngood\nbad\nfilm\n", encoding="utf-8")
    assert adopt("--source", tmp_path / "s", "--output", tmp_path / "out", "--vocabulary", tmp_path / "v.txt",
                 "--tokenizer", "whitespace") == 0
    rows = [[2, 4], [3], [3, 3, 4, 2]]
    sums = np.array([WEIGHTS[row + [0] * ((columns or len(row)) - len(row))].sum(0) for row in rows])
    expected = np.exp(sums) / np.exp(sums).sum(1, keepdims=True)
    assert np.allclose(probabilities(tmp_path / "out" / "model"), expected, atol=1e-5)


def probabilities(package: Path) -> np.ndarray:
    answers = ask(load(package / SERVICE, package), {"req_data": TEXTS})["resp_data"]
    return np.array([[dict(answer["scores"])[label] for label in "012"] for answer in answers])
