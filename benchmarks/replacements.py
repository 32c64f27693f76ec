"""Replaces the served version many times under load: failures, mixed responses, latency, memory.

    python benchmarks/replacements.py --train_url out/

Clients send requests of several texts all the time. Each response must have the answers of one model, the one that its
header X-Model-Version names. Replacement N serves the model number N modulo the number of models.
"""
import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Dict, List

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from textjob import manifest, process
from textjob.paths import PROJECT, SHIMS
from textjob.serving import host

TEXTS = ["goal team score", "soup and bread for dinner", "体育 crowd of the stadium", "a", "the bank warned " * 20]
TOLERANCE = 1e-4


class Clients:
    """Threads that send requests and check the responses."""

    def __init__(self, port: int, count: int, expected: List[List[Dict[str, Any]]]) -> None:
        self._port, self._expected, self.ended = port, expected, False
        self.failures = self.mixed = 0
        self.first_fault = ""
        self.is_loading = False
        self.seconds: Dict[bool, List[float]] = {True: [], False: []}
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self.ended = True
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        body = json.dumps({"req_data": TEXTS})
        while not self.ended:
            began, is_loading = time.perf_counter(), self.is_loading
            try:
                connection.request("POST", "/", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                content = response.read()
                answers = json.loads(content)["resp_data"] if response.status == 200 else None
            except (OSError, ValueError, KeyError) as error:
                answers, content = None, repr(error).encode()
                connection.close()
            self.seconds[is_loading].append(time.perf_counter() - began)
            if answers is None:
                self.failures += 1
                self.first_fault = self.first_fault or content.decode("utf-8", "replace")
                continue
            expected = self._expected[int(response.headers["X-Model-Version"]) % len(self._expected)]
            if len(answers) != len(expected) or not all(map(same, answers, expected)):
                self.mixed += 1
                self.first_fault = self.first_fault or f"{response.headers['X-Model-Version']}: {content.decode()}"


def same(answer: Dict[str, Any], expected: Dict[str, Any]) -> bool:
    return bool(answer["predicted_label"] == expected["predicted_label"]
                and abs(answer["score"] - expected["score"]) < TOLERANCE)


def answers_of(package: Path) -> List[Dict[str, Any]]:
    answers: List[Dict[str, Any]] = host.Server(str(package), str(SHIMS)).service.inference({"req_data": TEXTS})[
        "resp_data"]
    return answers


def add(base: Path, number: int, package: Path) -> None:
    """A version with the service file of this repository; it appears completely."""
    aside = base.parent / "aside"
    shutil.copytree(str(package), str(aside), ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(str(PROJECT / "customize_service.py"), str(aside / "customize_service.py"))
    manifest.write_manifest(aside)
    aside.rename(base / str(number))


def is_ended(port: int, number: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode("utf-8")
    connection.close()
    return f'textjob_version_state{{state="END",version="{number}"}} 1.0' in page


def resident(pid: int) -> float:
    """Megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2 ** 20


def show(name: str, seconds: List[float]) -> None:
    seconds.sort()
    if seconds:
        print(f"{name}: {len(seconds):,} requests, p50 {seconds[len(seconds) // 2] * 1000:.1f} ms, "
              f"p99 {seconds[len(seconds) * 99 // 100] * 1000:.1f} ms, longest {seconds[-1] * 1000:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--train_url", required=True, help="the output of train.py")
    parser.add_argument("--models", default="cnn,rnn,rcnn")
    parser.add_argument("--count", type=int, default=50, help="replacements (default 50)")
    parser.add_argument("--clients", type=int, default=8, help="simultaneous requests (default 8)")
    args = parser.parse_args()
    packages = [Path(args.train_url, model, "model") for model in args.models.split(",")]
    process.without_keras()
    process.import_tensorflow()
    logging.disable(logging.INFO)  # of the loads in this process
    began, memory = time.perf_counter(), {}
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch) / "base"
        base.mkdir()
        add(base, 0, packages[0])
        expected = []
        for package in packages:
            add(base.parent / "base", 10 ** 6, package)
            expected.append(answers_of(base / "1000000"))
            shutil.rmtree(str(base / "1000000"))
        command = [sys.executable, str(PROJECT / "infer.py"), "serve", "--model_base", str(base), "--port", "0",
                   "--poll_seconds", "0.1"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(":")[2])
        clients = Clients(port, args.clients, expected)
        for number in range(1, args.count + 1):
            clients.is_loading = True
            add(base, number, packages[number % len(packages)])
            while not is_ended(port, number - 1):
                time.sleep(0.05)
            clients.is_loading = False
            shutil.rmtree(str(base / str(number - 1)))
            time.sleep(0.2)
            memory[number] = resident(server.pid)
            if number % 5 == 0:
                print(f"after {number} replacements: {memory[number]:.0f} MB", flush=True)
        clients.end()
        server.terminate()
        code = server.wait()
    requests = len(clients.seconds[True]) + len(clients.seconds[False])
    print(f"{args.count} replacements of {args.models} in {time.perf_counter() - began:.0f} s: {requests:,} requests "
          f"of {len(TEXTS)} texts, {clients.failures} failures, {clients.mixed} mixed responses, exit code {code}")
    show("while a version is loaded and replaced", clients.seconds[True])
    show("otherwise", clients.seconds[False])
    if args.count > 5:
        print(f"memory: {memory[5]:.0f} MB after 5 replacements, {memory[args.count]:.0f} MB after {args.count}")
    if clients.first_fault:
        raise SystemExit(f"first fault: {clients.first_fault[:500]}")


if __name__ == "__main__":
    main()
