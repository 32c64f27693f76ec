"""The stand-in's modules import each other in one direction only."""
from pathlib import Path

from importlinter import cli

SHIMS = Path(__file__).resolve().parents[2] / "shims"


def test_the_modules_import_each_other_in_the_order_of_the_contract() -> None:
    assert cli.lint_imports(config_filename=str(SHIMS / ".importlinter"), no_cache=True) == cli.EXIT_STATUS_SUCCESS


def test_every_module_has_its_layer_in_the_contract() -> None:
    contract = (SHIMS / ".importlinter").read_text(encoding="utf-8")
    layers = contract.split("[importlinter:contract:layers]")[1].split("[importlinter:")[0]
    modules = {path.stem for path in (SHIMS / "moxing" / "_shim").glob("*.py")} - {"__init__"}
    assert {word.rpartition(".")[2] for word in layers.split() if word.startswith("moxing._shim.")} == modules
