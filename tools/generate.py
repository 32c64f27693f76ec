"""Write what is generated from the settings: ``config/default.yaml`` and the table in ``docs/reference.md``.

    python tools/generate.py    # make generate; a test compares the files with what this would write
"""
import sys
from pathlib import Path
from typing import Dict

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from textjob.flags import shown  # noqa: E402
from textjob.settings import AFFECTS, FIELDS, default  # noqa: E402
from textjob.tables import markdown_table  # noqa: E402

BEGIN, END = "<!-- settings: written by make generate -->\n\n", "\n\n<!-- end of settings -->"


def default_yaml() -> str:
    """``config/default.yaml``: every setting with its default and its reason, grouped by what it affects."""
    lines = ["# Every setting of a job with its default. Generated from textjob/settings.py by `make generate`.",
             "# It shows the defaults; to change a setting, give a flag (--epochs 5) or a file (--config my.yaml)."]
    for affects, consequence in AFFECTS.items():
        lines += ["", f"# {affects}: {consequence}"]
        rows = {name: _yaml(default(each)) for name, each in FIELDS.items() if each.metadata["affects"] == affects}
        width = max(len(f"{name}: {value}") for name, value in rows.items())
        for name, value in rows.items():
            lines.append(f"{f'{name}: {value}'.ljust(width)}  # {FIELDS[name].metadata['reason']}")
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, list) else '""' if value == "" else shown(value)


def settings_table() -> str:
    """The table of the settings in the reference."""
    rows = []
    for name, each in FIELDS.items():
        limits = str(each.metadata["range"])
        meaning = each.metadata["reason"] + (f" ({limits})" if limits else "")
        rows.append([f"`{name}`", f"`{shown(default(each))}`", each.metadata["affects"], meaning])
    return markdown_table(["setting", "default", "affects", "meaning (values)"], rows)


def generated() -> Dict[Path, str]:
    """The content of each generated file."""
    reference = PROJECT / "docs" / "reference.md"
    text = reference.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return {PROJECT / "config" / "default.yaml": default_yaml(),
            reference: before + BEGIN + settings_table() + END + rest.split(END, 1)[1]}


def main() -> None:
    for path, content in generated().items():
        path.write_text(content, encoding="utf-8")
        print(f"wrote {path.relative_to(PROJECT)}")


if __name__ == "__main__":
    main()
