"""Checks, before an upload, whether a package can be deployed, and on which engines.

The safest checks run first: the files, without opening any that may be dangerous; their content; the graph, without
running it; and only then a start of the service with real requests, in a process of its own.
"""
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple

from textjob.check import answers, config_json, files, graph
from textjob.check.finding import FAULT, Finding, has_fault
from textjob.errors import PackageError, one_line
from textjob.packaging import package

Report = Callable[[Finding], None]


class Inspection(NamedTuple):
    """The result of all checks that run nothing of the package."""

    findings: List[Finding]
    engines: Dict[str, List[str]]  # engine → the reasons why it does not load the package
    plan: Any                      # how the service uses the model; None if the service must not be started


def run(folder: Path, allowed: Iterable[str] = (), name: str = "", version: str = "",
        report: Report = lambda finding: None) -> Dict[str, Any]:
    """Check a package: ``{"package", "deployable", "findings": [...], "engines": {name: [reasons]}}``.

    ``allowed`` are dangerous ops that are accepted; ``name`` and ``version`` are those of the model on the platform.
    ``report`` is called with each finding as soon as it is made.
    """
    findings, verdicts, plan = inspect(folder, allowed, name, version, report)
    if plan:
        findings += _reported(answers.findings(folder, plan), report)
    return {"package": one_line(str(folder)), "deployable": not has_fault(findings),
            "findings": [finding._asdict() for finding in findings], "engines": verdicts}


def inspect(folder: Path, allowed: Iterable[str] = (), name: str = "", version: str = "",
            report: Report = lambda finding: None) -> Inspection:
    """Run the checks that run nothing of the package. The arguments are those of :func:`run`."""
    findings: List[Finding] = []
    verdicts: Dict[str, List[str]] = {}
    plan = None

    def passed(results: List[Finding]) -> bool:
        """Add the findings of one check; whether it is free of faults."""
        findings.extend(_reported(results, report))
        return not has_fault(results)

    passed(files.names(name, version))
    unsafe, paths = files.unsafe_files(folder)
    if passed(unsafe):
        results, readable = files.complete(folder, paths)
        startable = passed(results)
        passed(_config(folder))
        startable &= passed(files.service_file(folder))
        if readable and passed(graph.parsable(folder)):
            results, plan = graph.signature(folder)
            startable &= passed(results)
            startable &= passed(graph.unsafe_contents(folder, allowed) or graph.SAFE)
            verdicts = graph.engines(folder, plan.tags if plan else None)
            passed(graph.engine_findings(folder, verdicts))
            plan = plan if startable else None
    return Inspection(findings, verdicts, plan)


def _reported(findings: List[Finding], report: Report) -> List[Finding]:
    """The findings with messages of one line, after ``report`` has been called with each."""
    findings = [finding._replace(message=one_line(finding.message)) for finding in findings]
    for finding in findings:
        report(finding)
    return findings


def engines(folder: Path) -> Dict[str, List[str]]:
    """Engine → the reasons why it does not load the package; ``[]`` if it does."""
    return graph.engines(folder, None)


def _config(folder: Path) -> List[Finding]:
    if not (folder / package.CONFIG).is_file():  # files.complete reports it
        return []
    try:
        return config_json.findings(config_json.read(folder / package.CONFIG), folder)
    except PackageError as error:
        return [Finding(FAULT, "config.json", str(error), "ModelArts.3015")]


def main(folder: Path, allowed: Iterable[str], name: str, version: str, as_json: bool) -> int:
    """Print the findings, as text or as JSON; return 0 if the package is deployable, else PackageError's exit code."""
    result = run(folder, allowed, name, version, (lambda finding: None) if as_json else _print)
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print(f"{result['package']}: {'deployable' if result['deployable'] else 'not deployable'}")
    return 0 if result["deployable"] else PackageError.exit_code


def _print(finding: Finding) -> None:
    print(finding, flush=True)
