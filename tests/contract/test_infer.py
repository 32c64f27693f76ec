"""The commands of infer.py, and the platform's life cycle of a service."""
import json
import shutil
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
from asking import SOUP

import infer
from models import MODELS
from textjob.errors import DataError, PackageError, RefusedError
from textjob.rehearsal.client import Rehearsal


@pytest.fixture(scope="module")
def model(packages: Dict[str, Path]) -> Path:
    """The package of the newest model: a model that is added to MODELS is tested by every command."""
    return packages[MODELS[-1]]


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return Path(shutil.copytree(str(model), str(tmp_path / "with a blank 与汉字" / "model")))


def append(package: Path, *lines: str) -> None:
    """Add lines to the package's service file; without a manifest, so that the change is no damage."""
    with open(str(package / "customize_service.py"), "a", encoding="utf-8") as file:
        file.write("\n\n" + "".join(line + "\n" for line in lines))
    (package / "manifest.json").unlink()


def lines(text: str) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_predict_prints_one_json_line_per_text(model: Path, capsys: Any) -> None:
    assert infer.main(["predict", "--model", str(model.parent), SOUP, "", "--top_k", "1"]) == 0
    rows = lines(capsys.readouterr().out)
    assert [row["text"] for row in rows] == [SOUP, ""]
    assert all(len(row["scores"]) == 1 and row["score"] == row["scores"][0][1] for row in rows)


