"""Packages as folders: manifests, files, config.json, golden texts. For the exported graph see test_export.py."""
import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest

from textjob import manifest
from textjob.errors import PackageError
from textjob.packaging import config_json, golden, package
from textjob.paths import PROJECT
from textjob.results import as_json

CARD = {"dev": {"macro_f1": 0.1, "accuracy": 0.2, "precision": 0.3, "recall": 0.4, "rows": 5},
        "test": {"macro_f1": 0.5, "accuracy": 0.6, "precision": 0.7, "recall": 0.8, "rows": 5}}
FILES = ["assets/labels.txt", "config.json", "customize_service.py", "model_card.json", "notes.txt", "saved_model.pb",
         "variables/variables.index"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three files and a manifest."""
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    for name, content in (("b.txt", "bb"), ("a.txt", "a"), ("inner/c.txt", "c" * 3_000_000)):
        (folder / name).write_text(content, encoding="utf-8")
    manifest.write_manifest(folder)
    return folder


# Manifests


def test_a_manifest_lists_path_hash_and_size_of_every_other_file_sorted_by_path(folder: Path) -> None:
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    assert text.startswith('{\n "files": [') and text.endswith("}\n")
    entries = json.loads(text)["files"]
    assert [(entry["path"], entry["size"]) for entry in entries] == [
        ("a.txt", 1), ("b.txt", 2), ("inner/c.txt", 3_000_000)]
    assert entries[0] == {
        "path": "a.txt", "sha256": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", "size": 1}
    assert manifest.differences(folder, ["a.txt", "inner/c.txt"]) == [] and manifest.unlisted(folder) == []


def test_bytecode_and_a_new_manifest_are_not_listed(folder: Path) -> None:
    (folder / "inner" / "__pycache__").mkdir()
    (folder / "inner" / "__pycache__" / "x.pyc").touch()
    (folder / "new.txt").touch()
    assert manifest.list_files(folder) == ["a.txt", "b.txt", "inner/c.txt", "new.txt"]
    assert manifest.unlisted(folder) == ["new.txt"] and manifest.differences(folder) == []


@pytest.mark.parametrize("damage, message", [
    (lambda folder: (folder / "b.txt").write_text("b"),
     "b.txt was changed or cut: it has 1 bytes; manifest.json lists 2"),
    (lambda folder: (folder / "b.txt").write_text("cc"),
     "b.txt was changed: its SHA-256 hash differs from the one in manifest.json"),
    (lambda folder: (folder / "b.txt").unlink(), "b.txt is missing; manifest.json lists it"),
], ids=["size", "hash", "missing"])
def test_a_difference_between_folder_and_manifest_is_one_sentence(
        folder: Path, damage: Callable[[Path], Any], message: str) -> None:
    damage(folder)
    assert manifest.differences(folder) == [message]


def test_every_difference_is_reported(folder: Path) -> None:
    (folder / "a.txt").unlink()
    (folder / "b.txt").write_text("", encoding="utf-8")
    assert [problem.split()[0] for problem in manifest.differences(folder, ["x", "a.txt"])] == ["x", "a.txt", "b.txt"]
    assert manifest.differences(folder, ["x"])[0] == "x is not listed in manifest.json"


@pytest.mark.parametrize("path", ["/etc/hostname", "../folder/a.txt", "inner/../a.txt", "inner\\c.txt", "a\0.txt"])
def test_a_path_that_leads_out_of_the_folder_is_not_opened(folder: Path, path: str) -> None:
    manifest.write_entries(folder, [{"path": path, "sha256": "", "size": 0}])
    assert manifest.differences(folder) == [
        f"manifest.json lists {path!r}, which is not a path inside the folder"]


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"files": 5}', '{"files": [{}]}', '{"files": ["a"]}'])
def test_a_folder_without_a_readable_manifest_is_incomplete(folder: Path, content: Any) -> None:
    (folder / "manifest.json").unlink()
    if content is not None:
        (folder / "manifest.json").write_text(content, encoding="utf-8")
    (problem,) = manifest.differences(folder)
    assert problem.startswith("the folder is incomplete: manifest.json is missing or damaged (") and problem[-1] == ")"
    assert manifest.unlisted(folder) == []


def test_json_keeps_unicode_and_rejects_nan(tmp_path: Path) -> None:
    manifest.write_json(tmp_path / "a.json", {"标签": "体育"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "标签": "体育"\n}\n'
    assert manifest.read_json(tmp_path / "a.json") == {"标签": "体育"}
    with pytest.raises(ValueError, match="JSON compliant"):
        manifest.write_json(tmp_path / "b.json", {"a": float("nan")})


@pytest.mark.parametrize("content, message", [
    (b"[]", r"a\.json must contain a JSON object$"), (b"{", r"a\.json cannot be read: "),
    (b"\xff", r"a\.json cannot be read: "), (None, r"a\.json cannot be read: ")])
def test_a_file_without_a_json_object_is_an_error_with_its_path(tmp_path: Path, content: Any, message: str) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(PackageError, match=message):
        manifest.read_json(tmp_path / "a.json")


# Staging


def test_a_staged_folder_replaces_the_old_one_at_the_end_of_the_block(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folders" / "model"
    for content in ("old", "new"):
        with manifest.staged(target) as staging:
            assert staging.parent == target.parent and staging.name == f".model.{os.getpid()}"
            (staging / content).touch()
            assert [path.name for path in target.glob("*")] == (["old"] if content == "new" else [])
        assert [path.name for path in target.iterdir()] == [content]
        assert list(target.parent.iterdir()) == [target]


def test_an_error_in_the_block_keeps_the_old_folder_and_deletes_the_new_one(folder: Path) -> None:
    before = manifest.list_files(folder)
    with pytest.raises(KeyError), manifest.staged(folder) as staging:
        (staging / "half").touch()
        raise KeyError
    assert manifest.list_files(folder) == before and list(folder.parent.iterdir()) == [folder]


def test_staging_deletes_what_a_killed_process_left_and_nothing_else(tmp_path: Path) -> None:
    for name in (".model.1", ".model.2.old", ".models.1", "model.1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    with manifest.staged(tmp_path / "model"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".models.1", "model", "model.1"]


# Packages


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A package of an export that consists of three files."""
    saved_model = tmp_path / "export"
    for name in ("saved_model.pb", "variables/variables.index", "assets/labels.txt"):
        (saved_model / name).parent.mkdir(parents=True, exist_ok=True)
        (saved_model / name).write_text(name, encoding="utf-8")
    package.write(tmp_path / "out" / "model", saved_model, {"card": 1}, {"config": 2}, [("notes.txt", "备注\n")])
    assert manifest.list_files(saved_model) == []  # the export was moved
    return tmp_path / "out" / "model"


def test_a_package_has_the_files_of_the_export_the_service_the_card_the_config_and_a_manifest_of_all(
        written: Path) -> None:
    assert manifest.list_files(written) == FILES
    assert [entry["path"] for entry in manifest.read_json(written / "manifest.json")["files"]] == FILES
    assert package.problems(written) == []
    assert (written / "customize_service.py").read_bytes() == (PROJECT / "customize_service.py").read_bytes()
    assert manifest.read_json(written / "config.json") == {"config": 2} and package.card_of(written) == {"card": 1}
    assert (written / "notes.txt").read_bytes() == "备注\n".encode()
    assert (written / "saved_model.pb").read_text(encoding="utf-8") == "saved_model.pb"


def test_a_package_without_further_files_and_without_assets_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "export" / "variables").mkdir(parents=True)
    (tmp_path / "export" / "saved_model.pb").touch()
    package.write(tmp_path / "model", tmp_path / "export", {}, {})
    assert manifest.list_files(tmp_path / "model") == [
        "config.json", "customize_service.py", "model_card.json", "saved_model.pb"]


