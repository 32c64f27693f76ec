"""Data larger than memory: resident memory, rows per second and time to the first step, in memory and in files.

    python benchmarks/large_data.py                                     # 50 thousand, 500 thousand, 5 million rows
    python benchmarks/large_data.py --rows 1000000 --tokens 200 --ways files
    python benchmarks/large_data.py --rows 500000 --memory_mb 2000      # texts are in memory up to this size
    python benchmarks/large_data.py --rows 50000,500000 --ratio 20      # rates of steps, in turns in one process
    python benchmarks/large_data.py --rows 500000 --cold 3              # rates of steps with the ids not in memory
    python benchmarks/large_data.py --rows 500000 --nodes 2 --pin       # time to the first step on two nodes

The texts are generated: words are drawn with the frequencies of natural language (Zipf-Mandelbrot, a million words),
and a fifth of the words of a text from an order of the words that depends on its class. A run is a process of its own.
It does what a job does up to the training of cnn, makes steps for --seconds, and predicts the dev part once. Resident
memory is the highest RSS of the process, files that it maps included; the next figure is what exceeds the RSS after
the import of TensorFlow and the memory of the weights with the slots of Adam.

With --ratio, the data are in one process both in memory and in files, and the steps run in turns of a second, because
other work on the machine changes the rates themselves. The table shows the medians over the turns.

With --cold, the rows are read by windows, as those of ids of more than 2 GB. Turns of --seconds with the files in the
system's page cache alternate with turns before which the pages are dropped. The bytes that were read from the disk
(/proc/self/io) show that they were dropped. The disk of a virtual machine can have a cache of its own.

With --nodes, that many processes divide the work on data in files, each with files of its own. With --pin, each process
uses one core of its own, as nodes do not share cores.
"""
import argparse
import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from several_nodes import free_addresses

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

WORDS, CLASSES, CHUNK = 1_000_000, 10, 20_000
WAYS = ("memory", "files")
BIG = 1e6  # MB: everything is in memory


