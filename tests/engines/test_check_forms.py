"""``infer.py check`` of each form of public reports, beside each service.json of the table, with today's TensorFlow.

The service answers in this process, because a process per form would take minutes.
"""
import json
import shutil
from pathlib import Path
from typing import List

import forms_ways
import pytest
from asking import PROJECT, answered_in_process
from forms_table import FORMS, RIGHT
from test_foreign import CONFIG

from textjob import check
from textjob.check import answers
from textjob.check.finding import FAULT
from textjob.serving.host import SERVICE


@pytest.mark.timeout(0)
def test_check_finds_a_form_deployable_if_and_only_if_the_service_answers_it(forms: Path, tmp_path: Path) -> None:
    cases, deviations = forms_ways.laid_out(forms, tmp_path), []
    assert {case.kind for case in cases} == {kind for kind, form in FORMS.items() if form.ways}
    for case in cases:
        found = faults(Path(case.folder))
        if bool(found) == (case.way.outcome == RIGHT) or (found and case.way.says not in found[-1]):
            deviations.append(f"{case.name}: expected {case.way.outcome} {case.way.says}, the faults are {found}")
    assert not deviations, "\n".join(deviations)


def faults(package: Path) -> List[str]:
    shutil.copyfile(str(PROJECT / SERVICE), str(package / SERVICE))
    (package / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    inspection = check.inspect(package)
    findings = [*inspection.findings, *(
        answers.findings(package, inspection.plan, answered_in_process) if inspection.plan else [])]
    return [finding.message for finding in findings if finding.level == FAULT]
