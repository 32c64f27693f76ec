"""From text to a foreign model's ids: the same as what such models are trained with."""
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from textjob.adopt.options import TOKENIZERS, AdoptOptions
from textjob.adopt.preprocessing import TABLES, Preprocessing
from textjob.errors import DataError, UsageError

v1 = tf.compat.v1
TOKENS = ["", "[UNK]", "good", "film", "the", "dont", "don't", "好", "电", "影", "电影", "Good", "it's", "n°5", "é"]
WORDS = [*TOKENS[2:], "GOOD!", "(film)", "DON'T", "a-b", "no_such", "，", "3.1", "Ünder", "x\u3000y", "[", "\\", "^"]

examples = settings(max_examples=60, deadline=None, database=None, derandomize=True)
texts = st.lists(st.sampled_from(WORDS), max_size=9).flatmap(
    lambda words: st.sampled_from([" ", "  ", "\t", "\n", " \r\n"]).map(lambda blank: blank.join(words)))


def wanted(folder: Path, tokenizer: str, **more: Any) -> AdoptOptions:
    (folder / "vocabulary.txt").write_text("".join(token + "\n" for token in TOKENS), encoding="utf-8")
    return AdoptOptions("s", "o", vocabulary=str(folder / "vocabulary.txt"), tokenizer=tokenizer, **more)


class Ids:
    """A preprocessing's graph, made once."""

    def __init__(self, preprocessing: Preprocessing, folder: Path) -> None:
        preprocessing.write(folder / "asset.txt")
        with tf.Graph().as_default():
            self._texts = v1.placeholder(tf.string, [None])
            self._ids = preprocessing.ids(self._texts, folder / "asset.txt")
            self._session = v1.Session()
            self._session.run(v1.tables_initializer())

    def __call__(self, batch: List[str]) -> List[List[int]]:
        found: List[List[int]] = self._session.run(
            self._ids, {self._texts: [text.encode("utf-8") for text in batch]}).tolist()
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("preprocessing")


@pytest.fixture(scope="module")
def keras(folder: Path) -> Any:
    layer = tf.keras.layers.TextVectorization(vocabulary=TOKENS[2:], output_sequence_length=7)
    return layer, Ids(Preprocessing(wanted(folder, "keras"), 7), folder)


@examples
@given(batch=st.lists(texts, min_size=1, max_size=5))
def test_keras_gives_the_ids_of_a_text_vectorization_layer(keras: Any, batch: List[str]) -> None:
    layer, ids = keras
    assert ids(batch) == layer(tf.constant(batch)).numpy().tolist()


@pytest.fixture(scope="module")
def whitespace(folder: Path) -> Ids:
    return Ids(Preprocessing(wanted(folder, "whitespace")), folder)


@pytest.fixture(scope="module")
def char(folder: Path) -> Ids:
    return Ids(Preprocessing(wanted(folder, "char")), folder)


def padded(rows: List[List[int]]) -> List[List[int]]:
    most = max([1, *map(len, rows)])
    return [row + [0] * (most - len(row)) for row in rows]


def numbers(tokens: List[str]) -> List[int]:
    return [TOKENS.index(token) if token in TOKENS else 1 for token in tokens]


@examples
@given(batch=st.lists(texts, min_size=1, max_size=5))
def test_whitespace_gives_the_ids_of_pythons_split(whitespace: Ids, batch: List[str]) -> None:
    assert whitespace(batch) == padded([numbers(text.split()) for text in batch])


@examples
@given(batch=st.lists(texts, min_size=1, max_size=5))
def test_char_gives_an_id_for_each_character_but_white_space(char: Ids, batch: List[str]) -> None:
    assert char(batch) == padded([numbers([c for c in text if not c.isspace()]) for text in batch])


@pytest.mark.parametrize("length, left", [(4, True), (4, False), (12, True), (12, False)])
def test_rows_are_filled_and_cut_as_by_pad_sequences(folder: Path, length: int, left: bool) -> None:
    ids = Ids(Preprocessing(wanted(folder, "whitespace", length=length, pad_left=left)), folder)
    batch = ["", "good", "good film the", "good film the dont don't 好 电", "影 " * 40 + "film"]
    rows = [numbers(text.split()) for text in batch]
    side = "pre" if left else "post"
    assert ids(batch) == tf.keras.utils.pad_sequences(rows, length, padding=side, truncating=side).tolist()


def test_ids_begin_where_the_vocabulary_is_said_to_begin(folder: Path) -> None:
    ids = Ids(Preprocessing(wanted(folder, "whitespace", first_id=10, unknown_id=3)), folder)
    assert ids(["good nothing film"]) == [[12, 3, 13]]


def test_at_most_so_many_ids_of_a_text_are_kept(folder: Path) -> None:
    ids = Ids(Preprocessing(wanted(folder, "whitespace", max_length=2)), folder)
    assert ids(["good film the", "the"]) == [[2, 3], [4, 0]]


def test_nul_and_invalid_bytes_are_blanks(folder: Path) -> None:
    preprocessing = Preprocessing(wanted(folder, "whitespace"))
    preprocessing.write(folder / "asset.txt")
    ids = preprocessing.ids(tf.constant([b"good\0film", b"good\xff\xfefilm"]), folder / "asset.txt")
    assert np.array_equal(ids, [[2, 3], [2, 3]])


def test_a_vocabulary_that_names_a_token_twice_is_refused_with_both_lines(folder: Path) -> None:
    told = wanted(folder, "whitespace")
    Path(told.vocabulary).write_text("<unk>\na\nb\na\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"'a' is on line 2 and on line 4"):
        Preprocessing(told)


def test_without_a_line_for_unknown_tokens_their_id_must_be_said(folder: Path) -> None:
    told = wanted(folder, "whitespace")
    Path(told.vocabulary).write_text("<pad>\na\nb\n", encoding="utf-8")
    with pytest.raises(DataError, match="--unknown_id"):
        Preprocessing(told)
    assert Preprocessing(told._replace(unknown_id=2)).vocabulary.unknown_id == 2


@pytest.mark.parametrize("content", [None, b"\xff\xfe\n"], ids=["missing", "no UTF-8"])
def test_a_vocabulary_that_cannot_be_read_is_an_error_with_its_name(folder: Path, content: Any) -> None:
    told = wanted(folder, "char")._replace(vocabulary=str(folder / "other.txt"))
    if content:
        (folder / "other.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"other\.txt cannot be read"):
        Preprocessing(told)


def test_an_unknown_tokenizer_is_told_the_nearest_one(folder: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'whitespace'"):
        Preprocessing(wanted(folder, "whitespaces"))
    assert list(TABLES) == list(TOKENIZERS) == ["template", "whitespace", "char", "keras"]
