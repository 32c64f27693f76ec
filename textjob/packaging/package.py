"""The package: a folder that the platform imports, complete or absent.

::

    saved_model.pb   variables/   assets/{vocabulary.txt, labels.txt}
    customize_service.py   config.json   model_card.json   manifest.json
"""
import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from textjob.errors import PackageError
from textjob.settings import PROJECT

MANIFEST, CARD, CONFIG, SERVICE = "manifest.json", "model_card.json", "config.json", "customize_service.py"
_MARK = "saved_model.pb"  # written last: a reader that finds it finds everything


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


def write(package: Path, saved_model: Path, card: Dict[str, Any], config: Dict[str, Any],
          beside: Sequence[Tuple[str, str]] = ()) -> None:
    """Make a package of an exported SavedModel, which is moved; an older package is replaced.

    ``beside`` are further files with their contents.
    """
    with staged(package) as aside:
        entries = [_entry(saved_model, path) for path in _files(saved_model)]
        for name in ("variables", "assets"):
            if (saved_model / name).exists():
                shutil.move(str(saved_model / name), str(aside / name))
        shutil.copyfile(str(PROJECT / SERVICE), str(aside / SERVICE))
        write_json(aside / CARD, card)
        write_json(aside / CONFIG, config)
        for name, content in beside:
            (aside / name).write_bytes(content.encode("utf-8"))
        entries += [_entry(aside, name) for name in (SERVICE, CARD, CONFIG, *(name for name, _ in beside))]
        _write_entries(aside, entries)
        shutil.move(str(saved_model / _MARK), str(aside / _MARK))


def write_manifest(folder: Path) -> None:
    """Write down what is in a folder now."""
    _write_entries(folder, [_entry(folder, path) for path in _files(folder)])


def _write_entries(folder: Path, entries: List[Dict[str, Any]]) -> None:
    write_json(folder / MANIFEST, {"files": sorted(entries, key=lambda entry: str(entry["path"]))})


def copy(source: Path, target: Path) -> None:
    """A copy of a complete package; ``saved_model.pb`` is the last file written."""
    with staged(target) as aside:
        for path in sorted(_files(source) + [MANIFEST], key=lambda path: path == _MARK):
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(source / path), str(aside / path))


def card_of(package: Path) -> Dict[str, Any]:
    """A package's model card; empty where there is no complete package."""
    return {} if problems(package) else read_json(package / CARD)


def problems(package: Path) -> List[str]:
    """What keeps a folder from being a complete package: a sentence each, none if it is one."""
    return differences(package, (_MARK, SERVICE, CARD, CONFIG))


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
        elif _entry(package, path) != entry:
            found.append("{} was changed or cut: {:,} bytes, {} expected".format(
                path, (package / path).stat().st_size, entry.get("size")))
    return found


def unlisted(package: Path) -> List[str]:
    """Files in the folder that the manifest does not list; none where it cannot be read."""
    try:
        listed = _listed(package)
    except PackageError:
        return []
    return [path for path in _files(package) if path not in listed]


def _listed(package: Path) -> Dict[str, Dict[str, Any]]:
    try:
        return {str(entry["path"]): entry for entry in read_json(package / MANIFEST)["files"]}
    except (PackageError, KeyError, TypeError) as error:
        raise PackageError(f"{MANIFEST} is missing or damaged: this is not complete ({error})")


def locate(model: str) -> Path:
    """The package that ``--model`` means: the folder itself, or the folder ``model`` in it."""
    for folder in (Path(model), Path(model) / "model"):
        if (folder / _MARK).is_file():
            return folder
    raise PackageError(f"--model {model}: no {_MARK} there, nor in a folder 'model' below it")


def size(package: Path) -> int:
    """Bytes of all its files."""
    return sum((package / path).stat().st_size for path in _files(package)) + (package / MANIFEST).stat().st_size


def _files(folder: Path) -> List[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.as_posix() != MANIFEST and "__pycache__" not in path.parts)


def _entry(folder: Path, path: str) -> Dict[str, Any]:
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
