"""The environment variable ``TF_CONFIG``, by which TensorFlow describes a cluster to each of its processes."""
import json
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from textjob.errors import UsageError

EXAMPLE = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
CHIEF = ("chief", "master")  # older names of the first worker


class TfConfig(NamedTuple):
    """This process (``role`` is ``worker``, ``ps`` or ``evaluator``; ``number`` from 0), and all workers."""

    role: str
    number: int
    addresses: List[str]  # host:port of each worker, the chief first


def read(environment: Mapping[str, str] = os.environ) -> Optional[TfConfig]:
    """The content of ``TF_CONFIG``; None if it is not set or describes no cluster.

    Raises:
        UsageError: it has another form.
    """
    text = environment.get("TF_CONFIG", "")
    parts = _parts(text) if text.strip() else {}
    if not parts.get("cluster"):
        return None
    chiefs = [address for role in CHIEF for address in _addresses(parts["cluster"], role)]
    role, index = parts["task"].get("type", "worker"), parts["task"].get("index", 0)
    if not isinstance(index, int) or not isinstance(role, str):
        raise UsageError(f"TF_CONFIG: task is {parts['task']!r}; expected {EXAMPLE}")
    number = index + (len(chiefs) if role == "worker" else 0)
    return TfConfig("worker" if role in CHIEF else role, number, chiefs + _addresses(parts["cluster"], "worker"))


def _parts(text: str) -> Dict[str, Dict[str, Any]]:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise UsageError(f"TF_CONFIG is not JSON ({error}); expected {EXAMPLE}")
    parts = {key: config.get(key) or {} for key in ("cluster", "task")} if isinstance(config, dict) else {}
    if not parts or not all(isinstance(part, dict) for part in parts.values()):
        raise UsageError(f"TF_CONFIG is {text}; expected {EXAMPLE}")
    return parts


def _addresses(cluster: Mapping[str, Any], role: str) -> List[str]:
    addresses = cluster.get(role) or []
    if not isinstance(addresses, list) or not all(isinstance(each, str) and ":" in each for each in addresses):
        raise UsageError(f"TF_CONFIG: cluster.{role} is {addresses!r}; expected {EXAMPLE}")
    return addresses
