"""What several nodes cost: bytes and milliseconds per step, and CPU time beside one node.

    python benchmarks/several_nodes.py                                  # cnn, rnn, rcnn at two vocabularies
    python benchmarks/several_nodes.py --models cnn --vocabularies 20000 --nodes 3 --steps 200 --batch 256
    python benchmarks/several_nodes.py --network 1gbit                  # as root on Linux

The nodes are processes of this machine, so they share its cores and cannot be faster than one. They exchange over the
loopback interface, or with --network over a network of this speed: each node is in a network namespace of its own, with
one end of a veth pair whose other end is a port of a bridge, and tc (tbf) limits what it sends. Three ways take turns,
in one run: one node; several nodes; and several nodes whose gradient of the embedding is sent dense, as an ordinary
all-reduce does. The batch of all nodes is the same. The bytes are those that the interfaces count, of all nodes and in
both directions together. Texts are drawn with the frequencies of words (Zipf).

The last table is a calculation: the texts per second on nodes of one core each and a network of 10 Gbit/s, from the CPU
time per step of one node, the CPU time that a node needs beside its share, the bytes of the exchange, and --latency
milliseconds per message.
"""
import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

WAYS = ("one node", "dense", "sparse")
LENGTH, CLASSES, WARM_UP = 20, 10, 16
BITS = 10e9  # per second, of the network of the calculation


def main(argv: Sequence[str]) -> int:
    """Measure and print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--models", default="cnn,rnn,rcnn")
    parser.add_argument("--vocabularies", default="20000,50000", help="words in the vocabulary (default: %(default)s)")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64, help="texts of all nodes per step (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=100, help="measured steps per round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.1, help="milliseconds per message (default: %(default)s)")
    parser.add_argument("--network", metavar="RATE", help="the speed of a network, such as 1gbit, as tc writes it")
    parser.add_argument("--node", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.node:
        print(json.dumps(_measured(**json.loads(options.node))))
        return 0
    from textjob.tables import markdown_table

    with _network(options.nodes, options.network) if options.network else contextlib.nullcontext():
        rows, modelled = _tables(options)
    print(markdown_table(["model", "words", "way", "MB per step", "ms per step", "CPU ms per step, all nodes",
                          "beside one node", "loss of the last step"], rows))
    print()
    print(markdown_table(["model", "words", *(f"{nodes} nodes" for nodes in NODES)], modelled))
    return 0


def _tables(options: argparse.Namespace) -> Tuple[List[List[str]], List[List[str]]]:
    rows, modelled = [], []
    for model in options.models.split(","):
        for words in map(int, options.vocabularies.split(",")):
            print(f"{model}, {words:,} words", file=sys.stderr, flush=True)
            rounds = [{way: _run(way, model, words, options) for way in WAYS} for _ in range(options.rounds)]
            median = {way: {key: statistics.median(each[way][key] for each in rounds) for key in rounds[0][way]}
                      for way in WAYS}
            one = median["one node"]
            for way in WAYS:
                each = median[way]
                rows.append([model, f"{words:,}", way, f"{each['bytes'] / 1e6:.2f}", f"{each['ms']:.1f}",
                             f"{each['cpu']:.1f}", f"{each['cpu'] / one['cpu']:.2f}", f"{each['loss']:.6f}"])
            modelled.append([model, f"{words:,}", *_modelled(one["cpu"], one["dense"], median["sparse"], options)])
    return rows, modelled


NODES = (1, 2, 4, 8, 16, 32, 64)


def _modelled(cpu: float, dense: float, sparse: Dict[str, float], options: argparse.Namespace) -> List[str]:
    """Texts per second, and the share of the linear speed, with the batch of all nodes unchanged.

    A ring exchanges the dense part in 2 (N - 1) messages of 1 / N each; the rows are gathered in N - 1 messages, in
    which each node receives all rows but its own. Two nodes send each other one message.
    """
    rows = max(0.0, sparse["bytes"] / 2 - dense * 4)  # bytes of the rows of a batch, as measured on two nodes
    cells = []
    for nodes in NODES:
        seconds = cpu / 1000 / nodes
        if nodes > 1:
            share = (nodes - 1) / nodes
            messages = 1 if nodes == 2 else 3 * (nodes - 1)
            seconds += max(0.0, sparse["cpu"] - cpu) / 1000 / options.nodes
            seconds += (2 * share * dense * 4 + share * rows * 2) * 8 / BITS + messages * options.latency / 1000
        cells.append(f"{options.batch / seconds:,.0f} ({cpu / 1000 / nodes / seconds:.0%})")
    return cells


def _run(way: str, model: str, words: int, options: argparse.Namespace) -> Dict[str, float]:
    nodes = 1 if way == "one node" else options.nodes
    network = options.network and nodes > 1
    addresses = [f"{_SUBNET}{number + 1}:2222" for number in range(nodes)] if network else free_addresses(nodes)
    of_all = {"interface": "eth0" if network else "lo",
              "addresses": addresses, "way": way, "model": model, "words": words, "batch": options.batch,
              "steps": options.steps}
    processes = [subprocess.Popen(
        [*(["ip", "netns", "exec", _NAMESPACE + str(number)] if network else []), sys.executable, __file__, "--node",
         json.dumps(dict(of_all, number=number))], stdout=subprocess.PIPE, text=True) for number in range(nodes)]
    results = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    total = dict(results[0])
    total["cpu"] = sum(result["cpu"] for result in results)
    if network:
        total["bytes"] = sum(result["bytes"] for result in results)
    return total


def free_addresses(count: int) -> List[str]:
    """Addresses of this machine with ports that no process listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


