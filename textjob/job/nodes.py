"""The role of this process in a job of the platform, from its flags or variables.

``VARIABLES`` lists every environment variable of the platform that this project reads; docs/reference.md has the table.

==========  ====================================================  ==============================================
generation  ``--data_url``, ``--train_url``                       number of the node
==========  ====================================================  ==============================================
v1          ``s3://`` or ``obs://`` URLs, copied by the job       ``--job_name ps|worker --task_index N``
v2          local folders, copied by the platform; as flags, or   ``VC_TASK_INDEX``, ``VC_WORKER_HOSTS``,
            as variables of the same names                        ``MA_TASK_NAME``
==========  ====================================================  ==============================================
"""
import os
from typing import Dict, List, Mapping, NamedTuple, Sequence

from textjob.flags import PLATFORM_FLAGS
from textjob.job import tf_config

VARIABLES: Dict[str, str] = {
    "data_url": "--data_url, when an input of the job is \"obtained from\" the environment",
    "train_url": "--train_url, when an output of the job is",
    "MA_TASK_NAME": "ps or worker; a parameter server (ps) ends at once with exit code 0",
    "VC_TASK_INDEX": "number of this node, from 0; node 0 trains",
    "DLS_TASK_INDEX": "the same, in old custom images",
    "MA_NUM_HOSTS": "number of nodes",
    "VC_WORKER_NUM": "the same",
    "DLS_TASK_NUMBER": "the same, in old custom images",
    "VC_WORKER_HOSTS": "host names of the nodes, separated by commas",
    "TF_CONFIG": "addresses of the workers and the number of this one, as TensorFlow defines it; it overrides the rest",
}


class Node(NamedTuple):
    """One process of a job: its role (``worker``, ``ps``, ``evaluator``), its number from 0, the number of such nodes.
    """

    role: str
    number: int
    of: int

    @property
    def trains(self) -> bool:
        """Whether this is the first worker."""
        return self.role == "worker" and self.number == 0

    @property
    def reason(self) -> str:
        """Why this node does not train."""
        if self.role == "ps":
            return "this node is a parameter server, which has no work in this job; it ends"
        if self.role != "worker":
            return f"this node has the role {self.role}, which has no work in this job; it ends"
        return f"node {self.number + 1} of {self.of}: the first node trains, this node ends"


def node(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> Node:
    """The node of this process, by ``TF_CONFIG``, else the platform's flags, else its variables, else the only node."""
    config = tf_config.read(environment)
    if config is not None:
        return Node(config.role, config.number, max(1, len(config.addresses)))
    flags = _platform_flags(argv)
    role = flags.get("job_name") or flags.get("task_name") or environment.get("MA_TASK_NAME") or "worker"
    index = _first_number([
        flags.get("task_index", ""), flags.get("rank", "") if "init_method" in flags else "",
        environment.get("VC_TASK_INDEX", ""), environment.get("DLS_TASK_INDEX", "")], 0)
    count = _first_number([flags.get("world_size", ""), environment.get("VC_WORKER_NUM", ""),
                           environment.get("MA_NUM_HOSTS", ""), environment.get("DLS_TASK_NUMBER", "")], 1)
    count = max(count, len(worker_hosts(argv, environment)), index + 1)
    return Node("ps" if role.startswith("ps") else "worker", index, count)


def worker_hosts(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> List[str]:
    """The hosts of the workers, by the platform's flag, else by its variable; those of the flag have a port."""
    hosts = _platform_flags(argv).get("worker_hosts") or environment.get("VC_WORKER_HOSTS", "")
    return [host.strip() for host in hosts.split(",") if host.strip()]


def gpus(argv: Sequence[str]) -> int:
    """The number of GPUs of a node that the platform states, ``--num_gpus``; 0 if it states none."""
    return max(0, _first_number([_platform_flags(argv).get("num_gpus", "")], 0))


def _platform_flags(argv: Sequence[str]) -> Dict[str, str]:
    """The flags that the platform adds, ``--name value`` or ``--name=value``; an empty value counts as not given."""
    flags = {}
    for word, following in zip(argv, [*argv[1:], ""]):
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name in PLATFORM_FLAGS:
            flags[name] = value if equals else "" if following.startswith("--") else following
    return {name: value for name, value in flags.items() if value}


def _first_number(values: List[str], default: int) -> int:
    return next((int(value) for value in values if value.strip().lstrip("-").isdigit()), default)
