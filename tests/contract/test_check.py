"""The promises of ``infer.py check``. For engines see test_engine_fit.py, for config.json test_config_json.py, for
dangerous packages tests/fault/test_crafted_packages.py."""
import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import foreign_classic
import foreign_objects
import made_models
import pytest
import tensorflow as tf
from asking import PROJECT, answered_in_process
from jobs import read_json, relisted

import infer
from textjob import check, errors
from textjob.check import answers, graph

v1 = tf.compat.v1
CONFIG = {"model_type": "TensorFlow", "model_algorithm": "text_classification"}
ENGINES = ["tf1.13-python3.6", "tf1.15-python3.7", "tf2.1-python3.7", "tf2.6-python3.7"]


@pytest.fixture
def package(tiny_run: Path, tmp_path: Path) -> Path:
    """A complete package that a test may damage."""
    return Path(shutil.copytree(str(tiny_run / "cnn" / "model"), str(tmp_path / "model")))


@pytest.fixture
def bare(package: Path) -> Path:
    """The same without manifest, model card and service file, so that the check starts nothing."""
    for name in ("manifest.json", "model_card.json", "customize_service.py"):
        (package / name).unlink()
    return package


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Tuple[int, Any]]:
    """Exit code and JSON of the command line."""
    def command(folder: Path, *arguments: str) -> Tuple[int, Any]:
        capsys.readouterr()
        code = errors.run(lambda: infer.main(["check", "--model", str(folder), "--json", *arguments]))
        output = capsys.readouterr()
        assert output.err == "" and output.out.count("\n") == 1
        return code, json.loads(output.out)
    return command


def faults(result: Any, rule: str = "") -> List[str]:
    return [finding["message"] for finding in result["findings"]
            if finding["level"] == "fault" and rule in finding["rule"]]


def notes(result: Any) -> str:
    return "; ".join(finding["message"] for finding in result["findings"] if finding["level"] == "note")


def served_by(package: Path, source: str) -> Path:
    """The package with ``source`` appended to its service file."""
    with open(str(package / "customize_service.py"), "a", encoding="utf-8") as file:
        file.write("\n\n" + source)
    return relisted(package)


# The command


def test_a_foreign_model_with_service_file_and_config_json_is_deployable_with_notes(
        tmp_path: Path, run: Callable[..., Any]) -> None:
    folder = tmp_path / "model"
    foreign_classic.two_signatures(str(folder))
    shutil.copy(str(PROJECT / "customize_service.py"), str(folder))
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    code, result = run(folder, "--name", "news-topics", "--version", "1.0.0")
    assert (code, result["deployable"], result["package"]) == (0, True, str(folder))
    assert set(result) == {"package", "deployable", "findings", "engines"}
    assert all(set(finding) == {"level", "rule", "message", "code"} for finding in result["findings"])
    assert {finding["level"] for finding in result["findings"]} == {"ok", "note"}
    assert {finding["rule"] for finding in result["findings"]} == {
        "files", "config.json", "service", "signature", "ops", "engines", "answers"}
    assert list(result["engines"]) == ENGINES
    assert all(isinstance(reasons, list) for reasons in result["engines"].values())
    text = notes(result)
    assert "no manifest.json" in text and "no golden answers" in text and "the inputs comments (text)" in text


@pytest.mark.parametrize("flag, value", [
    *[("--name", name) for name in ("a", "a" * 64, "News_topics-2", "0")],
    *[("--version", version) for version in ("0.0.0", "1.0.0", "99.99.99")]])
def test_a_name_and_a_version_that_the_platform_accepts_are_no_fault(
        bare: Path, run: Callable[..., Any], flag: str, value: str) -> None:
    assert not [message for message in faults(run(bare, flag, value)[1]) if "the platform expects" in message]


@pytest.mark.parametrize("flag, value", [
    *[("--name", name) for name in ("a" * 65, "news topics", "新闻", "a.b", "a/b", "name\n")],
    *[("--version", version) for version in ("1", "1.0", "1.0.0.0", "100.0.0", "01.0.0", "1.0.x", "v1.0.0", "1.0.0 ",
                                             "1٣.0.0")]], ids=ascii)
def test_a_name_or_a_version_that_the_platform_rejects_is_a_fault_with_the_expected_form(
        bare: Path, run: Callable[..., Any], flag: str, value: str) -> None:
    code, result = run(bare, flag, value)
    assert code == 5 and any(message.startswith(f"{flag} {value!r} is not valid; the platform expects")
                             for message in faults(result, "files"))


# Files


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "config.json", "customize_service.py",
                                  "variables/variables.data-00000-of-00001"])
@pytest.mark.parametrize("manifest", [True, False], ids=["listed", "no manifest"])
def test_each_missing_file_that_the_import_requires_is_a_fault(
        package: Path, run: Callable[..., Any], name: str, manifest: bool) -> None:
    (package / "customize_service.py").write_text("", encoding="utf-8")  # prevents the start of the service
    (package / name).unlink()
    relisted(package)
    if not manifest:
        (package / "manifest.json").unlink()
        (package / "model_card.json").unlink()
    code, result = run(package)
    assert code == 5 and any(message.startswith(f"{name} is missing, but the platform's import requires it")
                             for message in faults(result, "files"))