def test_batch_answers_every_row_bad_ones_included_in_order(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes("soup bread\n\nteam 好吃\nbad\trow\n".encode("utf-8") + b"\xff\xff\nlast")
    out = tmp_path / "out.jsonl"
    assert infer.main(["batch", "--model", str(model), "--data_url", str(tmp_path / "in.txt"),
                       "--output_url", str(out)]) == 0
    rows = lines(out.read_text(encoding="utf-8"))
    assert [row["line"] for row in rows] == [1, 3, 4, 5, 6]
    assert [row.get("error", {}).get("code") for row in rows] == [None, None, "bad_row", "bad_row", None]


def test_batch_goes_on_where_it_stopped(model: Path, small_data: Path, tmp_path: Path) -> None:
    command = ["batch", "--model", str(model), "--data_url", str(small_data / "train.tsv"), "--output_url"]
    assert infer.main([*command, str(tmp_path / "whole.jsonl")]) == 0
    whole = (tmp_path / "whole.jsonl").read_bytes()
    for cut in (0, 1, 700, len(whole) // 2, len(whole)):
        part = tmp_path / "part.jsonl"
        part.write_bytes(whole[:cut])
        assert infer.main([*command, str(part)]) == 0
        resumed = part.read_text(encoding="utf-8")
        assert [row["line"] for row in lines(resumed)] == [row["line"] for row in lines(whole.decode())]
        assert resumed.encode()[:cut] == whole[:cut]


def test_batch_does_not_append_to_what_is_not_its_own(model: Path, small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine\n", encoding="utf-8")
    with pytest.raises(RefusedError, match="other content"):
        infer.main(["batch", "--model", str(model), "--data_url", str(small_data / "test.tsv"),
                    "--output_url", str(tmp_path / "notes.txt")])
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine\n"


def test_batch_with_keep_writes_the_columns_of_each_row(model: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "in.csv").write_text("id,text\na7,soup bread\nb8,\"team, goal\"\nc9,x,y\n", encoding="utf-8")
    assert infer.main(["batch", "--model", str(model), "--data_url", str(tmp_path / "in.csv"), "--keep",
                       "--output_url", str(tmp_path / "out.jsonl")]) == 0
    found = lines((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert [row["input"] for row in found] == [
        {"id": "a7", "text": "soup bread"}, {"id": "b8", "text": "team, goal"}, {"id": "c9", "text": "x", "2": "y"}]
    printed = capsys.readouterr().out
    assert "text in column 1 (text)" in printed and "2 rows answered, 1 bad rows" in printed


def test_batch_continues_only_the_output_of_the_same_package_data_and_settings(
        model: Path, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("soup\nbread\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("goal\nteam\n", encoding="utf-8")
    out = tmp_path / "out.jsonl"
    first = ["batch", "--model", str(model), "--data_url", str(tmp_path / "a.txt"), "--output_url", str(out)]
    assert infer.main(first) == 0
    before = out.read_bytes()
    (copy / "manifest.json").unlink()
    for other, what in ((["--model", str(copy)], "another package;"), (["--keep"], "another settings;"),
                        (["--data_url", str(tmp_path / "b.txt")], "another data;")):
        with pytest.raises(RefusedError, match=what):
            infer.main([*first, *other])
        assert out.read_bytes() == before
    assert infer.main([*first, "--data_url", str(tmp_path / "b.txt"), "--overwrite"]) == 0
    assert out.read_bytes() != before and len(lines(out.read_text(encoding="utf-8"))) == 2


def test_evaluate_uses_test_else_dev_else_stops(model: Path, small_data: Path, tmp_path: Path, capsys: Any) -> None:
    shutil.copy(str(small_data / "train.tsv"), str(tmp_path))
    command = ["evaluate", "--model", str(model), "--data_url", str(tmp_path)]
    with pytest.raises(DataError, match="has a training part only"):
        infer.main(command)
    shutil.copy(str(small_data / "dev.tsv"), str(tmp_path))
    with open(str(tmp_path / "dev.tsv"), "a", encoding="utf-8") as file:
        file.write("weather\tsunny and warm\n")
    assert infer.main(command) == 0
    printed = capsys.readouterr().out
    assert f"evaluated: the dev part of {tmp_path}" in printed
    assert "labels that the model does not know, whose 1 rows count as wrong: weather" in printed


def test_evaluate_computes_the_figures_of_the_model_card(model: Path, small_data: Path, capsys: Any) -> None:
    card = json.loads((model / "model_card.json").read_text(encoding="utf-8"))
    assert infer.main(["evaluate", "--model", str(model), "--data_url", str(small_data), "--json"]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    for key in ("rows", "accuracy", "confusion"):
        assert evaluation[key] == card["test"][key]
    assert abs(evaluation["macro_f1"] - card["test"]["macro_f1"]) < 1e-12
    assert infer.main(["evaluate", "--model", str(model), "--data_url", str(small_data / "dev.tsv")]) == 0
    assert "accuracy {:.4f}".format(card["dev"]["accuracy"]) in capsys.readouterr().out


def test_check_accepts_a_complete_package_and_names_a_damaged_file(copy: Path, capsys: Any) -> None:
    assert infer.main(["check", "--model", str(copy)]) == 0
    assert capsys.readouterr().out.endswith(": deployable\n")
    (copy / "notes.txt").write_text("mine", encoding="utf-8")
    assert infer.main(["check", "--model", str(copy)]) == 0
    assert "notes.txt is not listed" in capsys.readouterr().out
    with open(str(copy / "assets" / "vocabulary.txt"), "ab") as file:
        file.write(b"x\n")
    assert infer.main(["check", "--model", str(copy)]) == PackageError.exit_code
    assert "assets/vocabulary.txt was changed or cut" in capsys.readouterr().out


def test_a_model_whose_golden_answers_differ_does_not_start(copy: Path) -> None:
    card = json.loads((copy / "model_card.json").read_text(encoding="utf-8"))
    row = card["golden"][3]["probabilities"]
    row[0], row[1] = row[0] + 0.01, row[1] - 0.01
    (copy / "model_card.json").write_text(json.dumps(card), encoding="utf-8")
    (copy / "manifest.json").unlink()
    with pytest.raises(PackageError, match=r"the golden text .* gets another answer than at export"):
        Rehearsal(copy)


@pytest.mark.parametrize(("raised", "status"), [("KeyError('x')", 400), ("TypeError('x')", 400), ("OSError('x')", 500)])
def test_an_exception_of_a_service_becomes_mr_0105(raised: str, status: int, copy: Path) -> None:
    append(copy, "class Raising(TextClassifierService):", "    def _preprocess(self, data):", f"        raise {raised}")
    assert Rehearsal(copy).request({"text": "x"}) == (
        status, {"erno": "MR.0105", "msg": "Recognition failed", "words_result": {}})


@pytest.mark.parametrize("body", [{}, []])
def test_an_empty_body_is_mr_0101(body: Any, model: Path) -> None:
    assert Rehearsal(model).request(body)[1]["erno"] == "MR.0101"


@pytest.mark.parametrize(("more", "classes"), [
    ("class Other(TfServingBaseService):", 2), ("class TextClassifierService(object):", 1)])
def test_exactly_one_leaf_class_must_remain(more: str, classes: int, copy: Path) -> None:
    append(copy, more, "    pass")
    if classes == 1:  # the platform's base class itself, which cannot serve
        with pytest.raises(PackageError):
            Rehearsal(copy)
    else:
        with pytest.raises(PackageError, match="exactly one leaf class of TfServingBaseService, but the file has 2"):
            Rehearsal(copy)


def test_a_subclass_of_the_service_is_the_leaf(copy: Path) -> None:
    append(copy, "class Mine(TextClassifierService):", "    pass")
    assert type(Rehearsal(copy).service).__name__ == "Mine"


@pytest.mark.parametrize("model", MODELS)
def test_tensorflow_serving_as_the_backend_gives_the_same_answers(
        model: str, packages: Dict[str, Path], tmp_path: Path) -> None:
    served = Path(shutil.copytree(str(packages[model]), str(tmp_path / "model")))
    (served / "service.json").write_text('{"backend": "tfserving"}', encoding="utf-8")
    texts = ["soup bread 好吃", "goal", ""]
    here, there = (Rehearsal(package).classify(texts) for package in (packages[model], served))
    for a, b in zip(here, there):
        assert a["predicted_label"] == b["predicted_label"]
        assert np.allclose([s for _, s in a["scores"]], [s for _, s in b["scores"]], atol=1e-6)


def test_a_folder_without_a_model_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"contains saved_model\.pb"):
        infer.main(["predict", "--model", str(tmp_path), "x"])
