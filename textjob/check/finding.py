"""A finding: one result of a check, in one sentence."""
from typing import Iterable, NamedTuple

OK, NOTE, FAULT = "ok", "note", "fault"


class Finding(NamedTuple):
    """``fault``: the platform or the service rejects it; ``note``: a limitation; ``ok``: checked without a fault."""

    level: str
    rule: str          # files, config.json, service, signature, ops, engines, answers
    message: str       # what is wrong, what was expected, what to do
    code: str = ""     # the platform's error code, such as ModelArts.3015

    def __str__(self) -> str:
        code = f" ({self.code})" if self.code else ""
        return f"{self.level}: {self.rule}: {self.message}{code}"


def has_fault(findings: Iterable[Finding]) -> bool:
    """Whether at least one finding is a fault."""
    return any(finding.level == FAULT for finding in findings)
