"""The stand-in's modules import each other in one direction only."""
import subprocess
import sys
from pathlib import Path

SHIMS = Path(__file__).resolve().parents[2] / "shims"


def test_the_modules_import_each_other_in_the_order_of_the_contract() -> None:
    # In a process of its own, because the tool configures logging for the whole process.
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", script, "--no-cache"]
    result = subprocess.run(command, cwd=str(SHIMS), capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert "2 kept, 0 broken" in result.stdout


def test_every_module_has_its_layer_in_the_contract() -> None:
    contract = (SHIMS / ".importlinter").read_text(encoding="utf-8")
    layers = contract.split("[importlinter:contract:layers]")[1].split("[importlinter:")[0]
    modules = {path.stem for path in (SHIMS / "moxing" / "_shim").glob("*.py")} - {"__init__"}
    assert {word.rpartition(".")[2] for word in layers.split() if word.startswith("moxing._shim.")} == modules
