"""The settings of a job: ``config/default.yaml`` < ``--config`` file < flags.

``config/default.yaml`` names every setting with its default and its reason; the types are those of the defaults.
A model's own settings are in ``config/<model>.yaml``; a ``--config`` file overrides them in a section of the
model's name (``cnn: {filters: 50}``), a flag as ``--cnn_filters 50``.
"""
import argparse
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import yaml

from models import MODELS
from textjob.errors import UsageError, nearest
from textjob.job import nodes
from textjob.paths import PROJECT

# Settings that say where and which, not how: they may change between two runs on one folder.
_WHERE = {"data_url", "train_url", "models", "overwrite", "checkpoint_seconds"}

_RANGES = {  # least and greatest value; a bound that the value itself may not reach is marked by a tiny step
    "max_bad_rows": (0, None), "max_length": (1, 100000), "vocabulary_size": (1, None), "min_count": (1, None),
    "wide_ngrams": (0, 5),
    "epochs": (0, 10000), "batch_size": (1, None), "learning_rate": (1e-12, None), "keep_prob": (1e-6, 1),
    "word_dropout": (0, 1 - 1e-6), "label_smoothing": (0, 1 - 1e-6), "patience": (1, None),
    "seed": (0, 2 ** 31 - 1), "checkpoint_seconds": (0, None), "golden_rows": (0, 1000),
}
_CHOICES = {"class_weights": ["none", "balanced"]}
_RESERVED_NAMES = {"model", "report", "checkpoints", "logs"}


@dataclass(frozen=True)
class Settings:
    """One job's settings; each field is explained in ``config/default.yaml``."""

    data_url: str
    train_url: str
    models: List[str]
    overwrite: bool
    label_column: str
    text_column: str
    max_bad_rows: float
    max_length: int
    vocabulary_size: int
    min_count: int
    vectors: str
    wide: bool
    wide_ngrams: int
    epochs: int
    batch_size: int
    learning_rate: float
    keep_prob: float
    word_dropout: float
    label_smoothing: float
    class_weights: str
    patience: int
    seed: int
    checkpoint_seconds: float
    runtime: str
    golden_rows: int
    model: Dict[str, Dict[str, Any]]
    """The settings of each model by its name, from ``config/<model>.yaml``."""

    def of_model(self, name: str) -> Dict[str, Any]:
        """What decides how one model comes out: a flat dict, equal for two runs that train the same."""
        how = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _WHERE | {"model"}}
        how.update({f"{name}_{key}": value for key, value in self.model[name].items()})
        return how


def from_flags(argv: Sequence[str]) -> Tuple[Settings, List[str]]:
    """Settings from a command line, and the platform's flags that were ignored.

    Raises:
        UsageError: an unknown key or value in a file or a flag, or a flag that nearly is a setting.
    """
    common, own = _defaults()
    flat = dict(common)
    flat.update({f"{m}_{key}": value for m, section in own.items() for key, value in section.items()})
    parser = _parser(flat)
    given, rest = parser.parse_known_args(argv)
    ignored = _ignored(rest, list(flat) + ["config"])

    if given.config:
        for key, value in _flattened(_read(_find(given.config)), common, own).items():
            flat[key] = _typed(key, value, flat[key], f"in {given.config}")
    for key, value in vars(given).items():
        if key != "config" and value not in (None, ""):
            flat[key] = _typed(key, value, flat[key], "on the command line")
    for key in ("data_url", "train_url"):  # the platform's inputs and outputs may be "obtained from" the environment
        flat[key] = flat[key] or os.environ.get(key, "")
    settings = Settings(model={m: {key: flat[f"{m}_{key}"] for key in section} for m, section in own.items()},
                        **{key: flat[key] for key in common})
    _check(settings)
    return settings, ignored


def _defaults() -> Tuple[Dict[str, Any], Dict[str, Dict[str, Any]]]:
    own = {name: _read(PROJECT / "config" / (name + ".yaml")) for name in MODELS}
    return _read(PROJECT / "config" / "default.yaml"), own


def _read(path: Path) -> Dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError("{} cannot be read: {}".format(path, " ".join(str(error).split())))
    if not isinstance(content, dict):
        raise UsageError(f"{path} must hold lines of the form 'name: value'")
    return content


def _find(config: str) -> Path:
    """A config file, sought from the working folder, then beside ``train.py``."""
    for path in (Path(config), PROJECT / config):
        if path.is_file():
            return path
    raise UsageError(f"--config {config}: no such file, neither from here nor beside train.py")


