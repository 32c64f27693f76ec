"""Word vectors from a sentence encoder: the reduction, the file that --vectors reads, and the errors."""
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest

import infer
from textjob.errors import DataError, UsageError
from textjob.text import vectors
from textjob.training import word_encoder

WORDS = ["soup", "soups", "bread", "菜", "match", "matches"]


def letters(texts: List[str]) -> Any:
    """An encoder: the counts of the letters of a word."""
    return np.array([[text.count(letter) for letter in "abcehmoprstu菜"] for text in texts], np.float32)


def test_similar_words_have_similar_vectors_after_the_reduction() -> None:
    values = word_encoder.vectors(WORDS, letters, 3)
    assert values.shape == (6, 3)
    distance = np.linalg.norm(values[:, None] - values[None, :], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert distance.argmin(1)[[0, 1, 4, 5]].tolist() == [1, 0, 5, 4]


def test_all_components_keep_the_distances_of_the_encoder() -> None:
    words = [*WORDS, *"abcehmoprstu"]
    values, encoded = word_encoder.vectors(words, letters, 13), letters(words)
    scale = np.linalg.norm(values[0] - values[2]) / np.linalg.norm(encoded[0] - encoded[2])
    np.testing.assert_allclose(np.linalg.norm(values[:, None] - values[None, :], axis=2),
                               scale * np.linalg.norm(encoded[:, None] - encoded[None, :], axis=2), atol=1e-5)


def test_more_words_than_one_chunk_are_encoded_in_order() -> None:
    words = [f"w{number}" for number in range(700)]
    values = word_encoder.vectors(words, lambda texts: np.array([[float(text[1:]), 0] for text in texts]), 1)
    assert np.all(np.diff(values[:, 0]) > 0) or np.all(np.diff(values[:, 0]) < 0)


def test_a_job_reads_the_written_file(tmp_path: Path) -> None:
    values = word_encoder.vectors(WORDS, letters, 3)
    word_encoder.write(WORDS, values, tmp_path / "vectors.txt")
    read = vectors.read(str(tmp_path / "vectors.txt"), [word.encode() for word in WORDS])
    assert read.words.tolist() == list(range(6))
    np.testing.assert_allclose(read.values, values, rtol=1e-4)


def test_more_components_than_the_encoder_has_are_an_error() -> None:
    with pytest.raises(UsageError, match="--size 7: 6 words and vectors of 13 values have at most 6 components"):
        word_encoder.vectors(WORDS, letters, 7)


def test_the_vocabulary_is_a_file_or_that_of_a_package(tmp_path: Path) -> None:
    (tmp_path / "model" / "assets").mkdir(parents=True)
    file = tmp_path / "model" / "assets" / "vocabulary.txt"
    file.write_bytes("soup\n菜\r\n".encode())
    for path in (file, tmp_path / "model", tmp_path):
        assert word_encoder.vocabulary(str(path)) == ["soup", "菜"]
    file.write_bytes(b"\n")
    with pytest.raises(DataError, match="contains no word"):
        word_encoder.vocabulary(str(file))
    file.write_bytes(b"\xff\n")
    with pytest.raises(DataError, match="is not UTF-8"):
        word_encoder.vocabulary(str(file))
    with pytest.raises(DataError, match="expected a file with one word per line, or a package"):
        word_encoder.vocabulary(str(tmp_path / "missing"))


def test_a_folder_that_is_no_encoder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("soup\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"has no modules\.json; expected the folder of a sentence-transformers model"):
        infer.main(["vectors", "--vocabulary", str(tmp_path / "words.txt"), "--encoder", str(tmp_path),
                    "--output", str(tmp_path / "vectors.txt")])
    assert not (tmp_path / "vectors.txt").exists()


def test_the_command_writes_the_vectors_of_an_encoder_of_sentence_transformers(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The encoder is a table of random vectors per word, as in a static embedding model."""
    library = pytest.importorskip("sentence_transformers", reason="the package sentence-transformers is not installed")
    from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"[UNK]": 0, **{word: i + 1 for i, word in enumerate(WORDS)}}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    table = np.random.RandomState(0).normal(size=(len(WORDS) + 1, 16)).astype(np.float32)
    library.SentenceTransformer(modules=[StaticEmbedding(words, embedding_weights=table)]).save(
        str(tmp_path / "encoder"))
    (tmp_path / "words.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    assert infer.main(["vectors", "--vocabulary", str(tmp_path / "words.txt"), "--encoder", str(tmp_path / "encoder"),
                       "--output", str(tmp_path / "vectors.txt"), "--size", "4"]) == 0
    assert "6 words, 4 values each" in capsys.readouterr().out
    read = vectors.read(str(tmp_path / "vectors.txt"), [word.encode() for word in WORDS])
    expected = word_encoder.vectors(WORDS, lambda texts: table[[WORDS.index(text) + 1 for text in texts]], 4)
    np.testing.assert_allclose(read.values, expected, rtol=1e-3, atol=1e-4)
