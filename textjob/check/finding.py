"""What a check finds: one sentence each, with the place where it belongs and the platform's code where it has one."""
from typing import NamedTuple

OK, NOTE, FAULT = "ok", "note", "fault"


class Finding(NamedTuple):
    """``fault``: the platform, or the service, will refuse; ``note``: worth knowing; ``ok``: looked at, and right."""

    level: str
    rule: str          # files, config.json, service, signature, answers, engines, ops
    message: str       # what was found, what was expected, what to do
    code: str = ""     # the platform's error code, such as ModelArts.3015

    def __str__(self) -> str:
        code = f" ({self.code})" if self.code else ""
        return f"{self.level}: {self.rule}: {self.message}{code}"
