"""Hyper parameters and flags by name, from the command line and as set by the script.

Scripts read their arguments through them, also for other purposes than the platform's training functions:
``mox.get_hyper_parameter('data_url')``, ``mox.get_flag('num_gpus')``.
"""
import re
import sys
from typing import Any, Dict

# The values of the flags that the platform passes to distributed jobs, on one machine.
SINGLE_MACHINE: Dict[str, Any] = {
    "num_gpus": 1, "job_name": "worker", "task_index": 0, "rank": 0, "ps_hosts": "", "worker_hosts": ""}

_set: Dict[str, Any] = {}


def get_hyper_parameter(name: str, default: Any = None) -> Any:
    """The value that the script has set, else that of ``--name=value`` or ``--name value``, else the default."""
    value = _set[name] if name in _set else _from_command_line(name)
    return default if value is None else value


def set_hyper_parameter(name: str, value: Any) -> None:
    """Set a hyper parameter for the later calls of this process; flags and hyper parameters share their names."""
    _set[name] = value


def get_flag(name: str = "", flag_name: str = "") -> Any:
    """As :func:`get_hyper_parameter`; a flag of distributed jobs that is not given has its value for one machine."""
    return get_hyper_parameter(name or flag_name, SINGLE_MACHINE.get(name or flag_name))


def set_flag(name: str, value: Any) -> None:
    """Set a flag for the later calls of this process."""
    set_hyper_parameter(name, value)


def _from_command_line(name: str) -> Any:
    """The last value of the argument; numbers are converted, because scripts calculate with them; "" is None."""
    text = ""
    arguments = sys.argv[1:]
    for i, argument in enumerate(arguments):
        if argument.startswith(f"--{name}="):
            text = argument.partition("=")[2]
        elif argument == f"--{name}" and i + 1 < len(arguments) and not arguments[i + 1].startswith("--"):
            text = arguments[i + 1]
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", text):
        return int(text)
    if re.fullmatch(r"-?\d+(\.\d*)?([eE][-+]?\d+)?", text):
        return float(text)
    return text or None