def main(argv: Sequence[str]) -> int:
    """Generate the data, measure, and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--rows", default="50000,500000,5000000")
    parser.add_argument("--tokens", type=int, default=10, help="mean tokens per text (default: %(default)s)")
    parser.add_argument("--ways", default=",".join(WAYS), help="memory, files (default: both)")
    parser.add_argument("--most_in_memory", type=int, default=500_000,
                        help="rows of a run in memory, at most (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=30, help="of steps (default: %(default)s)")
    parser.add_argument("--folder", default=str(Path(tempfile.gettempdir()) / "large-data"), help="for data and files")
    parser.add_argument("--memory_mb", type=float, default=1, help="of the runs in files (default: %(default)s)")
    parser.add_argument("--wide", default="true")
    parser.add_argument("--ratio", type=int, default=0, metavar="TURNS", help="compare the rates of steps only")
    parser.add_argument("--cold", type=int, default=0, metavar="TURNS", help="compare with ids on the disk only")
    parser.add_argument("--nodes", type=int, default=1, help="processes that divide the work (default: %(default)s)")
    parser.add_argument("--pin", action="store_true", help="one core per process")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.run:
        print(json.dumps(measured(**json.loads(options.run))))
        return 0
    from textjob.tables import markdown_table

    if options.ratio:
        print(markdown_table(
            ["rows", "rows per second in memory", "in files", "ratio", "ratio of CPU times per row"],
            [[f"{rows:,}", *compared(generated(Path(options.folder), rows, options.tokens), options)]
             for rows in map(int, options.rows.split(","))]))
        return 0
    if options.cold:
        print(markdown_table(
            ["rows", "tokens per text", "rows per second, warm", "cold", "ratio", "MB from the disk per turn, warm",
             "cold"],
            [[f"{rows:,}", f"{options.tokens}", *cold(generated(Path(options.folder), rows, options.tokens), options)]
             for rows in map(int, options.rows.split(","))]))
        return 0
    if options.nodes > 1:
        print(markdown_table(
            ["rows", "nodes", "seconds to the first step", "each phase"],
            [[f"{rows:,}", f"{options.nodes}", f"{found['first']:.1f}", found["phases"]]
             for rows in map(int, options.rows.split(","))
             for found in _run(generated(Path(options.folder), rows, options.tokens), options, options.memory_mb)]))
        return 0
    table = []
    for rows in map(int, options.rows.split(",")):
        file = generated(Path(options.folder), rows, options.tokens)
        for way in options.ways.split(","):
            if way == "memory" and rows > options.most_in_memory:
                continue
            found = _run(file, options, BIG if way == "memory" else options.memory_mb)[0]
            table.append([f"{rows:,}", f"{options.tokens}", way, f"{found['peak']:,.0f}", f"{found['beyond']:,.0f}",
                          f"{found['rate']:,.0f}", f"{found['first']:,.0f}", found["phases"]])
            print(table[-1], file=sys.stderr, flush=True)
    print(markdown_table(["rows", "tokens per text", "data in", "highest RSS, MB", "beyond TensorFlow and model, MB",
                          "rows per second", "seconds to the first step", "each phase"], table))
    return 0


def generated(folder: Path, rows: int, tokens: int) -> Path:
    """A file with this many rows; one that exists is used."""
    file = folder / f"{rows}x{tokens}.tsv"
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.RandomState(rows + tokens)
    limits = np.cumsum(1 / (np.arange(WORDS) + 2.7) ** 1.07)
    words = [_word(number) for number in range(WORDS)]
    orders = [random.permutation(2000) for _ in range(CLASSES)]  # of the frequent words
    with (folder / (file.name + ".partial")).open("w", encoding="utf-8") as output:
        for start in range(0, rows, CHUNK):
            count = min(CHUNK, rows - start)
            labels = random.randint(CLASSES, size=count)
            lengths = np.maximum(1, random.poisson(tokens, count))
            drawn = np.searchsorted(limits, random.uniform(0, limits[-1], lengths.sum()))
            of_class = np.flatnonzero((random.uniform(size=len(drawn)) < 0.2) & (drawn < 2000))
            drawn[of_class] = np.stack(orders)[np.repeat(labels, lengths)[of_class], drawn[of_class]]
            position = 0
            for label, length in zip(labels.tolist(), lengths.tolist()):
                chosen = [words[number] for number in drawn[position:position + length].tolist()]
                output.write(f"class{label}\t{' '.join(chosen)}\n")
                position += length
    (folder / (file.name + ".partial")).rename(file)
    return file


def _word(number: int) -> str:
    """A different word for each number; frequent words are short."""
    letters = ""
    number += 20
    while number:
        number, consonant = divmod(number, 20)
        number, vowel = divmod(number, 5) if number else (0, consonant % 5)
        letters += "bcdfghjklmnpqrstvwxz"[consonant] + "aeiou"[vowel]
    return letters


def measured(file: str, folder: str, memory_mb: float, seconds: float, wide: str, number: int, addresses: List[str]
             ) -> Dict[str, Any]:
    """The figures of one run; of one of several nodes, those before the first step."""
    start = time.time()
    from textjob import process

    process.without_keras()
    process.limit_threads()
    process.import_tensorflow(starts_runtime=not addresses)
    from textjob.data.dataset import read_dataset
    from textjob.training import classifier
    from textjob.training.connected import Connected
    from textjob.training.inputs import prepare, with_final_wide_part, with_wide_part
    from textjob.training.workers import Workers

    phases: List[str] = []
    before = resident("VmRSS")
    last = [time.time(), time.process_time()]

    def end(phase: str) -> None:
        now = [time.time(), time.process_time()]
        phases.append(f"{phase} {now[0] - last[0]:.1f} s (CPU {now[1] - last[1]:.1f} s) {resident('VmHWM'):,.0f} MB")
        last[:] = now

    job = settings(file, folder, memory_mb, wide)
    data = read_dataset(file, job, lambda line: print(line, file=sys.stderr, flush=True))
    end("read")
    workers = Connected(number, tuple(addresses)) if addresses else Workers()
    process.start_runtime()
    end("connect")
    with tempfile.TemporaryDirectory() as scratch:
        inputs, _ = prepare(data, job, Path(scratch) / "vocabulary.txt",
                            lambda line: print(line, file=sys.stderr, flush=True), workers)
    end("words and ids")
    inputs = with_wide_part(inputs, job)
    final = with_final_wide_part(inputs, job)
    end("wide part")
    model = classifier.new("cnn", inputs, job)
    steps = Steps(model, inputs, job)
    first = time.time() - start
    if addresses:
        workers.wait()
        return {"first": first, "phases": ", ".join(phases)}
    rate = steps.run(seconds)[0]
    end("steps")
    model.predict(inputs.dev)
    end("dev")
    weights = 3 * sum(variable.numpy().nbytes for variable in model.variables.values()) + sum(
        array.nbytes for array in final.wide.values())
    peak = resident("VmHWM")
    return {"peak": peak, "beyond": peak - before - weights / 1e6, "rate": rate, "first": first,
            "phases": ", ".join(phases)}


def settings(file: str, folder: str, memory_mb: float, wide: str) -> Any:
    """The settings of a job on a file."""
    from textjob.flags import from_flags

    return from_flags(["--data_url", file, "--train_url", folder + "/unused", "--scratch", folder, "--memory_mb",
                       str(memory_mb), "--wide", wide])[0]


class Steps:
    """The steps of a training; the first ones are made at once, because TensorFlow traces them."""

    def __init__(self, model: Any, inputs: Any, job: Any) -> None:
        from textjob.training import batches, feed
        from textjob.training.inputs import class_weights
        from textjob.training.optimizer import Optimizer
        from textjob.training.step import Step

        self._step = Step(model, feed.of(inputs.train), Optimizer(model.variables, job.learning_rate, 10 ** 6),
                          class_weights(inputs, job), job)
        self._order = batches.of_part(inputs.train, job.batch_size, np.random.RandomState(1))
        self._batch, self._made = job.batch_size, 8
        self._step.run(self._order[:8], 0)

    def run(self, seconds: float) -> Tuple[float, float]:
        """Make steps for so many seconds; returns the rows per second, and per second of CPU time."""
        made, begin, cpu = self._made, time.time(), time.process_time()
        while time.time() - begin < seconds:
            chosen = [self._order[i % len(self._order)] for i in range(self._made, self._made + 8)]
            self._step.run(chosen, self._made)
            self._made += 8
        rows = (self._made - made) * self._batch
        return rows / (time.time() - begin), rows / (time.process_time() - cpu)


def compared(file: Path, options: argparse.Namespace) -> List[str]:
    """The rates of steps in memory and in files, by steps in turns."""
    from textjob import process

    process.without_keras()
    process.limit_threads()
    process.import_tensorflow()
    from textjob.data.dataset import read_dataset
    from textjob.training import classifier
    from textjob.training.inputs import prepare

    sides, owners = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for memory_mb in (BIG, options.memory_mb):
            job = settings(str(file), options.folder, memory_mb, "false")
            data = read_dataset(str(file), job, lambda line: None)
            inputs, _ = prepare(data, job, Path(scratch) / "vocabulary.txt", lambda line: None)
            owners.append(data)  # its files are deleted with it
            sides.append(Steps(classifier.new("cnn", inputs, job), inputs, job))
    turns = np.array([[side.run(1) for side in sides] for _ in range(options.ratio)])  # [turns, sides, (wall, CPU)]
    ratios = turns[:, 1] / turns[:, 0]
    low, high = np.percentile(ratios[:, 0], [25, 75])
    rates = np.median(turns[:, :, 0], 0)
    return [*(f"{rate:,.0f}" for rate in rates), f"{np.median(ratios[:, 0]):.2f} ({low:.2f} to {high:.2f})",
            f"{np.median(ratios[:, 1]):.2f}"]


def cold(file: Path, options: argparse.Namespace) -> List[str]:
    """The rates of steps that read files in the page cache and on the disk, in turns, and the MB read from the disk."""
    from textjob import process

    process.without_keras()
    process.limit_threads()
    process.import_tensorflow()
    from textjob.data.dataset import read_dataset
    from textjob.training import batches, classifier
    from textjob.training.inputs import prepare

    batches.CACHED = 0  # rows are read by windows
    job = settings(str(file), options.folder, options.memory_mb, "false")
    data = read_dataset(str(file), job, lambda line: None)
    with tempfile.TemporaryDirectory() as scratch:
        inputs, _ = prepare(data, job, Path(scratch) / "vocabulary.txt", lambda line: None)
    steps = Steps(classifier.new("cnn", inputs, job), inputs, job)
    turns = []
    for _ in range(options.cold):
        for prepared in (_in_cache, _dropped):
            prepared(inputs.train[:4])
            before = _from_disk()
            turns.append((steps.run(options.seconds)[0], _from_disk() - before))
            print(turns[-1], file=sys.stderr, flush=True)
    rates = np.array(turns).reshape(options.cold, 2, 2)  # [turns, (warm, cold), (rows per second, MB)]
    ratios = rates[:, 1, 0] / rates[:, 0, 0]
    middle = np.median(rates, 0)
    return [f"{middle[0, 0]:,.0f}", f"{middle[1, 0]:,.0f}",
            f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})", f"{middle[0, 1]:.1f}",
            f"{middle[1, 1]:.1f}"]


def _in_cache(arrays: Sequence[Any]) -> None:
    """Read the files of arrays."""
    for array in arrays:
        Path(array.filename).read_bytes()


def _dropped(arrays: Sequence[Any]) -> None:
    """Drop the pages of the files of arrays; a page that this process maps would stay."""
    for array in arrays:
        array._mmap.madvise(mmap.MADV_DONTNEED)
        with open(array.filename, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _from_disk() -> float:
    """The MB that this process has read from the disk."""
    line = next(line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("read_bytes"))
    return int(line.split()[1]) / 1e6


def resident(kind: str) -> float:
    """``VmRSS`` or ``VmHWM`` (the highest RSS) of this process, in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind))
    return int(line.split()[1]) * 1024 / 1e6


def _run(file: Path, options: argparse.Namespace, memory_mb: float) -> List[Dict[str, Any]]:
    """The figures of each node of one run."""
    addresses = free_addresses(options.nodes) if options.nodes > 1 else []
    processes = []
    cores = sorted(os.sched_getaffinity(0))
    for number in range(options.nodes):
        folder = Path(options.folder) / f"node{number}" if addresses else Path(options.folder)
        folder.mkdir(exist_ok=True)
        arguments = {"file": str(file), "folder": str(folder), "memory_mb": memory_mb, "seconds": options.seconds,
                     "wide": options.wide, "number": number, "addresses": addresses}
        pinned = ["taskset", "-c", str(cores[number])] if options.pin else []
        processes.append(subprocess.Popen([*pinned, sys.executable, __file__, "--run", json.dumps(arguments)],
                                          stdout=subprocess.PIPE))
    outputs = [process.communicate()[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    return [json.loads(output.decode("utf-8").splitlines()[-1]) for output in outputs]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
