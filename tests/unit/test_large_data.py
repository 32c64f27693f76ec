"""Data larger than memory: files behind the interfaces of lists and arrays, with the results of data in memory."""
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Set

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textjob.data import hashes, scratch
from textjob.data.dataset import Dataset, Examples, read_dataset
from textjob.data.progress import Progress
from textjob.data.split import split_off
from textjob.data.store import Labels, Texts, Writer
from textjob.errors import DataError, DiskFullError, UsageError
from textjob.flags import from_flags
from textjob.settings import Settings
from textjob.text import id_files, vocabulary
from textjob.text.encoding import Encoded
from textjob.training import batches, classifier, feed, row_sample
from textjob.training.inputs import Inputs, class_weights, prepare, with_final_wide_part, with_wide_part
from textjob.training.optimizer import Optimizer
from textjob.training.step import Step

ROWS = ["good film", "", "\ud83d half of a pair", "好片 \x00", "good film", "x" * 5000]
LABELS = ["b", "a", "a", "c", "a", "b"]


def job(data_url: Path, folder: Path, megabytes: float) -> Settings:
    return from_flags(["--data_url", str(data_url), "--train_url", "unused", "--scratch", str(folder), "--memory_mb",
                       str(megabytes), "--min_count", "1"])[0]


def stored(folder: Path, texts: Sequence[str] = ROWS, labels: Sequence[str] = LABELS) -> Examples:
    writer = Writer(folder / "part", None)
    for text, label in zip(texts, labels):
        writer.append(text, label)
    return Examples(*writer.finish())


# Texts and labels


def test_stored_columns_are_read_as_lists_are(tmp_path: Path) -> None:
    for column, expected in zip(stored(tmp_path), (ROWS, LABELS)):
        assert list(column) == expected and len(column) == 6 and [column[i] for i in range(-6, 6)] == expected * 2
        for cut in (slice(2, 5), slice(None, None, 2), slice(4, 1), slice(None, None, -1), slice(100, 200)):
            assert column[cut] == expected[cut]
        with pytest.raises(IndexError):
            column[6]


def test_some_rows_of_a_stored_column_are_a_column_again(tmp_path: Path) -> None:
    texts, labels = stored(tmp_path)
    assert isinstance(texts, Texts) and isinstance(labels, Labels)
    rows = np.array([5, 0, 3])
    assert list(texts.take(rows)) == [ROWS[row] for row in rows] and texts.take(rows)[1:] == [ROWS[0], ROWS[3]]
    assert list(labels.take(rows).take(np.array([2, 0]))) == ["c", "b"]
    assert list(labels.renamed({"c": "a"})) == ["b", "a", "a", "a", "a", "b"]
    assert hashes.counts(labels.renamed({"c": "a"}).take(rows)) == Counter({"b": 2, "a": 1})


def test_hashes_and_counts_of_stored_columns_are_those_of_lists(tmp_path: Path) -> None:
    texts, labels = stored(tmp_path)
    assert hashes.of_texts(texts).tolist() == hashes.of_texts(ROWS).tolist()
    assert hashes.counts(labels) == hashes.counts(LABELS) == Counter(LABELS)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1), st.lists(st.integers(0, 8)))
def test_repeated_conflicting_and_shared_texts_are_counted_as_by_sets(rows: List[Any], others: List[int]) -> None:
    texts, labels = zip(*rows)
    of_texts = np.array([hashes.of_text(str(text)) for text in texts], np.uint64)
    names: Dict[int, Set[int]] = {}
    for text, label in rows:
        names.setdefault(text, set()).add(label)
    assert hashes.repeated(of_texts, np.array(labels)) == (
        len(rows) - len(names), sum(len(each) > 1 for each in names.values()))
    other = np.array([hashes.of_text(str(text)) for text in others], np.uint64)
    assert hashes.shared(other, of_texts) == sum(text in names for text in others)


