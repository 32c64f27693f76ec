"""The package: a folder that the platform imports. It is either complete or absent.

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
MODEL = "saved_model.pb"  # the file that is written last: where it exists, all other files exist


def write(package: Path, saved_model: Path, card: Dict[str, Any], config: Dict[str, Any],
          more_files: Sequence[Tuple[str, str]] = ()) -> None:
    """Make a package of an exported SavedModel, which is moved; replace an existing package.

    ``more_files`` are pairs of name and content.
    """
    with manifest.staged(package) as staging:
        entries = [manifest.file_entry(saved_model, path) for path in manifest.list_files(saved_model)]
        for name in ("variables", "assets"):
            if (saved_model / name).exists():
                shutil.move(str(saved_model / name), str(staging / name))
        shutil.copyfile(str(PROJECT / SERVICE), str(staging / SERVICE))
        manifest.write_json(staging / CARD, card)
        manifest.write_json(staging / CONFIG, config)
        for name, content in more_files:
            (staging / name).write_bytes(content.encode("utf-8"))
        written = [SERVICE, CARD, CONFIG, *(name for name, _ in more_files)]
        manifest.write_entries(staging, entries + [manifest.file_entry(staging, name) for name in written])
        shutil.move(str(saved_model / MODEL), str(staging / MODEL))


def copy(source: Path, target: Path) -> None:
    """Copy a complete package; ``saved_model.pb`` is written last."""
    with manifest.staged(target) as staging:
        for path in sorted([*manifest.list_files(source), manifest.MANIFEST], key=lambda path: path == MODEL):
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(source / path), str(staging / path))


def card_of(package: Path) -> Dict[str, Any]:
    """The model card of a package; empty if the folder is not a complete package."""
    return {} if problems(package) else manifest.read_json(package / CARD)


def problems(package: Path) -> List[str]:
    """One sentence for each reason why the folder is not a complete package; empty if it is complete."""
    return manifest.differences(package, (MODEL, SERVICE, CARD, CONFIG))


def has_own_service(package: Path) -> bool:
    """Whether the service file of a package equals the one of this template."""
    file = package / SERVICE
    return file.is_file() and file.read_bytes() == (PROJECT / SERVICE).read_bytes()


def locate(model: str) -> Path:
    """The package for a value of ``--model``: the folder itself, or its folder ``model``."""
    for folder in (Path(model), Path(model) / "model"):
        if (folder / MODEL).is_file():
            return folder
    raise PackageError(f"--model {model}: neither this folder nor its folder 'model' contains {MODEL}; "
                       "give the folder of a package, such as <train_url>/cnn")


def size(package: Path) -> int:
    """The number of bytes of all files of the package."""
    paths = [*manifest.list_files(package), manifest.MANIFEST]
    return sum((package / path).stat().st_size for path in paths)
