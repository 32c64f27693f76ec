"""docs/storage.md matches the code: variables, functions and tests."""
import ast
import re
from pathlib import Path
from typing import Set

from test_mox_surface import SIGNATURES

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "shims" / "moxing"
DOCUMENT = (ROOT / "docs" / "storage.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return DOCUMENT.split("\n## " + title + "\n")[1].split("\n## ")[0]


def first_cells(title: str) -> Set[str]:
    cells = re.findall(r"^\| (`[^|]*) \|", section(title), re.M)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def literals(path: Path) -> Set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_table_lists_exactly_the_variables_that_are_read() -> None:
    found = {text for text in literals(SHIM / "_shim" / "settings.py")
             if re.match(r"(MOX|S3|AWS)_[A-Z0-9_]+$|(SECRET_)?ACCESS_KEY(_ID)?$|SECURITY_TOKEN$", text)}
    assert first_cells("Environment") == found


def test_only_settings_reads_the_environment() -> None:
    readers = [path.name for path in sorted(SHIM.rglob("*.py"))
               if re.search(r"environ|getenv", path.read_text(encoding="utf-8").replace("environment", ""))]
    assert readers == ["settings.py"]


def test_every_function_has_a_row_with_its_arguments() -> None:
    rows = {cell.partition("(")[0]: cell for cell in first_cells("What each function does")}
    assert set(rows) == {*SIGNATURES, "File", "set_auth"}
    for name, signature in SIGNATURES.items():
        arguments = [argument.partition("=")[0].strip() for argument in signature.split(",")]
        if name != "shift":
            assert rows[name] == f"{name}({', '.join(arguments)})", name


def test_every_fault_has_a_test_named_after_it() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("test_mox_*.py")))
    named = re.findall(r"\| (S\d) \|$", section("Faults and transfers"), re.M)
    assert named == ["S1", "S2", "S3", "S4", "S5", "S6", "S7"]
    assert [number for number in [*named, "S9"] if f"def test_{number.lower()}_" not in tests] == []
