"""Reads a Dockerfile, without Docker."""
import json
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple


class Instruction(NamedTuple):
    """A line of a Dockerfile, with the lines that continue it."""

    name: str
    value: str


def read(path: Path) -> List[Instruction]:
    """The instructions, without comments."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(None, 1)) for line in joined.split("\n")]


def values(instructions: List[Instruction], name: str) -> List[str]:
    """The values of all instructions of a kind."""
    return [each.value for each in instructions if each.name == name]


def arguments(instructions: List[Instruction]) -> Dict[str, str]:
    """The names of the build arguments and their defaults."""
    pairs = [value.partition("=") for value in values(instructions, "ARG")]
    return {name: default for name, _, default in pairs}


def copies(instructions: List[Instruction]) -> List[Tuple[List[str], str]]:
    """The sources and the destination of each COPY; a relative destination is below the WORKDIR before it."""
    folder, found = "/", []
    for each in instructions:
        if each.name == "WORKDIR":
            folder = each.value
        elif each.name == "COPY":
            *sources, target = each.value.split()
            is_folder = target.endswith("/")
            target = str(Path(folder) / target) if not target.startswith("/") else target
            found.append((sources, target.rstrip("/") + "/" * is_folder))
    return found


def command(instructions: List[Instruction]) -> List[str]:
    """The CMD in its JSON form, which makes the program process 1."""
    (value,) = values(instructions, "CMD")
    program: List[str] = json.loads(value)
    return program
