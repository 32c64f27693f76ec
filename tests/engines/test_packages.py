"""The platform's engines load packages written by today's TensorFlow and make the same predictions."""
from pathlib import Path
from typing import Any, Callable, Dict

import foreign_bert
import pytest
import tensorflow as tf
from conftest import ENGINES, compare

from models import MODELS
from textjob.text import trie, wordpiece
from textjob.text.tokenizer import table
from textjob.text.tokenizer import tokens as split_into_tokens

v1 = tf.compat.v1


@pytest.fixture(scope="module")
def expected(drive: Callable[..., Any], texts: Path, packages: Dict[str, Path]) -> Any:
    return drive("today", "answers", str(texts), *map(str, packages.values()))


@pytest.mark.parametrize("engine", ["today", *ENGINES])
def test_every_engine_makes_the_same_predictions_for_every_package(
        engine: str, drive: Callable[..., Any], texts: Path, packages: Dict[str, Path], expected: Any) -> None:
    assert set(packages) == set(MODELS)
    predicted = drive(engine, "answers", str(texts), *map(str, packages.values()))
    compare("today", engine, predicted, expected)


def of_the_template(texts: Any, _: Path) -> Any:
    return split_into_tokens(texts, 50)


def of_bert(texts: Any, vocabulary: Path) -> Any:
    tokens = foreign_bert.TOKENS
    vocabulary.write_text("".join(token + "\n" for token in tokens), encoding="utf-8")
    lines, splits = wordpiece.lines(wordpiece.words(texts, wordpiece.code_table(True)), table(str(vocabulary)),
                                    trie.trie(tokens), tokens.index("[UNK]"))
    return tf.as_string(lines), splits


@pytest.fixture(scope="module", params=[of_the_template, of_bert], ids=["template", "wordpiece"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only the preprocessing, exported as in a package."""
    folder = tmp_path_factory.mktemp("tokenizer") / "model"
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        input_x = v1.placeholder(tf.string, [None])
        tokens, splits = request.param(input_x, folder.parent / "vocab.txt")
        info = v1.saved_model.build_tensor_info
        signature = v1.saved_model.build_signature_def(
            {"input_x": info(input_x)}, {"tokens": info(tokens), "splits": info(splits)}, "tensorflow/serving/predict")
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, main_op=v1.tables_initializer(),
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS), strip_default_attrs=True)
        builder.save()
    return folder


@pytest.fixture(scope="module")
def swept_today(drive: Callable[..., Any], tokenizer: Path) -> Any:
    return drive("today", "sweep", str(tokenizer))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_code_point_makes_the_same_tokens_on_every_engine(
        engine: str, drive: Callable[..., Any], tokenizer: Path, swept_today: Any) -> None:
    hashes = drive(engine, "sweep", str(tokenizer))
    differing = [i for i, (a, b) in enumerate(zip(hashes, swept_today)) if a != b]
    assert len(hashes) == len(swept_today) > 0x110000 // 4096
    assert not differing, f"blocks of 4096 code points: {differing}"
