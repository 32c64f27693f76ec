"""The check of ``config.json`` by the rules of the platform's manual ("model configuration file")."""
import copy
import re
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs import read_json

from textjob.check.config_json import RUNTIMES, findings, read
from textjob.check.finding import FAULT, NOTE, OK
from textjob.engines.registry import engines

DATA = "apis[0].request.data"
ROWS = DATA + ".properties.data.properties.req_data"
PROPERTIES = ROWS + ".items[0].properties"
GONE = object()


@pytest.fixture(scope="module")
def real(tiny_run: Path) -> Any:
    """The config.json of a package; :func:`changed` copies it."""
    return read_json(tiny_run / "cnn" / "model" / "config.json")


def changed(config: Any, place: str, value: Any) -> Any:
    """A copy of a config with another value at a place such as ``apis[0].url``; GONE deletes it."""
    config = inner = copy.deepcopy(config)
    *outer, last = [int(key) if key.isdigit() else key for key in re.findall(r"[\w-]+", place)]
    for key in outer:
        inner = inner[key]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    return config


def reported(config: Any, folder: Path = Path("missing")) -> List[Tuple[str, str, str]]:
    """The level, the platform's code and the field at the beginning of the message, for each finding."""
    results = findings(config, folder)
    assert {finding.rule for finding in results} == {"config.json"}
    return [(finding.level, finding.code.replace("ModelArts.", ""), finding.message.split()[0]) for finding in results]


def install(**package: Any) -> List[Any]:
    return [{"installer": "pip", "packages": [package]}]


def columns(*indexes: int) -> Dict[str, Any]:
    return {f"text{i}": {"type": "string", "index": index} for i, index in enumerate(indexes)}


# The packages


def test_the_config_json_of_every_package_meets_the_rules_of_the_platform(
        packages: Dict[str, Path], tiny_run: Path) -> None:
    for package in [*packages.values(), tiny_run / "cnn" / "model", tiny_run / "model"]:
        (finding,) = findings(read_json(package / "config.json"), package)
        assert (finding.level, finding.code) == (OK, "")


def test_config_json_contains_the_metrics_of_the_test_part_else_of_dev(
        packages: Dict[str, Path], tiny_run: Path) -> None:
    for package, part in (*((package, "test") for package in packages.values()), (tiny_run / "cnn" / "model", "dev")):
        figures = read_json(package / "model_card.json")[part]
        assert read_json(package / "config.json")["metrics"] == {
            "f1": figures["macro_f1"], **{name: figures[name] for name in ("accuracy", "precision", "recall")}}
    assert read_json(tiny_run / "cnn" / "model" / "model_card.json")["test"] == {}


# The rules: place, new value, level, code, and where the finding names another place: its suffix

