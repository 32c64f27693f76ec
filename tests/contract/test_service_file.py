"""What customize_service.py promises to the rest of the project: the names of its docstring, no logging on import."""
import ast
import logging
import re
from pathlib import Path
from typing import Iterator, Set

import pytest
from asking import PROJECT, module_of

import customize_service as service

SERVICE = PROJECT / "customize_service.py"
MODULES = [*PROJECT.glob("*.py"), *(path for folder in ("textjob", "models", "benchmarks", "tools", "shims")
                                    for path in (PROJECT / folder).rglob("*.py"))]


def names_used(file: Path) -> Iterator[str]:
    """The names of customize_service that a module imports, or reads from the module that it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
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
