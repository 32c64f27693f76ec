"""Compares the ways in which ``infer.py batch`` classifies a large file: one file, shards, two nodes, Ray.

    python benchmarks/batch_shards.py out/cnn/model                              # 500 thousand rows, four shards
    python benchmarks/batch_shards.py out/cnn/model --rows 5000000 --ways shards

Each way is the command itself, from its start to its end, with the Python of the benchmark. Ray must be installed for
its two ways: two workers, and the same with one of them killed after the first shard. The SHA-256 of the output is that
of the parts joined by name; it is the same for all ways. The highest RSS is that of the largest process of the command,
without the workers of Ray.
"""
import argparse
import hashlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List, Sequence

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from textjob.paths import PROJECT
from textjob.tables import markdown_table

RAY = ["--engine", "ray", "--ray_workers", "2"]
WAYS = ("file", "shards", "nodes", "ray", "ray-killed")


def generated(folder: Path, rows: int) -> Path:
    """A file with this many rows of 3 to 12 words, whose frequencies fall with their rank; one that exists is used."""
    file = folder / f"{rows}.tsv"
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)
    words = [f"word{number}" for number in range(20000)]
    limits = list(itertools.accumulate(1 / (number + 10) for number in range(len(words))))
    partial = folder / (file.name + ".partial")
    with partial.open("w", encoding="utf-8") as output:
        for number in range(rows):
            text = " ".join(draw.choices(words, cum_weights=limits, k=draw.randint(3, 12)))
            output.write(f"{number}\t{text}\n")
    partial.rename(file)
    return file


def measured(command: List[str], way: str, out: Path) -> List[str]:
    """Run the command in one way; returns a row of the table without the rate."""
    nodes = 2 if way == "nodes" else 1
    begin = time.monotonic()
    running = [subprocess.Popen(command, env=dict(os.environ, VC_TASK_INDEX=str(node), MA_NUM_HOSTS=str(nodes)),
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for node in range(nodes)]
    killed = kill_a_worker(out, running[0]) if way == "ray-killed" else 0
    ended = [os.wait4(each.pid, 0) for each in running]
    seconds = time.monotonic() - begin
    codes = [os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status) for _, status, _ in ended]
    peak = max(usage.ru_maxrss for _, _, usage in ended) / 1024
    return [f"{seconds:.1f}", f"{peak:,.0f}", ", ".join(map(str, codes)), str(killed), digest(out)]


def digest(out: Path) -> str:
    """The first digits of the SHA-256 of an output, of its parts joined by name if it is a folder."""
    found = hashlib.sha256()
    for part in sorted(out.glob("part-*")) if out.is_dir() else [out]:
        with part.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                found.update(block)
    return found.hexdigest()[:12]


def kill_a_worker(out: Path, running: "subprocess.Popen[bytes]") -> int:
    """Kill a worker of the command as soon as a shard is complete; returns the number of killed processes."""
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while not list(out.glob("part-*")) and os.waitid(os.P_PID, running.pid, ended) is None:
        time.sleep(0.01)
    for number, name in descendants(running.pid).items():
        if name.startswith("ray::Worker"):
            os.kill(number, signal.SIGKILL)
            return 1
    return 0


def descendants(ancestor: int) -> Dict[int, str]:
    """The command lines of the descendants of a process, by their numbers."""
    parents: Dict[int, int] = {}
    names: Dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            names[int(folder.name)] = (folder / "cmdline").read_text(encoding="utf-8", errors="replace")
            parents[int(folder.name)] = int(fields[1])
        except OSError:
            continue  # the process has ended

    def descends(number: int) -> bool:
        while number in parents and number != ancestor:
            number = parents[number]
        return number == ancestor

    return {number: names[number] for number in parents if descends(number)}


def main(argv: Sequence[str]) -> int:
    """Print a table with a row per way; returns 1 if the outputs differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("package", help="the folder of a package")
    parser.add_argument("--rows", type=int, default=500_000, help="of the file (default: %(default)s)")
    parser.add_argument("--shards", type=int, default=4, help="of the file (default: %(default)s)")
    parser.add_argument("--ways", default=",".join(WAYS), help="default: %(default)s")
    parser.add_argument("--folder", default=str(Path(tempfile.gettempdir()) / "batch-shards"), help="for the texts "
                        "and the outputs (default: %(default)s)")
    options = parser.parse_args(argv)
    data = generated(Path(options.folder), options.rows)
    size = data.stat().st_size / options.shards / (1 << 20) * 1.0001
    table = []
    for way in options.ways.split(","):
        out = Path(options.folder) / f"out-{way}"
        shutil.rmtree(str(out), ignore_errors=True)
        url = f"{out}/" if way != "file" else f"{out}/all.csv"
        flags = ([] if way == "file" else ["--shard_size", f"{size:.6f}"]) + (RAY if way.startswith("ray") else [])
        out.mkdir()
        row = measured([sys.executable, str(PROJECT / "infer.py"), "batch", "--model", options.package, "--data_url",
                        str(data), "--text_column", "1", "--format", "csv", "--columns", "label,score", "--output_url",
                        url, *flags], way, out / "all.csv" if way == "file" else out)
        table.append([way, f"{options.rows / float(row[0]):,.0f}", *row])
        print(table[-1], file=sys.stderr, flush=True)
        shutil.rmtree(str(out))
    print(markdown_table(["way", "rows/s", "seconds", "highest RSS, MB", "exit codes", "killed", "SHA-256"], table))
    return int(len({row[-1] for row in table}) > 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
