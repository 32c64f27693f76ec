"""What customize_service.py promises to the rest of the project: the names of its docstring, no logging on import."""
import ast
import logging
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Iterator, Set

import pytest
from asking import PROJECT, ask, code, module_of
from made_models import giving, plain, write

import customize_service as service

SERVICE = PROJECT / "customize_service.py"
MODULES = [*PROJECT.glob("*.py"), *(path for folder in ("textjob", "models", "benchmarks", "tools", "shims")
                                    for path in (PROJECT / folder).rglob("*.py"))]


def names_used(file: Path) -> Iterator[str]:
    """The names of customize_service that a module imports, or reads from the module that it imports."""
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source if "customize_service" in source else "")
    aliases: Set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "customize_service":
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.Import):
            aliases |= {name.asname or name.name for name in node.names if name.name == "customize_service"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield node.attr


def test_the_docstring_lists_exactly_the_names_that_other_modules_use() -> None:
    listing = re.search(r"Other modules of the project use these names:\n(.*?);", service.__doc__ or "", re.DOTALL)
    assert listing is not None
    listed = re.split(r",\s+", listing.group(1).strip())
    used = {name for file in MODULES if file != SERVICE for name in names_used(file)}
    assert listed == sorted(used)
    assert [name for name in listed if not hasattr(service, name)] == []


def test_the_file_imports_only_numpy_tensorflow_the_platform_and_the_standard_library() -> None:
    tree = ast.parse(SERVICE.read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names} | {
        str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"base64", "collections", "csv", "hashlib", "itertools", "json", "logging", "os", "re",
                        "typing", "numpy", "tensorflow", "tensorflow.core.protobuf",
                        "model_service.tfserving_model_service"}


def test_logging_is_configured_by_the_service_and_not_by_the_import(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])  # with handlers, basicConfig would have no effect
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    module = module_of(SERVICE)
    assert logging.root.handlers == [] and logging.root.level == logging.WARNING
    with pytest.raises(module.LoadError):
        module.TextClassifierService("m", str(tmp_path))
    assert len(logging.root.handlers) == 1 and logging.root.level == logging.INFO


@pytest.fixture
def behind_tf_serving(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The service file on a platform whose TensorFlow Serving answers by the length of each text."""
    class Platform:
        def __init__(self, model_name: str, model_path: str) -> None:
            self.connected = (model_name, model_path)

        def inference(self: Any, data: Any) -> Any:
            return self._postprocess(self._inference(self._preprocess(data)))

        def _inference(self, data: Dict[str, Any]) -> Dict[str, Any]:
            return {"output": [[1 / (1 + len(text)), len(text) / (1 + len(text))] for text in data["input_x"]]}

    platform = ModuleType("model_service.tfserving_model_service")
    vars(platform)["TfServingBaseService"] = Platform
    monkeypatch.setitem(sys.modules, "model_service", ModuleType("model_service"))
    monkeypatch.setitem(sys.modules, platform.__name__, platform)
    return module_of(SERVICE)


def test_the_backend_tfserving_answers_with_the_scores_of_tensorflow_serving(
        behind_tf_serving: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "m", plain, options={"backend": "tfserving", "scores": "probabilities"})
    (folder / "labels.txt").write_text("short\nlong\n", encoding="utf-8")
    made = behind_tf_serving.TextClassifierService("text", str(folder))
    assert made.connected == ("text", str(folder))
    answers = ask(made, {"req_data": ["abc", "", 5]})["resp_data"]
    assert [(each["predicted_label"], each["score"]) for each in answers[:2]] == [("long", 0.75), ("short", 1.0)]
    assert code(answers[2]) == "wrong_type"


def test_the_backend_tfserving_needs_a_meaning_of_the_scores_without_probes(
        behind_tf_serving: Any, tmp_path: Path) -> None:
    with pytest.raises(behind_tf_serving.LoadError, match="has no known meaning"):  # its rows are not known to sum to 1
        behind_tf_serving.TextClassifierService("m", str(write(tmp_path / "a", plain, options={
            "backend": "tfserving"})))
    folder = write(tmp_path / "b", giving("output", [0.5, 2.0]), options={"backend": "tfserving", "scores": "softmax"})
    (folder / "labels.txt").write_text("a\nb\nc\n", encoding="utf-8")
    with pytest.raises(behind_tf_serving.LoadError, match="3 labels, the model 2 classes"):
        behind_tf_serving.TextClassifierService("m", str(folder))


def test_without_the_backend_tfserving_the_constructor_of_the_platform_is_not_called(
        behind_tf_serving: Any, tmp_path: Path) -> None:
    made = behind_tf_serving.TextClassifierService("m", str(write(tmp_path / "m", plain)))
    assert not hasattr(made, "connected")
    assert ask(made, {"text": "a text"})["score"] == 0.75
