"""``config.json``: what the platform makes of a package (its manual, "model configuration file")."""
import math
import re
from pathlib import Path
from typing import Any, Callable, Dict, List

import jobs
import pytest
from jobs import read_json


@pytest.fixture(scope="module")
def tiny_run(small_data: Path) -> Path:
    """A finished job with one model and without a test part."""
    return jobs.tiny_run(small_data)


def violations(config: Dict[str, Any]) -> List[str]:
    """The rules of the manual that a config.json breaks."""
    broken = []

    def rule(kept: bool, said: str) -> None:
        if not kept:
            broken.append(said)

    algorithm = config.get("model_algorithm")
    rule(isinstance(algorithm, str) and bool(re.fullmatch(r"[A-Za-z][^&!'\\\"<>=\u3400-\u9fff]{0,35}", algorithm)),
         "model_algorithm: a letter first, at most 36 characters, none of & ! ' \\ \" < > = and no Chinese")
    rule(config.get("model_type") == "TensorFlow", "model_type: TensorFlow")
    rule(isinstance(config.get("runtime", "x"), str) and config.get("runtime", "x") != "", "runtime: a name")
    metrics = config.get("metrics", {})
    rule(set(metrics) <= {"f1", "recall", "precision", "accuracy"}, "metrics: these four")
    rule(all(type(value) in (int, float) and math.isfinite(value) and 0 <= value <= 1 for value in metrics.values()),
         "metrics: numbers from 0 to 1")
    apis = config.get("apis", [])
    rule(len(apis) == 1, "apis: exactly one")
    for api in apis:
        rule((api.get("url", "/"), api.get("method", "post")) == ("/", "post"), "apis: / by post")
        rule(api.get("protocol", "http") in ("http", "https"), "protocol: http or https")
        for side in ("request", "response"):  # a batch service demands both
            rule(api.get(side, {}).get("Content-type") == "application/json", side + ": application/json")
            rule(api.get(side, {}).get("data", {}).get("type") == "object", side + ": a schema")
        leaves = list(leaves_of(api.get("request", {}).get("data", {})))
        columns = [leaf.get("index") for leaf in leaves]
        rule(bool(leaves) and all(leaf.get("type") in ("string", "number", "integer", "boolean") for leaf in leaves),
             "request: concrete leaves, or no column of a batch can be mapped")
        rule(sorted(columns, key=str) == list(range(len(leaves))), "request: each leaf has an index, from 0")
        rule(all(isinstance(schema["items"], list) and len(schema["items"]) == 1 for schema in arrays_of(
            api.get("request", {}).get("data", {}))), "request: items is a list of one schema")
    for block in config.get("dependencies", []):
        rule(block.get("installer") == "pip", "installer: pip")
        for wanted in block.get("packages", []):
            rule(not set(wanted.get("package_name", "&")) & set("&!'\"<>="), "package_name: none of & ! ' \" < > =")
            rule(bool(wanted.get("package_version")) == bool(wanted.get("restraint")), "a version with its restraint")
            rule(wanted.get("restraint", "") in ("", "EXACT", "ATLEAST", "ATMOST"), "restraint: one of three")
    rule(not {"swr_location", "health"} & set(config), "swr_location and health are for images")
    return broken


def schemas_of(schema: Any) -> List[Dict[str, Any]]:
    """A JSON schema and all those inside it."""
    if not isinstance(schema, dict):
        return []
    items = schema.get("items", [])
    inner = [*schema.get("properties", {}).values(), *(items if isinstance(items, list) else [items])]
    return [schema] + [found for one in inner for found in schemas_of(one)]


def leaves_of(schema: Any) -> List[Dict[str, Any]]:
    return [found for found in schemas_of(schema) if found.get("type") not in ("object", "array")]


def arrays_of(schema: Any) -> List[Dict[str, Any]]:
    return [found for found in schemas_of(schema) if found.get("type") == "array"]


def test_config_json_keeps_the_rules_of_the_platform(packages: Dict[str, Path], tiny_run: Path) -> None:
    for package in [*packages.values(), tiny_run / "cnn" / "model", tiny_run / "model"]:
        assert violations(read_json(package / "config.json")) == []


def test_config_json_describes_the_form_with_data_and_req_data(packages: Dict[str, Path]) -> None:
    (api,) = read_json(packages["cnn"] / "config.json")["apis"]
    request, response = api["request"]["data"], api["response"]["data"]
    (item,) = request["properties"]["data"]["properties"]["req_data"]["items"]
    (answer,) = response["properties"]["data"]["properties"]["resp_data"]["items"]
    assert item["properties"]["text"] == {"type": "string", "index": 0}
    assert set(answer["properties"]) == {"predicted_label", "score", "scores"}


def test_config_json_has_the_figures_of_the_test_part_else_of_dev(packages: Dict[str, Path], tiny_run: Path) -> None:
    for package, part in ((packages["cnn"], "test"), (tiny_run / "cnn" / "model", "dev")):
        figures = read_json(package / "model_card.json")[part]
        assert read_json(package / "config.json")["metrics"] == {
            "f1": figures["macro_f1"], **{name: figures[name] for name in ("accuracy", "precision", "recall")}}
    assert read_json(tiny_run / "cnn" / "model" / "model_card.json")["test"] == {}


@pytest.mark.parametrize("break_it", [
    lambda config: config.update(model_algorithm="文本"), lambda config: config.update(model_algorithm="1st"),
    lambda config: config.update(model_type="TF"), lambda config: config["metrics"].update(f1=float("nan")),
    lambda config: config["metrics"].update(loss=0.1), lambda config: config["apis"].append(config["apis"][0]),
    lambda config: config["apis"][0].update(url="/predict"), lambda config: config["apis"][0]["request"].pop("data"),
    lambda config: leaves_of(config["apis"][0]["request"]["data"])[0].pop("index"),
    lambda config: config.update(dependencies=[{"installer": "conda"}])])
def test_the_rules_are_rules(packages: Dict[str, Path], break_it: Callable[[Any], Any]) -> None:
    config = read_json(packages["cnn"] / "config.json")
    break_it(config)
    assert len(violations(config)) >= 1
