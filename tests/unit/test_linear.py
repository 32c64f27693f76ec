"""The wide part: which n-grams it keeps, what it computes from them, and that it is worth its room."""
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import tensorflow as tf

from models import wide
from textjob.data.dataset import read_dataset
from textjob.flags import from_flags
from textjob.settings import DataSettings
from textjob.text.encoding import Encoded
from textjob.training import wide_part
from textjob.training.inputs import Inputs, prepare, with_wide_part

ROOM = 10 ** 6


def encoded(texts: List[List[int]], labels: List[int]) -> Encoded:
    lengths = np.array([len(text) for text in texts], np.int64)
    return Encoded(np.concatenate(texts).astype(np.int32), np.cumsum(lengths) - lengths, lengths,
                   np.array(labels, np.int32))


def fitted(part: Encoded, classes: int, longest: int = 2, room: int = ROOM, smoothing: float = 0.1,
           weights: Any = None) -> Dict[str, np.ndarray]:
    return wide_part.fit(part, np.ones(classes) if weights is None else np.array(weights), longest, room, smoothing)


def answers(w: Dict[str, np.ndarray], part: Encoded) -> np.ndarray:
    return wide.logits(w, tf.constant(part.padded(np.arange(len(part.lengths)))), lambda x: x).numpy()


