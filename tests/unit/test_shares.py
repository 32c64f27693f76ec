"""The shares of the nodes in each batch: every row counts once, and all nodes make the same steps."""
from pathlib import Path
from typing import List, Tuple

import numpy as np
import pytest
import tensorflow as tf

from textjob.data.dataset import read_dataset
from textjob.flags import from_flags
from textjob.training import batches
from textjob.training.workers import share

Part = Tuple[int, int, float]  # the first text, the number of texts, and the weight of their mean loss


def shares(texts: int, nodes: int) -> List[Part]:
    each = [share(tf.constant(texts), number, nodes) for number in range(nodes)]
    assert all(int(one.of) == texts for one in each)
    return [(int(one.first), int(one.texts), float(one.weight)) for one in each]


@pytest.mark.parametrize("nodes", [2, 3, 4, 7])
def test_shares_are_disjoint_and_complete_and_differ_by_one_text_at_most(nodes: int) -> None:
    for texts in range(nodes, 40):
        parts = shares(texts, nodes)
        assert [row for first, size, _ in parts for row in range(first, first + size)] == list(range(texts))
        assert max(size for _, size, _ in parts) - min(size for _, size, _ in parts) <= 1


@pytest.mark.parametrize("nodes", [2, 3, 4, 7])
def test_the_weight_of_each_text_in_the_sum_over_all_nodes_is_that_of_the_mean(nodes: int) -> None:
    """Also in a batch with fewer texts than nodes, of which every node computes all texts."""
    for texts in range(1, 40):
        weights = np.zeros(texts)
        for first, size, weight in shares(texts, nodes):
            assert size > 0  # the mean loss of no text is not finite
            weights[first:first + size] += weight / size
        assert weights == pytest.approx(1 / texts)


def test_seven_files_on_four_nodes_have_equal_steps_and_each_row_once(tmp_path: Path) -> None:
    (tmp_path / "dev.tsv").write_text("text\tlabel\none of dev\ta\n")
    for number, rows in enumerate([1, 2, 3, 5, 8, 13, 18]):
        lines = (f"file {number} row {row} {'word ' * (row % 4)}\t{'ab'[row % 2]}\n" for row in range(rows))
        (tmp_path / f"train-{number}.tsv").write_text("text\tlabel\n" + "".join(lines))
    data = read_dataset(str(tmp_path), from_flags(["--data_url", str(tmp_path), "--train_url", "unused"])[0])
    lengths = np.array([len(text.split()) for text in data.train.texts])
    counted, steps, repeated = np.zeros(len(lengths)), [0] * 4, 0
    for order in batches.epoch(lengths, 8, np.random.RandomState(1)):
        parts = shares(len(order), 4)
        for number, (first, size, weight) in enumerate(parts):
            counted[order[first:first + size]] += weight * len(order) / size
            steps[number] += size > 0
        repeated += sum(size for _, size, _ in parts) - len(order)
    assert counted == pytest.approx(np.ones(50))
    assert steps == [7] * 4
    assert repeated == 6  # the last batch has two texts, so each of the four nodes computes both