BROKEN = [
    ("model_algorithm", GONE, FAULT, "3015"),
    ("model_algorithm", None, FAULT, "3015"),
    ("model_algorithm", "", FAULT, "3015"),
    ("model_algorithm", "1st", FAULT, "3015"),
    ("model_algorithm", "a" * 37, FAULT, "3015"),
    ("model_algorithm", "文本", FAULT, "3015"),
    ("model_algorithm", "text文本", FAULT, "3015"),
    *[("model_algorithm", "text" + letter, FAULT, "3015") for letter in "&!'\\\"<>="],
    ("model_type", GONE, FAULT, "3015"),
    ("model_type", 1, FAULT, "3015"),
    ("model_type", "TF", FAULT, "3016"),
    ("model_type", "PyTorch", FAULT, ""),
    ("model_type", "Image", FAULT, ""),
    ("runtime", "", FAULT, "3015"),
    ("runtime", 2.1, FAULT, "3015"),
    ("runtime", "tf2.1-python3.8", NOTE, ""),
    ("swr_location", "swr.example.com/a/b:1", FAULT, "3016"),
    ("health", {"url": "/health"}, FAULT, "3016"),
    ("metrics", [], FAULT, "3015"),
    ("metrics.loss", 0.1, NOTE, ""),
    *[("metrics.f1", value, FAULT, "3015") for value in (True, "0.9", None, 10 ** 400, float("nan"), float("inf"))],
    *[("metrics." + name, value, NOTE, "") for name in ("f1", "recall", "precision", "accuracy")
      for value in (-0.1, 1.1, 92.5, 10 ** 300)],
    *[("metrics." + name, 12.5, NOTE, "") for name in ("mae", "mse")],
    ("modeltype", "TensorFlow", NOTE, ""),
    ("apis", GONE, NOTE, "3514"),
    ("apis", {}, FAULT, "3015"),
    ("apis", [], FAULT, "3015"),
    ("apis[0]", "/", FAULT, "3015"),
    ("apis[0].url", "/predict", FAULT, "3015"),
    ("apis[0].method", "get", FAULT, "3015"),
    ("apis[0].protocol", "grpc", FAULT, "3015"),
    ("apis[0].procotol", "http", NOTE, ""),
    *[("apis[0]." + side, value, *rest) for side in ("request", "response")
      for value, *rest in [(GONE, NOTE, "3514"), ([], FAULT, "3015")]],
    *[("apis[0]." + side + ".Content-type", value, *rest) for side in ("request", "response")
      for value, *rest in [(GONE, NOTE, "3514"), ("text/plain", FAULT, "3015"), ("applicaton/json", NOTE, "")]],
    *[("apis[0]." + side + ".data", value, *rest) for side in ("request", "response")
      for value, *rest in [(GONE, NOTE, "3514"), ("text", FAULT, "3015")]],
    ("apis[0].request.body", {}, NOTE, ""),
    (ROWS + ".items", {"type": "string", "index": 0}, NOTE, ""),
    (ROWS + ".items[0]", "string", FAULT, "3015"),
    (ROWS + ".item", [], NOTE, ""),
    (PROPERTIES + ".text", "string", FAULT, "3015"),
    (PROPERTIES + ".text.type", GONE, NOTE, "3514"),
    (PROPERTIES + ".text.type", "null", NOTE, "3514"),
    (PROPERTIES + ".text.type", "file", NOTE, "3514"),
    (PROPERTIES + ".text.type", ["string", "null"], NOTE, "3514"),
    *[(PROPERTIES + ".text.type", value, FAULT, "3015") for value in (1, "float", "String", ["string", "list"], [1])],
    *[("apis[0].response.data.type", value, FAULT, "3015") for value in ("list", "float", "dict", "box", [None])],
    ("apis[0].response.data.properties.data.properties.resp_data.items[0].type", "list", FAULT, "3015"),
    (PROPERTIES + ".text.required", True, FAULT, "3015"),
    (PROPERTIES + ".text.index", GONE, NOTE, "3514"),
    *[(PROPERTIES + ".text.index", value, FAULT, "3015") for value in ("0", 0.0, False, None, -1, [0])],
    (PROPERTIES + ".text.index", 1, NOTE, ""),
    (PROPERTIES, columns(0, 2), NOTE, "", ".text1.index"),
    (PROPERTIES, columns(0, 1, 1), FAULT, "3015", ".text2.index"),
    ("dependencies", {}, FAULT, "3015"),
    ("dependencies", ["numpy"], FAULT, "3015", "[0]"),
    ("dependencies", [{"packages": [{"package_name": "numpy"}]}], FAULT, "3015", "[0].installer"),
    ("dependencies", [{"installer": "conda", "packages": [{"package_name": "numpy"}]}], FAULT, "3015", "[0].installer"),
    ("dependencies", [{"installer": "pip"}], FAULT, "3015", "[0].packages"),
    ("dependencies", [{"installer": "pip", "packages": []}], FAULT, "3015", "[0].packages"),
    ("dependencies", [{"installer": "pip", "packages": {"package_name": "numpy"}}], FAULT, "3015", "[0].packages"),
    ("dependencies", [{"installer": "pip", "packages": ["numpy"]}], FAULT, "3015", "[0].packages[0]"),
    ("dependencies", [{"installer": "pip", "packages": [{"package_name": "a"}], "order": 1}], NOTE, "", "[0].order"),
    ("dependencies", install(), FAULT, "3015", "[0].packages[0].package_name"),
    ("dependencies", install(package_name=""), FAULT, "3015", "[0].packages[0].package_name"),
    *[("dependencies", install(package_name="numpy" + letter), FAULT, "3015", "[0].packages[0].package_name")
      for letter in "&!'\"<>="],
    *[("dependencies", install(package_name=name + ".whl"), FAULT, "3017", "[0].packages[0].package_name")
      for name in ("absent", "../beside", "folder", "\0", "\ud800", "a" * 5000, "/home/mind/model/absent",
                   "/home/mind/model/../beside", "/home/mind/there", "/home/mind/model/1/2/there", "$HOME/there")],
    ("dependencies", install(package_name="numpy", version="1.0"), NOTE, "", "[0].packages[0].version"),
    ("dependencies", install(package_name="numpy", package_version=1.0, restraint="EXACT"), FAULT, "3015",
     "[0].packages[0].package_version"),
    ("dependencies", install(package_name="numpy", package_version="1.0"), FAULT, "3015", "[0].packages[0]"),
    ("dependencies", install(package_name="numpy", restraint="EXACT"), FAULT, "3015", "[0].packages[0]"),
    *[("dependencies", install(package_name="numpy", package_version="1.0", restraint=value), FAULT, "3041",
       "[0].packages[0].restraint") for value in ("==", "exact", None)],
]
ALLOWED = [
    *[(key, GONE) for key in ("runtime", "metrics", "metrics.f1", "apis[0].url", "apis[0].method", "apis[0].protocol")],
    *[("runtime", runtime) for runtime in RUNTIMES],
    ("model_algorithm", "a" * 36),
    ("metrics", {}), ("metrics.f1", 0), ("metrics.f1", 1), ("metrics.f1", 1.0),
    ("apis[0].protocol", "https"),
    ("apis[0].request.data", {"type": "object", "properties": {"req_data": {"type": "array", "items": [
        {"type": "object", "properties": columns(1, 0)}]}}}),
    ("apis[0].request", {"Content-type": "multipart/form-data", "data": {"type": "object", "properties": {
        "images": {"type": "file"}, "text": {"type": "string"}}}}),
    (DATA + ".properties.data.minProperties", 1), (PROPERTIES + ".text.description", "a text"),
    ("apis[0].response.data", {}),
    ("dependencies", []), ("dependencies", install(package_name="jieba")),
    ("dependencies", install(package_name="jieba", package_version="", restraint="")),
    *[("dependencies", install(package_name="jieba", package_version="0.42.1", restraint=restraint))
      for restraint in ("EXACT", "ATLEAST", "ATMOST")],
    ("dependencies", install(package_name="there.whl") + install(package_name="jieba")),
    *[("dependencies", install(package_name=folder + "there.whl")) for folder in (
        "/home/mind/model/", "/home/mind/model/1/", "/home/ma-user/infer/model/1/", "${HOME}/model/",
        "$HOME/model/1/")],
    *[("apis[0].method", value) for value in ("POST", "Post")],
    *[("apis[0]." + side + ".Content-type", value) for side in ("request", "response") for value in (
        "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8", " application/json ")],
    ("apis[0].request", {"Content-type": "Multipart/Form-Data; boundary=x", "data": {"type": "object", "properties": {
        "images": {"type": "file"}}}}),
    *[(ROWS + "." + keyword, 4) for keyword in ("minItems", "maxItems", "uniqueItems")],
    *[(ROWS + ".items[0]." + keyword, value) for keyword, value in (
        ("additionalProperties", False), ("patternProperties", {}), ("$schema", "x"), ("title", "x"), ("minimum", 0))],
    ("apis[0].response.data", {"type": "array", "minItems": 2, "items": [{"type": "string"}, {"type": "number"}]}),
    ("apis[0].response.data", {"type": ["array", "null"], "items": {"type": "integer"}}),
]


