"""The weights of a fitted wide part as int8, with one scale per column (``models/wide.py``)."""
from typing import Dict, Tuple

import numpy as np

from models import wide
from textjob.training import ngrams
from textjob.training.characters import Characters

_LEVELS = 127  # the greatest int8


def of_tokens(weights: np.ndarray, bias: np.ndarray, mark: np.ndarray, frequency: np.ndarray) -> Dict[str, np.ndarray]:
    """The n-grams of tokens; the error of a weight is at most half of the scale of its column."""
    table, scale = _levels(np.concatenate([weights, frequency[:, None]], 1))
    named = {wide.TABLE: _with_zero_row(table), wide.SCALE: scale, wide.BIAS: bias.astype(np.float32)}
    named.update(_keys(mark, wide.KEYS))
    return named


def of_characters(spelled: Characters, values: np.ndarray, labels: np.ndarray, max_bytes: int) -> Dict[str, np.ndarray]:
    """The known words, and those character n-grams for unknown words that the limit leaves room for.

    Args:
        values: the weights of the character n-grams, ``[n-grams, classes]``.
        labels: the classes of the texts in which they were counted.
    """
    lengths = np.sqrt(spelled.by_word @ np.square(spelled.frequency))
    words, words_scale = _levels(np.concatenate([spelled.by_word @ values, lengths[:, None]], 1))
    weights = {wide.WORDS: words, wide.WORDS_SCALE: words_scale}
    classes = values.shape[1]
    most = (max_bytes - words.nbytes) // (4 + classes + 1)
    kept = np.arange(len(spelled.mark))
    if len(kept) > most:
        counts = spelled.counts()
        occurs = ngrams.with_values(counts, np.ones(counts.nnz))
        kept = ngrams.most_discriminative(occurs, labels, classes, max(0, most))
    if len(kept):
        table, scale = _levels(np.concatenate([values, spelled.frequency[:, None]], 1)[kept])
        weights.update({wide.CHARACTERS: _with_zero_row(table), wide.CHARACTERS_SCALE: scale})
        weights.update(_keys(spelled.mark[kept], wide.CHARACTER_KEYS))
    return weights


def _levels(values: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The values as int8, and the scale of each column, float32."""
    scale = np.maximum(np.abs(values).max(0), 1e-9) / _LEVELS
    return np.rint(values / scale).astype(np.int8), scale.astype(np.float32)


def _with_zero_row(table: np.ndarray) -> np.ndarray:
    return np.concatenate([table, np.zeros((1, table.shape[1]), table.dtype)])


def _keys(mark: np.ndarray, prefix: str) -> Dict[str, np.ndarray]:
    """The hashes of the n-grams of each n, by the name of the weight."""
    return {wide.keys(int(n), prefix): (mark[mark >> 32 == n] & (2 ** 32 - 1)).astype(np.int32)
            for n in np.unique(mark >> 32)}
