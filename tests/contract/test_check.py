"""What ``infer.py check`` promises; for engines see test_fit.py, for config.json test_config_json.py, for traps
tests/fault/test_crafted_packages.py."""
import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import foreign_classic
import foreign_objects
import pytest
from asking import PROJECT
from jobs import read_json, relisted

import infer
from textjob import check, errors
from textjob.check import answers

CONFIG = {"model_type": "TensorFlow", "model_algorithm": "text_classification"}
ENGINES = ["tf1.13-python3.6", "tf1.15-python3.7", "tf2.1-python3.7", "tf2.6-python3.7"]


@pytest.fixture
def package(tiny_run: Path, tmp_path: Path) -> Path:
    """A whole package that a test may harm."""
    return Path(shutil.copytree(str(tiny_run / "cnn" / "model"), str(tmp_path / "model")))


@pytest.fixture
def bare(package: Path) -> Path:
    """The same as a foreign model would be: without manifest, card and service file, so that nothing is started."""
    for name in ("manifest.json", "model_card.json", "customize_service.py"):
        (package / name).unlink()
    return package


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Tuple[int, Any]]:
    """Exit code and JSON of the command line."""
    def command(folder: Path, *arguments: str) -> Tuple[int, Any]:
        capsys.readouterr()
        code = errors.run(lambda: infer.main(["check", "--model", str(folder), "--json", *arguments]))
        said = capsys.readouterr()
        assert said.err == "" and said.out.count("\n") == 1
        return code, json.loads(said.out)
    return command


def faults(result: Any, rule: str = "") -> List[str]:
    return [found["message"] for found in result["findings"] if found["level"] == "fault" and rule in found["rule"]]


def notes(result: Any) -> str:
    return "; ".join(found["message"] for found in result["findings"] if found["level"] == "note")


def served_by(package: Path, source: str) -> Path:
    """The package with more lines at the end of its service file."""
    with open(str(package / "customize_service.py"), "a", encoding="utf-8") as file:
        file.write("\n\n" + source)
    return relisted(package)


# The command


def test_a_foreign_model_with_service_file_and_config_json_is_deployable_with_notes_and_the_json_form_says_so(
        tmp_path: Path, run: Callable[..., Any]) -> None:
    folder = tmp_path / "model"
    foreign_classic.two_signatures(str(folder))
    shutil.copy(str(PROJECT / "customize_service.py"), str(folder))
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    code, result = run(folder, "--name", "news-topics", "--version", "1.0.0")
    assert (code, result["deployable"], result["package"]) == (0, True, str(folder))
    assert set(result) == {"package", "deployable", "findings", "engines"}
    assert all(set(found) == {"level", "rule", "message", "code"} for found in result["findings"])
    assert {found["level"] for found in result["findings"]} == {"ok", "note"}
    assert {found["rule"] for found in result["findings"]} == {
        "files", "config.json", "service", "signature", "ops", "engines", "answers"}
    assert list(result["engines"]) == ENGINES
    assert all(isinstance(reasons, list) for reasons in result["engines"].values())
    said = notes(result)
    assert "no manifest.json" in said and "no golden answers" in said and "input 'comments' of texts" in said


@pytest.mark.parametrize("flag, value", [
    *[("--name", name) for name in ("a", "a" * 64, "News_topics-2", "0")],
    *[("--version", version) for version in ("0.0.0", "1.0.0", "99.99.99")]])
def test_a_name_and_a_version_that_the_platform_takes_are_no_finding(
        bare: Path, run: Callable[..., Any], flag: str, value: str) -> None:
    assert not [said for said in faults(run(bare, flag, value)[1]) if "the platform takes" in said]


@pytest.mark.parametrize("flag, value", [
    *[("--name", name) for name in ("a" * 65, "news topics", "新闻", "a.b", "a/b", "name\n")],
    *[("--version", version) for version in ("1", "1.0", "1.0.0.0", "100.0.0", "01.0.0", "1.0.x", "v1.0.0", "1.0.0 ",
                                             "1٣.0.0")]], ids=ascii)
def test_a_name_or_a_version_that_the_platform_refuses_is_a_fault_that_says_what_it_takes(
        bare: Path, run: Callable[..., Any], flag: str, value: str) -> None:
    code, result = run(bare, flag, value)
    assert code == 5 and any(said.startswith(f"{flag} {value!r}: the platform takes")
                             for said in faults(result, "files"))


