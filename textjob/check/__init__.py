"""Is a package deployable, and where: everything that can be told before an upload, in the order of growing trust.

Files first (nothing is opened that may be a trap), then what they say, then what the graph says without being run,
then a real start and real requests in a clean process.
"""
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List

from textjob import manifest
from textjob.check import answers, config_json, files, graph
from textjob.check.finding import FAULT, Finding
from textjob.errors import PackageError, one_line
from textjob.packaging import package

Tell = Callable[[Finding], None]


def run(folder: Path, allowed: Iterable[str] = (), name: str = "", version: str = "",
        tell: Tell = lambda finding: None) -> Dict[str, Any]:
    """Everything found: ``{"package", "deployable", "findings": [...], "engines": {name: [reasons]}}``.

    ``allowed`` are ops that are dangerous in general and meant here; ``name`` and ``version`` are those that the
    model is to have on the platform. ``tell`` hears of each finding as soon as it is made.
    """
    found: List[Finding] = []
    verdicts: Dict[str, List[str]] = {}

    def add(more: List[Finding]) -> bool:
        more = [finding._replace(message=one_line(finding.message)) for finding in more]
        found.extend(more)
        for finding in more:
            tell(finding)
        return not any(finding.level == FAULT for finding in more)

    add(files.names(name, version))
    said, paths = files.traps(folder)
    if add(said):
        said, readable = files.findings(folder, paths)
        complete = add(said)
        add(_config(folder))
        grammar = add(files.service_file(folder))
        if readable and add(graph.unreadable(folder)):
            said, plan = graph.signature(folder)
            asked = add(said)
            harmless = add(graph.dangers(folder, allowed))
            verdicts = graph.engines(folder, plan.tags if plan else None)
            add(graph.fit(folder, verdicts))
            if complete and grammar and asked and harmless:  # a model that may do harm is not run
                add(answers.findings(folder, plan))
    return {"package": one_line(str(folder)), "deployable": not any(finding.level == FAULT for finding in found),
            "findings": [finding._asdict() for finding in found], "engines": verdicts}


def engines(folder: Path) -> Dict[str, List[str]]:
    """Engine → why it will not load the package; ``[]`` where it will."""
    return graph.engines(folder, None)


def _config(folder: Path) -> List[Finding]:
    if not (folder / package.CONFIG).is_file():  # told among the files
        return []
    try:
        return config_json.findings(manifest.read_json(folder / package.CONFIG), folder)
    except PackageError as error:
        return [Finding(FAULT, "config.json", str(error), "ModelArts.3015")]


def main(folder: Path, allowed: Iterable[str], name: str, version: str, as_json: bool) -> int:
    """Print what was found, for a person or as JSON; 0 where the package is deployable, else PackageError's code."""
    result = run(folder, allowed, name, version, (lambda finding: None) if as_json else _print)
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print("{}: {}".format(result["package"], "deployable" if result["deployable"] else "not deployable"))
    return 0 if result["deployable"] else PackageError.exit_code


def _print(finding: Finding) -> None:
    print(finding, flush=True)
