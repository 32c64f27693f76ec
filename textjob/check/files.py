"""Checks the files of a package before anything of it is parsed or run: layout, names, links, sizes, hashes."""
import ast
import os
import re
import stat
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

from textjob import manifest
from textjob.check.finding import FAULT, NOTE, OK, Finding, has_fault
from textjob.packaging import package
from textjob.packaging.package import MODEL

MAX_BYTES = 20 * 10 ** 9   # the platform's limit for a model
MAX_FILES = 10000          # files and folders
MAX_DEPTH = 20             # nested folders
MAX_MODEL = 2 ** 31 - 1    # bytes of saved_model.pb: the limit of a protocol buffer
REQUIRED = (MODEL, "variables/variables.index", package.CONFIG, package.SERVICE)
# Modules that the platform's images import: a module of the same name beside the service file would replace it.
IMAGE_MODULES = {"flask", "grpc", "google", "h5py", "keras", "model_service", "numpy", "requests", "six", "tensorflow",
                 "tensorflow_core", "tensorflow_serving", "werkzeug"}
OLDEST_PYTHON = (3, 6)     # in the platform's oldest image with Python 3


def unsafe_files(folder: Path) -> Tuple[List[Finding], List[str]]:
    """Faults of files that are dangerous to open; and the paths of all regular files."""
    paths, findings = [], []  # type: List[str], List[Finding]
    for number, path in enumerate(_walk(folder)):
        name = path.relative_to(folder).as_posix()
        mode = os.lstat(str(path)).st_mode
        if stat.S_ISLNK(mode):
            findings.append(_fault(f"{name} is a link, which an upload does not keep; replace it by the file itself"))
        elif stat.S_ISREG(mode):
            if "__pycache__" not in name.split("/"):
                paths.append(name)
            if path.name == MODEL and path.stat().st_size > MAX_MODEL:
                findings.append(_fault(f"{name} has {path.stat().st_size / 1e9:.1f} GB, but TensorFlow reads at most 2 "
                                       "GB; export the model again with its weights as variables"))
        elif not stat.S_ISDIR(mode):
            findings.append(_fault(f"{name} is a device, a pipe or a socket, which cannot be uploaded; remove it"))
        if name.count("/") > MAX_DEPTH:
            return [*findings, _fault(f"{name[:40]}... is nested in more than {MAX_DEPTH} folders; remove it")], paths
        if number >= MAX_FILES:
            return [*findings, _fault(f"the package has more than {MAX_FILES:,} files; a package has about ten, so "
                                      "remove the others")], paths
    size = sum((folder / name).stat().st_size for name in paths)
    if size > MAX_BYTES:
        findings.append(_fault(f"the files have {size / 1e9:.1f} GB; the platform accepts models of at most "
                               f"{MAX_BYTES / 1e9:.0f} GB"))
    return findings, paths


def complete(folder: Path, paths: List[str]) -> Tuple[List[Finding], bool]:
    """Findings about the layout and the manifest; and whether ``saved_model.pb`` may be read in spite of faults.

    It may if other files are missing, but not if a file differs from its hash.
    """
    findings = _manifest(folder, paths)
    readable = MODEL in paths and not has_fault(findings)
    findings += _layout(folder, paths)
    if not has_fault(findings):
        size = sum((folder / name).stat().st_size for name in paths)
        findings.append(Finding(OK, "files", f"{len(paths)} files, {size / 1e6:.1f} MB"))
    return findings, readable


def _fault(message: str) -> Finding:
    return Finding(FAULT, "files", message)


def _walk(folder: Path) -> Iterator[Path]:
    """All files and folders below a folder; links are not followed."""
    for top, folders, names in os.walk(str(folder)):
        folders.sort()
        for name in folders + sorted(names):
            yield Path(top) / name


def _layout(folder: Path, paths: List[str]) -> List[Finding]:
    required = [name for name in REQUIRED if name not in paths]
    if not any(re.fullmatch(r"variables/variables\.data-\d{5}-of-\d{5}", name) for name in paths):
        required.append("variables/variables.data-00000-of-00001")
    findings = [_fault(f"{name} is missing, but the platform's import requires it; export or upload the package again")
                for name in required]
    for unique in (MODEL, package.CONFIG, package.SERVICE):
        others = [name for name in paths if name.endswith("/" + unique)]
        if others:
            findings.append(_fault(f"the package has more than one {unique}, but the platform's import requires "
                                   f"exactly one; remove {', '.join(others)}"))
    for module in sorted({name.split("/")[0].split(".")[0] for name in paths if name.endswith(".py")} & IMAGE_MODULES):
        findings.append(_fault(f"the module {module} beside {package.SERVICE} would replace the module {module} of the "
                               "platform's image; rename it"))
    if folder.name != "model":
        findings.append(Finding(NOTE, "files", f"the folder is called {folder.name!r}, but the platform's import reads "
                                "the folder 'model' of the selected folder; rename it before the upload"))
    return findings


def _manifest(folder: Path, paths: List[str]) -> List[Finding]:
    if manifest.MANIFEST not in paths:
        if package.CARD in paths:
            return [_fault(f"{manifest.MANIFEST} is missing, so the package is incomplete; export or upload it again")]
        return [Finding(NOTE, "files", f"the package has no {manifest.MANIFEST}, so cut or changed files are not "
                        "detected (infer.py adopt writes one)")]
    return [_fault(f"{problem}; export or upload the package again") for problem in package.problems(folder)] + [
        Finding(NOTE, "files", f"{name} is not listed in {manifest.MANIFEST}, so changes of it are not detected")
        for name in manifest.unlisted(folder)]


def service_file(folder: Path) -> List[Finding]:
    """Check that the platform's oldest Python can parse the service file. Its class is checked by the start."""
    file = folder / package.SERVICE
    if not file.is_file():  # _layout reports it
        return []
    try:
        source = file.read_text(encoding="utf-8")
        grammar = {} if sys.version_info < (3, 8) else {"feature_version": OLDEST_PYTHON}
        ast.parse(source, package.SERVICE, **grammar)  # type: ignore[call-overload]
    except (SyntaxError, ValueError) as error:
        python = ".".join(map(str, OLDEST_PYTHON))
        return [Finding(FAULT, "service", f"{package.SERVICE} cannot be parsed by Python {python}, which the "
                        f"platform's oldest image has: {error}")]
    return [Finding(OK, "service", f"{package.SERVICE} equals the one of this template") if (
        package.has_own_service(folder)) else Finding(
        NOTE, "service", f"{package.SERVICE} differs from the one of this template: it is of another version, or was "
        "changed")]


def names(name: str, version: str) -> List[Finding]:
    """Check the model's name and version by the platform's rules; an empty value is not checked."""
    rules = [("--name", name, r"[A-Za-z0-9_-]{1,64}", "1 to 64 characters of A-Z a-z 0-9 - _"),
             ("--version", version, r"(0|[1-9][0-9]?)(\.(0|[1-9][0-9]?)){2}", "x.y.z with numbers from 0 to 99")]
    return [_fault(f"{flag} {value!r} is not valid; the platform expects {expected}")
            for flag, value, pattern, expected in rules if value and not re.fullmatch(pattern, value)]
