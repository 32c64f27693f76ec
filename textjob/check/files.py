"""The files of a package, before anything of it is read or run: layout, names, links, sizes, hashes."""
import ast
import os
import re
import stat
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

from textjob import manifest
from textjob.check.finding import FAULT, NOTE, OK, Finding
from textjob.packaging import package
from textjob.paths import PROJECT

MAX_BYTES = 20 * 10 ** 9   # the platform's limit for a model
MAX_FILES = 10000          # and folders
MAX_DEPTH = 20             # folders in folders
MAX_MODEL = 2 ** 31 - 1    # bytes of saved_model.pb: no protocol buffer is larger
MODEL = "saved_model.pb"
REQUIRED = (MODEL, "variables/variables.index", package.CONFIG, package.SERVICE)
# What the platform's images import themselves: a module of that name beside the service file would hide it.
OF_THE_IMAGE = {"flask", "grpc", "google", "h5py", "keras", "model_service", "numpy", "requests", "six", "tensorflow",
                "tensorflow_core", "tensorflow_serving", "werkzeug"}
OLDEST_GRAMMAR = (3, 6)    # of the Python in the platform's oldest image that runs Python 3


def findings(folder: Path, paths: List[str]) -> Tuple[List[Finding], bool]:
    """What is wrong with the files (of which none is a trap); and whether the model may be looked at all the same.

    It may where something is missing beside it, not where a file is other than its hash.
    """
    found = _manifest(folder, paths)
    readable = MODEL in paths and not any(finding.level == FAULT for finding in found)
    found += _layout(folder, paths)
    if not any(finding.level == FAULT for finding in found):
        size = sum((folder / name).stat().st_size for name in paths)
        found.append(Finding(OK, "files", f"{len(paths)} files, {size / 1e6:.1f} MB"))
    return found, readable


def traps(folder: Path) -> Tuple[List[Finding], List[str]]:
    """What makes a folder dangerous even to read; and the names of its files."""
    paths, found = [], []  # type: List[str], List[Finding]
    for number, path in enumerate(_walk(folder)):
        name = path.relative_to(folder).as_posix()
        mode = os.lstat(str(path)).st_mode
        if stat.S_ISLNK(mode):
            found.append(_fault(f"{name} is a link: put the file itself there, an upload does not keep links"))
        elif stat.S_ISREG(mode):
            if "__pycache__" not in name.split("/"):
                paths.append(name)
            if path.name == MODEL and path.stat().st_size > MAX_MODEL:
                found.append(_fault(f"{name} has {path.stat().st_size / 1e9:.1f} GB; none has more than 2"))
        elif not stat.S_ISDIR(mode):
            found.append(_fault(f"{name} is neither a file nor a folder (a device, a pipe or a socket)"))
        if name.count("/") > MAX_DEPTH:
            return [*found, _fault(f"{name[:40]}...: folders in folders, more than {MAX_DEPTH}")], paths
        if number >= MAX_FILES:
            return [*found, _fault(f"more than {MAX_FILES:,} files; a package has about ten")], paths
    size = sum((folder / name).stat().st_size for name in paths)
    if size > MAX_BYTES:
        found.append(_fault(f"{size / 1e9:.1f} GB; the platform takes models of at most {MAX_BYTES / 1e9:.0f} GB"))
    return found, paths


def _fault(message: str) -> Finding:
    return Finding(FAULT, "files", message)


def _walk(folder: Path) -> Iterator[Path]:
    """Everything below a folder; links are named, not followed."""
    for top, folders, names in os.walk(str(folder)):
        folders.sort()
        for name in folders + sorted(names):
            yield Path(top) / name


def _layout(folder: Path, paths: List[str]) -> List[Finding]:
    found = [_fault(f"{name} is missing: the platform's import needs it")
             for name in REQUIRED if name not in paths]
    if not any(re.fullmatch(r"variables/variables\.data-\d{5}-of-\d{5}", name) for name in paths):
        found.append(_fault("variables/variables.data-00000-of-00001 is missing: the platform's import needs it"))
    for wanted in (MODEL, package.CONFIG, package.SERVICE):
        more = [name for name in paths if name.endswith("/" + wanted)]
        if more:
            found.append(_fault("{} beside that of the package: the import wants exactly one {}".format(
                ", ".join(more), wanted)))
    for module in sorted({name.split("/")[0].split(".")[0] for name in paths if name.endswith(".py")} & OF_THE_IMAGE):
        found.append(_fault(f"{module}: a module of this name hides that of the platform's image; rename it"))
    if folder.name != "model":
        found.append(Finding(NOTE, "files", f"the folder is called {folder.name!r}; the platform's import looks for one called "
                             "'model' in the folder that you select"))
    return found


def _manifest(folder: Path, paths: List[str]) -> List[Finding]:
    if manifest.MANIFEST not in paths:
        if package.CARD in paths:
            return [_fault(f"{manifest.MANIFEST} is missing: nothing tells whether this package is complete")]
        return [Finding(NOTE, "files", f"no {manifest.MANIFEST}: a file that was cut or changed goes unnoticed "
                        "(infer.py adopt makes a package with one)")]
    return [_fault(problem) for problem in package.problems(folder)] + [
        Finding(NOTE, "files", f"{name} is not listed in {manifest.MANIFEST}")
        for name in manifest.unlisted(folder)]


def service_file(folder: Path) -> List[Finding]:
    """Can the platform's Pythons read the service file? (Which class it takes of it, the answers tell.)"""
    file = folder / package.SERVICE
    if not file.is_file():  # told among the files
        return []
    try:
        source = file.read_text(encoding="utf-8")
        grammar = {} if sys.version_info < (3, 8) else {"feature_version": OLDEST_GRAMMAR}
        ast.parse(source, package.SERVICE, **grammar)  # type: ignore[call-overload]
    except (SyntaxError, ValueError) as error:
        return [Finding(FAULT, "service", "{} cannot be read by Python {}.{}: {}".format(
            package.SERVICE, *OLDEST_GRAMMAR, error))]
    own = (PROJECT / package.SERVICE).read_bytes() == file.read_bytes()
    return [Finding(OK, "service", f"{package.SERVICE} is this template's") if own else Finding(
        NOTE, "service", f"{package.SERVICE} is not this template's of today: it was changed, or is of another version")]


def names(name: str, version: str) -> List[Finding]:
    """Does the platform take this model name and version? Empty means not given."""
    rules = [("--name", name, r"[A-Za-z0-9_-]{1,64}", "1 to 64 of A-Z a-z 0-9 - _"),
             ("--version", version, r"(0|[1-9][0-9]?)(\.(0|[1-9][0-9]?)){2}", "x.y.z, each 0 to 99")]
    return [_fault(f"{flag} {value!r}: the platform takes {told}")
            for flag, value, pattern, told in rules if value and not re.fullmatch(pattern, value)]
