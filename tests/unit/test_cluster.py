"""The addresses of a cluster, and the meeting of its nodes before the training."""
import json
import socket
import threading
import time
from typing import Any, Callable, Dict, List

import pytest
from free_ports import free_addresses

from textjob.errors import JobError, UsageError, WorkerLostError
from textjob.job import meeting, nodes
from textjob.job.cluster import Cluster, cluster

HOSTS = {"VC_WORKER_HOSTS": "job-0.job,job-1.job", "VC_WORKER_NUM": "2", "MA_NUM_HOSTS": "2"}


def tf_config(kind: str = "worker", index: int = 0, **roles: List[str]) -> Dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": roles, "task": {"type": kind, "index": index}})}


# The addresses


@pytest.mark.parametrize("argv, environment, expected", [
    ([], {}, None),
    ([], {"VC_WORKER_HOSTS": "job-0.job", "VC_TASK_INDEX": "0", "MA_NUM_HOSTS": "1"}, None),
    ([], dict(HOSTS, VC_TASK_INDEX="1"), Cluster(1, ("job-0.job:2222", "job-1.job:2222"))),
    ([], {"MA_NUM_HOSTS": "2", "VC_TASK_INDEX": "1"}, None),  # without the names of the hosts
    (["--worker_hosts=a:1,b:2", "--job_name=worker", "--task_index=1"], {}, Cluster(1, ("a:1", "b:2"))),
    (["--worker_hosts=a:1,b:2", "--job_name=ps", "--task_index=1"], {}, None),
    (["--init_method=tcp://x:1", "--rank=2", "--world_size=3"], {}, None),
    (["--worker_hosts=a:1,b:2"], tf_config("worker", 1, worker=["c:1", "d:2"]), Cluster(1, ("c:1", "d:2"))),
    ([], tf_config("worker", 0, chief=["c:1"], worker=["d:2"]), Cluster(1, ("c:1", "d:2"))),
    ([], tf_config("chief", 0, chief=["c:1"], worker=["d:2"]), Cluster(0, ("c:1", "d:2"))),
    ([], tf_config("ps", 0, worker=["c:1", "d:2"], ps=["e:1"]), None),
    ([], dict(HOSTS, VC_TASK_INDEX="1", TF_CONFIG="{}"), Cluster(1, ("job-0.job:2222", "job-1.job:2222"))),
], ids=str)
def test_the_cluster_comes_from_tf_config_else_from_the_flags_else_from_the_variables(
        argv: List[str], environment: Dict[str, str], expected: Any) -> None:
    assert cluster(argv, 2222, environment) == expected