_NAMESPACE, _SUBNET = "textjob", "10.77.0."


@contextlib.contextmanager
def _network(nodes: int, rate: str) -> Iterator[None]:
    """A network namespace for each node, and one with a bridge that connects them."""
    switch, names = _NAMESPACE + "switch", [_NAMESPACE + str(number) for number in range(nodes)]

    def run(*commands: str) -> None:
        for command in commands:
            subprocess.run(command.split(), check=True)

    try:
        run(f"ip netns add {switch}", f"ip -n {switch} link add bridge type bridge",
            f"ip -n {switch} link set bridge up")
        for number, name in enumerate(names):
            run(f"ip netns add {name}", f"ip -n {name} link add eth0 type veth peer name port{number} netns {switch}",
                f"ip -n {switch} link set port{number} master bridge up",
                f"ip -n {name} addr add {_SUBNET}{number + 1}/24 dev eth0", f"ip -n {name} link set eth0 up",
                f"ip -n {name} link set lo up",
                f"tc -n {name} qdisc add dev eth0 root tbf rate {rate} burst 256kb latency 50ms")
        yield
    finally:
        for name in [*names, switch]:
            subprocess.run(["ip", "netns", "del", name], check=False)


def _received(interface: str) -> int:
    """The bytes that an interface has received since it exists."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == interface:
            return int(counts.split()[0])
    raise SystemExit(f"/proc/net/dev has no interface {interface}")


def _measured(number: int, addresses: List[str], way: str, model: str, words: int, batch: int, steps: int,
              interface: str) -> Dict[str, float]:
    """The figures of one node, after the steps that trace and warm up."""
    from textjob import process

    process.limit_threads()
    import numpy as np
    import tensorflow as tf

    from textjob.training.connected import Connected
    from textjob.training.step import STEPS_PER_CALL
    from textjob.training.workers import Gradients, Workers

    class Dense(Connected):
        """Sends every row of the embedding."""

        def reduce(self, loss: Any, gradients: Gradients, ids: Any) -> Tuple[Any, Gradients]:
            """The gradients, all of them dense."""
            return super().reduce(loss, {name: tf.convert_to_tensor(each) for name, each in gradients.items()}, ids)

    workers = Workers() if way == "one node" else {"dense": Dense, "sparse": Connected}[way](number, tuple(addresses))
    step, dense = _step(model, words, workers)
    rows = np.random.RandomState(2).randint(0, 5000, (WARM_UP + steps, batch))

    def run(first: int, end: int) -> float:
        for i in range(first, end, STEPS_PER_CALL):
            workers.before_step()
            losses = step.run(list(rows[i:min(i + STEPS_PER_CALL, end)]), i)
        return float(losses[-1])

    run(0, WARM_UP)
    workers.wait()
    before, cpu, began = _received(interface), time.process_time(), time.perf_counter()
    loss = run(WARM_UP, WARM_UP + steps)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    received = _received(interface) - before
    workers.wait()
    return {"ms": 1000 * seconds / steps, "cpu": 1000 * cpu / steps, "bytes": received / steps, "loss": loss,
            "dense": dense}


def _step(model: str, words: int, workers: Any) -> Tuple[Any, float]:
    """A step on generated texts, and the number of floats of its dense gradients."""
    import numpy as np

    import models
    from textjob.flags import from_flags
    from textjob.settings import own_defaults
    from textjob.text.encoding import Encoded
    from textjob.training import feed
    from textjob.training.classifier import Classifier
    from textjob.training.optimizer import Optimizer
    from textjob.training.step import Step

    rng = np.random.RandomState(1)
    ids = (2 + np.minimum(rng.zipf(1.2, 5000 * LENGTH), words) - 1).astype(np.int32)
    lengths = np.full(5000, LENGTH)
    part = Encoded(ids, np.cumsum(lengths) - lengths, lengths, rng.randint(CLASSES, size=5000).astype(np.int32))
    network = models.module(model).weights(np.random.RandomState(1), words + 2, CLASSES, own_defaults(model))
    classifier = Classifier(model, network, {}, CLASSES)
    dense = sum(value.size for name, value in network.items() if name != "embedding")
    settings = from_flags(["--data_url", "unused", "--train_url", "unused"])[0]
    return Step(classifier, feed.in_memory(part), Optimizer(classifier.variables, 0.002, 10000),
                np.ones(CLASSES, np.float32), settings, workers), float(dense)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