def _flattened(content: Dict[str, Any], common: Dict[str, Any], own: Dict[str, Dict[str, Any]]) -> Dict[str, Any]:
    """A config file's lines with its model sections as ``<model>_<key>``; unknown keys are errors."""
    flat = {}
    for key, value in content.items():
        section, valid = ({key: value}, common) if key not in own else (value, own[key])
        if not isinstance(section, dict):
            raise UsageError(f"{key!r} is a model: give its settings below it, as in config/{key}.yaml")
        for name in section:
            if name not in valid:
                everything = list(valid) if key in own else list(common) + list(own)
                raise UsageError("unknown setting {!r}{}{}".format(
                    name, " of " + key if key in own else "", nearest(str(name), everything)))
            flat[f"{key}_{name}" if key in own else name] = section[name]
    return flat


def _parser(flat: Dict[str, Any]) -> argparse.ArgumentParser:
    reasons = {}
    for path in [PROJECT / "config" / "default.yaml"] + [PROJECT / "config" / (m + ".yaml") for m in MODELS]:
        prefix = "" if path.stem == "default" else path.stem + "_"
        for name, reason in re.findall(r"^(\w+):.*?#\s*(.*)$", path.read_text(encoding="utf-8"), re.M):
            reasons[prefix + name] = reason.replace("%", "%%")
    parser = argparse.ArgumentParser(
        prog="train.py", allow_abbrev=False, description="Trains text classifiers and exports each as a package.")
    parser.add_argument("--config", metavar="FILE", help="a YAML file of settings, stronger than the defaults")
    for name, default in flat.items():
        parser.add_argument("--" + name, metavar="X", nargs="?" if isinstance(default, bool) else None,
                            const="true" if isinstance(default, bool) else None,
                            help="{} (default: {})".format(reasons.get(name, ""), _shown(default)))
    return parser


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else repr(value) if value == "" else str(value)


def _ignored(rest: Sequence[str], valid: List[str]) -> List[str]:
    """The names of unknown flags; one that nearly is a setting is an error."""
    names = sorted({word.split("=")[0] for word in rest if re.match("--?[A-Za-z_]", word)})
    for name in names:
        hint = "" if name.lstrip("-") in nodes.FLAGS else nearest(name.lstrip("-"), valid)
        if hint:
            raise UsageError("unknown flag {}{}".format(name, hint.replace("'", "--", 1).replace("'", "")))
    return names


def _typed(name: str, value: Any, default: Any, where: str) -> Any:
    """``value`` as the type of the default; text is what flags give."""
    kind = type(default)
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False, "1": True, "0": False,
                    "yes": True, "no": False}[str(value).strip().lower()]
        if isinstance(default, list):
            items = [item.strip() for item in value.split(",")] if isinstance(value, str) else list(value)
            return [_typed(name, item, default[0], where) for item in items if item != ""]
        if isinstance(value, bool) or value is None or isinstance(value, (list, dict)):
            raise ValueError(value)
        if isinstance(default, int) and float(value) != int(float(value)):
            raise ValueError(value)
        return int(float(value)) if isinstance(default, int) else kind(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        expected = {bool: "true or false", int: "a whole number", float: "a number", list: "a list"}.get(kind, "text")
        raise UsageError(f"{name} = {value!r} {where}: expected {expected}")


def _check(settings: Settings) -> None:
    for name in ("data_url", "train_url"):
        if not getattr(settings, name):
            raise UsageError("--{} is missing: say {}".format(
                name, "where the labelled texts are" if name == "data_url" else "where the packages go"))
    if not settings.models:
        raise UsageError("--models is empty: expected some of {}".format(", ".join(MODELS)))
    for model in settings.models:
        if model not in MODELS or model in _RESERVED_NAMES:
            raise UsageError("unknown model {!r}{}; there are {}".format(
                model, nearest(model, MODELS), ", ".join(MODELS)))
    if len(set(settings.models)) < len(settings.models):
        raise UsageError("--models names a model twice: {}".format(",".join(settings.models)))
    for name, (least, greatest) in _RANGES.items():
        value = getattr(settings, name)
        if not value >= least or (greatest is not None and not value <= greatest):
            most = "" if greatest is None else f" and at most {greatest:g}"
            raise UsageError(f"{name} = {value}: expected at least {least:g}{most}")
    for model, section in settings.model.items():
        for name, value in section.items():  # sizes, all of them
            sizes = value if isinstance(value, list) else [value]
            if not sizes or any(isinstance(size, (int, float)) and not size > 0 for size in sizes):
                raise UsageError(f"{model}_{name} = {_shown(value)}: expected numbers above 0")
    for name, choices in _CHOICES.items():
        if getattr(settings, name) not in choices:
            raise UsageError("{} = {!r}: expected {}{}".format(
                name, getattr(settings, name), " or ".join(choices), nearest(getattr(settings, name), choices)))
