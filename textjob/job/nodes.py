"""What the platform tells a job, in both generations of training jobs: flags, variables, folders.

``VARIABLES`` is every environment variable that this project reads of the platform's; docs/reference.md has the table.

==========  ====================================================  ==============================================
generation  ``--data_url``, ``--train_url``                       which node
==========  ====================================================  ==============================================
v1          ``s3://`` or ``obs://`` URLs, copied by the job       ``--job_name ps|worker --task_index N``
v2          local folders, copied by the platform; as flags, or   ``VC_TASK_INDEX``, ``VC_WORKER_HOSTS``,
            as variables of the same names                        ``MA_TASK_NAME``
==========  ====================================================  ==============================================
"""
import os
import tempfile
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Sequence

VARIABLES: Dict[str, str] = {
    "data_url": "where the labelled texts are, when an input is \"obtained from\" the environment",
    "train_url": "where the packages go, when the output is",
    "MA_TASK_NAME": "ps or worker; a ps has nothing to do and ends with 0",
    "VC_TASK_INDEX": "this node's number, from 0; the first one trains",
    "DLS_TASK_INDEX": "the same, in old custom images",
    "MA_NUM_HOSTS": "how many nodes there are",
    "VC_WORKER_NUM": "the same",
    "DLS_TASK_NUMBER": "the same, in old custom images",
    "VC_WORKER_HOSTS": "their names, separated by commas",
}
FLAGS = ("num_gpus", "job_name", "task_name", "task_index", "ps_hosts", "worker_hosts", "init_method", "rank",
         "world_size")
CACHE = Path("/cache")  # a fast disk of the platform's, where there is one


class Node(NamedTuple):
    """One process of a job: its role (``worker`` or ``ps``), its number from 0, and how many there are of its role."""

    role: str
    number: int
    of: int

    @property
    def trains(self) -> bool:
        """The first worker trains. Training on several machines would begin here."""
        return self.role != "ps" and self.number == 0

    def says(self) -> str:
        """Why it does not."""
        if self.role == "ps":
            return "a parameter server has nothing to do in this job: it ends"
        return f"node {self.number + 1} of {self.of}: the first node trains, this one ends"


def node(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> Node:
    """Which process of the job this is, by the platform's flags, else its variables; the only one where none says."""
    flags = _flags(argv)
    role = flags.get("job_name") or flags.get("task_name") or environment.get("MA_TASK_NAME") or "worker"
    index = _first([flags.get("task_index", ""), flags.get("rank", "") if "init_method" in flags else "",
                    environment.get("VC_TASK_INDEX", ""), environment.get("DLS_TASK_INDEX", "")], 0)
    hosts = flags.get("worker_hosts") or environment.get("VC_WORKER_HOSTS", "")
    count = _first([flags.get("world_size", ""), environment.get("VC_WORKER_NUM", ""),
                    environment.get("MA_NUM_HOSTS", ""), environment.get("DLS_TASK_NUMBER", "")], 1)
    return Node("ps" if role.startswith("ps") else "worker", index, max(count, len([h for h in hosts.split(",") if h]),
                                                                        index + 1))


def _flags(argv: Sequence[str]) -> Dict[str, str]:
    """The platform's own flags, ``--name value`` or ``--name=value``; ``''`` is as good as none."""
    found = {}
    for word, after in zip(argv, [*argv[1:], ""]):
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name in FLAGS:
            found[name] = value if equals else "" if after.startswith("--") else after
    return {name: value for name, value in found.items() if value}


def _first(values: List[str], default: int) -> int:
    return next((int(value) for value in values if value.strip().lstrip("-").isdigit()), default)


def scratch() -> str:
    """Where large temporary files go: the platform's fast disk, where this machine has one."""
    return str(CACHE) if os.access(str(CACHE), os.W_OK) else tempfile.gettempdir()
