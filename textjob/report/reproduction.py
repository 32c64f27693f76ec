"""The settings and versions with which a run can be repeated."""
from typing import Any, List

from textjob.report.blocks import Fold, Items, Paragraph, Section, Table
from textjob.results import ModelCard
from textjob.settings import FIELDS, default


def section(card: ModelCard, models: List[str]) -> Section:
    """The section on the settings and versions of a run, by the card of its best model."""
    changed = [f"--{name} {_flag(value)}" for name, value in card.settings.items()
               if name in FIELDS and value != default(FIELDS[name])]
    command = " ".join(["python train.py --data_url DATA --train_url OUTPUT", "--models", ",".join(models), *changed])
    settings = [[name, _flag(value)] for name, value in sorted(card.settings.items())]
    return Section("Settings and versions", [
        Paragraph(f"Command: {command}"),
        Items([f"SHA-256 of the rows: {card.data.sha256}", f"seed: {card.seed}",
               "versions: " + ", ".join(f"{name} {version}" for name, version in card.versions.items())]),
        Fold("All settings", [Table([f"setting ({card.model})", "value"], settings, wide=(0, 1))])])


def _flag(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else "''" if value == "" else str(value)
