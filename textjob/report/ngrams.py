"""The n-grams with the largest weight for each class, from the wide part of a package.

A package holds the hashes of the n-grams only. Their tokens are those of the training rows with these hashes.
"""
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from models import wide
from textjob.report.blocks import Block, Paragraph, Section, Table, shortened
from textjob.report.training_rows import TrainingRows
from textjob.text import tokenizer

_SHOWN = 12
_BATCH = 1024
_CJK = "\u2e80"  # from here on, a token is one character of a script without blanks


class Ngram(NamedTuple):
    """An n-gram with its weight for a class."""

    text: str
    weight: float
    """Logit of the class minus the mean logit of the other classes, before the normalisation by the text's length."""
    texts: int
    """The number of training texts with the n-gram."""


def section(weights: Dict[str, np.ndarray], model: str, rows: TrainingRows) -> Section:
    """The n-grams of the wide part of a model; ``weights`` are those of :func:`wide_weights`."""
    title = f"N-grams with the largest weights ({model})"
    if wide.TABLE not in weights:
        return Section(title, [Paragraph("The model has no wide part, so that no n-gram has a weight of its own.")])
    found = largest(weights, rows)
    blocks: List[Block] = [
        Paragraph("The weight is that of the wide part for the class, minus the mean weight for the other classes, "
                  "before it is divided by the length of the TF-IDF vector of a text. In brackets is the number of "
                  f"texts with the n-gram; the texts are {rows.extent}."),
        Table(["class", "n-grams, the largest weight first"], [
            [shortened(label, 80), ", ".join(f"{each.text} {each.weight:+.2f} ({each.texts:,})" for each in ngrams)]
            for label, ngrams in found.items()], wide=(0, 1))]
    return Section(title, blocks)


def wide_weights(package: Path) -> Dict[str, np.ndarray]:
    """The weights of the wide part in a package, by the names of ``models/wide.py``; empty without a wide part."""
    reader = tf.train.load_checkpoint(str(package / "variables" / "variables"))
    names = [(name, name[name.index("wide/"):]) for name in reader.get_variable_to_shape_map() if "wide/" in name]
    return {short: np.asarray(reader.get_tensor(name)) for name, short in names}


def largest(weights: Dict[str, np.ndarray], rows: TrainingRows, most: int = _SHOWN) -> Dict[str, List[Ngram]]:
    """The n-grams with the largest weights for each class."""
    values = weights[wide.TABLE][:-1, :-1].astype(np.float32) * weights[wide.SCALE][:-1]
    classes = values.shape[1]
    distinct = (values - values.mean(1, keepdims=True)) * (classes / (classes - 1))
    places, counts = _occurrences(weights, rows)
    occurs = np.flatnonzero(counts)
    found = {}
    for number, label in enumerate(rows.classes):
        order = occurs[np.argsort(-distinct[occurs, number], kind="stable")][:most]
        found[label] = [Ngram(_text(rows, places[row]), float(distinct[row, number]), int(counts[row]))
                        for row in order if distinct[row, number] > 0]
    return found


def _occurrences(weights: Dict[str, np.ndarray], rows: TrainingRows
                 ) -> Tuple[List[Optional[Sequence[int]]], np.ndarray]:
    """For each row of the table the ids of its n-gram, and the number of texts in which it occurs."""
    total = len(weights[wide.TABLE]) - 1
    tokens: List[Optional[Sequence[int]]] = [None] * total
    counts = np.zeros(total, int)
    for first in range(0, len(rows.encoded.lengths), _BATCH):
        ids = rows.encoded.padded(np.arange(first, min(first + _BATCH, len(rows.encoded.lengths))))
        before = 0
        for n in wide.orders(weights):
            known = weights[wide.keys(n)]
            hashed = wide.hashes(ids, n).numpy()
            place = np.minimum(np.searchsorted(known, hashed), len(known) - 1)
            text, column = np.nonzero((known[place] == hashed) & (hashed != wide.NO_NGRAM))
            row = place[text, column] + before
            counts += np.bincount(np.unique(np.stack([text, row]), axis=1)[1], minlength=total)
            _, firsts = np.unique(row, return_index=True)
            for each in firsts:
                if tokens[row[each]] is None:
                    tokens[row[each]] = ids[text[each], column[each]:column[each] + n]
            before += len(known)
    return tokens, counts


def _text(rows: TrainingRows, ids: Optional[Sequence[int]]) -> str:
    """The tokens of an n-gram, with a blank between two words."""
    words = [rows.vocabulary[number - tokenizer.UNKNOWN - 1].decode("utf-8") for number in (() if ids is None else ids)]
    text = words[0] if words else ""
    for before, word in zip(words, words[1:]):
        text += word if before[-1] >= _CJK and word[0] >= _CJK else " " + word
    return text
