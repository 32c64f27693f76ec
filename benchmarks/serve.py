"""infer.py serve under load, beside the bare model and other servers in the same run.

    python benchmarks/serve.py --train_url out/ --models cnn,rnn,rcnn                   # all parts, about 12 minutes
    python benchmarks/serve.py --train_url out/ --parts closed --peers ""               # requests per second, ours only

Each request has one short text, and every answer is compared with the answer that the package's service gives to this
text alone. The parts:

closed    1, 8 and 64 connections. `bare` is the Session at batch 64, in texts per second. If wrk is installed, requests
          per second and latency are wrk's, which uses less CPU time, and a further run of the own client checks the
          answers. Flask + gunicorn, FastAPI + uvicorn and MLflow make one call of the model per request; LitServe
          batches. The sides take turns, and all but one are stopped.
open      requests at 50 % and 80 % of the capacity, which is requests per second at 64 connections; latency from the
          intended time
overload  requests of 16 texts at 5 times the capacity; goodput as a share of the capacity
memory    resident memory after 20,000 and after 200,000 requests
start     seconds from the start of the process to the line that says that it is ready, beside `import tensorflow`
"""
import argparse
import datetime
import os
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import uvloop
from serving_load import Texts, closed_loop, open_loop, percentile
from serving_sides import OURS, PEERS, Bare, Side, missing, start_seconds
from serving_wrk import is_installed, wrk

from textjob import process
from textjob.paths import PROJECT, SHIMS
from textjob.serving import host
from textjob.tables import markdown_table

PARTS = ("closed", "open", "overload", "memory", "start")
CONNECTIONS = (1, 8, 64)
TEXTS = 500
ITEMS = 16  # per request of the overload
QUEUE = 100  # requests, --queue_limit of the overload


