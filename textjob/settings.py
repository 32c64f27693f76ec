"""The settings of a job; ``textjob/flags.py`` reads them: defaults < ``--config`` file < flags.

Each setting of the job is one field of :class:`Settings`: its name, type, default, range, reason, and what it affects.
``config/default.yaml``, ``--help`` and the table in docs/reference.md are generated from them (``make generate``). A
model's own settings are in ``config/<model>.yaml``; a ``--config`` file overrides them in a section of the model's
name (``cnn: {filters: 50}``), a flag as ``--cnn_filters 50``.
"""
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import yaml

from models import MODELS
from textjob.errors import UsageError, nearest
from textjob.paths import PROJECT

AFFECTS = {
    "run": "where and which; may change between two runs on one output folder",
    "data": "how the data are read; a run with other data is refused, whatever these settings are",
    "training": "what a model learns; a run with other values on one output folder is refused",
    "package": "what is written beside a model; another value repackages without training again",
}
"""What a setting affects, and what follows when it is changed for an existing output folder."""

_WIDE_TIMES = 4  # as many tokens as a network reads

RESERVED_NAMES = ("model", "report", "checkpoints", "logs")
"""Folders of ``--train_url``, which no model may be named after."""


class Range(NamedTuple):
    """The values that a setting may have; ``above`` and ``below`` are exclusive bounds."""

    least: Optional[float] = None
    most: Optional[float] = None
    above: Optional[float] = None
    below: Optional[float] = None
    choices: Sequence[str] = ()

    def holds(self, value: Any) -> bool:
        """Whether the value is inside; NaN never is."""
        return ((self.least is None or value >= self.least) and (self.most is None or value <= self.most)
                and (self.above is None or value > self.above) and (self.below is None or value < self.below)
                and (not self.choices or value in self.choices))

    def __str__(self) -> str:
        bounds = [("at least", self.least), ("above", self.above), ("at most", self.most), ("below", self.below)]
        return " or ".join(self.choices) or " and ".join(f"{word} {bound:,}" for word, bound in bounds
                                                         if bound is not None)


def _setting(default: Any, affects: str, reason: str, **limits: Any) -> Any:
    metadata = {"affects": affects, "reason": reason, "range": Range(**limits)}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class DataSettings:
    """The settings that decide how the data are read; ``infer.py`` has them as flags, too."""

    label_column: str = _setting("", "data", "name or number (from 0) of the label column, where it is not clear")
    text_column: str = _setting(
        "", "data", "name or number (from 0) of the text column, where it is not clear; A,B joins several columns")
    max_bad_rows: float = _setting(
        0.25, "data", "more bad rows stop the job: a share of the rows if below 1, else a number of rows", least=0)
    separator: str = _setting("", "data", "text between two columns, such as ';' or '_!_', where it is not clear")
    encoding: str = _setting("", "data", "encoding of the files (utf-8, gb18030, cp1252, ...), where it is not clear")
    quotes: str = _setting(
        "auto", "data", "whether double quotes enclose cells, which may contain the separator and line breaks, or (no) "
        "belong to the texts", choices=("auto", "yes", "no"))
    header: str = _setting("auto", "data", "whether the first row of a file names its columns",
                           choices=("auto", "yes", "no"))
    nan_is_a_class: bool = _setting(
        False, "data", "nan, NULL, None and NA are class names; otherwise they are missing labels, so the row is bad")
    class_folder_texts: str = _setting(
        "auto", "data", "in a folder per class, whether a file or a line of a file is one text",
        choices=("auto", "file", "line"))


