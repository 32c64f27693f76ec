"""Splits a dev or a test part off train where the data have no such part.

The text's hash decides, so that equal texts always get the same part, and a text keeps its part when the data grow.
"""
from typing import Sequence

import numpy as np

from textjob.data import hashes


def split_off(texts: Sequence[str], labels: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """The part of each row, int8: 0 is train, n is the n-th of ``names``, which get about a tenth of the texts each.

    No named part is empty where the data have more different texts than names. A class keeps a text in
    train where that is possible, because a class without a training text cannot be learnt.
    """
    # Different texts are numbered in ascending order of their hashes.
    different, text = np.unique(hashes.of_texts(texts), return_inverse=True)
    text = text.reshape(-1)
    tenth = (different % np.uint64(10)).astype(np.int8)
    part = np.where(tenth < len(names), tenth + 1, 0).astype(np.int8)
    numbers, classes = hashes.numbered(labels)
    of_text, label = hashes.pairs(text, numbers)  # the labels of each text
    in_train = np.bincount(label[part[of_text] == 0], minlength=len(classes))
    bounds = np.searchsorted(of_text, np.arange(len(different) + 1))

    def labels_of(number: int) -> np.ndarray:
        return label[bounds[number]:bounds[number + 1]]

    for number in np.unique(of_text[(in_train[label] == 0) & (part[of_text] != 0)]):
        if (in_train[labels_of(number)] == 0).any():
            part[number] = 0
            in_train[labels_of(number)] += 1
    for name in range(1, len(names) + 1):
        if not (part == name).any() and len(different) > len(names):
            sizes = np.bincount(part, minlength=len(names) + 1)
            spare = np.flatnonzero(sizes[part] > 1).tolist()
            # False sorts first, min() takes the first of equals: the lowest hash that its class can spare.
            moved = min(spare, key=lambda each: bool(part[each] == 0 and (in_train[labels_of(each)] == 1).any()))
            if part[moved] == 0:
                in_train[labels_of(moved)] -= 1
            part[moved] = name
    return np.asarray(part[text])
