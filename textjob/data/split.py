"""Splits a dev or a test part off train where the data have no such part.

The text's hash decides, so that equal texts always get the same part, and a text keeps its part when the data grow.
"""
import hashlib
from collections import Counter
from typing import Dict, List, Sequence, Set

# Data may already have been split by a plain hash of the text: train would then hold no text that the same hash
# assigns to dev. The salt makes this split independent of other splits.
SALT = "textjob dev and test split\n"


def split_off(texts: Sequence[str], labels: Sequence[str], names: Sequence[str]) -> List[str]:
    """The part of each row: each of ``names`` gets about a tenth of the texts, ``train`` keeps the rest.

    No named part is empty where the data have more different texts than names. A class keeps a text in
    train where that is possible, because a class without a training text cannot be learnt.
    """
    rank = {text: _hash(text) for text in texts}
    part = {text: names[h % 10] if h % 10 < len(names) else "train" for text, h in rank.items()}
    classes: Dict[str, Set[str]] = {text: set() for text in rank}
    for text, label in zip(texts, labels):
        classes[text].add(label)
    in_train = Counter(label for text in rank if part[text] == "train" for label in classes[text])
    ranked = sorted(rank, key=lambda text: rank[text])
    for text in ranked:
        if part[text] != "train" and any(in_train[label] == 0 for label in classes[text]):
            part[text] = "train"
            in_train.update(classes[text])
    for name in names:
        sizes = Counter(part.values())
        if not sizes[name] and len(ranked) > len(names):
            spare = [text for text in ranked if sizes[part[text]] > 1]
            # False sorts first, min() takes the first of equals: the lowest hash that its class can spare.
            moved = min(
                spare, key=lambda t: part[t] == "train" and any(in_train[label] == 1 for label in classes[t])
            )
            if part[moved] == "train":
                in_train.subtract(classes[moved])
            part[moved] = name
    return [part[text] for text in texts]


def _hash(text: str) -> int:
    return int(hashlib.sha256((SALT + text).encode("utf-8")).hexdigest()[:16], 16)