@pytest.mark.parametrize("environment, message", [
    ({"TF_CONFIG": "{"}, "TF_CONFIG is not JSON"),
    ({"TF_CONFIG": "[1]"}, r"TF_CONFIG is \[1\]; expected"),
    ({"TF_CONFIG": '{"cluster": [1]}'}, "expected"),
    ({"TF_CONFIG": '{"cluster": {"worker": "a:1"}}'}, "cluster.worker is 'a:1'"),
    ({"TF_CONFIG": '{"cluster": {"worker": ["a"]}}'}, r"cluster.worker is \['a'\]"),
    ({"TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": "1"}}'}, "task is"),
    (tf_config("worker", 2, worker=["a:1", "b:1"]), "node 2, counted from 0, but the cluster has 2 nodes"),
    (tf_config("worker", 0, worker=["a:1", "a:1"]), "have one address"),
])
def test_a_wrong_cluster_is_refused_with_what_is_wrong_in_it(environment: Dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cluster([], 2222, environment)


def test_the_roles_of_tf_config_decide_which_process_trains() -> None:
    environment = tf_config("evaluator", 0, worker=["a:1", "b:1"])
    assert not nodes.node([], environment).trains and "evaluator" in nodes.node([], environment).reason
    assert nodes.node([], tf_config("master", 0, master=["a:1"], worker=["b:1"])).trains


# The meeting


@pytest.fixture
def three() -> Cluster:
    return Cluster(0, (*free_addresses(1), "127.0.0.1:1", "127.0.0.1:2"))


class Joining:
    """A node that joins in a thread of its own; ``result`` waits for what it returned or raised."""

    def __init__(self, three: Cluster, number: int, facts: Dict[str, Any], seconds: float = 30) -> None:
        def join() -> None:
            try:
                self._result: Any = meeting.join(three._replace(number=number), facts, seconds)
            except JobError as error:
                self._result = error

        self._thread = threading.Thread(target=join)
        self._thread.start()

    @property
    def result(self) -> Any:
        self._thread.join(60)
        return self._result


def test_every_node_gets_the_models_of_the_chief_whichever_comes_first(three: Cluster) -> None:
    early = Joining(three, 2, {"seed": 1})
    time.sleep(0.7)  # its first attempt fails
    with meeting.opened(three, 30) as chief:
        late = Joining(three, 1, {"seed": 1})
        chief.start({"seed": 1}, ["cnn", "rnn"])
    assert early.result == late.result == ["cnn", "rnn"]


def test_a_node_with_other_settings_or_data_stops_the_job_on_every_node(three: Cluster) -> None:
    with meeting.opened(three, 30) as chief:
        same, other = Joining(three, 1, {"seed": 1, "data": "x"}), Joining(three, 2, {"seed": 2, "data": "x", "new": 0})
        with pytest.raises(UsageError, match=r"node 3 of 3 \(127.0.0.1:2\) differs from the first node in new, seed"):
            chief.start({"seed": 1, "data": "x"}, ["cnn"])
    for node in (same, other):
        assert isinstance(node.result, UsageError) and "in new, seed" in str(node.result)


def test_a_node_that_does_not_come_is_named_to_all_others_after_the_limit(three: Cluster) -> None:
    with meeting.opened(three, 0.5) as chief:
        present = Joining(three, 2, {})
        with pytest.raises(WorkerLostError, match=r"node 2 of 3 \(127.0.0.1:1\) did not connect .* 0.5 seconds"):
            chief.start({}, ["cnn"])
    assert "node 2 of 3" in str(present.result)


def test_a_chief_that_ends_before_the_training_ends_the_other_nodes(three: Cluster) -> None:
    with meeting.opened(three, 30):
        waiting = Joining(three, 1, {})
        time.sleep(0.5)
    assert isinstance(waiting.result, WorkerLostError) and "ended before the training" in str(waiting.result)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "no-such-host.invalid:2222"])
def test_a_chief_that_cannot_be_reached_is_an_error_after_the_limit(host: str) -> None:
    with pytest.raises(WorkerLostError, match=r"node 1 of 2 .* cannot be reached within 0.2 seconds"):
        meeting.join(Cluster(1, (host, "127.0.0.1:1")), {}, 0.2)


@pytest.mark.parametrize("send", [
    lambda stranger: None, lambda stranger: stranger.sendall(b"GET / HTTP/1.1\r\n\r\n"),
    lambda stranger: stranger.sendall(b'{"number": 7, "facts": {}}\n'),
    lambda stranger: stranger.sendall(b'{"number": 1}\n')])
def test_a_connection_that_is_not_from_a_node_changes_nothing(
        three: Cluster, send: Callable[[socket.socket], None]) -> None:
    with meeting.opened(three, 30) as chief:
        host, port = three.addresses[0].split(":")
        with socket.create_connection((host, int(port))) as stranger:
            send(stranger)
        nodes_ = [Joining(three, number, {}) for number in (1, 2)]
        chief.start({}, ["cnn"])
    assert [node.result for node in nodes_] == [["cnn"], ["cnn"]]


def test_an_address_in_use_is_an_error_that_names_the_setting(three: Cluster) -> None:
    with meeting.opened(three, 1), pytest.raises(UsageError, match=r"cannot listen .*--worker_port"), \
            meeting.opened(three, 1):
        pass
