"""Word vectors from a sentence encoder on this machine, as a file for ``--vectors``.

Each word of a vocabulary is encoded as a text of its own. The vectors are reduced to the size of the embedding by PCA
(principal component analysis) and scaled to the standard deviation of the random values from which an embedding starts
otherwise.
"""
import os
import sys
from pathlib import Path
from typing import Any, Callable, List, Sequence

import numpy as np

from textjob.errors import DataError, UsageError

Encode = Callable[[List[str]], Any]
"""Texts to their vectors, ``[texts, size of the encoder]``."""

SIZE = 128
"""The default size of the embeddings of the networks."""

_CHUNK = 256
_DEVIATION = 0.15


def load(path: str) -> Encode:
    """The encoder in a folder that sentence-transformers has saved.

    Raises:
        UsageError: the package sentence-transformers is missing, or the folder is not a model of it.
    """
    if not (Path(path) / "modules.json").is_file():
        raise UsageError(f"--encoder {path}: this folder has no modules.json; expected the folder of a "
                         "sentence-transformers model, as SentenceTransformer.save writes it")
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")  # the model is complete, so nothing is downloaded
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise UsageError(f"infer.py vectors needs the package sentence-transformers ({error}); run: "
                         "pip install sentence-transformers")
    try:
        model = SentenceTransformer(path, device="cpu", local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"--encoder {path} cannot be loaded by sentence-transformers: {error}")
    return lambda texts: model.encode(texts, batch_size=_CHUNK, show_progress_bar=False)


def vocabulary(path: str) -> List[str]:
    """The words of a vocabulary: a file with one word per line, or a package that contains one.

    Raises:
        DataError: the file cannot be read, or it has no words.
    """
    candidates = [Path(path), *(Path(path) / place / "vocabulary.txt" for place in ("assets", "model/assets"))]
    file = next((each for each in candidates if each.is_file()), None)
    if file is None:
        raise DataError(f"--vocabulary {path}: expected a file with one word per line, or a package, which has the "
                        "file assets/vocabulary.txt")
    try:
        words = file.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"--vocabulary {file} is not UTF-8: {error}; write the file again in UTF-8")
    words = [word for word in (each.rstrip("\r") for each in words) if word]
    if not words:
        raise DataError(f"--vocabulary {file} contains no word; expected one word per line")
    return words


def vectors(words: Sequence[str], encode: Encode, size: int = SIZE) -> np.ndarray:
    """One vector per word, float32 ``[words, size]``. The progress is a line on a terminal.

    Raises:
        UsageError: neither the encoder nor the vocabulary gives ``size`` components.
    """
    rows: List[np.ndarray] = []
    for start in range(0, len(words), _CHUNK):
        rows.append(np.asarray(encode(list(words[start:start + _CHUNK])), np.float64))
        _show(f"\r\033[K{min(start + _CHUNK, len(words)):,} of {len(words):,} words encoded")
    _show("\r\033[K")
    encoded = np.concatenate(rows)
    if size > min(encoded.shape):
        raise UsageError(f"--size {size}: {encoded.shape[0]:,} words and vectors of {encoded.shape[1]} values have at "
                         f"most {min(encoded.shape)} components; lower --size, and train with that embedding, for "
                         f"example --cnn_embedding {min(encoded.shape)}")
    reduced = _components(encoded, size)
    return (reduced * (_DEVIATION / max(float(reduced.std()), 1e-12))).astype(np.float32)


def write(words: Sequence[str], values: np.ndarray, file: Path) -> None:
    """Write the text format of word2vec: the number of words and the size, then a word and its values per line."""
    with file.open("w", encoding="utf-8", newline="\n") as output:
        output.write(f"{len(words)} {values.shape[1]}\n")
        for word, row in zip(words, values):
            output.write(f"{word} {' '.join(f'{value:.5g}' for value in row)}\n")


def _components(values: np.ndarray, size: int) -> np.ndarray:
    """The first principal components of each row; the sign of each component is that of its largest loading."""
    centred = values - values.mean(0)
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :size]
    largest = directions[np.abs(directions).argmax(0), np.arange(size)]
    return np.asarray(centred @ (directions * np.sign(largest)))


def _show(text: str) -> None:
    if sys.stderr.isatty():
        print(text, end="", file=sys.stderr, flush=True)
