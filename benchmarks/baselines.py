"""The baselines: a linear model and fastText, with their usual settings."""
import os
import tempfile
from pathlib import Path
from typing import List, Sequence

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from textjob.data.dataset import Examples
from textjob.text.tokenizer import SINGLE, code_points

_KIND = code_points()[0]


def is_written_without_blanks(texts: Sequence[str]) -> bool:
    """Whether most characters are of a script whose characters are tokens, as in Chinese."""
    sample = "".join(texts[:1000]).replace(" ", "")
    return sum(_KIND[ord(c)] == SINGLE for c in sample) > len(sample) / 2


def linear(train: Examples, texts: Sequence[str]) -> List[str]:
    """Predictions of logistic regression over TF-IDF of the words between blanks; in Chinese of the characters."""
    return _linear(train, texts, TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), sublinear_tf=True))


def linear_words(train: Examples, texts: Sequence[str]) -> List[str]:
    """The same over the words of scikit-learn's default pattern, without punctuation; in Chinese of the characters."""
    return _linear(train, texts, TfidfVectorizer(ngram_range=(1, 2)))


def linear_twice(train: Examples, texts: Sequence[str]) -> List[str]:
    """The same over the words and pairs of words that occur in two texts."""
    return _linear(train, texts, TfidfVectorizer(ngram_range=(1, 2), min_df=2))


def linear_characters(train: Examples, texts: Sequence[str]) -> List[str]:
    """The same over 2 to 5 characters within a word (``char_wb``)."""
    return _linear(train, texts, TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True))


def _linear(train: Examples, texts: Sequence[str], words: TfidfVectorizer) -> List[str]:
    characters = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), min_df=2, sublinear_tf=words.sublinear_tf)
    vectorizer = characters if is_written_without_blanks(train.texts) else words
    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(vectorizer.fit_transform(train.texts), train.labels)
    return [str(label) for label in model.predict(vectorizer.transform(texts))]


def fasttext(train: Examples, texts: Sequence[str]) -> List[str]:
    """Predictions of fastText (Joulin et al. 2017) with the settings of its tutorial, on two threads.

    Raises:
        ImportError: fastText is missing; run ``pip install fasttext-community``.
    """
    import fasttext as library

    separate = is_written_without_blanks(train.texts)
    number = {label: i for i, label in enumerate(sorted(set(train.labels)))}
    name = {f"__label__{i}": label for label, i in number.items()}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "train.txt"
        file.write_text("".join(f"__label__{number[label]} {_line(text, separate)}\n"
                                for text, label in zip(*train)), encoding="utf-8")
        model = library.train_supervised(str(file), wordNgrams=2, epoch=25, lr=1.0, verbose=0,
                                         thread=min(2, os.cpu_count() or 1))
    return [name[labels[0]] for labels in model.predict([_line(text, separate) for text in texts])[0]]


def _line(text: str, separate: bool) -> str:
    text = " ".join(text.lower().split())
    return " ".join(text.replace(" ", "")) if separate else text
