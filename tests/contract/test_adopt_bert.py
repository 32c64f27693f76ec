"""A BERT that takes ids, mask and segments is adopted with its vocabulary: text in, the answers of the source out."""
from pathlib import Path
from typing import Any, Dict, List, Sequence

import foreign_bert
import numpy as np
import pytest
import tensorflow as tf
from asking import ask, load
from jobs import is_complete
from tokenizers import BertWordPieceTokenizer

import infer
from textjob import errors
from textjob.serving.host import SERVICE

TEXTS = ["", "The film isn't good, unaffable!", "电影很好", "a film bad film " * 30, "nul\0inside", "Éx \ufffd🙂",
         "x" * 120]
HUGGING_FACE = ("input_ids", "attention_mask", "token_type_ids")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources with the same weights, and their vocabulary."""
    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in foreign_bert.TOKENS), encoding="utf-8")
    weights = foreign_bert.random_weights(len(foreign_bert.TOKENS))
    foreign_bert.save(folder / "any_length", weights, 4)
    foreign_bert.save(folder / "fixed", weights, 4, length=16)
    foreign_bert.save(folder / "raw", weights, 4, length=16, estimator="raw")
    foreign_bert.save(folder / "parsing", weights, 4, length=16, estimator="parsing")
    foreign_bert.save(folder / "hugging_face", weights, 4, aliases=HUGGING_FACE, dtype=tf.int64)
    foreign_bert.save(folder / "distilled", weights, 4, aliases=HUGGING_FACE[:2])
    foreign_bert.save(folder / "only_ids", weights, 4, aliases=("ids",), classes=2)
    foreign_bert.save(folder / "unclear", weights, 4, aliases=("left", "right", "centre"))
    return folder


def adopt(folder: Path, source: str, output: Path, *flags: Any) -> int:
    return errors.run(lambda: infer.main([
        "adopt", "--source", str(folder / source), "--output", str(output), "--vocabulary", str(folder / "vocab.txt"),
        "--tokenizer", "wordpiece", *map(str, flags)]))


def source_answers(folder: Path, source: str, texts: Sequence[Any], aliases: Sequence[str], most: int,
                   lower: bool = True) -> List[np.ndarray]:
    """The source's probabilities for the ids, masks and segments of the reference tokenizer; pairs are tuples."""
    reference = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=lower)
    reference.enable_truncation(most)
    if source == "fixed" or len(aliases) == 1:
        reference.enable_padding(length=most)
    rows = reference.encode_batch(list(texts))
    return [foreign_bert.predict(folder / source, {alias: [values] for alias, values in zip(
        aliases, (row.ids, row.attention_mask, row.type_ids))})[0] for row in rows]


def answers(package: Path, texts: Sequence[str]) -> List[List[float]]:
    service = load(package / SERVICE, package)
    replies = ask(service, {"req_data": [{"text": text} for text in texts]})["resp_data"]
    return [[dict(reply["scores"])[label] for label in service.model.labels] for reply in replies]


@pytest.mark.parametrize("source, aliases, most, flags", [
    ("any_length", foreign_bert.INPUTS, 64, ["--max_length", 64]),
    ("any_length", foreign_bert.INPUTS, 9, ["--length", 9, "--lower", "true"]),
    ("fixed", foreign_bert.INPUTS, 16, []),
    ("hugging_face", HUGGING_FACE, 20, ["--max_length", 20]),
    ("distilled", HUGGING_FACE[:2], 20, ["--max_length", 20]),
    ("only_ids", ["ids"], 12, ["--length", 12]),
], ids=["any length", "length given", "fixed length", "Hugging Face", "without segments", "ids alone"])
def test_the_answers_are_those_of_the_source_with_the_inputs_of_the_reference_tokenizer(
        folder: Path, tmp_path: Path, source: str, aliases: Sequence[str], most: int, flags: List[Any]) -> None:
    assert adopt(folder, source, tmp_path, *flags) == 0
    assert is_complete(tmp_path / "model")
    expected = source_answers(folder, source, TEXTS, aliases, most)
    assert np.ptp(expected, axis=0).max() > 0.01
    assert np.abs(np.array(answers(tmp_path / "model", TEXTS)) - expected).max() < 1e-5