# Files


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "config.json", "customize_service.py",
                                  "variables/variables.data-00000-of-00001"])
@pytest.mark.parametrize("manifest", [True, False], ids=["listed", "no manifest"])
def test_each_file_that_the_import_needs_is_a_fault_where_it_is_missing(
        package: Path, run: Callable[..., Any], name: str, manifest: bool) -> None:
    (package / "customize_service.py").write_text("", encoding="utf-8")  # no start, whatever is missing
    (package / name).unlink()
    relisted(package)
    if not manifest:
        (package / "manifest.json").unlink()
        (package / "model_card.json").unlink()
    code, result = run(package)
    assert code == 5 and f"{name} is missing: the platform's import needs it" in faults(result, "files")


@pytest.mark.parametrize("name", ["saved_model.pb", "config.json", "customize_service.py"])
def test_a_second_file_of_which_the_import_wants_one_is_a_fault(bare: Path, run: Callable[..., Any], name: str) -> None:
    (bare / "old").mkdir()
    (bare / "old" / name).write_text("{}", encoding="utf-8")
    assert f"old/{name} beside that of the package: the import wants exactly one {name}" in faults(run(bare)[1])


@pytest.mark.parametrize("name", ["numpy.py", "tensorflow/__init__.py", "google/protobuf/__init__.py", "flask.py",
                                  "model_service/tfserving_model_service.py", "h5py/hidden.py"])
def test_a_module_that_hides_one_of_the_image_is_a_fault(bare: Path, run: Callable[..., Any], name: str) -> None:
    (bare / name).parent.mkdir(parents=True, exist_ok=True)
    (bare / name).touch()
    module = name.split("/")[0].split(".")[0]
    assert f"{module}: a module of this name hides that of the platform's image; rename it" in faults(
        run(bare)[1])


def test_own_modules_beside_the_service_file_are_no_fault(bare: Path, run: Callable[..., Any]) -> None:
    (bare / "numpy_tools.py").touch()
    (bare / "tools").mkdir()
    (bare / "tools" / "numpy.py").touch()
    assert faults(run(bare)[1]) == ["customize_service.py is missing: the platform's import needs it"]


def test_a_folder_of_another_name_is_a_note(bare: Path, run: Callable[..., Any]) -> None:
    folder = bare.rename(bare.with_name("export"))
    assert "the folder is called 'export'" in notes(run(folder)[1])


def test_a_card_without_a_manifest_is_no_complete_package(bare: Path, run: Callable[..., Any]) -> None:
    (bare / "model_card.json").write_text("{}", encoding="utf-8")
    assert any("manifest.json is missing" in said for said in faults(run(bare)[1]))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"files": 5}', '{"files": [5]}', '{"files": [{}]}',
                                     '{"files": [{"path": 5}]}', '{"files": [{"path": "\\ud800"}]}',
                                     '{"files": [{"path": "a\\u0000b"}]}', "\xff"], ids=ascii)
def test_a_manifest_of_another_form_is_a_fault(package: Path, run: Callable[..., Any], content: str) -> None:
    (package / "manifest.json").write_bytes(content.encode("latin-1"))
    code, result = run(package)
    assert code == 5 and any("manifest.json" in said for said in faults(result, "files"))


@pytest.mark.parametrize("content", [b"", b"no protocol buffer", b"\x0a\x03\xff\xff\xff"], ids=ascii)
def test_a_saved_model_that_is_none_is_a_fault(bare: Path, run: Callable[..., Any], content: bytes) -> None:
    (bare / "saved_model.pb").write_bytes(content)
    code, result = run(bare)
    assert code == 5 and len(faults(result)) > 1


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "{'a': 1}", "\xff"], ids=ascii)
def test_a_config_json_that_is_no_object_gives_the_platforms_code(
        bare: Path, run: Callable[..., Any], content: str) -> None:
    (bare / "config.json").write_bytes(content.encode("latin-1"))
    code, result = run(bare)
    (found,) = [found for found in result["findings"] if found["rule"] == "config.json"]
    assert (code, found["level"], found["code"]) == (5, "fault", "ModelArts.3015") and "config.json" in found["message"]


# Engines


@pytest.mark.parametrize("runtime, asked", [
    *[(engine, engine) for engine in ENGINES],
    ("tensorflow_2.6.0-cuda_11.2-py_3.7-ubuntu_18.04-x86_64", "tf2.6-python3.7"),
    ("python3.6", "none"), (None, "none")])
