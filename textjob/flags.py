"""The command line of ``train.py``, its ``--config`` file and its ``--help``."""
import argparse
import os
import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from models import MODELS
from textjob.errors import UsageError, nearest, nearest_name
from textjob.paths import PROJECT
from textjob.settings import FIELDS, DataSettings, Settings, check, check_ranges, default, own_defaults, read_yaml

PLATFORM_FLAGS = ("num_gpus", "job_name", "task_name", "task_index", "ps_hosts", "worker_hosts", "init_method", "rank",
                  "world_size")
"""Flags that the platform adds to a job's own; ``textjob/job/nodes.py`` reads them."""

OTHER_NAMES = {
    "lr": "learning_rate", "batch": "batch_size", "bs": "batch_size", "bsz": "batch_size", "num_epochs": "epochs",
    "num_train_epochs": "epochs", "n_epochs": "epochs", "max_seq_len": "max_length", "max_seq_length": "max_length",
    "maxlen": "max_length", "seq_len": "max_length", "output_dir": "train_url", "output_url": "train_url",
    "output_path": "train_url", "out_dir": "train_url", "save_dir": "train_url", "data_dir": "data_url",
    "data_path": "data_url", "input_dir": "data_url", "train_data": "data_url", "model": "models",
    "model_name": "models", "random_seed": "seed", "vocab_size": "vocabulary_size",
    "dropout": "keep_prob (1 - dropout)", "dropout_rate": "keep_prob (1 - dropout)",
    "embeddings": "vectors", "word_vectors": "vectors", "early_stopping": "patience", "force": "overwrite",
}
"""What other tools call a setting, and its name here."""


class _Row(NamedTuple):
    """A setting on the command line: its default, its reason, and its topic in ``--help``."""

    default: Any
    reason: str
    topic: str


TOPICS = {"run": "input, output and models", "data": "how the data are read, where their content does not decide it",
          "training": "training", "package": "package"}
"""What a setting affects (textjob/settings.py), and its topic in ``--help``."""


def from_flags(argv: Sequence[str]) -> Tuple[Settings, List[str]]:
    """The settings of a command line, and the platform's flags that were ignored.

    Raises:
        UsageError: an unknown key or a wrong value in a file or a flag, or a flag that is nearly a setting.
    """
    own = {model: own_defaults(model) for model in MODELS}
    rows = _rows(own)
    given, rest = _parser(rows).parse_known_args(argv)
    ignored = _ignored(rest, [*rows, "config"])

    values = {name: row.default for name, row in rows.items()}
    if given.config:
        given.config = os.path.expanduser(given.config)
        for key, value in _flattened(read_yaml(_located(given.config)), own).items():
            values[key] = typed(key, value, values[key], f"in {given.config}")
    for key, value in vars(given).items():
        if key != "config" and value not in (None, ""):
            values[key] = typed(key, value, values[key], "on the command line")
    for key in ("data_url", "train_url"):  # the platform can give them by the environment ("obtained from")
        values[key] = values[key] or os.environ.get(key, "")
    for key in ("data_url", "train_url", "vectors"):
        values[key] = os.path.expanduser(values[key])
    settings = Settings(model={model: {key: values[f"{model}_{key}"] for key in section}
                               for model, section in own.items()}, **{name: values[name] for name in FIELDS})
    check(settings)
    return settings, ignored


def _rows(own: Mapping[str, Mapping[str, Any]]) -> Dict[str, _Row]:
    """Every setting by its flag: those of the job, then the own settings of each model as ``<model>_<key>``."""
    rows = {name: _Row(default(each), each.metadata["reason"], topic) for affects, topic in TOPICS.items()
            for name, each in FIELDS.items() if each.metadata["affects"] == affects}
    for model, section in own.items():
        # The comment behind a model's setting is its help text.
        text = (PROJECT / "config" / f"{model}.yaml").read_text(encoding="utf-8")
        comments = dict(re.findall(r"^(\w+):[^#\n]*#\s*(.*)$", text, re.M))
        rows.update({f"{model}_{key}": _Row(value, comments.get(key, ""), f"the model {model}")
                     for key, value in section.items()})
    return rows


def _parser(rows: Mapping[str, _Row]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train.py", allow_abbrev=False, description="Trains text classifiers and exports each as a package.",
        epilog="Values: defaults < --config file < flags. '' means that a setting is not given. Exit codes and the "
               "forms of the data are in docs/data.md.")
    parser.add_argument("--config", metavar="FILE", help="a YAML file of settings, looked up from the working folder, "
                        "then beside train.py")
    groups: Dict[str, argparse._ActionsContainer] = {}
    for name, row in rows.items():
        if row.topic not in groups:
            groups[row.topic] = parser.add_argument_group(row.topic)
        _add(groups[row.topic], name, row)
    return parser


