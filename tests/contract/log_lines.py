"""The lines that the code prints, logs or notes, read from its source, as regular expressions with `.+` for each value.

A call of print, of a logger, of ``show`` (textjob/data/collection.py), of ``_say`` (textjob/serving/polling.py) or of
``notes.append`` makes a line, and so does a list that a function returns (textjob/data/dataset.py).
"""
import ast
import re
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

LEVELS = ("debug", "info", "warning", "error", "exception")


def lines(files: Iterable[Path]) -> Dict[str, str]:
    """Regular expression → place in the source."""
    found: Dict[str, str] = {}
    for file in files:
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        assigned = {name: text for node in nodes for name, text in _assigned(node) if isinstance(text, ast.JoinedStr)}
        for node in nodes:
            for text in _texts(node):
                pattern = _pattern(assigned.get(text.id, text) if isinstance(text, ast.Name) else text)
                if re.search("[a-z]{3}", pattern):
                    found[pattern] = f"{file.name}:{text.lineno}"
    return found


def _assigned(node: ast.AST) -> List[Tuple[str, ast.expr]]:
    """The variables of an assignment with their values, also of ``a, b = x, y``."""
    if not isinstance(node, ast.Assign):
        return []
    target, value = node.targets[0], node.value
    pairs = zip(target.elts, value.elts) if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) else [
        (target, value)]
    return [(name.id, each) for name, each in pairs if isinstance(name, ast.Name)]


def _texts(node: ast.AST) -> List[ast.expr]:
    """The expressions of a call or of a return statement that are lines."""
    if isinstance(node, ast.Return) and isinstance(node.value, (ast.List, ast.ListComp)):
        texts = node.value.elts if isinstance(node.value, ast.List) else [node.value.elt]
        return [text for text in texts if isinstance(text, ast.JoinedStr)]
    if not isinstance(node, ast.Call):
        return []
    function = node.func
    if isinstance(function, ast.Name) and function.id in ("print", "show"):
        return node.args[:1]
    if not isinstance(function, ast.Attribute):
        return []
    owner = getattr(function.value, "id", getattr(function.value, "attr", ""))
    if function.attr in ("show", "_show"):
        return node.args[:1]
    if function.attr == "_say":
        return node.args[2:3]
    is_line = (owner == "log" and function.attr in LEVELS) or (owner == "notes" and function.attr == "append")
    return node.args[:1] if is_line else []


def _pattern(text: ast.expr) -> str:
    """Literal parts as they are, everything else as ``.+``."""
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        return re.sub("%[sd]", ".+", re.escape(text.value).replace("\\%", "%"))
    if isinstance(text, ast.JoinedStr):
        return "".join(_pattern(value) for value in text.values)
    if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Add):
        return _pattern(text.left) + _pattern(text.right)
    if isinstance(text, ast.IfExp):  # the other branch is no line, or the same line without a part
        return _pattern(text.body)
    return ".+"