def named(row: Tuple[Any, ...]) -> str:
    return f"{row[0].rsplit('properties.', 1)[-1]} {'gone' if row[1] is GONE else ascii(row[1])[:40]}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with a wheel and with a folder called like a wheel; beside the package, another wheel."""
    folder = tmp_path_factory.mktemp("package") / "model"
    (folder / "folder.whl").mkdir(parents=True)
    for wheel in (folder / "there.whl", folder.parent / "beside.whl"):
        wheel.touch()
    return folder


@pytest.mark.parametrize("row", BROKEN, ids=named)
def test_a_broken_rule_is_reported_with_level_code_and_field(real: Any, folder: Path, row: Any) -> None:
    place, value, level, code, *within = row
    assert reported(changed(real, place, value), folder) == [(level, code, place + "".join(within))]


@pytest.mark.parametrize("row", ALLOWED, ids=named)
def test_what_the_manual_allows_is_not_reported(real: Any, folder: Path, row: Any) -> None:
    assert [level for level, _, _ in reported(changed(real, *row), folder)] == [OK]


def test_a_second_api_is_a_fault(real: Any) -> None:
    assert reported(changed(real, "apis", real["apis"] * 2)) == [(FAULT, "3015", "apis")]


def test_each_code_of_the_manual_has_a_rule() -> None:
    assert {row[3] for row in BROKEN} == {"", "3015", "3016", "3017", "3041", "3514"}