def _add(parser: argparse._ActionsContainer, name: str, row: _Row) -> None:
    boolean = isinstance(row.default, bool)
    kinds = {bool: "true|false", int: "N", float: "X", list: "A,B"}
    parser.add_argument(f"--{name}", metavar=kinds.get(type(row.default), "VALUE"), nargs="?" if boolean else None,
                        const="true" if boolean else None,
                        help=f"{row.reason} (default: {shown(row.default)})".strip().replace("%", "%%"))


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each setting that decides how the data are read."""
    group = parser.add_argument_group(TOPICS["data"])
    for name, row in _rows({}).items():
        if FIELDS[name].metadata["affects"] == "data":
            _add(group, name, row)


def data_settings(args: argparse.Namespace) -> DataSettings:
    """The settings that the flags of :func:`add_data_flags` were given.

    Raises:
        UsageError: a value has the wrong type or is out of its range.
    """
    names = [name for name, each in FIELDS.items() if each.metadata["affects"] == "data"]
    given = {name: typed(name, getattr(args, name), default(FIELDS[name]), "on the command line") for name in names
             if getattr(args, name) not in (None, "")}
    settings = DataSettings(**given)
    check_ranges(settings)
    return settings


def divided(values: Sequence[str]) -> List[str]:
    """The names in the values of a flag that can be repeated, each of which may be a list ``A,B``."""
    return [part for value in values for part in value.split(",") if part]


def shown(value: Any) -> str:
    """A value as it is given on the command line."""
    if isinstance(value, list):
        return ",".join(map(shown, value))
    return str(value).lower() if isinstance(value, bool) else str(value) or "''"


def _ignored(rest: Sequence[str], valid: List[str]) -> List[str]:
    """The names of unknown flags; one that is nearly a setting, or a setting of other tools, is an error."""
    names = sorted({word.split("=")[0] for word in rest if re.match("--?[A-Za-z_]", word)})
    for name in names:
        word = name.lstrip("-").replace("-", "_").lower()
        if word in PLATFORM_FLAGS:
            continue
        close = OTHER_NAMES.get(word) or nearest_name(word, valid)
        if close:
            raise UsageError(f"unknown flag {name}; did you mean --{close}?")
    return names


def _located(config: str) -> Path:
    """A config file, looked up from the working folder, then beside ``train.py``."""
    for path in (Path(config), PROJECT / config):
        if path.is_file():
            return path
    raise UsageError(f"--config {config}: there is no such file, neither in the working folder nor beside train.py")


def _flattened(content: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> Dict[str, Any]:
    """The lines of a config file, those of a model's section as ``<model>_<key>``; unknown keys are errors."""
    flat = {}
    for key, value in content.items():
        section, valid = ({key: value}, FIELDS) if key not in own else (value, own[key])
        if not isinstance(section, dict):
            raise UsageError(f"{key!r} is a model: write its settings indented below it, as in config/{key}.yaml")
        for name in section:
            if name not in valid:
                names = list(valid) if key in own else [*FIELDS, *own]
                of_model = f" of {key}" if key in own else ""
                raise UsageError(f"unknown setting {name!r}{of_model}{nearest(str(name), names)}")
            flat[f"{key}_{name}" if key in own else name] = section[name]
    return flat


def typed(name: str, value: Any, default_value: Any, where: str) -> Any:
    """A value from a file or a flag, which gives text, as the type of the default.

    Raises:
        UsageError: it is of another type; ``where`` says where it was given.
    """
    kind = type(default_value)
    try:
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False,
                    "yes": True, "no": False}[str(value).strip().lower()]
        if kind is list:
            items = [item.strip() for item in value.split(",")] if isinstance(value, str) else list(value)
            return [typed(name, item, default_value[0], where) for item in items if item != ""]
        if isinstance(value, (bool, list, dict)) or value is None:
            raise ValueError(value)
        if kind is int:
            if float(value) != int(float(value)):
                raise ValueError(value)
            return int(float(value))
        return kind(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        expected = {bool: "true or false", int: "a whole number", float: "a number", list: "a list"}.get(kind, "text")
        raise UsageError(f"{name} = {value!r} {where}: expected {expected}")