def split_plainly(texts: Sequence[str], labels: Sequence[str], names: Sequence[str]) -> List[str]:
    """The split with sets of strings."""
    rank = {text: int(hashlib.sha256((hashes.SALT + text).encode()).hexdigest()[:16], 16) for text in texts}
    part = {text: names[h % 10] if h % 10 < len(names) else "train" for text, h in rank.items()}
    classes: Dict[str, Set[str]] = {text: set() for text in rank}
    for text, label in zip(texts, labels):
        classes[text].add(label)
    in_train = Counter(label for text in rank if part[text] == "train" for label in classes[text])
    ranked = sorted(rank, key=lambda text: rank[text])
    for text in ranked:
        if part[text] != "train" and any(in_train[label] == 0 for label in classes[text]):
            part[text] = "train"
            in_train.update(classes[text])
    for name in names:
        sizes = Counter(part.values())
        if not sizes[name] and len(ranked) > len(names):
            spare = [text for text in ranked if sizes[part[text]] > 1]
            moved = min(spare, key=lambda t: part[t] == "train" and any(in_train[label] == 1 for label in classes[t]))
            if part[moved] == "train":
                in_train.subtract(classes[moved])
            part[moved] = name
    return [part[text] for text in texts]


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from("abcd")), min_size=1, max_size=80),
       st.sampled_from([["dev"], ["test", "dev"]]))
def test_the_split_by_numbers_is_that_by_strings(rows: List[Any], names: List[str]) -> None:
    texts, labels = [str(text) for text, _ in rows], [label for _, label in rows]
    parts = [["train", *names][number] for number in split_off(texts, labels, names)]
    assert parts == split_plainly(texts, labels, names)


# A job


def shared_file(small_data: Path, folder: Path) -> Path:
    """One file, from which dev and test are split off."""
    (folder / "all.tsv").write_bytes((small_data / "train.tsv").read_bytes())
    return folder / "all.tsv"


def read(data_url: Path, folder: Path, megabytes: float, lines: List[str]) -> Any:
    settings = job(data_url, folder, megabytes)
    data = read_dataset(str(data_url), settings, lines.append)
    inputs, _ = prepare(data, settings, folder / "vocabulary.txt", lines.append)
    return data, inputs, settings


def losses(inputs: Inputs, settings: Settings, source: feed.Feed) -> List[float]:
    network = classifier.new("cnn", inputs, settings)
    step = Step(network, source, Optimizer(network.variables, 0.01, 100), class_weights(inputs, settings), settings)
    order = batches.of_part(inputs.train, 16, np.random.RandomState(1))
    return [float(loss) for start in range(0, len(order), 8) for loss in step.run(order[start:start + 8], start)]


def assert_equal(one: Encoded, other: Encoded) -> None:
    for first, second in zip([*one[:4], *(one.spelling or ())], [*other[:4], *(other.spelling or ())]):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("one_file", [False, True])
def test_data_in_files_give_the_same_results_as_data_in_memory(
        small_data: Path, tmp_path: Path, one_file: bool) -> None:
    url = shared_file(small_data, tmp_path) if one_file else small_data
    said: List[str] = []
    (data, inputs, settings), (large, mapped, _) = read(url, tmp_path, 1e6, said), read(url, tmp_path, 0.001, said)
    assert not data.in_files and large.in_files and mapped.train.in_file
    assert (large.digest, large.notes, large.labels) == (data.digest, data.notes, data.labels)
    for part in ("train", "dev", "test"):
        assert [list(column) for column in getattr(large, part)] == [list(column) for column in getattr(data, part)]
        assert_equal(getattr(mapped, part), getattr(inputs, part))
    inputs, mapped = (with_final_wide_part(with_wide_part(each, settings), settings) for each in (inputs, mapped))
    assert mapped.vocabulary == inputs.vocabulary and mapped.names == inputs.names and not mapped.sampled
    assert mapped.wide.keys() == inputs.wide.keys()
    assert all(np.array_equal(mapped.wide[name], inputs.wide[name]) for name in inputs.wide)
    assert losses(mapped, settings, feed.of(mapped.train)) == losses(inputs, settings, feed.of(inputs.train))
    assert said == [f"the data need more memory than the 0 MB of --memory_mb; texts and ids are kept in files in "
                    f"{scratch.Place(0, str(tmp_path)).root()}"]


