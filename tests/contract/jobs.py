"""The flags of the smallest job, and functions that read what a job leaves."""
import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List

FILES = ["assets/labels.txt", "assets/vocabulary.txt", "config.json", "customize_service.py", "manifest.json",
         "model_card.json", "saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index"]
"""The files of a package."""


def flags(folder: Path, out: Path, *more: str) -> List[str]:
    """A job that takes a second or two."""
    return ["--data_url", str(folder), "--train_url", str(out), "--models", "cnn", "--epochs", "1", "--min_count", "1",
            "--max_length", "20", "--cnn_filters", "2", "--cnn_embedding", "4", *more]


def contents(folder: Path) -> Dict[str, bytes]:
    """The files below a folder, without the bytecode that Python writes when it imports a package's service."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def is_complete(package: Path) -> bool:
    """Whether a folder holds exactly the files that its manifest lists, with their sizes and hashes."""
    listed = {entry["path"]: entry for entry in read_json(package / "manifest.json")["files"]}
    files = contents(package)
    return files.keys() == listed.keys() | {"manifest.json"} and all(
        (entry["sha256"], entry["size"]) == (hashlib.sha256(files[path]).hexdigest(), len(files[path]))
        for path, entry in listed.items())


def relisted(package: Path) -> Path:
    """Rewrite the package's manifest from its files; returns the package."""
    files = sorted(contents(package).items())
    entries = [{"path": path, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
               for path, content in files if path != "manifest.json"]
    (package / "manifest.json").write_text(json.dumps({"files": entries}), encoding="utf-8")
    return package