@pytest.mark.parametrize("name", ["saved_model.pb", "config.json", "customize_service.py"])
def test_a_second_file_of_a_name_that_must_be_unique_is_a_fault(
        bare: Path, run: Callable[..., Any], name: str) -> None:
    (bare / "old").mkdir()
    (bare / "old" / name).write_text("{}", encoding="utf-8")
    assert (f"the package has more than one {name}, but the platform's import requires exactly one; remove old/{name}"
            in faults(run(bare)[1]))


@pytest.mark.parametrize("name", ["numpy.py", "tensorflow/__init__.py", "google/protobuf/__init__.py", "flask.py",
                                  "model_service/tfserving_model_service.py", "h5py/hidden.py"])
def test_a_module_that_replaces_one_of_the_image_is_a_fault(bare: Path, run: Callable[..., Any], name: str) -> None:
    (bare / name).parent.mkdir(parents=True, exist_ok=True)
    (bare / name).touch()
    module = name.split("/")[0].split(".")[0]
    assert any(message.startswith(f"the module {module} beside customize_service.py would replace the module {module}")
               for message in faults(run(bare)[1]))


def test_other_modules_beside_the_service_file_are_no_fault(bare: Path, run: Callable[..., Any]) -> None:
    (bare / "numpy_tools.py").touch()
    (bare / "tools").mkdir()
    (bare / "tools" / "numpy.py").touch()
    (message,) = faults(run(bare)[1])
    assert message.startswith("customize_service.py is missing")


def test_a_folder_with_a_name_other_than_model_is_a_note(bare: Path, run: Callable[..., Any]) -> None:
    folder = bare.rename(bare.with_name("export"))
    assert "the folder is called 'export'" in notes(run(folder)[1])


def test_a_package_with_a_model_card_but_without_a_manifest_is_incomplete(bare: Path, run: Callable[..., Any]) -> None:
    (bare / "model_card.json").write_text("{}", encoding="utf-8")
    assert any("manifest.json is missing" in message for message in faults(run(bare)[1]))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"files": 5}', '{"files": [5]}', '{"files": [{}]}',
                                     '{"files": [{"path": 5}]}', '{"files": [{"path": "\\ud800"}]}',
                                     '{"files": [{"path": "a\\u0000b"}]}', "\xff"], ids=ascii)
def test_a_malformed_manifest_is_a_fault(package: Path, run: Callable[..., Any], content: str) -> None:
    (package / "manifest.json").write_bytes(content.encode("latin-1"))
    code, result = run(package)
    assert code == 5 and any("manifest.json" in message for message in faults(result, "files"))


@pytest.mark.parametrize("content", [b"", b"not a protocol buffer", b"\x0a\x03\xff\xff\xff"], ids=ascii)
def test_a_damaged_saved_model_is_a_fault(bare: Path, run: Callable[..., Any], content: bytes) -> None:
    (bare / "saved_model.pb").write_bytes(content)
    code, result = run(bare)
    assert code == 5 and len(faults(result)) > 1


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "{'a': 1}", "\xff"], ids=ascii)
def test_a_config_json_that_is_not_an_object_has_the_platforms_code(
        bare: Path, run: Callable[..., Any], content: str) -> None:
    (bare / "config.json").write_bytes(content.encode("latin-1"))
    code, result = run(bare)
    (finding,) = [finding for finding in result["findings"] if finding["rule"] == "config.json"]
    assert (code, finding["level"], finding["code"]) == (5, "fault", "ModelArts.3015")
    assert "config.json" in finding["message"]


# Engines


@pytest.mark.parametrize("runtime, engine_of_runtime", [
    *[(engine, engine) for engine in ENGINES],
    ("tensorflow_2.6.0-cuda_11.2-py_3.7-ubuntu_18.04-x86_64", "tf2.6-python3.7"),
    ("python3.6", "none"), (None, "none")])
def test_a_model_that_the_runtime_of_config_json_does_not_load_is_a_fault_and_for_other_engines_a_note(
        tmp_path: Path, run: Callable[..., Any], runtime: Any, engine_of_runtime: str) -> None:
    folder = tmp_path / "model"
    foreign_objects.module(str(folder))
    config = dict(CONFIG, **{"runtime": runtime} if runtime else {})
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    result = run(folder)[1]
    assert all(result["engines"][engine] for engine in ENGINES)
    levels = {finding["message"].split()[4].rstrip(",:"): finding["level"] for finding in result["findings"]
              if finding["rule"] == "engines"}
    assert levels == {engine: "fault" if engine == engine_of_runtime else "note" for engine in ENGINES}


# The service


