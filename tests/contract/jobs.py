"""The smallest job there is, and how the tests of this folder look at what it leaves."""
import functools
import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List

import train

FILES = ["assets/labels.txt", "assets/vocabulary.txt", "config.json", "customize_service.py", "manifest.json",
         "model_card.json", "saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index"]
"""What a package holds."""


def flags(folder: Path, out: Path, *more: str) -> List[str]:
    """A job of a second or two."""
    return ["--data_url", str(folder), "--train_url", str(out), "--models", "cnn", "--epochs", "1", "--min_count", "1",
            "--max_length", "20", "--cnn_filters", "2", "--cnn_embedding", "4", *more]


@functools.lru_cache(maxsize=None)
def tiny_data(small_data: Path) -> Path:
    """A training and a dev part, beside the larger ones."""
    folder = small_data.with_name("tiny_data")
    folder.mkdir()
    for part, rows in (("train.tsv", 24), ("dev.tsv", 6)):
        lines = (small_data / part).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / part).write_text("".join(lines[:rows]), encoding="utf-8")
    return folder


@functools.lru_cache(maxsize=None)
def tiny_run(small_data: Path) -> Path:
    """A finished job on it."""
    out = small_data.with_name("tiny_run")
    assert train.main(flags(tiny_data(small_data), out)) == 0
    return out


def contents(folder: Path) -> Dict[str, bytes]:
    """The files below a folder, but for what Python leaves where it imports a package's service."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def is_complete(package: Path) -> bool:
    """Whether a folder holds every file that its manifest lists, as listed, and no other."""
    listed = {entry["path"]: entry for entry in read_json(package / "manifest.json")["files"]}
    found = contents(package)
    return found.keys() == listed.keys() | {"manifest.json"} and all(
        (entry["sha256"], entry["size"]) == (hashlib.sha256(found[path]).hexdigest(), len(found[path]))
        for path, entry in listed.items())


def relisted(package: Path) -> Path:
    """The package with a manifest that lists its files as they are now."""
    found = sorted(contents(package).items())
    entries = [{"path": path, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
               for path, content in found if path != "manifest.json"]
    (package / "manifest.json").write_text(json.dumps({"files": entries}), encoding="utf-8")
    return package
