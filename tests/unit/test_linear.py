"""The wide part: which n-grams it keeps, what it computes, and that it agrees with plain implementations."""
import hashlib
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np
import pytest
import references
import scipy.sparse
import tensorflow as tf
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.svm import LinearSVC

from models import wide
from textjob.data.dataset import read_dataset
from textjob.flags import from_flags
from textjob.settings import DataSettings
from textjob.text.encoding import Encoded
from textjob.training import ngrams, wide_part
from textjob.training.inputs import Inputs, prepare, with_wide_part

MAX_BYTES = 10 ** 6


def encoded(texts: List[List[int]], labels: List[int]) -> Encoded:
    lengths = np.array([len(text) for text in texts], np.int64)
    return Encoded(np.concatenate(texts).astype(np.int32), np.cumsum(lengths) - lengths, lengths,
                   np.array(labels, np.int32))


def fitted(part: Encoded, classes: int, longest: int = 2, max_bytes: int = MAX_BYTES, smoothing: float = 0.1,
           weights: Any = None) -> Dict[str, np.ndarray]:
    class_weights = np.ones(classes) if weights is None else np.array(weights)
    return wide_part.fit(part, class_weights, longest, max_bytes, smoothing).weights


def outputs(w: Dict[str, np.ndarray], part: Encoded) -> np.ndarray:
    return wide.logits(w, tf.constant(part.padded(np.arange(len(part.lengths)))), lambda x: x).numpy()


