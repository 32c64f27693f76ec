"""Several devices of one node, or of each of two nodes, share every batch: logical CPU devices stand for GPUs."""
import json
import subprocess
import sys
from typing import Any, Dict, List, Sequence

import pytest
from asking import PROJECT
from free_ports import free_addresses

from models import MODELS

_DEVICES = (1, 2, 3)
_SCRIPT = """
import json, sys
sys.path[:0] = sys.argv[1:2]
from textjob import process
process.import_tensorflow(starts_runtime=False)
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
configuration = getattr(tf.config, "LogicalDeviceConfiguration", None) or (
    tf.config.experimental.VirtualDeviceConfiguration)
set_devices = getattr(tf.config, "set_logical_device_configuration", None) or (
    tf.config.experimental.set_virtual_device_configuration)
set_devices(cpu, [configuration()] * 3)
chosen, counts, number, addresses = json.loads(sys.argv[2])
several = None
if addresses:
    from textjob.training.connected import Connected
    several = Connected(number, tuple(addresses), devices=[f"CPU:{i}" for i in range(*counts)])
import models
from textjob.flags import from_flags
from textjob.settings import own_defaults
from textjob.text.encoding import Encoded
from textjob.training import feed
from textjob.training.classifier import Classifier
from textjob.training.optimizer import Optimizer
from textjob.training.step import Step
from textjob.training.workers import Workers

rng = np.random.RandomState(1)
lengths = rng.randint(1, 9, 200)
part = Encoded(rng.randint(2, 300, lengths.sum()).astype(np.int32), np.cumsum(lengths) - lengths, lengths,
               rng.randint(4, size=200).astype(np.int32))
settings = from_flags(["--data_url", "unused", "--train_url", "unused"])[0]
losses, placed = {}, {}


def devices_of_losses(graph):
    return sorted({node.device[-5:] for function in graph.as_graph_def().library.function
                   for node in function.node_def if node.op == "SoftmaxCrossEntropyWithLogits"})


for model in chosen:
    for count in counts:
        weights = models.module(model).weights(np.random.RandomState(1), 302, 4, own_defaults(model))
        classifier = Classifier(model, weights, {}, 4)
        devices = (None,) if count == 1 else [f"CPU:{i}" for i in range(count)]
        step = Step(classifier, feed.in_memory(part), Optimizer(classifier.variables, 0.01, 100),
                    np.ones(4, np.float32), settings, several or Workers(devices=devices))
        batches = [np.arange(i * 9, i * 9 + size) for i, size in enumerate([9, 9, 2, 1, 9, 8, 9, 9])]
        losses[f"{model} {count}"] = [float(loss) for first in (0, 8, 16) for loss in step.run(batches, first)]
        placed[f"{model} {count}"] = devices_of_losses(step._run.graph)
print(json.dumps({"losses": losses, "placed": placed}))
"""


def started(models: Sequence[str], devices: Sequence[int], number: int = 0, addresses: Sequence[str] = ()) -> Any:
    argument = json.dumps([models, devices, number, addresses])
    return subprocess.Popen([sys.executable, "-c", _SCRIPT, str(PROJECT), argument], stdout=subprocess.PIPE,
                            cwd=str(PROJECT))


def output_of(process: Any) -> Dict[str, Dict[str, List[Any]]]:
    out = process.communicate()[0]
    assert process.returncode == 0
    result: Dict[str, Dict[str, List[Any]]] = json.loads(out.decode("ascii").splitlines()[-1])
    return result


@pytest.fixture(scope="module")
def made() -> Dict[str, Dict[str, List[Any]]]:
    """The losses of 24 steps, and the devices that compute losses, by the model and the number of devices."""
    return output_of(started(MODELS, _DEVICES))


@pytest.mark.parametrize("devices", _DEVICES[1:])
@pytest.mark.parametrize("model", MODELS)
def test_several_devices_have_the_losses_of_one(
        model: str, devices: int, made: Dict[str, Dict[str, List[Any]]]) -> None:
    """With dropout, with shares of different sizes, and with batches of fewer texts than devices."""
    one = made["losses"][f"{model} 1"]
    assert one[-1] < one[0]
    assert made["losses"][f"{model} {devices}"] == pytest.approx(one, abs=1e-4)
    assert made["placed"][f"{model} {devices}"] == [f"CPU:{i}" for i in range(devices)]


def test_two_nodes_with_two_devices_each_have_the_losses_of_one_device(made: Dict[str, Dict[str, List[Any]]]) -> None:
    addresses = free_addresses(2)
    nodes = [started(["cnn"], [2], number, addresses) for number in range(2)]
    for of_node in [output_of(node) for node in nodes]:
        assert of_node["losses"]["cnn 2"] == pytest.approx(made["losses"]["cnn 1"], abs=1e-6)
        assert of_node["placed"]["cnn 2"] == ["CPU:0", "CPU:1"]
