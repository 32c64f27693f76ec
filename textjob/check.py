"""Is a package deployable, and where: its files, the engines that load it, real requests through the life cycle."""
from pathlib import Path
from typing import List

from textjob import golden, package
from textjob.errors import PackageError
from textjob.fit import dangerous_ops, engine_fit
from textjob.rehearsal import Rehearsal


def main(folder: Path) -> int:
    """Print what was found; 0 where the package is deployable, else a PackageError's exit code."""
    faults = package.problems(folder)
    if not faults:
        for path in package.unlisted(folder):
            print("note: {} is not listed in {}".format(path, package.MANIFEST))
        faults = dangerous_ops(str(folder)) + _faults_of_engines(folder) + _faults_of_answers(folder)
    for fault in faults:
        print("fault: {}".format(fault))
    print("{}: {}".format(folder, "not deployable" if faults else "deployable"))
    return PackageError.exit_code if faults else 0


def _faults_of_engines(folder: Path) -> List[str]:
    """Print what each of the platform's engines would say; a fault where the one that config.json asks for refuses."""
    asked, faults = package.read_json(folder / package.CONFIG).get("runtime"), []
    for engine, reasons in engine_fit(str(folder)).items():
        verdict = "loads" if not reasons else "will not load: {}".format("; ".join(reasons[:3]))
        print("{}: {}".format(engine, verdict))
        if reasons and engine == asked:
            faults.append("{}, which {} asks for, {}".format(engine, package.CONFIG, verdict))
    return faults


def _faults_of_answers(folder: Path) -> List[str]:
    """Start the service (which replays the golden answers) and send it real requests."""
    try:
        answers = Rehearsal(folder).classify(golden.TEXTS)
    except PackageError as error:
        return [str(error)]
    return ["no answer to {!r}: {}".format(text[:40], answer["error"]["message"])
            for text, answer in zip(golden.TEXTS, answers) if "error" in answer]
