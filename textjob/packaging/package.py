"""The package: a folder that the platform imports, complete or absent.

::

    saved_model.pb   variables/   assets/{vocabulary.txt, labels.txt}
    customize_service.py   config.json   model_card.json   manifest.json
"""
import shutil
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from textjob import manifest
from textjob.errors import PackageError
from textjob.paths import PROJECT

CARD, CONFIG, SERVICE = "model_card.json", "config.json", "customize_service.py"
_MARK = "saved_model.pb"  # written last: a reader that finds it finds everything


def write(package: Path, saved_model: Path, card: Dict[str, Any], config: Dict[str, Any],
          beside: Sequence[Tuple[str, str]] = ()) -> None:
    """Make a package of an exported SavedModel, which is moved; an older package is replaced.

    ``beside`` are further files with their contents.
    """
    with manifest.staged(package) as aside:
        entries = [manifest.file_entry(saved_model, path) for path in manifest.list_files(saved_model)]
        for name in ("variables", "assets"):
            if (saved_model / name).exists():
                shutil.move(str(saved_model / name), str(aside / name))
        shutil.copyfile(str(PROJECT / SERVICE), str(aside / SERVICE))
        manifest.write_json(aside / CARD, card)
        manifest.write_json(aside / CONFIG, config)
        for name, content in beside:
            (aside / name).write_bytes(content.encode("utf-8"))
        entries += [manifest.file_entry(aside, name) for name in (SERVICE, CARD, CONFIG, *(name for name, _ in beside))]
        manifest.write_entries(aside, entries)
        shutil.move(str(saved_model / _MARK), str(aside / _MARK))


def copy(source: Path, target: Path) -> None:
    """A copy of a complete package; ``saved_model.pb`` is the last file written."""
    with manifest.staged(target) as aside:
        for path in sorted(manifest.list_files(source) + [manifest.MANIFEST], key=lambda path: path == _MARK):
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(source / path), str(aside / path))


def card_of(package: Path) -> Dict[str, Any]:
    """A package's model card; empty where there is no complete package."""
    return {} if problems(package) else manifest.read_json(package / CARD)


def problems(package: Path) -> List[str]:
    """What keeps a folder from being a complete package: a sentence each, none if it is one."""
    return manifest.differences(package, (_MARK, SERVICE, CARD, CONFIG))


def locate(model: str) -> Path:
    """The package that ``--model`` means: the folder itself, or the folder ``model`` in it."""
    for folder in (Path(model), Path(model) / "model"):
        if (folder / _MARK).is_file():
            return folder
    raise PackageError(f"--model {model}: no {_MARK} there, nor in a folder 'model' below it")


def size(package: Path) -> int:
    """Bytes of all its files."""
    paths = [*manifest.list_files(package), manifest.MANIFEST]
    return sum((package / path).stat().st_size for path in paths)