def random_part(rows: int = 60, classes: int = 3, words: int = 30) -> Encoded:
    """Texts of random words, all of them from the third of the vocabulary that belongs to the class."""
    rng = np.random.RandomState(0)
    labels = rng.randint(classes, size=rows)
    return encoded([2 + (rng.randint(words, size=rng.randint(1, 12)) // classes * classes + label) % words
                    for label in labels], labels.tolist())


# n-grams


def test_the_hash_of_an_ngram_does_not_depend_on_its_place_or_on_padding() -> None:
    hashes = wide.hashes(tf.constant([[5, 6, 7, 0, 0], [9, 5, 6, 7, 8]]), 2).numpy()
    assert hashes[0, 0] == hashes[1, 1] and hashes[0, 1] == hashes[1, 2]
    assert len({*hashes[0, :2], *hashes[1, :4]}) == 4


@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_ngram_ends_beyond_its_text_or_holds_an_unknown_word(n: int) -> None:
    hashes = wide.hashes(tf.constant([[5, 6, 7, 8, 0], [5, 6, 1, 8, 9]]), n).numpy()
    assert (hashes[0] != wide.NO_NGRAM).tolist() == [place + n <= 4 for place in range(5)]
    assert (hashes[1] != wide.NO_NGRAM).tolist() == [
        place + n <= 5 and 2 not in range(place, place + n) for place in range(5)]


def test_100000_pairs_have_at_most_20_collisions() -> None:
    ids = np.random.RandomState(1).randint(2, 50000, size=(1, 100001))
    hashes = wide.hashes(tf.constant(ids, tf.int32), 2).numpy()[0, :-1]
    pairs = len(set(zip(ids[0, :-1].tolist(), ids[0, 1:].tolist())))
    assert len(set(hashes.tolist())) >= pairs - 20


def test_an_ngram_that_occurs_in_one_text_is_not_kept() -> None:
    w = fitted(encoded([[2, 3], [2, 3], [4, 4, 4], [5, 2]], [0, 0, 1, 1]), 2)
    assert w[wide.keys(1)].tolist() == [2, 3] and len(w[wide.keys(2)]) == 1


@pytest.mark.parametrize("max_bytes", [1, 100, 400])
def test_the_kept_ngrams_fit_the_size_limit_and_are_the_most_discriminative_ones(max_bytes: int) -> None:
    rng = np.random.RandomState(2)
    texts = [[30 + label, *(2 + rng.randint(20, size=6))] for label in (0, 1) * 50]  # 30 and 31 determine the class
    w = fitted(encoded(texts, [0, 1] * 50), 2, max_bytes=max_bytes)
    if max_bytes == 1:
        assert w == {}
    else:
        assert w[wide.TABLE][:-1].nbytes + sum(w[wide.keys(n)].nbytes for n in wide.orders(w)) <= max_bytes
        assert {30, 31} <= set(w[wide.keys(1)].tolist())


def test_the_kept_ngrams_have_the_largest_ratio_of_a_class_times_the_root_of_its_frequency() -> None:
    rng = np.random.RandomState(9)
    labels = rng.randint(3, size=300)
    counts = scipy.sparse.csr_matrix((rng.rand(300, 80) < rng.rand(80) ** 2).astype(float))  # rare and frequent ones
    worth = np.zeros(counts.shape[1])
    for number in range(3):
        p, q = (np.asarray(counts[side].sum(0)).ravel() for side in (labels == number, labels != number))
        ratio = np.log((p + 1) / (p + 1).sum() / ((q + 1) / (q + 1).sum()))
        worth = np.maximum(worth, np.abs(ratio) * np.sqrt(p))
    for kept in (1, 10, 20, 40, 60):
        columns = ngrams.most_discriminative(counts, labels, 3, kept)
        assert columns.tolist() == sorted(set(columns.tolist()))
        np.testing.assert_allclose(np.sort(worth[columns]), np.sort(worth)[-kept:])


@pytest.mark.parametrize("count", [1, 100])
def test_of_equally_discriminative_ngrams_the_first_ones_that_fit_the_limit_are_kept(count: int) -> None:
    part = encoded([list(range(2, 202)), list(range(202, 402))] * 2, [0, 1] * 2)
    w = fitted(part, 2, longest=1, max_bytes=count * (4 + 2 + 1))  # a key, two weights and a frequency
    assert w[wide.keys(1)].tolist() == list(range(2, 2 + count))


# Logits


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_the_logits_are_tf_idf_times_weights(longest: int) -> None:
    part = random_part()
    w = fitted(part, 3, longest)
    rows = {}
    for n in wide.orders(w):
        rows.update({(n, int(key)): len(rows) + i for i, key in enumerate(w[wide.keys(n)])})
    table = w[wide.TABLE].astype(float) * w[wide.SCALE]
    found = outputs(w, part)
    for text in range(len(part.lengths)):
        ids = part.padded(np.array([text]))
        occurring = [rows[n, int(key)] for n in range(1, longest + 1)
                     for key in wide.hashes(tf.constant(ids), n).numpy()[0] if (n, int(key)) in rows]
        values = table[occurring]
        expected = values[:, :-1].sum(0) / max(1.0, np.sqrt(np.square(values[:, -1]).sum())) + w[wide.BIAS]
        np.testing.assert_allclose(found[text], expected, atol=1e-4)


def test_the_logits_of_a_text_without_known_ngrams_are_the_bias() -> None:
    w = fitted(random_part(), 3)
    np.testing.assert_array_equal(outputs(w, encoded([[1, 1], [900]], [0, 0])), [w[wide.BIAS]] * 2)


def test_padding_and_the_other_texts_of_a_batch_do_not_change_the_logits() -> None:
    part = random_part()
    w, together = fitted(part, 3), outputs(fitted(part, 3), part)
    alone = np.concatenate([wide.logits(w, tf.constant(part.padded(np.array([i]))), lambda x: x)
                            for i in range(len(part.lengths))])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_dropping_every_ngram_leaves_the_bias() -> None:
    part = random_part()
    w = fitted(part, 3)
    found = wide.logits(w, tf.constant(part.padded(np.arange(5))), lambda x: x * 0).numpy()
    np.testing.assert_array_equal(found, [w[wide.BIAS]] * 5)


# Agreement with plain implementations


def plain_hash(ngram: Sequence[int]) -> int:
    """A polynomial of the ids modulo the prime 2^31 - 1."""
    value = 0
    for word in ngram:
        value = (value * 1000003 + word) % (2 ** 31 - 1)
    return value


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_the_hash_of_an_ngram_is_that_of_plain_integers(n: int) -> None:
    rng = np.random.RandomState(6)
    ids = np.where(rng.rand(20, 12) < 0.1, 1, rng.randint(2, 50000, size=(20, 12)))
    lengths = rng.randint(1, 13, size=20)
    ids[np.arange(12) >= lengths[:, None]] = 0
    hashes = wide.hashes(tf.constant(ids, tf.int32), n).numpy()
    for text, length, hashed in zip(ids.tolist(), lengths, hashes.tolist()):
        assert hashed == [plain_hash(text[i:i + n]) if i + n <= length and min(text[i:i + n]) > 1 else 0
                          for i in range(12)]


def exactly(part: Encoded, classes: int, longest: int, max_bytes: int = MAX_BYTES) -> Any:
    return wide_part.fit_exactly(part, np.ones(classes), longest, max_bytes, 0.1)[:3]


def texts_of(part: Encoded) -> List[List[int]]:
    return [part.ids[start:start + length].tolist() for start, length in zip(part.starts, part.lengths)]


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_quantised_logits_differ_from_the_exact_ones_by_less_than_the_bound_of_127_levels(longest: int) -> None:
    """A weight is wrong by at most half a level, a level is the greatest weight of the class / 127.

    For the n n-grams of a text, whose TF-IDF vector has length L, the sum of the weights is therefore wrong by at most
    n / 2 levels, and L by at most sqrt(n) / 2 levels of the frequencies.
    """
    part, classes = random_part(), 3
    linear, mark, frequency = exactly(part, classes, longest)
    row = {int(each): i for i, each in enumerate(mark)}
    level, frequency_level = np.abs(linear.weights).max(0) / 127, np.abs(frequency).max() / 127
    logits, largest = outputs(fitted(part, classes, longest), part), 0.0
    for number, ids in enumerate(texts_of(part)):
        rows = [row[(n << 32) + plain_hash(ids[i:i + n])] for n in range(1, longest + 1)
                for i in range(len(ids) - n + 1) if (n << 32) + plain_hash(ids[i:i + n]) in row]
        total, norm = linear.weights[rows].sum(0), max(1.0, np.sqrt(np.square(frequency[rows]).sum()))
        least_norm = max(1.0, norm - np.sqrt(len(rows)) / 2 * frequency_level)
        bound = len(rows) / 2 * level / least_norm + np.abs(total) * (1 / least_norm - 1 / norm)
        error = np.abs(logits[number] - (total / norm + linear.bias))
        assert np.all(error <= bound + 1e-5), number
        largest = max(largest, float((error / np.maximum(bound, 1e-9)).max()))
    assert largest > 0.1  # the bound is not loose


def test_the_logits_of_given_weights_are_those_of_a_computation_by_hand() -> None:
    w = {wide.keys(1): np.array([2, 7], np.int32),
         wide.TABLE: np.array([[100, -50, 10], [20, 60, 24], [0, 0, 0]], np.int8),
         wide.SCALE: np.array([0.01, 0.02, 0.1], np.float32), wide.BIAS: np.array([0.5, -0.5], np.float32)}
    logits = outputs(w, encoded([[2], [7], [7, 3, 2], [2, 2], [3]], [0] * 5))
    expected = [[1.0 / 1.0, -1.0 / 1.0], [0.2 / 2.4, 1.2 / 2.4],  # the inverse document frequencies are 1.0 and 2.4
                [1.2 / 2.6, 0.2 / 2.6], [2.0 / np.sqrt(2), -2.0 / np.sqrt(2)], [0, 0]]
    np.testing.assert_allclose(logits, np.array(expected) + [0.5, -0.5], atol=1e-6)


def test_every_level_of_a_class_is_used_up_to_127() -> None:
    w = fitted(random_part(), 3)
    assert np.abs(w[wide.TABLE]).max(0).tolist() == [127] * 4 and not w[wide.TABLE][-1].any()


def plain_features(part: Encoded) -> Any:
    """TF-IDF of the n-grams of one and two tokens that occur in two texts, by scikit-learn."""
    vectorizer = CountVectorizer(analyzer=lambda ids: [tuple(ids[i:i + n]) for n in (1, 2)
                                                       for i in range(len(ids) - n + 1)], binary=True, min_df=2)
    counts = vectorizer.fit_transform(texts_of(part))
    transformer = TfidfTransformer(smooth_idf=False)  # log(texts / frequency) + 1, vectors of length 1
    return vectorizer, counts, transformer.fit_transform(counts).tocsr()


def plain_fit(features: Any, counts: Any, labels: np.ndarray, by_bayes: bool, classes: int, class_weights: Any = None,
              cost: float = 0.3) -> Any:
    """One linear support vector machine per class, as Wang and Manning (2012) describe it with naive Bayes ratios."""
    weights, bias = np.zeros((features.shape[1], classes)), np.zeros(classes)
    for number in range(classes):
        of_class = labels == number
        p, q = (np.asarray(counts[side].sum(0)).ravel() + 1.0 for side in (of_class, ~of_class))
        ratio = np.log((p / p.sum()) / (q / q.sum())) if by_bayes else np.ones(len(p))
        machine = LinearSVC(C=cost, tol=1e-6, dual=True, random_state=0, max_iter=100000)
        text_weights = None if class_weights is None else np.array(class_weights)[labels]
        machine.fit(features.multiply(ratio).tocsr(), of_class, text_weights)
        weights[:, number], bias[number] = machine.coef_[0] * ratio, machine.intercept_[0]
    return weights, bias


def test_the_exact_weights_are_support_vectors_over_tf_idf_and_bayes_ratios_by_scikit_learn() -> None:
    """One of the three kinds with one of the two costs, times one factor."""
    part, classes = random_part(300), 3
    linear, mark, frequency = exactly(part, classes, 2)
    vectorizer, counts, features = plain_features(part)
    place = {int(each): i for i, each in enumerate(mark)}
    names = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
    order = [place[(len(ngram) << 32) + plain_hash(ngram)] for ngram in names]
    assert sorted(order) == list(range(len(mark)))
    inverse = np.log(len(part.lengths) / np.asarray(counts.sum(0)).ravel()) + 1
    np.testing.assert_allclose(frequency[order], inverse)

    kinds = []
    for cost in (0.3, 1.0):
        both = [plain_fit(features, counts, part.labels, by_bayes, classes, cost=cost) for by_bayes in (False, True)]
        kinds += [*both, tuple(np.mean(each, 0) for each in zip(*both))]
    errors = []
    for weights, bias in kinds:
        weights = weights * inverse[:, None]
        factor = np.vdot(weights, linear.weights[order]) / np.vdot(weights, weights)
        assert 0.2 < factor < 11
        errors.append(np.abs(linear.weights[order] / factor - weights).max() / np.abs(weights).max()
                      + np.abs(linear.bias / factor - bias).max())
    assert min(errors) < 0.03 < sorted(errors)[1]


@pytest.mark.parametrize("smoothing", [0.1, 0.6])
@pytest.mark.parametrize("class_weights", [[1, 1, 1], [0.4, 2.2, 6.7]], ids=["none", "balanced"])
def test_the_factor_the_kind_and_the_cost_have_the_lowest_held_out_cross_entropy(
        smoothing: float, class_weights: Any) -> None:
    rng, classes = np.random.RandomState(8), 3
    labels = rng.choice(classes, size=300, p=[0.8, 0.15, 0.05])  # unbalanced, so that the bias matters
    part = encoded([np.where(rng.rand(6) < 0.2, 2 + label, 5 + rng.randint(20, size=6)).tolist() for label in labels],
                   labels.tolist())
    _, counts, features = plain_features(part)
    folds = np.array([hashlib.blake2b(np.array(ids, np.int32).tobytes(), digest_size=4).digest()[0] % 5
                      for ids in texts_of(part)])
    factors = np.geomspace(0.3, 10, 40)
    losses = np.zeros((2, 3, 40))
    for fold in range(5):
        out = folds == fold
        for number, cost in enumerate((0.3, 1.0)):
            kinds = [plain_fit(features[~out], counts[~out], part.labels[~out], by_bayes, classes, class_weights, cost)
                     for by_bayes in (False, True)]
            scores = [features[out] @ weights + bias for weights, bias in kinds]
            scores.append((scores[0] + scores[1]) / 2)
            losses[number] += [[references.cross_entropy(each * factor, part.labels[out], smoothing,
                                                         np.array(class_weights)) * out.sum()
                                for factor in factors] for each in scores]
    choice = wide_part._select(features, part, np.array(class_weights), smoothing)
    of_cost = losses[[0.3, 1.0].index(choice.cost)]
    # The tolerances are in nats over 300 texts; liblinear's tolerance is 0.01.
    assert of_cost[0].min() < losses[:, 0].min() + 0.1, "the cost is the best one of the plain kind"
    assert of_cost[choice.kind, int(np.argmin(np.abs(factors - choice.factor)))] < of_cost.min() + 0.1


def test_with_more_than_30_classes_only_the_plain_kind_is_fitted() -> None:
    """On these texts the kinds with naive Bayes ratios are better, as docs/accuracy.md measures for few classes."""
    rng = np.random.RandomState(0)
    labels = rng.randint(2, size=200)
    part = encoded([np.where(rng.rand(12) < 0.15, 2 + label * 8 + rng.randint(8, size=12),
                             18 + rng.randint(60, size=12)).tolist() for label in labels], labels.tolist())
    features = plain_features(part)[2]
    # The margins are above 1 nat: naive Bayes ratios, the mean of both, and plain as the only kind.
    assert [wide_part._select(features, part, np.ones(classes), 0.1)[0] for classes in (2, 30, 31)] == [1, 2, 0]


# Learning


def test_pairs_learn_negation_which_single_words_cannot() -> None:
    rng = np.random.RandomState(3)
    texts, labels = [], []
    for _ in range(300):  # "good", "not good", "bad", "not bad", among other words
        good, negated = rng.randint(2, size=2)
        other = (6 + rng.randint(40, size=4)).tolist()
        texts.append(other[:2] + [2] * negated + [3 + good] + other[2:] + [2] * (1 - negated))
        labels.append(int(good != negated))
    part = encoded(texts, labels)
    right = [np.mean(outputs(fitted(part, 2, longest), part).argmax(1) == part.labels) for longest in (1, 2)]
    assert right[0] < 0.75 and right[1] > 0.95


def test_equal_data_give_equal_weights() -> None:
    first, second = fitted(random_part(), 3), fitted(random_part(), 3)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_fold_is_about_a_fifth_of_the_texts() -> None:
    folds = wide_part._folds(random_part(1000, words=3000))
    counts = np.bincount(folds, minlength=5)
    assert len(counts) == 5 and counts.min() > 150


def test_equal_texts_are_held_out_together() -> None:
    part = encoded([[2, 3], [4], [2, 3], [2, 3, 4], [4]] * 20, [0, 1, 0, 1, 1] * 20)
    folds = wide_part._folds(part).reshape(20, 5)
    assert (folds == folds[0]).all() and (folds[:, 0] == folds[:, 2]).all() and (folds[:, 1] == folds[:, 4]).all()


def test_random_labels_give_low_confidence() -> None:
    rng = np.random.RandomState(4)
    part = encoded([(2 + rng.randint(50, size=10)).tolist() for _ in range(400)], rng.randint(2, size=400).tolist())
    probabilities = tf.nn.softmax(outputs(fitted(part, 2), part)).numpy()
    sure = fitted(random_part(400, 2), 2)
    assert probabilities.max(1).mean() < 0.75 < tf.nn.softmax(outputs(sure, random_part(400, 2))).numpy().max(1).mean()


def test_a_class_with_a_greater_weight_is_predicted_more_often() -> None:
    rng = np.random.RandomState(5)
    part = encoded([(2 + rng.randint(30, size=5)).tolist() for _ in range(300)],
                   (rng.rand(300) < 0.1).astype(int).tolist())
    rare = [(outputs(fitted(part, 2, weights=weights), part).argmax(1) == 1).sum() for weights in ([1, 1], [0.55, 5])]
    assert rare[0] < rare[1]


def test_151_classes_with_two_texts_each_or_none_are_supported() -> None:
    part = encoded([[2 + label, 3 + label] for label in range(150)] * 2, list(range(150)) * 2)
    w = fitted(part, 151)
    assert np.mean(outputs(w, part).argmax(1) == part.labels) > 0.9
    assert w[wide.TABLE].dtype == np.int8 and w[wide.TABLE].shape[1] == 152


def test_a_class_without_texts_and_a_class_with_all_texts_have_a_bias_alone() -> None:
    """The bias is that of a support vector machine that always gives one answer, 1 or -1, times the factor."""
    factors = np.geomspace(0.3, 10, 40)
    linear, _, _ = exactly(random_part(), 4, 2)  # no text has class 3
    assert np.any(linear.weights[:, :3], 0).all() and not linear.weights[:, 3].any()
    assert np.isclose(-linear.bias[3], factors).any()
    part = random_part()
    linear, _, _ = exactly(part._replace(labels=np.ones_like(part.labels)), 2, 2)
    assert len(linear.weights) and not linear.weights.any()
    assert linear.bias[1] == -linear.bias[0] and np.isclose(linear.bias[1], factors).any()


def test_texts_without_kept_ngrams_at_the_end_of_the_part_count_as_texts() -> None:
    part = encoded([[2, 3], [2, 3], [4], [4], [1], [1]], [0, 0, 1, 1, 0, 1])
    _, mark, frequency = exactly(part, 2, 1)
    assert mark.tolist() == [(1 << 32) + word for word in (2, 3, 4)]
    np.testing.assert_allclose(frequency, np.log(6 / 2) + 1)


def test_data_without_repeated_ngrams_have_no_wide_part() -> None:
    assert fitted(encoded([[2], [3], [4]], [0, 1, 0]), 2) == {}


# Settings


def inputs(folder: Path, text: str, *flags: str) -> Inputs:
    (folder / "train.tsv").write_text(text, encoding="utf-8")
    job, _ = from_flags(["--data_url", str(folder), "--train_url", "unused", "--min_count", "1", *flags])
    return with_wide_part(prepare(read_dataset(str(folder), DataSettings("0")), job, folder / "vocabulary.txt")[0], job)


ENGLISH = "".join(f"{side}\tthe {word} of the day is here\n" for side, word in
                  [("a", "soup"), ("b", "match")] for _ in range(20) for word in (word, word + " again", word + " so"))
CHINESE = "".join(f"{side}\t今天的{word}在这里\n" for side, word in
                  [("a", "菜"), ("b", "球")] for _ in range(20) for word in (word, word + "很", word + "都"))


@pytest.mark.parametrize("text, longest", [(ENGLISH * 64, 2), (CHINESE * 64, 3), (CHINESE * 32, 2)],
                         ids=["english", "chinese", "less than 5,000 texts in chinese"])
def test_ngrams_of_characters_are_longer_than_ngrams_of_words_in_many_texts(
        tmp_path: Path, text: str, longest: int) -> None:
    assert max(wide.orders(inputs(tmp_path, text).wide)) == longest


def test_ngrams_that_occur_once_are_kept_in_less_than_5000_texts(tmp_path: Path) -> None:
    once = "a\tthe unique soup of the day is here\n"
    few, many = inputs(tmp_path, ENGLISH * 32 + once), inputs(tmp_path, ENGLISH * 64 + once)
    word = few.vocabulary.index(b"unique") + 2
    assert word in few.wide[wide.keys(1)] and word not in many.wide[wide.keys(1)]


def test_held_out_texts_choose_the_cost_if_the_texts_are_few() -> None:
    part = random_part(60, 10)
    costs = [wide_part.fit(part, np.ones(10), 1, MAX_BYTES, 0.1, few=few).choice.cost for few in (False, True)]
    assert costs == [0.3, 1]


def test_features_that_take_long_to_fit_have_fewer_folds() -> None:
    folds = np.arange(100) % 5
    assert [len(wide_part._held_out(folds, wide_part._WORK // fits)) for fits in (1, 4, 10)] == [1, 4, 5]


def test_settings_choose_the_length_of_ngrams_and_disable_the_wide_part(tmp_path: Path) -> None:
    assert wide.orders(inputs(tmp_path, ENGLISH, "--wide_ngrams", "4").wide) == [1, 2, 3, 4]
    without = inputs(tmp_path, ENGLISH, "--wide", "false")
    assert without.wide == {} and without.ngrams == 0