@pytest.mark.parametrize("place, value, hint", [
    ("model_type", "tensorflow", "TensorFlow"), ("runtime", "tf2.1-python3.8", "tf2.1-python3.7"),
    ("runtime", "tf1.15-python3.6", "tf1.15-python3.7"), ("runtime", "TF-2.6.2-python3.7", "tf2.6-python3.7"),
    ("runtime", "tensorflow_2.1.0-cuda_10.1-py_3.8", "tensorflow_2.1.0-cuda_10.1-py_3.7-ubuntu_18.04-x86_64"),
    ("modeltype", "TensorFlow", "model_type"), ("metrics.acuracy", 0.9, "accuracy"), (ROWS + ".item", [], "items"),
    ("apis[0].procotol", "http", "protocol"), ("apis[0].request.Content-Type", "application/json", "Content-type"),
    ("dependencies", install(package_name="jieba", pakage_version="1.0"), "package_version"),
    ("dependencies", install(package_name="jieba", package_version="1.0", restraint="ATLEST"), "ATLEAST")])
def test_a_misspelt_name_is_reported_with_the_nearest_valid_name(real: Any, place: str, value: Any, hint: str) -> None:
    (finding,) = findings(changed(real, place, value), Path("missing"))
    assert finding.message.endswith(f"did you mean {hint!r}?")


@pytest.mark.parametrize("runtime", ["tf2.3-python3.7", "tensorflow_2.10.0-cuda_11.2-py_3.8", "python3.7",
                                     "pytorch_2.1.0-cuda_12.1-py_3.10"])
def test_a_runtime_with_another_tensorflow_is_not_proposed(real: Any, runtime: str) -> None:
    (finding,) = findings(changed(real, "runtime", runtime), Path("missing"))
    assert finding.level == NOTE and "did you mean" not in finding.message


@pytest.mark.parametrize("name, expected", [("list", "array"), ("float", "number"), ("dict", "object"),
                                            ("Integer", "integer")])
def test_a_type_of_another_language_is_reported_with_that_of_json_schema(real: Any, name: str, expected: str) -> None:
    (finding,) = findings(changed(real, "apis[0].response.data.type", name), Path("missing"))
    assert finding.message.endswith(f"here {expected!r}")


def test_a_key_inside_another_object_is_reported_with_its_place(real: Any) -> None:
    misplaced = changed(real, "apis[0].request.response", real["apis"][0]["response"])
    (finding,) = findings(misplaced, Path("missing"))
    assert (finding.level, finding.message.split()[0]) == (NOTE, "apis[0].request.response")
    assert finding.message.endswith("move it to apis[0].response")


def test_each_repeated_key_is_a_fault_with_its_place_and_its_values(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        """{"model_type": "TensorFlow", "model_algorithm": "a", "model_algorithm": "b", "model_algorithm": "a",
            "apis": [{"url": "/x", "url": "/", "request": {"Content-type": "application/json", "data": {
                "type": "object", "properties": {"text": {"type": "string", "index": 0}, "text": {"type": "string",
                "index": 0, "index": 0}}}},
                "response": {"Content-type": "application/json", "data": {"type": "object"}}}]}""", encoding="utf-8")
    config = read(tmp_path / "config.json")
    assert reported(config) == [(FAULT, "3015", place) for place in (
        "model_algorithm", "apis[0].url", "apis[0].request.data.properties.text",
        "apis[0].request.data.properties.text.index")]
    assert "occurs 2 times in its object, with the values '/x' and '/'" in findings(config, tmp_path)[1].message


def test_every_missing_key_of_an_empty_config_is_reported() -> None:
    assert reported({}) == [(FAULT, "3015", "model_type"), (FAULT, "3015", "model_algorithm"), (NOTE, "3514", "apis")]


# The samples of the manual, reduced to the keys that have rules


def sample(request: Any, response: Any, **more: Any) -> Dict[str, Any]:
    return {"model_type": "TensorFlow", "apis": [{"url": "/", "method": "post", "request": request,
                                                  "response": response, **more.pop("api", {})}], **more}


def body(kind: str, **properties: Any) -> Dict[str, Any]:
    return {"Content-type": kind, "data": {"type": "object", "properties": properties}}