def random_part(rows: int = 60, classes: int = 3, words: int = 30) -> Encoded:
    """Texts in which a word of the class's own third is likelier."""
    rng = np.random.RandomState(0)
    labels = rng.randint(classes, size=rows)
    return encoded([2 + (rng.randint(words, size=rng.randint(1, 12)) // classes * classes + label) % words
                    for label in labels], labels.tolist())


# n-grams


def test_an_ngrams_hash_is_the_same_in_every_place_and_beside_any_padding() -> None:
    hashes = wide.hashes(tf.constant([[5, 6, 7, 0, 0], [9, 5, 6, 7, 8]]), 2).numpy()
    assert hashes[0, 0] == hashes[1, 1] and hashes[0, 1] == hashes[1, 2]
    assert len({*hashes[0, :2], *hashes[1, :4]}) == 4


@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_ngram_ends_beyond_its_text_or_holds_an_unknown_word(n: int) -> None:
    hashes = wide.hashes(tf.constant([[5, 6, 7, 8, 0], [5, 6, 1, 8, 9]]), n).numpy()
    assert (hashes[0] != wide.NO_NGRAM).tolist() == [place + n <= 4 for place in range(5)]
    assert (hashes[1] != wide.NO_NGRAM).tolist() == [
        place + n <= 5 and 2 not in range(place, place + n) for place in range(5)]


def test_a_hundred_thousand_pairs_share_next_to_no_hash() -> None:
    ids = np.random.RandomState(1).randint(2, 50000, size=(1, 100001))
    hashes = wide.hashes(tf.constant(ids, tf.int32), 2).numpy()[0, :-1]
    pairs = len(set(zip(ids[0, :-1].tolist(), ids[0, 1:].tolist())))
    assert len(set(hashes.tolist())) >= pairs - 20


def test_an_ngram_of_one_text_alone_is_not_kept() -> None:
    w = fitted(encoded([[2, 3], [2, 3], [4, 4, 4], [5, 2]], [0, 0, 1, 1]), 2)
    assert w[wide.keys(1)].tolist() == [2, 3] and len(w[wide.keys(2)]) == 1


@pytest.mark.parametrize("room", [1, 100, 400])
def test_what_is_kept_fits_the_room_and_tells_the_classes_apart(room: int) -> None:
    rng = np.random.RandomState(2)
    texts = [[2 + label, *(4 + rng.randint(20, size=6))] for label in (0, 1) * 50]  # words 2 and 3 tell everything
    w = fitted(encoded(texts, [0, 1] * 50), 2, room=room)
    if room == 1:
        assert w == {}
    else:
        assert w[wide.TABLE][:-1].nbytes + sum(w[wide.keys(n)].nbytes for n in wide.orders(w)) <= room
        assert {2, 3} <= set(w[wide.keys(1)].tolist())


# What it computes


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_its_logits_are_tf_idf_times_weights(longest: int) -> None:
    part = random_part()
    w = fitted(part, 3, longest)
    rows = {}
    for n in wide.orders(w):
        rows.update({(n, int(key)): len(rows) + i for i, key in enumerate(w[wide.keys(n)])})
    table = w[wide.TABLE].astype(float) * w[wide.SCALE]
    found = answers(w, part)
    for text in range(len(part.lengths)):
        ids = part.padded(np.array([text]))
        there = [rows[n, int(key)] for n in range(1, longest + 1) for key in wide.hashes(tf.constant(ids), n).numpy()[0]
                 if (n, int(key)) in rows]
        values = table[there]
        expected = values[:, :-1].sum(0) / max(1.0, np.sqrt(np.square(values[:, -1]).sum())) + w[wide.BIAS]
        np.testing.assert_allclose(found[text], expected, atol=1e-4)


def test_a_text_with_no_known_ngram_gets_the_bias() -> None:
    w = fitted(random_part(), 3)
    np.testing.assert_array_equal(answers(w, encoded([[1, 1], [900]], [0, 0])), [w[wide.BIAS]] * 2)


def test_padding_and_neighbours_do_not_change_an_answer() -> None:
    part = random_part()
    w, together = fitted(part, 3), answers(fitted(part, 3), part)
    alone = np.concatenate([wide.logits(w, tf.constant(part.padded(np.array([i]))), lambda x: x)
                            for i in range(len(part.lengths))])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_dropping_every_ngram_leaves_the_bias() -> None:
    part = random_part()
    w = fitted(part, 3)
    found = wide.logits(w, tf.constant(part.padded(np.arange(5))), lambda x: x * 0).numpy()
    np.testing.assert_array_equal(found, [w[wide.BIAS]] * 5)


# What it learns


def test_pairs_tell_what_single_words_cannot() -> None:
    rng = np.random.RandomState(3)
    texts, labels = [], []
    for _ in range(300):  # "good", "not good", "bad", "not bad", among other words
        good, negated = rng.randint(2, size=2)
        other = (6 + rng.randint(40, size=4)).tolist()
        texts.append(other[:2] + [2] * negated + [3 + good] + other[2:] + [2] * (1 - negated))
        labels.append(int(good != negated))
    part = encoded(texts, labels)
    right = [np.mean(answers(fitted(part, 2, longest), part).argmax(1) == part.labels) for longest in (1, 2)]
    assert right[0] < 0.75 and right[1] > 0.95


def test_the_same_data_give_the_same_weights() -> None:
    first, second = fitted(random_part(), 3), fitted(random_part(), 3)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_equal_texts_are_held_out_together() -> None:
    part = encoded([[2, 3], [4], [2, 3], [2, 3, 4], [4]] * 20, [0, 1, 0, 1, 1] * 20)
    folds = wide_part._folds(part).reshape(20, 5)
    assert (folds == folds[0]).all() and (folds[:, 0] == folds[:, 2]).all() and (folds[:, 1] == folds[:, 4]).all()


def test_noise_gets_no_confidence() -> None:
    rng = np.random.RandomState(4)
    part = encoded([(2 + rng.randint(50, size=10)).tolist() for _ in range(400)], rng.randint(2, size=400).tolist())
    probabilities = tf.nn.softmax(answers(fitted(part, 2), part)).numpy()
    sure = fitted(random_part(400, 2), 2)
    assert probabilities.max(1).mean() < 0.75 < tf.nn.softmax(answers(sure, random_part(400, 2))).numpy().max(1).mean()


def test_a_class_that_weighs_more_is_answered_more() -> None:
    rng = np.random.RandomState(5)
    part = encoded([(2 + rng.randint(30, size=5)).tolist() for _ in range(300)],
                   (rng.rand(300) < 0.1).astype(int).tolist())
    rare = [(answers(fitted(part, 2, weights=weights), part).argmax(1) == 1).sum() for weights in ([1, 1], [0.55, 5])]
    assert rare[0] < rare[1]


def test_many_classes_with_few_texts_and_one_without_any_are_no_matter() -> None:
    part = encoded([[2 + label, 3 + label] for label in range(150)] * 2, list(range(150)) * 2)
    w = fitted(part, 151)
    assert np.mean(answers(w, part).argmax(1) == part.labels) > 0.9
    assert w[wide.TABLE].dtype == np.int8 and w[wide.TABLE].shape[1] == 152


def test_data_without_repeated_ngrams_have_no_wide_part() -> None:
    assert fitted(encoded([[2], [3], [4]], [0, 1, 0]), 2) == {}


# In the job


def inputs(folder: Path, text: str, *flags: str) -> Inputs:
    (folder / "train.tsv").write_text(text, encoding="utf-8")
    job, _ = from_flags(["--data_url", str(folder), "--train_url", "unused", "--min_count", "1", *flags])
    return with_wide_part(prepare(read_dataset(str(folder), DataSettings("0")), job, folder / "vocabulary.txt")[0], job)


ENGLISH = "".join(f"{side}\tthe {word} of the day is here\n" for side, word in
                  [("a", "soup"), ("b", "match")] for _ in range(20) for word in (word, word + " again", word + " so"))
CHINESE = "".join(f"{side}\t今天的{word}在这里\n" for side, word in
                  [("a", "菜"), ("b", "球")] for _ in range(20) for word in (word, word + "很", word + "都"))


@pytest.mark.parametrize("text, longest", [(ENGLISH, 2), (CHINESE, 3)], ids=["english", "chinese"])
def test_characters_make_longer_ngrams_than_words(tmp_path: Path, text: str, longest: int) -> None:
    assert max(wide.orders(inputs(tmp_path, text).wide)) == longest


def test_settings_say_how_long_ngrams_are_and_whether_there_are_any(tmp_path: Path) -> None:
    assert wide.orders(inputs(tmp_path, ENGLISH, "--wide_ngrams", "4").wide) == [1, 2, 3, 4]
    without = inputs(tmp_path, ENGLISH, "--wide", "false")
    assert without.wide == {} and without.ngrams == 0
