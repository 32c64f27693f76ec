"""An experiment: which share of the requests goes to which version, and which version answers in the shadow.

The flags ``--split N=PERCENT`` and ``--shadow N``, or the file ``experiment.yaml`` in the model base, which replaces
both flags while it exists::

    split: {3: 10}    # 10 % of the requests
    shadow: 4
"""
import hashlib
from typing import Any, Container, Dict, Iterable, List, NamedTuple, Optional, Tuple

import yaml

from textjob.errors import UsageError, nearest

KEYS = ("split", "shadow")


class Experiment(NamedTuple):
    """The percentage of each version of the split, and the shadow."""

    split: Tuple[Tuple[int, float], ...] = ()
    shadow: Optional[int] = None

    def versions(self) -> List[int]:
        """The versions that take part, beside the one that gets the other requests."""
        return [number for number, _ in self.split] + ([] if self.shadow is None else [self.shadow])

    def among(self, numbers: Container[int]) -> "Experiment":
        """The experiment without the versions that are not among these."""
        return Experiment(tuple(pair for pair in self.split if pair[0] in numbers),
                          self.shadow if self.shadow in numbers else None)

    def __str__(self) -> str:
        parts = [f"{percent:g} % of the requests go to version {number}" for number, percent in self.split]
        parts += [] if self.shadow is None else [f"version {self.shadow} answers in the shadow"]
        return "; ".join(parts) or "no experiment"


NONE = Experiment()


def of_flags(splits: Iterable[str], shadow: Optional[int]) -> Experiment:
    """The experiment of the flags."""
    pairs = []
    for value in splits:
        number, _, percent = value.partition("=")
        pairs.append((_number(number, f"--split {value}"), _percent(percent, f"--split {value}")))
    return _checked(pairs, None if shadow is None else _number(shadow, f"--shadow {shadow}"), "--split")


def of_file(text: str) -> Experiment:
    """The experiment of the text of ``experiment.yaml``."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"it is not YAML: {' '.join(str(error).split())}")
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise UsageError("expected the keys split and shadow, such as: split: {3: 10}")
    for key in content:
        if key not in KEYS:
            raise UsageError(f"unknown key {key!r}{nearest(str(key), KEYS)}; expected split and shadow")
    split, shadow = content.get("split") or {}, content.get("shadow")
    if not isinstance(split, dict):
        raise UsageError(f"split is {split!r}, expected version numbers with percentages, such as {{3: 10}}")
    pairs = [(_number(number, "split"), _percent(percent, f"split, version {number}"))
             for number, percent in split.items()]
    return _checked(pairs, None if shadow is None else _number(shadow, "shadow"), "split")


def position(request_id: bytes) -> float:
    """A number from 0 to 100 that depends on the id alone, evenly distributed over all ids."""
    return int.from_bytes(hashlib.sha256(request_id).digest()[:6], "big") * 100.0 / 2 ** 48


def _number(value: Any, place: str) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 19):
        raise UsageError(f"{place}: {text!r} is not the number of a version; expected a whole number, such as 3")
    return int(text)


def _percent(value: Any, place: str) -> float:
    try:
        percent = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        percent = float("nan")
    if not 0 < percent <= 100:
        raise UsageError(f"{place}: {value!r} is not a percentage; expected a number above 0 and at most 100, such as "
                         "the 10 in 3=10")
    return percent


def _checked(pairs: List[Tuple[int, float]], shadow: Optional[int], place: str) -> Experiment:
    shares: Dict[int, float] = {}
    for number, percent in pairs:
        if number in shares:
            raise UsageError(f"{place}: version {number} has two percentages; give one per version")
        shares[number] = percent
    if sum(shares.values()) > 100:
        raise UsageError(f"{place}: the percentages add up to {sum(shares.values()):g}, expected at most 100")
    if shadow in shares:
        raise UsageError(f"version {shadow} is in the split and in the shadow; give it one of both")
    return Experiment(tuple(sorted(shares.items())), shadow)