def rows(name: str) -> Dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "array", "items": [{"type": "object", "properties": {}}]}}}


def test_the_sample_of_predictive_analytics_can_be_imported_but_lacks_keys_for_a_batch_service() -> None:
    config = sample(
        body("application/json", data=rows("req_data")), body("application/json", data=rows("resp_data")),
        model_algorithm="predict_analysis", metrics={"f1": 0.35, "accuracy": 0.46, "precision": 0.34, "recall": 0.35},
        dependencies=install(package_name="numpy", package_version="1.15.0", restraint="EXACT"))
    assert reported(config) == [(NOTE, "3514", ROWS + ".items[0]." + key) for key in ("type", "index")]


def test_the_sample_of_dependencies_is_accepted_with_its_misspellings() -> None:
    config = sample(
        body("multipart/form-data", images={"type": "file"}),
        body("applicaton/json", mnist_result={"type": "array", "item": [{"type": "string"}]}),
        api={"procotol": "http"}, model_algorithm="image_classification", runtime="python3.6",
        metrics={"f1": 0.12, "recall": 0.17, "precision": 0.00234938928519385, "accuracy": 0.007},
        dependencies=install(package_name="numpy", package_version="1.16.4", restraint="EXACT"))
    assert reported(config) == [(NOTE, "", "apis[0].procotol"), (NOTE, "", "apis[0].response.Content-type"),
                            (NOTE, "", "apis[0].response.data.properties.mnist_result.item")]


def test_the_entry_of_the_competition_is_accepted_with_its_misspelling() -> None:
    config = sample(
        body("multipart/form-data", input_img={"type": "file"}),
        body("multipart/form-data", result={"type": "string"}),
        api={"procotol": "http"}, model_algorithm="image_classification", runtime="python3.6",
        metrics={"f1": 0, "accuracy": 0.63, "precision": 0, "recall": 0},
        dependencies=install(package_name="Pillow", package_version="5.0.0", restraint="ATLEAST"))
    for side, name in (("request", "input_img"), ("response", "result")):
        config["apis"][0][side]["data"]["required"] = [name]
    assert reported(config) == [(NOTE, "", "apis[0].procotol")]


# Runtimes


def test_each_runtime_is_mapped_to_the_engine_of_its_tensorflow() -> None:
    assert set(RUNTIMES.values()) == {engine.name for engine in engines()} | {""}
    assert all(RUNTIMES[engine.name] == engine.name for engine in engines())
    for runtime, engine in RUNTIMES.items():
        assert engine == "" or re.findall(r"\d+\.\d+", runtime)[0] == re.findall(r"\d+\.\d+", engine)[0]


# Any JSON

KEYS = st.sampled_from(["type", "properties", "items", "index", "data", "request", "apis", "packages", "package_name"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["object", "x.whl", "array"]),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS | st.text(), inner), max_leaves=8)


def places(value: Any, where: str = "") -> List[str]:
    """Every place in a JSON value, as :func:`changed` names it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    return [place for key, member in inner
            for at in [f"{where}.{key}"] for place in [at, *places(member, at)]]


def assert_reported(config: Any) -> None:
    """Assert that there are findings, that each has one line, and that each can be encoded."""
    results = findings(config, Path("missing"))
    assert results and ([each.level for each in results] == [OK] or {each.level for each in results} <= {NOTE, FAULT})
    assert all(len(str(finding).encode("utf-8").splitlines()) == 1 for finding in results)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS | st.text(), ANY_JSON))
def test_any_json_object_has_findings_and_raises_nothing(config: Any) -> None:
    assert_reported(config)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_json_in_any_place_has_findings_and_raises_nothing(real: Any, data: st.DataObject) -> None:
    config = changed(real, "dependencies", install(package_name="jieba", package_version="1.0", restraint="EXACT"))
    assert_reported(changed(config, data.draw(st.sampled_from(places(config))), data.draw(ANY_JSON)))


def test_the_depth_of_a_schema_is_not_limited(real: Any) -> None:
    leaf = real["apis"][0]["request"]["data"]
    for _ in range(3000):
        leaf = {"type": "object", "properties": {"a": leaf}}
    assert [level for level, _, _ in reported({**real, "apis": [
        {**real["apis"][0], "request": {"Content-type": "application/json", "data": leaf}}]})] == [OK]
    assert len(findings({**real, "model_type": leaf}, Path("missing"))[0].message) < 500
