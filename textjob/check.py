"""Is a package deployable? Its files, its configuration, and real requests through the platform's life cycle."""
from pathlib import Path
from typing import List

from textjob import golden, package
from textjob.errors import PackageError
from textjob.rehearsal import Rehearsal


def main(folder: Path) -> int:
    """Print what was found; 0 where the package is deployable, else a PackageError's exit code."""
    faults = package.problems(folder)
    if not faults:
        faults = _faults_of_answers(folder)
        for path in package.unlisted(folder):
            print("note: {} is not listed in {}".format(path, package.MANIFEST))
    for fault in faults:
        print("fault: {}".format(fault))
    print("{}: {}".format(folder, "not deployable" if faults else "deployable"))
    return PackageError.exit_code if faults else 0


def _faults_of_answers(folder: Path) -> List[str]:
    """Start the service (which replays the golden answers) and send it real requests."""
    try:
        answers = Rehearsal(folder).classify(golden.TEXTS)
    except PackageError as error:
        return [str(error)]
    return ["no answer to {!r}: {}".format(text[:40], answer["error"]["message"])
            for text, answer in zip(golden.TEXTS, answers) if "error" in answer]