@dataclass(frozen=True)
class Settings(DataSettings):
    """The settings of one job. In files and on the command line ``''`` means that a setting is not given."""

    data_url: str = _setting("", "run", 'labelled texts: a folder or a file (README, "Your data")')
    train_url: str = _setting("", "run", "output folder: packages, report, logs and checkpoints")
    models: List[str] = _setting(["cnn", "rnn", "rcnn"], "run", "trained in this order")
    overwrite: bool = _setting(False, "run", "train again into a folder that holds a run with other settings or data")
    report_texts: bool = _setting(
        True, "run", "show texts of the data and n-grams in the report; with false it has only their places")
    checkpoint_seconds: float = _setting(
        300.0, "run", "seconds between two checkpoints within an epoch; there is one after each epoch, too", least=0)
    memory_mb: float = _setting(
        0.0, "run", "memory that the data may need, in MB; larger data are kept in files (docs/large-data.md); 0 means "
        "half of the memory of this machine or container", least=0)
    scratch: str = _setting(
        "", "run", "local folder for the files of larger data; without it /cache, or the folder for temporary files")
    worker_port: int = _setting(
        2222, "run", "port of every node of a job on several nodes, where the platform names hosts without a port",
        least=1, most=65535)
    worker_start_seconds: float = _setting(
        600.0, "run", "seconds to wait for the other nodes before the training starts", above=0)

    max_length: int = _setting(
        256, "training", "tokens per text that a network reads, because long texts cost time in proportion; the wide "
        "part, where the time is small, reads four times as many",
        least=1, most=100000)
    vocabulary_size: int = _setting(50000, "training", "words in the vocabulary, the most frequent first", least=1)
    min_count: int = _setting(
        0, "training", "a word that is less frequent in the training part is treated as the unknown word; 0 means 2, "
        "or 1 where texts have less than 8 words on average", least=0)
    vectors: str = _setting(
        "", "training", "file of word vectors to start from, in the text format of word2vec and GloVe")
    wide: bool = _setting(
        True, "training", "add a linear model over n-grams (the wide part) to every network (docs/accuracy.md)")
    wide_ngrams: int = _setting(
        0, "training", "longest n-gram of the wide part; 0 means 2, or 3 where most tokens are characters (Chinese)",
        least=0, most=5)
    epochs: int = _setting(
        0, "training", "largest number of epochs; 0 means 8, or as many as make 1,000 steps if that is more",
        least=0, most=10000)
    batch_size: int = _setting(
        64, "training", "texts per step; smaller batches make more updates per epoch, larger ones run faster", least=1)
    learning_rate: float = _setting(
        0.002, "training", "of Adam in the first step; decreases linearly to 0 over all epochs", above=0)
    keep_prob: float = _setting(
        0.5, "training", "probability of keeping a unit before the output layer (dropout)", above=0, most=1)
    word_dropout: float = _setting(
        0.1, "training", "share of the words that each step replaces by the unknown word", least=0, below=1)
    label_smoothing: float = _setting(
        0.1, "training", "share of each target that is spread over all classes", least=0, below=1)
    class_weights: str = _setting(
        "none", "training",
        "none, or balanced: every class has the same total weight in the loss of the networks and of the wide part",
        choices=("none", "balanced"))
    patience: int = _setting(
        0, "training", "epochs without a better macro-F1 or loss on dev after which training stops; 0 means 3, or as "
        "many as make 200 steps if that is more", least=0)
    seed: int = _setting(
        1, "training", "of all random numbers; the same seed gives the same weights, bit for bit, on one machine",
        least=0, most=2 ** 31 - 1)

    runtime: str = _setting("tf2.1-python3.7", "package", "the engine of the platform that config.json names")
    golden_rows: int = _setting(
        0, "package", "rows of the dev part that become golden texts of the package, beside the built-in ones",
        least=0, most=1000)

    model: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    """The own settings of each model by its name, from ``config/<model>.yaml``."""
    vectors_sha256: str = ""
    """The content of ``vectors``: the job computes it, because two paths can lead to one file and one path to two."""

    @property
    def tokens_read(self) -> int:
        """The tokens per text that become ids: those of the wide part, or those of the networks without a wide part."""
        return self.max_length * (_WIDE_TIMES if self.wide else 1)

    def recorded(self, model: str) -> Dict[str, Any]:
        """What a model card says of the settings: all but those of the run, with the model's own as ``<model>_<key>``.
        """
        own = {f"{model}_{key}": value for key, value in self.model.get(model, {}).items()}
        common = {name: getattr(self, name) for name, each in FIELDS.items() if each.metadata["affects"] != "run"}
        return dict(common, vectors_sha256=self.vectors_sha256, **own)

    def differences(self, model: str, recorded: Mapping[str, Any], affects: str = "training") -> List[str]:
        """Where recorded settings of a model differ from these: ``batch_size (was 64, is 32)``.

        A setting that is not recorded did not exist then, and had what is its default now.
        """
        defaults = {name: default(each) for name, each in FIELDS.items()}
        defaults.update({f"{model}_{key}": value for key, value in own_defaults(model).items()}, vectors_sha256="")
        differing = []
        for key, now in sorted(self.recorded(model).items()):
            # Word vectors are compared by their content.
            kind = FIELDS[key].metadata["affects"] if key in FIELDS else "training"
            if key != "vectors" and kind == affects and recorded.get(key, defaults.get(key)) != now:
                differing.append(f"{key} (was {recorded.get(key, defaults.get(key))}, is {now})")
        return differing


FIELDS: Dict[str, "Field[Any]"] = {each.name: each for each in fields(Settings) if each.metadata}
"""The settings of the job by name; what each affects, its reason and its range are in ``metadata``."""


def default(setting: "Field[Any]") -> Any:
    """The default of a setting."""
    return setting.default_factory() if callable(setting.default_factory) else setting.default  # type: ignore[misc]


def own_defaults(model: str) -> Dict[str, Any]:
    """The own settings of a model with their defaults, from ``config/<model>.yaml``; of an unknown model, none."""
    return read_yaml(PROJECT / "config" / f"{model}.yaml") if model in MODELS else {}


def read_yaml(path: Path) -> Dict[str, Any]:
    """The lines ``name: value`` of a file.

    Raises:
        UsageError: the file cannot be read, or holds something else.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}")
    if not isinstance(content, dict):
        raise UsageError(f"{path}: expected lines of the form 'name: value'")
    return content


def check(settings: Settings) -> None:
    """Check what types alone do not.

    Raises:
        UsageError: a setting is missing or out of its range.
    """
    for name, purpose in (("data_url", "the folder or file of the labelled texts"), ("train_url", "the output folder")):
        if not getattr(settings, name):
            raise UsageError(f"--{name} is missing: give {purpose}")
    if not settings.models:
        raise UsageError(f"--models is empty: expected at least one of {', '.join(MODELS)}")
    for model in settings.models:
        if model not in MODELS or model in RESERVED_NAMES:
            raise UsageError(f"unknown model {model!r}{nearest(model, MODELS)}; expected some of {', '.join(MODELS)}")
    if len(set(settings.models)) < len(settings.models):
        raise UsageError(f"--models lists a model twice: {','.join(settings.models)}")
    check_ranges(settings)
    for model, section in settings.model.items():
        for name, value in section.items():
            values = value if isinstance(value, list) else [value]
            if not values or any(isinstance(each, (int, float)) and not each >= 0 for each in values):
                raise UsageError(f"{model}_{name} = {value}: expected numbers that are not negative")


def check_ranges(settings: DataSettings) -> None:
    """Check each setting's range.

    Raises:
        UsageError: a setting is out of its range.
    """
    for each in fields(settings):
        if each.metadata:
            value, limits = getattr(settings, each.name), each.metadata["range"]
            if not limits.holds(value):
                raise UsageError(f"{each.name} = {value}: expected {limits}{nearest(str(value), limits.choices)}")