def test_a_cased_vocabulary_keeps_capital_letters_and_accents(folder: Path, tmp_path: Path) -> None:
    tokens = [*foreign_bert.TOKENS[:-3], "The", "é", "É"]
    (tmp_path / "vocab.txt").write_text("".join(token + "\n" for token in tokens), encoding="utf-8")
    (tmp_path / "fixed").symlink_to(folder / "fixed")
    assert adopt(tmp_path, "fixed", tmp_path / "out", "--lower", "false") == 0
    texts = ["The film", "the film", "É", "é", "e"]
    expected = source_answers(tmp_path, "fixed", texts, foreign_bert.INPUTS, 16, lower=False)
    assert np.abs(np.array(answers(tmp_path / "out" / "model", texts)) - expected).max() < 1e-5
    assert len(np.unique(np.round(expected, 5), axis=0)) == len(texts)


@pytest.mark.parametrize("source", ["raw", "parsing"])
def test_the_export_of_an_estimator_is_adopted_without_its_label_ids(folder: Path, tmp_path: Path, source: str) -> None:
    assert adopt(folder, source, tmp_path) == 0
    expected = source_answers(folder, "fixed", TEXTS, foreign_bert.INPUTS, 16)  # the same weights
    assert np.abs(np.array(answers(tmp_path / "model", TEXTS)) - expected).max() < 1e-5


@pytest.mark.parametrize("flags, separator", [(["--pair_separator"], "\t"), (["--pair_separator", "||"], "||")])
def test_a_text_with_the_separator_is_a_pair_of_texts(
        folder: Path, tmp_path: Path, flags: List[str], separator: str) -> None:
    assert adopt(folder, "fixed", tmp_path, *flags) == 0
    pairs: List[Any] = [("the film", "is good"), ("", "bad"), ("film", ""), ("a film " * 9, "the match " * 9),
                        ("the", "bad film " * 9), "no pair", ("a", f"b{separator}a")]
    texts = [pair if isinstance(pair, str) else separator.join(pair) for pair in pairs]
    expected = source_answers(folder, "fixed", pairs, foreign_bert.INPUTS, 16)
    assert np.abs(np.array(answers(tmp_path / "model", texts)) - expected).max() < 1e-5


@pytest.mark.parametrize("source, flags, message", [
    ("unclear", [], "the inputs centre, left, right, whose meaning is not clear"),
    ("only_ids", ["--max_length", 64], "give the number of ids per text of its training as --length"),
    ("any_length", [], "no finite prediction for 256 ids per text"),
    ("fixed", ["--length", 2], "leave no place for tokens"),
    ("fixed", ["--first_id", 1], "leave --first_id and --pad_left out"),
    ("fixed", ["--tokenizer", "char", "--lower", "true"], "belong to --tokenizer wordpiece"),
])
def test_what_cannot_be_adopted_is_refused_with_the_remedy(
        folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, flags: List[Any], message: str
        ) -> None:
    assert adopt(folder, source, tmp_path, *flags) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("changed, code, message", [
    ({"[CLS]": "cls"}, 3, "contains no line [CLS]"),
    ({"soup": "Soup", "won": "Won"}, 2, "has 2 tokens with capital letters, as 'Soup'; give --lower false"),
])
def test_a_vocabulary_that_is_not_that_of_an_uncased_bert_is_refused_with_the_remedy(
        folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: Dict[str, str], code: int,
        message: str) -> None:
    file = tmp_path / "vocab.txt"
    file.write_text("".join(changed.get(token, token) + "\n" for token in foreign_bert.TOKENS), encoding="utf-8")
    assert adopt(folder, "fixed", tmp_path / "out", "--vocabulary", file) == code
    assert message in capsys.readouterr().err


def test_the_tokens_of_the_engine_tests_are_those_of_the_reference_tokenizer(folder: Path) -> None:
    reference = BertWordPieceTokenizer(str(folder / "vocab.txt"))
    for text, tokens in foreign_bert.TOKENIZED.items():
        assert tokens == reference.encode(text, add_special_tokens=False).tokens
