"""The results of a job as types: figures of a classifier, its training, and the model card of its package.

``as_json`` and the ``from_json`` of each class convert between them and what ``model_card.json`` and a checkpoint hold.
A key that this version does not know is ignored, so that a package of a later version can be read.
"""
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple, Type, TypeVar

if TYPE_CHECKING:
    import numpy as np  # not at run time, because the commands must start at once

T = TypeVar("T")


@dataclass(frozen=True)
class ClassFigures:
    """Precision, recall and F1 of one class; ``rows`` is the number of rows whose true label it is."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class Evaluation:
    """The figures of a classifier on one part of the data, as scikit-learn defines them.

    The averages ``macro_f1``, ``precision`` and ``recall`` are over the classes that occur, as a true label or as a
    prediction.
    """

    rows: int
    accuracy: float
    accuracy_interval: Tuple[float, float]
    """The 95 % confidence interval of the accuracy (Wilson)."""
    macro_f1: float
    precision: float
    recall: float
    classes: List[ClassFigures]
    confusion: List[List[int]]
    """A row for each true class, a column for each predicted class."""
    wrong_rows: Optional[List[int]] = None
    """The numbers, from 0, of the rows of the part whose prediction is wrong; kept for the dev part alone."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Evaluation":
        """The evaluation that :func:`as_json` wrote."""
        low, high = content["accuracy_interval"]
        return cls(**dict(_known(cls, content), accuracy_interval=(low, high),
                          classes=[ClassFigures(**_known(ClassFigures, each)) for each in content["classes"]]))


@dataclass(frozen=True)
class EpochRow:
    """The figures of one epoch. Those named ``val_`` are of the dev part, of the network and the wide part together."""

    epoch: int
    """From 1."""
    loss: float
    """Mean cross-entropy per training row, in nats, of the network alone."""
    val_loss: float
    val_accuracy: float
    val_macro_f1: float
    seconds: float
    network_weight: Optional[float] = None
    """The factor of the network's logits in the sum with the wide part; None without a wide part."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "EpochRow":
        """The row that :func:`as_json` wrote."""
        return cls(**_known(cls, content))


@dataclass(frozen=True)
class TrainingResult:
    """What the training of one model returns."""

    weights: "Dict[str, np.ndarray]"
    """Of the best epoch, with those of the wide part."""
    history: List[EpochRow]
    best_epoch: int
    """From 1."""
    seconds: float
    """Of all epochs, with the evaluation on the dev part after each."""
    temperature: Optional[float] = None
    """By which the exported logits are divided."""
    wide_rows: Optional[int] = None
    """The rows that the exported wide part is fitted to: of the training part and, after dev has chosen, of dev.

    None without a wide part."""


@dataclass(frozen=True)
class DataFacts:
    """What the data of a job were: the hash of all rows, the rows of each part, and the notes of the reader."""

    sha256: str
    train: int
    dev: int
    test: int
    notes: List[str]


@dataclass(frozen=True)
class TrainingFacts:
    """How a model was trained; see :class:`TrainingResult`."""

    seconds: float
    best_epoch: int
    history: List[EpochRow]
    temperature: Optional[float] = None
    wide_rows: Optional[int] = None


@dataclass(frozen=True)
class GoldenAnswer:
    """A text with the prediction of the training graph; ``probabilities`` are in the order of the labels."""

    text: str
    label: str
    probabilities: List[float]


@dataclass(frozen=True)
class ModelCard:
    """``model_card.json``: where a model comes from and how good it is."""

    format: int
    model: str
    labels: List[str]
    data: DataFacts
    settings: Dict[str, Any]
    seed: int
    versions: Dict[str, str]
    training: TrainingFacts
    dev: Evaluation
    test: Optional[Evaluation]
    """None where there was no test part; in the file, an empty object."""
    golden: List[GoldenAnswer]

    @property
    def figures(self) -> Evaluation:
        """Those that a package is published with: of the test part, or of the dev part where there is no test part."""
        return self.test or self.dev

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ModelCard":
        """The card that :func:`as_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: the content is not a model card of this template.
        """
        training = content["training"]
        return cls(**dict(
            _known(cls, content), data=DataFacts(**_known(DataFacts, content["data"])),
            training=TrainingFacts(**dict(
                _known(TrainingFacts, training), history=[EpochRow.from_json(row) for row in training["history"]])),
            dev=Evaluation.from_json(content["dev"]),
            test=Evaluation.from_json(content["test"]) if content["test"] else None,
            golden=[GoldenAnswer(**_known(GoldenAnswer, each)) for each in content["golden"]]))


def as_json(result: Any) -> Dict[str, Any]:
    """A result as the types of JSON; a field that is None is left out."""
    content: Dict[str, Any] = _without_nones(asdict(result))
    if isinstance(result, ModelCard):
        content.setdefault("test", {})
    return content


def _without_nones(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nones(each) for key, each in value.items() if each is not None}
    return [_without_nones(each) for each in value] if isinstance(value, (list, tuple)) else value


def _known(cls: Type[T], content: Mapping[str, Any]) -> Dict[str, Any]:
    names = {each.name for each in fields(cls)}  # type: ignore[arg-type]
    return {key: value for key, value in content.items() if key in names}
