"""Reads Markdown documents: headings, tables and fenced blocks; runs the blocks of a document as its reader does.

A block's language says what becomes of it:

    bash             executed by bash, each block in the same folder
    console          its lines that begin with `$ ` are executed; the lines below each are compared with the output
    python, yaml     written to the file that the first line names (`# models/average.py`), else not used
    diff             applied to the files that it names
    anything else    not executed
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from textjob.paths import PROJECT

CODE = re.compile(r"`([^`]+)`")
FILE = re.compile(r"# ([\w./-]+\.\w+)$", re.M)


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str


class Document:
    """The parts of a Markdown file that tests compare and execute."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.blocks: List[Block] = []
        self.headings: List[str] = []
        self.tables: List[List[List[str]]] = []
        self._read()

    def _read(self) -> None:
        """Headings and tables are those outside blocks; a table is a list of rows, a row a list of cells."""
        block: Optional[List[str]] = None
        language, indent, in_table = "", "", False
        for line in self.text.splitlines():
            fence = re.match(r"( *)```(\w*)$", line)
            if block is not None:
                if fence:
                    self.blocks.append(Block(language, "".join(f"{each[len(indent):]}\n" for each in block)))
                    block = None
                else:
                    block.append(line)
                continue
            if fence:
                block, indent, language = [], fence.group(1), fence.group(2)
            elif line.startswith("#"):
                self.headings.append(line)
            if line.startswith("|"):
                if not in_table:
                    self.tables.append([])
                self.tables[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
            in_table = line.startswith("|")
        assert block is None, f"{self.path}: a block is not closed"

    def of(self, *languages: str) -> List[Block]:
        """The blocks of these languages, in order."""
        return [block for block in self.blocks if block.language in languages]


def commands(block: Block) -> str:
    """A block without its comments, for the comparison of two languages."""
    if block.language == "console":
        return "\n".join(re.sub(r" +# .*", "", line) for line in block.text.splitlines())
    lines = [re.sub(r"(^| +)# .*", "", line) for line in block.text.splitlines()]
    return "\n".join(line for line in lines if line.strip())


def code_cells(table: Sequence[Sequence[str]]) -> List[List[List[str]]]:
    """The code in each cell of a table, sorted, because the order of words differs between languages."""
    return [[sorted(CODE.findall(cell)) for cell in row] for row in table]


def copy_project(folder: Path) -> Path:
    """A copy of the project, without what commands have made in it."""
    for path in PROJECT.iterdir():
        if path.is_file():
            shutil.copy(str(path), str(folder))
        elif not path.name.startswith(".") and path.name != "out":
            shutil.copytree(str(path), str(folder / path.name), ignore=shutil.ignore_patterns("__pycache__"))
    return folder


class Reader:
    """Follows a document in a folder with the project and ``data/``. ``flags`` are further flags of a script."""

    def __init__(self, folder: Path, data: Path, flags: Optional[Dict[str, str]] = None) -> None:
        self._folder = folder
        shutil.copytree(str(data), str(folder / "data"))
        programs = folder.parent / f"{folder.name}-programs"
        programs.mkdir()
        more = "".join(f'[ "$1" = {script} ] && set -- "$@" {added}\n' for script, added in (flags or {}).items())
        python = programs / "python"
        python.write_text(f'#!/bin/sh\n{more}exec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self._environment = dict(kept, PATH=f"{programs}:{os.environ['PATH']}", TF_CPP_MIN_LOG_LEVEL="2")

    def follow(self, blocks: Sequence[Block]) -> None:
        """Do what each block says."""
        for block in blocks:
            if block.language == "bash":
                self.run(block.text)
            elif block.language == "console":
                self._compare(block)
            elif block.language == "diff":
                self.run(f"git apply - <<'END-OF-DIFF'\n{block.text}END-OF-DIFF\n")
            elif block.language in ("python", "yaml") and FILE.match(block.text):
                self._write(block)

    def run(self, script: str) -> str:
        """The output of a script; an error if it fails."""
        done = subprocess.run(["bash", "-e", "-c", script], cwd=str(self._folder), env=self._environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=550)
        assert done.returncode == 0, f"{script}\n{done.stdout[-5000:]}"
        return done.stdout

    def _write(self, block: Block) -> None:
        match = FILE.match(block.text)
        assert match
        path = self._folder / match.group(1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text[match.end() + 1:], encoding="utf-8")

    def exists(self, path: str) -> bool:
        """Whether there is such a path in the folder."""
        return (self._folder / path).exists()

    def _compare(self, block: Block) -> None:
        """Each line that the document shows is in the output, in this order; the digits of numbers may differ."""
        for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            command, _, shown = part.partition("\n")
            output = self.run(command)
            rest = iter([_comparable(line) for line in output.splitlines()])
            for line in shown.splitlines():
                if line.strip() not in ("", "..."):
                    assert _comparable(line) in rest, f"the output of {command} does not contain {line}\n{output}"


def _comparable(line: str) -> str:
    """The line with 0 for each number, and without what depends on the width of a table."""
    return re.sub(r"-{3,}|[ \t]+", " ", re.sub(r"\d+(?:[.,]\d+)*", "0", line)).strip()