class Report:
    """Tables and lines of Markdown, printed as they are made and written to a file at the end."""

    def __init__(self) -> None:
        self._parts: List[str] = []

    def add(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(text)
        print(text + "\n", flush=True)

    def write(self, file: Path) -> None:
        """Write all paragraphs."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n\n".join(self._parts) + "\n", encoding="utf-8")


class Model:
    """A package under test, its texts and the expected answers."""

    def __init__(self, name: str, package: Path, texts: List[str]) -> None:
        self.name, self.package, self.words = name, package, texts
        self.service = host.Server(str(package), str(SHIMS)).service
        self.answers = [self.service.inference({"text": text}) for text in texts]

    def texts(self, side: str) -> Texts:
        """The requests in the form of a server."""
        if side in PEERS:
            peer = PEERS[side]
            return Texts(self.words, self.answers, peer.path, peer.wrapped, peer.unwrapped)
        return Texts(self.words, self.answers)

    def lists(self) -> Texts:
        """Requests of several texts."""
        lists = [[self.words[(i + j) % len(self.words)] for j in range(ITEMS)] for i in range(len(self.words))]
        answers: List[Any] = [[self.answers[(i + j) % len(self.words)] for j in range(ITEMS)]
                              for i in range(len(self.words))]
        return Texts(lists, answers, "/", lambda texts: {"instances": texts},  # type: ignore[arg-type]
                     lambda body: body["predictions"])


def closed(model: Model, peers: List[str], seconds: float, rounds: int) -> List[List[str]]:
    """Rows of the table: bare, ours and the peers, with medians over the rounds."""
    bare = Bare(model.package, model.words)
    sides = [Side(name, model.package) for name in (OURS, *peers)]
    texts = {side.name: model.texts(side.name) for side in sides}
    figures: Dict[Any, List[List[float]]] = {}
    wrong: Dict[Any, List[int]] = {}
    try:
        for side in sides:
            side.wait(texts[side.name].requests[0])
            with side.running():
                uvloop.run(closed_loop(texts[side.name], side.port, 8, seconds / 2))
        for number in range(rounds):
            for batch in (1, 8, 32, 64):
                figures.setdefault(batch, []).append(list(bare.speed(batch, seconds / 2)))
            for connections in CONNECTIONS:
                figures.setdefault("bare", []).append(list(bare.speed(64, seconds / 2)))
                for side in sides if number % 2 == 0 else sides[::-1]:
                    key = side.name, connections
                    with side.running():
                        check = uvloop.run(closed_loop(texts[side.name], side.port, connections, seconds / 4))
                        before = side.cpu(), side.event_loop()
                        load = wrk(texts[side.name].requests, side.port, connections, seconds)
                        if load is None:
                            check = uvloop.run(closed_loop(texts[side.name], side.port, connections, seconds))
                            load = [len(check.answers) / check.seconds, float(percentile(check.answers, 50)),
                                    float(percentile(check.answers, 99)), len(check.answers), check.wrong]
                        after = side.cpu(), side.event_loop()
                    figures.setdefault(key, []).append([
                        *load[:3], *((b - a) / load[3] * 1e6 for a, b in zip(before, after))])
                    wrong.setdefault(key, []).extend([check.wrong + int(load[4]), len(check.answers)])
    finally:
        for side in sides:
            side.end()
    limit, core = _medians([*figures["bare"], *figures[64]])
    rows = [[model.name, f"bare, batch {batch}", "", f"{speed:,.0f}", "", "", f"{cost:.0f}", "", "",
             f"{speed / limit:.0%}", ""] for batch in (1, 8, 32, 64) for speed, cost in [_medians(figures[batch])]]
    for side in sides:
        for connections in CONNECTIONS:
            speed, p50, p99, cost, loop = _medians(figures[side.name, connections])
            outcomes = wrong[side.name, connections]
            rows.append([model.name, side.name, str(connections), f"{speed:,.0f}", f"{p50:.1f}", f"{p99:.1f}",
                         f"{cost:.0f}", f"{cost - core:.0f}", f"{loop:.0f}" if side.name == OURS else "",
                         f"{speed / limit:.0%}", f"{sum(outcomes[::2])} of {sum(outcomes[1::2]):,}"])
    return rows


def _medians(rows: List[List[float]]) -> List[float]:
    return [statistics.median(column) for column in zip(*rows)]


def open_and_overload(model: Model, parts: List[str], seconds: float) -> List[List[str]]:
    """Rows of the table of the open loop."""
    rows = []
    runs = [("one text", model.texts(OURS), (0.5, 0.8), ()) if "open" in parts else None,
            (f"{ITEMS} texts", model.lists(), (5.0,), ("--queue_limit", str(QUEUE))) if "overload" in parts else None]
    for title, texts, shares, flags in filter(None, runs):
        side = Side(OURS, model.package, flags)
        try:
            side.wait(texts.requests[0])
            uvloop.run(closed_loop(texts, side.port, 64, seconds))
            for share in shares:
                outcome = uvloop.run(closed_loop(texts, side.port, 64, seconds))
                capacity = len(outcome.answers) / outcome.seconds
                outcome = uvloop.run(open_loop(texts, side.port, share * capacity, 2 * seconds))
                goodput, client = len(outcome.answers) / outcome.seconds, outcome.cpu / outcome.seconds
                rows.append([
                    model.name, title, f"{capacity:,.0f}", f"{share:.0%}", f"{goodput / capacity:.0%}",
                    percentile(outcome.answers, 50), percentile(outcome.answers, 99), f"{len(outcome.rejections):,}",
                    percentile(outcome.rejections, 50), percentile(outcome.rejections, 99), f"{client:.2f}",
                    str(outcome.wrong)])
        finally:
            side.end()
    return rows


def memory(model: Model) -> str:
    """Resident memory in the course of 200,000 requests."""
    texts, measured, done, wrong = model.texts(OURS), [], 0, 0
    side = Side(OURS, model.package)
    began = time.perf_counter()
    try:
        side.wait(texts.requests[0])
        for requests in (20_000, 100_000, 200_000):
            outcome = uvloop.run(closed_loop(texts, side.port, 64, requests=requests - done))
            wrong, done = wrong + outcome.wrong, requests
            measured.append(f"{side.memory():.1f} MB after {requests:,}")
    finally:
        side.end()
    return (f"Resident memory of the server ({model.name}): {', '.join(measured)} requests "
            f"({time.perf_counter() - began:.0f} s, {wrong} wrong answers).")


def _texts(file: Optional[Path], package: Path) -> List[str]:
    if file:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line][:TEXTS]
    words = (package / "assets/vocabulary.txt").read_text(encoding="utf-8").split()
    return [" ".join(random.Random(number).choices(words, k=5 + number % 10)) for number in range(TEXTS)]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train_url", required=True, type=Path, help="the output of train.py")
    parser.add_argument("--models", default="cnn,rnn,rcnn")
    parser.add_argument("--parts", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--peers", default=",".join(PEERS), help="of " + ", ".join(PEERS))
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=Path, help="a file with a text per line; made of random words by default")
    parser.add_argument("--output", type=Path, default=PROJECT / "benchmarks/results/serving.md")
    args = parser.parse_args()
    parts, peers = args.parts.split(","), [name for name in args.peers.split(",") if name]
    if set(parts) - set(PARTS) or set(peers) - set(PEERS):
        parser.error(f"--parts: expected {', '.join(PARTS)}; --peers: expected {', '.join(PEERS)}")
    packages = {name: (args.train_url / name / "model").resolve() for name in args.models.split(",")}
    report, first = Report(), next(iter(packages))
    if "start" in parts:
        seconds = start_seconds(packages[first])
    process.without_keras()
    process.import_tensorflow()
    import tensorflow as tf

    report.add(f"Measured {datetime.date.today()} with TensorFlow {tf.__version__} on {os.cpu_count()} cores "
               f"({_processor()}), which the clients use, too: `python benchmarks/serve.py "
               f"--models {args.models} --parts {args.parts} --rounds {args.rounds} --seconds {args.seconds:g}`; "
               f"wrk: {'used' if is_installed() else 'not installed'}; load average {os.getloadavg()[0]:.1f}")
    for name in [name for name in peers if missing(PEERS[name])]:
        report.add(f"{name} is not measured, because {', '.join(missing(PEERS[name]))} cannot be imported.")
        peers.remove(name)
    models = [Model(name, package, _texts(args.texts, packages[first])) for name, package in packages.items()]
    if "start" in parts:
        report.add("Seconds of a start (medians of 3, alternating): " + ", ".join(
            f"{name} {statistics.median(values):.2f}" for name, values in seconds.items()) + ".")
    if "closed" in parts:
        report.add(markdown_table(
            ["model", "server", "connections", "requests/s", "p50 ms", "p99 ms", "core-µs per request",
             "beside the model", "event loop", "share of bare", "wrong answers"],
            [row for model in models for row in closed(model, peers, args.seconds, args.rounds)]))
    if {"open", "overload"} & set(parts):
        report.add(markdown_table(
            ["model", "request", "capacity, requests/s", "rate", "goodput", "p50 ms", "p99 ms", "rejected",
             "p50 ms of rejections", "p99 ms", "client, cores", "wrong answers"],
            [row for model in models for row in open_and_overload(model, parts, args.seconds)]))
    if "memory" in parts:
        report.add(memory(models[0]))
    report.write(args.output)


if __name__ == "__main__":
    main()