def test_the_next_job_with_the_same_data_and_settings_uses_the_ids(small_data: Path, tmp_path: Path) -> None:
    first, second, other = [], [], []  # type: List[str], List[str], List[str]
    _, inputs, settings = read(small_data, tmp_path, 0.001, first)
    folder = next(scratch.place(settings).root().glob("ids-*"))
    _, again, _ = read(small_data, tmp_path, 0.001, second)
    assert second[1] == f"the ids of an earlier job with the same data and settings are used: {folder}"
    assert_equal(inputs.train, again.train)
    read(shared_file(small_data, tmp_path), tmp_path, 0.001, other)
    assert len(other) == 1 and len(list(folder.parent.glob("ids-*"))) == 2


def test_the_files_of_texts_are_deleted_with_the_data(small_data: Path, tmp_path: Path) -> None:
    settings = job(small_data, tmp_path, 0.001)
    data = read_dataset(str(small_data), settings, [].append)
    root = scratch.place(settings).root()
    assert len(list(root.glob("run-*"))) == 1 and len(data.train.texts) == 240
    del data
    assert not list(root.glob("run-*"))


KILLED = """
import os, signal, sys
import numpy as np
from pathlib import Path
from textjob.data import scratch
from textjob.text import id_files
class Owner: pass
owner = Owner()
folder = scratch.new_folder(scratch.Place(0, sys.argv[1]), owner)
def chunks():
    yield [(np.ones(3, np.int32), np.array([3]))] * 2
    os.kill(os.getpid(), signal.SIGKILL)
id_files.Writer(folder / "ids", [b"word"]).add("train", chunks(), np.zeros(1))
"""


def test_a_job_that_is_killed_while_it_writes_ids_leaves_nothing_that_the_next_job_reads(
        small_data: Path, tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)],
                            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
    assert killed.returncode == -signal.SIGKILL
    root = scratch.Place(0, str(tmp_path)).root()
    left = list(root.glob("run-*/ids/train.ids"))
    assert len(left) == 1 and id_files.read(left[0].parent) is None
    said: List[str] = []
    read(small_data, tmp_path, 0.001, said)
    assert len(said) == 1 and not left[0].exists()


@pytest.mark.parametrize("name", ["train.ids", "dev.spelling.starts", "manifest.json"])
def test_ids_of_which_a_file_is_cut_are_made_again(small_data: Path, tmp_path: Path, name: str) -> None:
    _, inputs, settings = read(small_data, tmp_path, 0.001, [])
    root = scratch.place(settings).root()
    folder = next(root.glob("ids-*"))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-2])  # a memory map of this part would end the process, so it is not read
    assert id_files.read(folder) is None
    said: List[str] = []
    _, again, _ = read(small_data, tmp_path, 0.001, said)
    assert said[1:] == [f"{folder} is damaged: its files differ from its manifest; the ids are made again"]
    assert (folder / name).read_bytes() == content and id_files.read(folder) is not None
    assert [path.name for path in root.glob("ids-*")] == [folder.name]
    assert len(again.train.ids) == len(inputs.train.ids)


def test_damaged_ids_that_another_process_uses_are_kept_and_end_the_job(small_data: Path, tmp_path: Path) -> None:
    _, _, settings = read(small_data, tmp_path, 0.001, [])
    folder = next(scratch.place(settings).root().glob("ids-*"))
    with held_by_another_process(folder):
        (folder / "manifest.json").write_bytes(b"")
        with pytest.raises(DataError, match="another process uses it; run the same command again when that process"):
            read(small_data, tmp_path, 0.001, [])
        assert folder.is_dir()