def test_a_copy_of_a_package_is_a_complete_package_and_replaces_the_old_one(written: Path, tmp_path: Path) -> None:
    for _ in range(2):
        package.copy(written, tmp_path / "copy" / "model")
        assert package.problems(tmp_path / "copy" / "model") == []
        assert manifest.list_files(tmp_path / "copy" / "model") == FILES


def test_saved_model_pb_is_the_last_file_that_a_copy_and_a_new_package_get(
        written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: List[str] = []
    copyfile, move = shutil.copyfile, shutil.move
    monkeypatch.setattr(shutil, "copyfile", lambda source, target: (order.append(Path(target).name),
                                                                    copyfile(source, target)))
    monkeypatch.setattr(shutil, "move", lambda source, target: (order.append(Path(target).name), move(source, target)))
    package.copy(written, tmp_path / "copy")
    assert len(order) == len(FILES) + 1 and order[-1] == "saved_model.pb"
    package.write(tmp_path / "new", tmp_path / "copy", {}, {})
    assert order[-1] == "saved_model.pb" and {"variables", "assets", "customize_service.py"} < set(order)


@pytest.mark.parametrize("name", ["saved_model.pb", "config.json", "customize_service.py", "model_card.json",
                                  "manifest.json"])
def test_a_folder_that_lacks_a_file_is_not_a_complete_package_and_has_no_card(written: Path, name: str) -> None:
    (written / name).unlink()
    assert len(package.problems(written)) == 1 and name in package.problems(written)[0]
    assert package.card_of(written) == {}


@pytest.mark.parametrize("name", ["saved_model.pb", "config.json", "customize_service.py", "model_card.json"])
def test_a_manifest_that_does_not_list_a_required_file_is_a_problem(written: Path, name: str) -> None:
    entries = manifest.read_json(written / "manifest.json")["files"]
    manifest.write_entries(written, [entry for entry in entries if entry["path"] != name])
    assert package.problems(written) == [f"{name} is not listed in manifest.json"]


def test_model_means_the_package_or_its_parent(written: Path, tmp_path: Path) -> None:
    assert package.locate(str(written)) == package.locate(str(written.parent)) == written
    with pytest.raises(PackageError, match=r"neither this folder nor its folder 'model' contains saved_model\.pb"):
        package.locate(str(tmp_path))


def test_the_size_of_a_package_is_that_of_all_its_files(written: Path) -> None:
    assert package.size(written) == sum(path.stat().st_size for path in written.rglob("*") if path.is_file())


# config.json


def test_config_json_has_the_metrics_of_the_test_part_else_of_the_dev_part_else_none() -> None:
    assert config_json.config(CARD, "r")["metrics"] == {"f1": 0.5, "accuracy": 0.6, "precision": 0.7, "recall": 0.8}
    assert config_json.config({**CARD, "test": {}}, "r")["metrics"] == {
        "f1": 0.1, "accuracy": 0.2, "precision": 0.3, "recall": 0.4}
    assert config_json.config({"dev": {}, "test": {}}, "r")["metrics"] == {}


def of_list(name: str, properties: Dict[str, Any]) -> Dict[str, Any]:
    rows = {"type": "array", "items": [{"type": "object", "properties": properties}]}
    inner = {"type": "object", "properties": {name: rows}, "required": [name]}
    return {"Content-type": "application/json",
            "data": {"type": "object", "properties": {"data": inner}, "required": ["data"]}}


@pytest.mark.parametrize("takes_ids, item", [
    (False, {"text": {"type": "string", "index": 0}}),
    (True, {"input_x": {"type": "array", "items": [{"type": "integer", "index": 0}]}})])
def test_config_json_describes_the_form_with_data_and_req_data(takes_ids: bool, item: Dict[str, Any]) -> None:
    config = config_json.config(CARD, "tf2.1-python3.7", takes_ids)
    assert takes_ids or config == config_json.config(CARD, "tf2.1-python3.7")
    del config["metrics"]
    assert config == {
        "model_type": "TensorFlow", "model_algorithm": "text_classification", "runtime": "tf2.1-python3.7",
        "apis": [{"protocol": "http", "url": "/", "method": "post", "request": of_list("req_data", item),
                  "response": of_list("resp_data", {"predicted_label": {"type": "string"},
                                                    "score": {"type": "number"}, "scores": {"type": "array"}})}]}


# Golden texts


def test_golden_texts_are_the_built_in_ones_two_of_known_words_and_the_users_rows() -> None:
    vocabulary = [str(i).encode() for i in range(70)]
    assert golden.texts(vocabulary, ["a row"]) == [
        *golden.TEXTS, " ".join(map(str, range(12))), " ".join(map(str, range(12, 60))), "a row"]
    assert golden.texts([b"a"]) == [*golden.TEXTS, "a", ""]


def test_a_golden_answer_has_the_text_its_label_and_its_probabilities() -> None:
    probabilities = np.array([[0.25, 0.75], [0.5, 0.25]], np.float32)
    assert [as_json(each) for each in golden.answers(["x", "y"], probabilities, ["a", "b"])] == [
        {"text": "x", "label": "b", "probabilities": [0.25, 0.75]},
        {"text": "y", "label": "a", "probabilities": [0.5, 0.25]}]
