"""The warnings of a job before the training, each with a remedy: about the counts of the rows, and about the texts."""
from typing import List, Sequence

import numpy as np

from textjob.data import count_warnings
from textjob.data.dataset import Dataset
from textjob.settings import Settings
from textjob.text import tokenizer, vocabulary
from textjob.text.encoding import Encoded, in_chunks
from textjob.training import source_test
from textjob.training.inputs import Inputs

UNKNOWN_SHARE = 1 / 3
"""Of the tokens of dev. It is 1 to 15 % in the data sets of docs/accuracy.md."""

CUT_SHARE = 0.5
AUC, Z = 0.6, 6.0
"""In 1,680 random splits of seven data sets, of 50 to 2,000 texts, z was at most 3.9."""

_LONGEST = 100000  # tokens, as the largest --max_length
_MEASURED = 2000   # texts
_CHUNK = 1 << 24   # ids


def warnings(data: Dataset, inputs: Inputs, settings: Settings) -> List[str]:
    """A line ``warning: ...`` for each point that may need attention; the same lines in every run on the same data."""
    sentences = [*count_warnings.warnings(data.train.labels, data.dev.labels, settings.class_weights),
                 *unknown_tokens(inputs, settings), *cut_texts(data.train.texts, inputs, settings),
                 *different_sources(inputs)]
    return ["warning: " + sentence for sentence in sentences]


def unknown_tokens(inputs: Inputs, settings: Settings) -> List[str]:
    """A warning if many tokens of dev are not in the vocabulary."""
    share = _unknown_share(inputs.dev)
    if share <= UNKNOWN_SHARE:
        return []
    remedies = ["give more training texts of the language and the topics of dev"]
    if len(inputs.vocabulary) == settings.vocabulary_size:
        remedies.insert(0, f"raise --vocabulary_size (it is {settings.vocabulary_size:,})")
    elif _unknown_share(inputs.train) > UNKNOWN_SHARE / 2:  # otherwise rare words of train are not the reason
        remedies.insert(0, f"lower --min_count (it is {settings.min_count or vocabulary.TWICE})")
    return [f"{100 * share:.0f} % of the tokens of dev are unknown, because the vocabulary, {len(inputs.vocabulary):,} "
            f"words of train, does not contain them. To know more of them, {', or '.join(remedies)}"]


def _unknown_share(part: Encoded) -> float:
    """The share of unknown tokens."""
    unknown = known = 0
    for first in range(0, len(part.ids), _CHUNK):  # a mask of all ids may be larger than memory
        ids = part.ids[first:first + _CHUNK]
        unknown += int((ids == tokenizer.UNKNOWN).sum())
        known += int((ids != tokenizer.PADDING).sum())
    return unknown / max(1, known)


def cut_texts(texts: Sequence[str], inputs: Inputs, settings: Settings) -> List[str]:
    """A warning if most training texts are longer than ``max_length``."""
    if np.mean(inputs.train.lengths >= settings.max_length) <= CUT_SHARE:
        return []
    lengths = _lengths(texts[::max(1, len(texts) // _MEASURED)])
    share = np.mean(lengths > settings.max_length)
    if share <= CUT_SHARE:
        return []
    enough = int(-(-np.percentile(lengths, 95) // 10) * 10)
    wide = f" (the wide part reads {settings.tokens_read})" if settings.wide else ""
    return [f"{100 * share:.0f} % of the training texts are longer than --max_length {settings.max_length}, and the "
            f"networks do not read the rest{wide}. --max_length {min(enough, _LONGEST)} keeps 95 % of them whole; the "
            "time per step is proportional to the length"]


def _lengths(texts: Sequence[str]) -> np.ndarray:
    """The number of tokens of each text, int64 ``[texts]``."""
    return np.concatenate([np.diff(tokenizer.tokens(chunk, _LONGEST)[1].numpy()) for chunk in in_chunks(texts)])


def different_sources(inputs: Inputs) -> List[str]:
    """A warning if the texts of dev are not like those of train."""
    result = source_test.difference(inputs.train, inputs.dev, len(inputs.labels), len(inputs.vocabulary) + 2)
    if result.auc < AUC or result.z < Z:
        return []
    typical = [", ".join(_words(inputs.vocabulary, ids)) for ids in (result.of_second, result.of_first)]
    return [f"train and dev look like different sources: a linear classifier distinguishes their texts (AUC "
            f"{result.auc:.2f}; 0.5 in a random split). Typical of dev: {typical[0]}; of train: "
            f"{typical[1]}. If new texts will be like dev, add such texts to train; if like train, split one data set "
            "at random, which the job does if only train is given"]


def _words(vocabulary: Sequence[bytes], ids: Sequence[int], limit: int = 5) -> List[str]:
    """The first words among the ids, without the ids of padding and unknown words."""
    chosen = [number - 2 for number in ids[:limit + 2] if number > tokenizer.UNKNOWN][:limit]
    return [f"'{vocabulary[number].decode('utf-8')}'" for number in chosen]
