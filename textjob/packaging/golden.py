"""Golden texts: texts whose predictions are stored in the package and compared each time the package is loaded.

They detect an engine that computes the model incorrectly. The built-in texts exercise every branch of the preprocessing
(``tests/unit/test_text.py`` checks that). Two more consist of words of the vocabulary, because a lookup table that
fails to find any word would not be detected otherwise.
"""
from typing import Any, List, Sequence

from textjob.results import GoldenAnswer

TEXTS = [
    "",
    " \t\n\u3000",
    "The film is good, isn't it? Don't miss it!",
    "'quoted' rock'n'roll O\u2019Neill \uff07\u5355\u5f15\u53f7\uff07",
    "UPPER lower MiXeD \u00c0\u00c9\u00ce \u03a3\u03a4\u03a3 \u0416\u0417\u0419 \u0130stanbul na\u00efve",
    "\uff26\uff55\uff4c\uff4c\uff0d\uff57\uff49\uff44\uff54\uff48 \uff11\uff12\uff13\uff01 \uff76\uff85",
    "\u8fd9\u90e8\u7535\u5f71\u5f88\u597d\uff0c\u6211\u559c\u6b22ABC\u548c123\u3002",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \ud55c\uad6d\uc5b4 \u0e44\u0e17\u0e22 \U00020bb7\u91ce\u5bb6",
    "\U0001f44d\U0001f3fd \u2764\ufe0f \U0001fae8 \U0001f468\u200d\U0001f469\u200d\U0001f467 1\ufe0f\u20e3",
    "\U0001f1e8\U0001f1f3 \U0001f600\U0001f600",
    "nul\u0000inside, bell\u0007, zero\u200bwidth, \ufffd replaced, \u202ebidi",
    "$5 \u20ac6 \uffe57 100% 3.14 1,000 a_b x=y c++ #tag @user",
    "e\u0301 \u0928\u092e\u0938\u094d\u0924\u0947 \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "word",
    "\u5b57",
    "a very long text that goes on " * 60,
]


def texts(vocabulary: Sequence[bytes], rows: Sequence[str] = ()) -> List[str]:
    """The golden texts of a package: the built-in ones, two of known words, and ``rows`` of the user's own data."""
    known = [b" ".join(vocabulary[:12]).decode("utf-8"), b" ".join(vocabulary[12:60]).decode("utf-8")]
    return TEXTS + known + list(rows)


def answers(texts: Sequence[str], probabilities: Any, labels: Sequence[str]) -> List[GoldenAnswer]:
    """Each golden text with its label and its row of ``probabilities``, an array ``[texts, classes]``."""
    return [GoldenAnswer(text, labels[int(row.argmax())], [float(p) for p in row])
            for text, row in zip(texts, probabilities)]
