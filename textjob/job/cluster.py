"""The nodes that train one model together: their addresses, from ``TF_CONFIG``, else from the platform.

===========================  =====================================================  ===========================
source                       addresses                                              number of this node
===========================  =====================================================  ===========================
``TF_CONFIG``                ``cluster``: ``chief``, then ``worker``                ``task``
v1 flags                     ``--worker_hosts``                                     ``--task_index``
v2 variables                 ``VC_WORKER_HOSTS``, and the port ``--worker_port``    ``VC_TASK_INDEX``
===========================  =====================================================  ===========================
"""
import os
from typing import Mapping, NamedTuple, Optional, Sequence, Tuple

from textjob.errors import UsageError
from textjob.job import nodes, tf_config


class Cluster(NamedTuple):
    """Several nodes; ``number`` is that of this node and counts from 0. Node 0 is the chief, which writes the output.
    """

    number: int
    addresses: Tuple[str, ...]  # host:port of each node

    def name(self, number: int) -> str:
        """How messages name a node."""
        return f"node {number + 1} of {len(self.addresses)} ({self.addresses[number]})"


def cluster(argv: Sequence[str], port: int, environment: Mapping[str, str] = os.environ) -> Optional[Cluster]:
    """The cluster of this process; None if it is the only worker, or if the addresses of the others are unknown.

    Raises:
        UsageError: the number of this node does not agree with the addresses, or two nodes have one address.
    """
    node, config = nodes.node(argv, environment), tf_config.read(environment)
    addresses = config.addresses if config else [
        host if ":" in host else f"{host}:{port}" for host in nodes.worker_hosts(argv, environment)]
    if node.role != "worker" or len(addresses) < 2 or (len(addresses) != node.of and not config):
        return None
    shown = ", ".join(addresses)
    if not 0 <= node.number < len(addresses):
        raise UsageError(f"this is node {node.number}, counted from 0, but the cluster has {len(addresses)} nodes: "
                         f"{shown}; give each node another number below {len(addresses)}")
    if len(set(addresses)) < len(addresses):
        raise UsageError(f"two nodes of the cluster have one address: {shown}; give each node its own host or port")
    return Cluster(node.number, tuple(addresses))