@pytest.mark.parametrize("source, reason", [
    ("if (x := 5):\n    pass\n", "line 1"), ("def f(a, /):\n    pass\n", "line 1"), ("\nprint 'text'\n", "line 2"),
    ("match = 1\nmatch match:\n    case 1: pass\n", "line 3"), ("a\0b", "null byte"), ("x = '\xff'", "utf-8")],
    ids=["walrus", "positional", "Python 2", "match", "NUL", "Latin-1"])
def test_a_service_file_that_python_3_6_cannot_parse_is_a_fault_and_is_not_started(
        package: Path, run: Callable[..., Any], source: str, reason: str) -> None:
    (package / "customize_service.py").write_bytes(source.encode("latin-1"))
    code, result = run(relisted(package))
    (message,) = faults(result)
    assert code == 5 and message.startswith("customize_service.py cannot be parsed by Python 3.6") and reason in message
    assert not [finding for finding in result["findings"] if finding["rule"] == "answers"]


def test_a_second_leaf_class_is_a_fault(package: Path) -> None:
    result = check.run(served_by(package, "class Other(TfServingBaseService):\n    pass\n"))
    (message,) = faults(result, "answers")
    assert "exactly one leaf class of TfServingBaseService" in message and "TextClassifierService, Other" in message


def test_a_service_that_ends_the_process_at_its_start_is_a_fault(package: Path) -> None:
    (package / "customize_service.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    (message,) = faults(check.run(relisted(package)))
    assert message.startswith("the service's process ended during its start without a message")


def test_a_service_that_never_starts_is_a_fault(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "START_SECONDS", 2)
    (package / "customize_service.py").write_text("import time\ntime.sleep(100)\n", encoding="utf-8")
    assert faults(check.run(relisted(package))) == ["the service did not start and respond within 2 s"]


ENDS_THE_PROCESS = """class Mine(TextClassifierService):
    def _preprocess(self, data):
        if "meta" in data:
            os._exit(0)
        return super()._preprocess(data)
"""


def test_a_service_whose_process_ends_on_a_request_is_a_fault_that_names_the_request(package: Path) -> None:
    (message,) = faults(check.run(served_by(package, ENDS_THE_PROCESS)))
    assert message.startswith("the service's process ended while it processed a request (expected: meta is returned")


PRINTS = """print("[200, {}, 0]")
os.write(1, b"[200, {}, 0]\\n")


class Mine(TextClassifierService):
    def _postprocess(self, outcome):
        print("[200, {}, 0]", flush=True)
        os.write(1, b"[200, {}, 0]\\n")
        return super()._postprocess(outcome)
"""


def test_the_output_of_a_service_does_not_mix_with_its_responses(package: Path) -> None:
    result = check.run(served_by(package, PRINTS))
    assert result["deployable"], result["findings"]
    assert "customize_service.py differs from the one of this template" in notes(result)


def of_ids(columns: Any, least: float) -> Callable[[], Any]:
    """The mean of the ids' vectors; ``least``: the divisor for a row without ids."""
    def build() -> Any:
        ids = v1.placeholder(tf.int32, [None, columns])
        count = tf.maximum(tf.cast(tf.shape(ids)[1], tf.float32), least)
        return {"input_x": ids}, {"output": tf.nn.softmax(tf.reduce_sum(tf.one_hot(ids, 5), 1) / count)}
    return build


@pytest.mark.parametrize("columns, least, message", [
    (None, 1.0, ""), (None, 0.0, "expected: an answer for an item without ids; "), (4, 0.0, "")],
    ids=["any number", "at least one", "four"])
def test_check_sends_an_item_without_ids_if_the_shape_allows_it_and_its_model_error_is_a_fault(
        columns: Any, least: float, message: str, tmp_path: Path) -> None:
    package = made_models.write(tmp_path / "model", of_ids(columns, least))
    shutil.copy(str(PROJECT / "customize_service.py"), str(package))
    plan = graph.signature(package)[1]
    found = [finding.message for finding in answers.findings(package, plan, answered_in_process)
             if finding.level == "fault"]
    assert len(found) == bool(message)
    assert not found or (found[0].startswith(message) and "Export the model again, so that" in found[0])


SHAPES = """
REPLIES = iter([{}, [], None, "text", 5, {"data": None}, {"resp_data": [1]}, {"predicted_label": 5}, float("nan"),
                [{}], {"error": 5}, {"resp_data": {}}])


class Mine(TextClassifierService):
    def inference(self, data):
        return next(REPLIES)
"""


def test_a_response_of_another_structure_is_a_fault_for_each_promise(package: Path) -> None:
    messages = faults(check.run(served_by(package, SHAPES)), "answers")
    assert len(messages) == 12 and all("; the response has the status 200 and the body " in each for each in messages)


def test_a_changed_golden_answer_is_a_fault_that_names_the_text(package: Path) -> None:
    card: Dict[str, Any] = read_json(package / "model_card.json")
    card["golden"][2]["probabilities"][0] += 0.01
    (package / "model_card.json").write_text(json.dumps(card), encoding="utf-8")
    (message,) = faults(check.run(relisted(package)))
    assert "the golden text" in message and "The film is good" in message and "0.01" in message
