"""Pretrained word vectors: both text forms, spellings, and the errors for unusable files."""
import gzip
from pathlib import Path

import numpy as np
import pytest

import train
from textjob.errors import DataError
from textjob.text import vectors

WORDS = [b"soup", b"bread", "菜".encode(), b"match"]


def written(folder: Path, content: str, name: str = "vectors.txt") -> str:
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return str(path)


@pytest.mark.parametrize("content", [
    "bread 1 2 3\n菜 4 5 6\nother 7 8 9\n",
    "3 3\nbread 1 2 3 \n菜 4 5 6 \nother 7 8 9 \n",
    "Bread 9 9 9\nbread 1 2 3\nBREAD 8 8 8\n菜 4 5 6\n",
    "other 7 8 9\nbread of several words 0 0 0\nbread 1 2 3\n菜 4 5 6\n",
    "3 3\nbread of several words 0 0 0\nbread 1 2 3\n菜 4 5 6\n",
    "word vector\nbread 1 2 3\n\n菜 4 5 6\n",
    "bread 1 2 3\nbread 9 9 9\n菜 4 5 6\n菜 9 9 9\n",
], ids=["glove", "word2vec", "cases", "blanks", "word2vec and blanks", "heading and empty line", "repeated words"])
@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
def test_the_vectors_of_the_vocabulary_are_read_from_both_forms(tmp_path: Path, content: str, name: str) -> None:
    found = vectors.read(written(tmp_path, content, name), WORDS)
    assert found.values.dtype == np.float32
    assert dict(zip(found.words.tolist(), found.values.tolist())) == {1: [1, 2, 3], 2: [4, 5, 6]}


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
def test_a_word_that_is_not_utf8_is_read_as_another_word(tmp_path: Path, name: str) -> None:
    content = b"\xff\xfe 7 8 9\nbread 1 2 3\n"
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert vectors.read(str(tmp_path / name), WORDS).values.tolist() == [[1, 2, 3]]


def test_another_spelling_is_used_if_the_exact_one_is_missing(tmp_path: Path) -> None:
    assert vectors.read(written(tmp_path, "Soup 1 2\nSOUP 3 4\n"), WORDS).values.tolist() == [[1, 2]]


@pytest.mark.parametrize("content, says", [
    ("other 1 2\n", r"none of the 4 words of the vocabulary \(soup, bread, 菜, match, ...\)"),
    ("soup 1 2\nbread 1\n", "line 2: the line has 1 values, the lines before it have 2"),
    ("soup 1 x\n", "line 1: .*expected a word"),
    ("soup 1 nan\n", "line 1: the value 'nan' is not finite"), ("", "contains none of the"),
])
def test_the_error_for_an_unusable_line_names_it_and_the_expected_form(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        vectors.read(written(tmp_path, content), WORDS)


def test_a_missing_or_truncated_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        vectors.read(str(tmp_path / "missing.txt"), WORDS)
    (tmp_path / "truncated.gz").write_bytes(gzip.compress(b"soup 1 2\n" * 1000)[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        vectors.read(str(tmp_path / "truncated.gz"), WORDS)


@pytest.mark.trains
def test_a_job_uses_the_vectors_and_reports_a_wrong_size(
        small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "soup 1 2 3\nmatch 4 5 6\n")
    flags = ["--data_url", str(small_data), "--train_url", str(tmp_path / "out"), "--models", "cnn", "--epochs", "1",
             "--min_count", "1", "--vectors", file]
    with pytest.raises(train.errors.UsageError,
                       match="3 values per word, but the embedding of cnn has 128: set --cnn_embedding 3"):
        train.main(flags)
    assert train.main([*flags, "--cnn_embedding", "3"]) == 0
    assert "vectors of 2 words of the vocabulary" in capsys.readouterr().out
