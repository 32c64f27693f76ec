"""The node of a job, from the flags and variables of both generations of the platform."""
from typing import Dict, List

import pytest

from textjob.job import nodes
from textjob.job.nodes import Node

V1 = ["--num_gpus=1", "--ps_hosts=a:1,b:1", "--worker_hosts=a:2,b:2"]


@pytest.mark.parametrize("argv, environment, expected", [
    ([], {}, Node("worker", 0, 1)),
    ([*V1, "--job_name=ps", "--task_index=0"], {}, Node("ps", 0, 2)),
    ([*V1, "--job_name=worker", "--task_index=0"], {}, Node("worker", 0, 2)),
    ([*V1, "--job_name", "worker", "--task_index", "1"], {}, Node("worker", 1, 2)),
    (["--task_name=ps"], {}, Node("ps", 0, 1)),
    (["--task_index=''", "--task_index="], {}, Node("worker", 0, 1)),
    (["--init_method=tcp://x:1", "--rank=2", "--world_size=3"], {}, Node("worker", 2, 3)),
    ([], {"VC_TASK_INDEX": "1", "VC_WORKER_NUM": "2", "MA_TASK_NAME": "worker"}, Node("worker", 1, 2)),
    ([], {"VC_TASK_INDEX": "0", "VC_WORKER_HOSTS": "x-0.x,x-1.x", "MA_NUM_HOSTS": "2"}, Node("worker", 0, 2)),
    ([], {"MA_TASK_NAME": "ps"}, Node("ps", 0, 1)),
    ([], {"DLS_TASK_INDEX": "1", "DLS_TASK_NUMBER": "4"}, Node("worker", 1, 4)),
    (["--task_index=0"], {"VC_TASK_INDEX": "1"}, Node("worker", 0, 1)),
], ids=str)
def test_flags_override_variables_and_empty_flags_are_not_given(
        argv: List[str], environment: Dict[str, str], expected: Node) -> None:
    assert nodes.node(argv, environment) == expected


def test_only_the_first_worker_trains_and_the_others_print_the_reason() -> None:
    assert Node("worker", 0, 2).trains and not Node("worker", 1, 2).trains and not Node("ps", 0, 2).trains
    assert "node 2 of 2" in Node("worker", 1, 2).reason and "parameter server" in Node("ps", 0, 2).reason