def test_the_engine_that_config_json_asks_for_is_a_fault_where_it_does_not_load_the_model_and_others_are_notes(
        tmp_path: Path, run: Callable[..., Any], runtime: Any, asked: str) -> None:
    folder = tmp_path / "model"
    foreign_objects.module(str(folder))
    config = dict(CONFIG, **{"runtime": runtime} if runtime else {})
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    result = run(folder)[1]
    assert all(result["engines"][engine] for engine in ENGINES)
    told = {found["message"].split()[4].rstrip(",:"): found["level"] for found in result["findings"]
            if found["rule"] == "engines"}
    assert told == {engine: "fault" if engine == asked else "note" for engine in ENGINES}


# The service


@pytest.mark.parametrize("source, said", [
    ("if (x := 5):\n    pass\n", "line 1"), ("def f(a, /):\n    pass\n", "line 1"), ("\nprint 'text'\n", "line 2"),
    ("match = 1\nmatch match:\n    case 1: pass\n", "line 3"), ("a\0b", "null byte"), ("x = '\xff'", "utf-8")],
    ids=["walrus", "positional", "Python 2", "match", "NUL", "Latin-1"])
def test_a_service_file_in_a_grammar_that_the_oldest_image_cannot_read_is_a_fault_and_is_not_started(
        package: Path, run: Callable[..., Any], source: str, said: str) -> None:
    (package / "customize_service.py").write_bytes(source.encode("latin-1"))
    code, result = run(relisted(package))
    (told,) = faults(result)
    assert code == 5 and told.startswith("customize_service.py cannot be read by Python 3.6") and said in told
    assert not [found for found in result["findings"] if found["rule"] == "answers"]


def test_a_second_leaf_class_is_a_fault(package: Path) -> None:
    result = check.run(served_by(package, "class Other(TfServingBaseService):\n    pass\n"))
    (said,) = faults(result, "answers")
    assert "exactly one leaf class of TfServingBaseService, but the file has 2: TextClassifierService, Other" in said


def test_a_service_that_ends_the_process_at_its_start_is_a_fault(package: Path) -> None:
    (package / "customize_service.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    assert faults(check.run(relisted(package))) == ["the service's process died at its start"]


def test_a_service_that_never_starts_is_a_fault(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "START_SECONDS", 2)
    (package / "customize_service.py").write_text("import time\ntime.sleep(100)\n", encoding="utf-8")
    assert faults(check.run(relisted(package))) == ["the service did not answer within 2 s"]


DIES = """class Mine(TextClassifierService):
    def _preprocess(self, data):
        if "meta" in data:
            os._exit(0)
        return super()._preprocess(data)
"""


def test_a_service_that_dies_of_a_request_is_a_fault_that_names_the_request(package: Path) -> None:
    (said,) = faults(check.run(served_by(package, DIES)))
    assert said.startswith("the service's process died of a request (meta is echoed): ")


PRINTS = """print("[200, {}, 0]")
os.write(1, b"[200, {}, 0]\\n")


class Mine(TextClassifierService):
    def _postprocess(self, outcome):
        print("[200, {}, 0]", flush=True)
        os.write(1, b"[200, {}, 0]\\n")
        return super()._postprocess(outcome)
"""


def test_what_a_service_prints_does_not_mix_with_its_answers(package: Path) -> None:
    result = check.run(served_by(package, PRINTS))
    assert result["deployable"], result["findings"]
    assert "customize_service.py is not this template's of today" in notes(result)


SHAPES = """
REPLIES = iter([{}, [], None, "text", 5, {"data": None}, {"resp_data": [1]}, {"predicted_label": 5}, float("nan")])


class Mine(TextClassifierService):
    def inference(self, data):
        return next(REPLIES)
"""


def test_answers_of_another_shape_are_a_fault_for_each_promise(package: Path) -> None:
    said = faults(check.run(served_by(package, SHAPES)), "answers")
    assert len(said) == 9 and all(": answered 200 " in each for each in said)


def test_a_changed_golden_answer_is_a_fault_that_names_the_text(package: Path) -> None:
    card: Dict[str, Any] = read_json(package / "model_card.json")
    card["golden"][2]["probabilities"][0] += 0.01
    (package / "model_card.json").write_text(json.dumps(card), encoding="utf-8")
    (said,) = faults(check.run(relisted(package)))
    assert "the golden text" in said and "The film is good" in said and "off by 0.01" in said
