"""Folders that are complete or absent: written aside and renamed, with a manifest of their files and hashes.

Packages and checkpoints are such folders.
"""
import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from textjob.errors import PackageError

MANIFEST = "manifest.json"


@contextlib.contextmanager
def staged(package: Path) -> Iterator[Path]:
    """A folder beside ``package`` that takes its place when the block ends well, and vanishes when it does not."""
    package.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(package)
    aside = package.parent / f".{package.name}.{os.getpid()}"
    aside.mkdir()
    try:
        yield aside
        old = package.parent / f".{package.name}.{os.getpid()}.old"
        if package.exists():
            package.rename(old)
        aside.rename(package)
        shutil.rmtree(str(old), ignore_errors=True)
    finally:
        shutil.rmtree(str(aside), ignore_errors=True)


def clear_leftovers(package: Path) -> None:
    """Remove what a killed run left beside ``package``."""
    for leftover in package.parent.glob(f".{package.name}.*"):
        shutil.rmtree(str(leftover), ignore_errors=True)


def write_manifest(folder: Path) -> None:
    """Write down what is in a folder now."""
    write_entries(folder, [file_entry(folder, path) for path in list_files(folder)])


def write_entries(folder: Path, entries: List[Dict[str, Any]]) -> None:
    write_json(folder / MANIFEST, {"files": sorted(entries, key=lambda entry: str(entry["path"]))})


def differences(package: Path, wanted: Sequence[str] = ()) -> List[str]:
    """Where a folder is not as its manifest says, or the manifest lacks what is wanted: a sentence each."""
    try:
        listed = _listed(package)
    except PackageError as error:
        return [str(error)]
    found = [f"{path} is not listed in {MANIFEST}" for path in wanted if path not in listed]
    for path, entry in listed.items():
        if path.startswith("/") or "\0" in path or "\\" in path or ".." in path.split("/"):
            found.append(f"{MANIFEST} lists {path!r}, which is not a path inside the package")
        elif not (package / path).is_file():
            found.append(f"{path} is missing")
        elif file_entry(package, path) != entry:
            found.append("{} was changed or cut: {:,} bytes, {} expected".format(
                path, (package / path).stat().st_size, entry.get("size")))
    return found


def unlisted(package: Path) -> List[str]:
    """Files in the folder that the manifest does not list; none where it cannot be read."""
    try:
        listed = _listed(package)
    except PackageError:
        return []
    return [path for path in list_files(package) if path not in listed]


def _listed(package: Path) -> Dict[str, Dict[str, Any]]:
    try:
        return {str(entry["path"]): entry for entry in read_json(package / MANIFEST)["files"]}
    except (PackageError, KeyError, TypeError) as error:
        raise PackageError(f"{MANIFEST} is missing or damaged: this is not complete ({error})")


def list_files(folder: Path) -> List[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.as_posix() != MANIFEST and "__pycache__" not in path.parts)


def file_entry(folder: Path, path: str) -> Dict[str, Any]:
    digest = hashlib.sha256()
    with open(str(folder / path), "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return {"path": path, "sha256": digest.hexdigest(), "size": (folder / path).stat().st_size}


def write_json(path: Path, content: Dict[str, Any]) -> None:
    """Readable JSON; a NaN in it is an error, not invalid JSON."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Dict[str, Any]:
    """A JSON object; a :class:`PackageError` where the file is not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackageError(f"{path} cannot be read: {error}")
    if not isinstance(content, dict):
        raise PackageError(f"{path} must hold a JSON object")
    return content
