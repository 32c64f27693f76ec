"""Folders that are either complete or absent: packages and checkpoints.

Such a folder is written under another name and then renamed. Its ``manifest.json`` lists the SHA-256 hash and the size
of every other file.
"""
import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from textjob.errors import PackageError

MANIFEST = "manifest.json"


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside ``folder`` that replaces it when the block ends; it is deleted if the block raises."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(folder)
    staging = folder.parent / f".{folder.name}.{os.getpid()}"
    staging.mkdir()
    try:
        yield staging
        old = folder.parent / f".{folder.name}.{os.getpid()}.old"
        if folder.exists():
            folder.rename(old)
        staging.rename(folder)
        shutil.rmtree(str(old), ignore_errors=True)
    finally:
        shutil.rmtree(str(staging), ignore_errors=True)


def clear_leftovers(folder: Path) -> None:
    """Delete the folders that a killed process left beside ``folder``."""
    for leftover in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(str(leftover), ignore_errors=True)


def write_manifest(folder: Path) -> None:
    """List the files that the folder contains now in its manifest."""
    write_entries(folder, [file_entry(folder, path) for path in list_files(folder)])


def write_entries(folder: Path, entries: List[Dict[str, Any]]) -> None:
    """Write a manifest with the given entries (:func:`file_entry`)."""
    write_json(folder / MANIFEST, {"files": sorted(entries, key=lambda entry: str(entry["path"]))})


def differences(folder: Path, required: Sequence[str] = ()) -> List[str]:
    """One sentence for each difference between a folder and its manifest, and for each required file not listed."""
    try:
        entries = _entries(folder)
    except PackageError as error:
        return [str(error)]
    problems = [f"{path} is not listed in {MANIFEST}" for path in required if path not in entries]
    for path, entry in entries.items():
        if path.startswith("/") or "\0" in path or "\\" in path or ".." in path.split("/"):
            problems.append(f"{MANIFEST} lists {path!r}, which is not a path inside the folder")
        elif not (folder / path).is_file():
            problems.append(f"{path} is missing; {MANIFEST} lists it")
        else:
            actual = file_entry(folder, path)
            if actual["size"] != entry.get("size"):
                problems.append(f"{path} was changed or cut: it has {actual['size']} bytes; {MANIFEST} lists "
                                f"{entry.get('size')!r}")
            elif actual != entry:
                problems.append(f"{path} was changed: its SHA-256 hash differs from the one in {MANIFEST}")
    return problems


def unlisted(folder: Path) -> List[str]:
    """The files of the folder that its manifest does not list; empty if the manifest cannot be read."""
    try:
        entries = _entries(folder)
    except PackageError:
        return []
    return [path for path in list_files(folder) if path not in entries]


def _entries(folder: Path) -> Dict[str, Dict[str, Any]]:
    try:
        return {str(entry["path"]): entry for entry in read_json(folder / MANIFEST)["files"]}
    except (PackageError, KeyError, TypeError) as error:
        raise PackageError(f"the folder is incomplete: {MANIFEST} is missing or damaged ({error})")


def list_files(folder: Path) -> List[str]:
    """The paths of all files but the manifest and Python's bytecode, relative to the folder, sorted."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.as_posix() != MANIFEST and "__pycache__" not in path.parts)


def file_entry(folder: Path, path: str) -> Dict[str, Any]:
    """The manifest's entry for a file: path, hash and size."""
    return {"path": path, "sha256": sha256(str(folder / path)), "size": (folder / path).stat().st_size}


def sha256(path: str) -> str:
    """The hash of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def write_json(path: Path, content: Dict[str, Any]) -> None:
    """Write indented JSON. A NaN raises an error, because JSON cannot represent it."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path, as_object: Optional[Callable[[List[Tuple[str, Any]]], Any]] = None) -> Dict[str, Any]:
    """Read a JSON object; raises :class:`PackageError` if the file does not contain one.

    ``as_object`` makes each object of its keys and values, which may repeat a key; without it, the last one wins.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=as_object)
    except (OSError, ValueError) as error:
        raise PackageError(f"{path} cannot be read: {error}")
    if not isinstance(content, dict):
        raise PackageError(f"{path} must contain a JSON object")
    return content
