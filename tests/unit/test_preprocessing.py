"""From text to the ids of a foreign model: equal to those of the tokenizer with which such models are trained."""
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from textjob.adopt.options import TOKENIZERS, AdoptOptions
from textjob.adopt.preprocessing import TABLES, Preprocessing, preprocessing_of
from textjob.adopt.roles import IDS
from textjob.errors import DataError, UsageError

v1 = tf.compat.v1
TOKENS = ["", "[UNK]", "good", "film", "the", "dont", "don't", "好", "电", "影", "电影", "Good", "it's", "n°5", "é"]
WORDS = [*TOKENS[2:], "GOOD!", "(film)", "DON'T", "a-b", "no_such", "，", "3.1", "Ünder", "x\u3000y", "[", "\\", "^"]

examples = settings(max_examples=60, deadline=None, database=None, derandomize=True)
texts = st.lists(st.sampled_from(WORDS), max_size=9).flatmap(
    lambda words: st.sampled_from([" ", "  ", "\t", "\n", " \r\n"]).map(lambda blank: blank.join(words)))


def options_for(folder: Path, tokenizer: str, **more: Any) -> AdoptOptions:
    (folder / "vocabulary.txt").write_text("".join(token + "\n" for token in TOKENS), encoding="utf-8")
    return AdoptOptions("s", "o", vocabulary=str(folder / "vocabulary.txt"), tokenizer=tokenizer, **more)


class Ids:
    """The graph of a preprocessing, built once."""

    def __init__(self, preprocessing: Preprocessing, folder: Path) -> None:
        preprocessing.write(folder / "asset.txt")
        with tf.Graph().as_default():
            self._texts = v1.placeholder(tf.string, [None])
            self._ids = preprocessing.inputs(self._texts, folder / "asset.txt")[IDS]
            self._session = v1.Session()
            self._session.run(v1.tables_initializer())

    def __call__(self, batch: List[str]) -> List[List[int]]:
        ids: List[List[int]] = self._session.run(
            self._ids, {self._texts: [text.encode("utf-8") for text in batch]}).tolist()
        return ids


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("preprocessing")


@pytest.fixture(scope="module")
def keras(folder: Path) -> Any:
    layer = tf.keras.layers.TextVectorization(vocabulary=TOKENS[2:], output_sequence_length=7)
    return layer, Ids(preprocessing_of(options_for(folder, "keras"), 7), folder)


@examples
@given(batch=st.lists(texts, min_size=1, max_size=5))
def test_keras_gives_the_ids_of_a_text_vectorization_layer(keras: Any, batch: List[str]) -> None:
    layer, ids = keras
    assert ids(batch) == layer(tf.constant(batch)).numpy().tolist()


@pytest.fixture(scope="module")
def whitespace(folder: Path) -> Ids:
    return Ids(preprocessing_of(options_for(folder, "whitespace")), folder)


@pytest.fixture(scope="module")
def char(folder: Path) -> Ids:
    return Ids(preprocessing_of(options_for(folder, "char")), folder)


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
def test_rows_are_padded_and_cut_as_by_pad_sequences(folder: Path, length: int, left: bool) -> None:
    ids = Ids(preprocessing_of(options_for(folder, "whitespace", length=length, pad_left=left)), folder)
    batch = ["", "good", "good film the", "good film the dont don't 好 电", "影 " * 40 + "film"]
    rows = [numbers(text.split()) for text in batch]
    side = "pre" if left else "post"
    assert ids(batch) == tf.keras.utils.pad_sequences(rows, length, padding=side, truncating=side).tolist()


def test_first_id_is_the_id_of_the_first_token_of_the_vocabulary(folder: Path) -> None:
    ids = Ids(preprocessing_of(options_for(folder, "whitespace", first_id=10, unknown_id=3)), folder)
    assert ids(["good nothing film"]) == [[12, 3, 13]]


def test_max_length_is_the_largest_number_of_ids_per_text(folder: Path) -> None:
    ids = Ids(preprocessing_of(options_for(folder, "whitespace", max_length=2)), folder)
    assert ids(["good film the", "the"]) == [[2, 3], [4, 0]]


def test_nul_and_invalid_bytes_are_blanks(folder: Path) -> None:
    preprocessing = preprocessing_of(options_for(folder, "whitespace"))
    preprocessing.write(folder / "asset.txt")
    ids = preprocessing.inputs(tf.constant([b"good\0film", b"good\xff\xfefilm"]), folder / "asset.txt")[IDS]
    assert np.array_equal(ids, [[2, 3], [2, 3]])


def test_a_vocabulary_that_names_a_token_twice_is_refused_with_both_lines(folder: Path) -> None:
    options = options_for(folder, "whitespace")
    Path(options.vocabulary).write_text("<unk>\na\nb\na\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"'a' is on line 2 and on line 4"):
        preprocessing_of(options)


def test_a_vocabulary_without_an_unknown_token_requires_unknown_id(folder: Path) -> None:
    options = options_for(folder, "whitespace")
    Path(options.vocabulary).write_text("<pad>\na\nb\n", encoding="utf-8")
    with pytest.raises(DataError, match="--unknown_id"):
        preprocessing_of(options)
    assert preprocessing_of(options._replace(unknown_id=2)).vocabulary.unknown_id == 2


@pytest.mark.parametrize("content", [None, b"\xff\xfe\n"], ids=["missing", "no UTF-8"])
def test_a_vocabulary_that_cannot_be_read_is_an_error_with_its_name(folder: Path, content: Any) -> None:
    options = options_for(folder, "char")._replace(vocabulary=str(folder / "other.txt"))
    if content:
        (folder / "other.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"other\.txt cannot be read"):
        preprocessing_of(options)


def test_the_error_of_an_unknown_tokenizer_names_the_nearest_one(folder: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'whitespace'"):
        preprocessing_of(options_for(folder, "whitespaces"))
    assert [*TABLES, "wordpiece"] == list(TOKENIZERS)
