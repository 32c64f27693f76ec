"""Warnings that follow from the number of rows of each part and class.

Each function returns sentences: what is wrong, and what to do. It returns none for data that are large and even enough.
"""
from typing import List, Mapping, Sequence

from textjob.data.folders import some
from textjob.data.hashes import counts

DEV_ROWS = 200
"""With fewer dev rows, the 95 % confidence interval of an accuracy of 90 % is wider than 4 points to each side."""

CLASS_ROWS = 10
UNEVEN = 20  # times the rows of the smallest class
DISTANCE = 0.2  # of total variation, between the class frequencies of two parts
P_VALUE = 1e-6  # of the chi-square test, so that random splits hardly ever give a warning


def warnings(train: Sequence[str], dev: Sequence[str], class_weights: str = "none") -> List[str]:
    """All warnings of this module, from the labels of the training and the dev part."""
    in_train, in_dev = counts(train), counts(dev)
    return [*small_dev(len(dev)), *rare_classes(in_train),
            *(uneven_classes(in_train) if class_weights == "none" else []), *other_frequencies(in_train, in_dev)]


def small_dev(rows: int) -> List[str]:
    """A warning if the dev part is too small to choose a model."""
    if not 0 < rows < DEV_ROWS:
        return []
    # Imported here because it imports SciPy and scikit-learn, which take a second and are rarely needed.
    from textjob.metrics import wilson_interval

    low, high = wilson_interval(round(0.9 * rows), rows)
    return [f"dev has {rows:,} rows, which are too few to choose a model: an accuracy of 90 % has the 95 % confidence "
            f"interval {100 * low:.1f} to {100 * high:.1f} % (Wilson), so differences below about "
            f"{50 * (high - low):.0f} points cannot be seen. Give at least {DEV_ROWS:,} dev rows, better 1,000"]


def rare_classes(train: Mapping[str, int]) -> List[str]:
    """A warning if classes have few training rows; ``train`` is the number of rows of each class."""
    rare = sorted((rows, label) for label, rows in train.items() if rows < CLASS_ROWS)
    if not rare:
        return []
    names = some([f"'{label}' {rows:,}" for rows, label in rare], 10)
    return [f"classes with fewer than {CLASS_ROWS} training rows: {len(rare):,} ({names}); a model predicts such a "
            "class rarely or wrongly. Label more rows of it, merge it with another class, or remove it"]


def uneven_classes(train: Mapping[str, int]) -> List[str]:
    """A warning if the largest class has many times the rows of the smallest."""
    (smallest, few), *_, (largest, many) = sorted(train.items(), key=lambda item: (item[1], item[0]))
    if many < UNEVEN * few:
        return []
    share = many / sum(train.values())
    return [f"the classes are very uneven: '{largest}' has {many:,} training rows ({100 * share:.1f} %), '{smallest}' "
            f"{few:,}, so a high accuracy says little about the small classes. With --class_weights balanced a row of "
            f"'{smallest}' weighs {many / few:.0f} times as much as one of '{largest}': small classes are predicted "
            "more often, at the cost of some accuracy"]


def other_frequencies(train: Mapping[str, int], dev: Mapping[str, int]) -> List[str]:
    """A warning if the class frequencies of dev are not those of train; classes that train lacks do not count."""
    labels = sorted(train)
    rows, dev_rows = sum(train.values()), sum(dev.get(label, 0) for label in labels)
    if not dev_rows:
        return []
    gaps = {label: dev.get(label, 0) / dev_rows - train[label] / rows for label in labels}
    distance = sum(map(abs, gaps.values())) / 2
    if distance < DISTANCE or _p_value([[part.get(label, 0) for label in labels] for part in (train, dev)]) > P_VALUE:
        return []
    label = max(labels, key=lambda label: (round(abs(gaps[label]), 6), gaps[label]))  # of equal gaps, the positive one
    return [f"train and dev have different class frequencies, as parts of different sources have: '{label}' is "
            f"{100 * train[label] / rows:.1f} % of train and {100 * dev.get(label, 0) / dev_rows:.1f} % of dev (total "
            f"variation distance {distance:.2f}). Split one data set at random, which the job does if only train is "
            "given"]


def _p_value(table: Sequence[Sequence[int]]) -> float:
    from scipy.stats import chi2_contingency  # takes a second, and is rarely needed

    return float(chi2_contingency(table)[1])