@contextlib.contextmanager
def held_by_another_process(folder: Path) -> Iterator[None]:
    """Within the context, another process has the lock of a folder."""
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH); "
         "print(flush=True); sys.stdin.read()", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline()
    yield
    holder.communicate()


def test_a_folder_that_another_process_holds_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "held").mkdir()
    with held_by_another_process(tmp_path / "held"):
        scratch.remove(tmp_path / "held")
        assert (tmp_path / "held").is_dir()
    scratch.remove(tmp_path / "held")
    assert not (tmp_path / "held").exists()


def test_a_full_disk_and_a_folder_that_is_a_file_give_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="choose another folder with --scratch"):
        scratch.check_free(tmp_path, 1 << 62)
    with pytest.raises(DiskFullError, match="No space left on device, while the files"), \
            scratch.full_disk(tmp_path), open("/dev/full", "wb") as file:
        file.write(b"text")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="choose a folder with --scratch"):
        scratch.Place(0, str(tmp_path / "file")).root()


# Vocabulary, sample, batches, progress


def test_counts_of_words_are_exact_below_the_bound_and_within_the_error_above() -> None:
    random = np.random.RandomState(0)
    words = [str(number).encode() for number in np.minimum(random.zipf(1.3, 50_000), 10 ** 6)]
    exact = Counter(words)
    bounded, counted = vocabulary.WordCounts(len(exact)), vocabulary.WordCounts(1000)
    for start in range(0, len(words), 500):
        bounded.add(words[start:start + 500])
        counted.add(words[start:start + 500])
    assert bounded.counts == exact and bounded.error == 0
    assert len(counted.counts) <= 1000 and counted.error > 0
    assert all(0 <= number - counted.counts.get(word, 0) <= counted.error for word, number in exact.items())


def test_the_sample_has_about_the_tokens_that_are_wanted_and_keeps_equal_texts_together() -> None:
    texts = [f"text {number % 2000}" for number in range(4000)]
    part = Encoded(np.arange(8000, dtype=np.int32), np.arange(0, 8000, 2), np.full(4000, 2),
                   np.arange(4000, dtype=np.int32))
    data = Dataset(Examples(texts, texts), Examples([], []), Examples([], []), [], [], "")
    none = Encoded(*[np.zeros(0, np.int32)] * 4)
    sample = row_sample.choose(data, part, none, 2000)
    assert 1700 < len(sample.train.ids) < 2300
    rows = set(sample.train.labels.tolist())
    assert all((row + 2000) % 4000 in rows for row in rows)
    assert [sample.train.ids[start] for start in sample.train.starts] == [2 * row for row in sample.train.labels]
    assert_equal(row_sample.choose(data, part, none, 8000).train, part)


@pytest.mark.parametrize("rows", [1, 63, 2048, 300_001])
def test_an_epoch_by_windows_has_every_row_once_and_reads_few_blocks_at_a_time(rows: int) -> None:
    lengths = np.random.RandomState(0).randint(1, 50, rows)
    order = batches.epoch(lengths, 16, np.random.RandomState(1), windows=True)
    assert sorted(np.concatenate(order)) == list(range(rows)) and len(order) == batches.count(rows, 16)
    blocks: List[Set[int]] = [set((np.concatenate(order[start:start + 64 * 64]) // 1024).tolist())
                              for start in range(0, len(order), 64 * 64)]
    assert all(len(each) <= 2 * 64 for each in blocks)  # of 293: those of two windows at most


def test_progress_is_shown_every_ten_seconds_with_the_time_that_remains() -> None:
    times: Iterator[float] = iter([0, 5, 11, 12, 200])
    said: List[str] = []
    progress = Progress("encoding", 1000, said.append, 1000, lambda: next(times))
    for done in (10, 100, 110, 200):
        progress.at(done, done)
    assert said == ["encoding: 100 of 1,000 rows, about 99 s left",
                    "encoding: 200 of 1,000 rows, about 13 minutes left"]
