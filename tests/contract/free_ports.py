"""Ports of this machine that no process listens on."""
import socket
from typing import List


def free_ports(count: int) -> List[int]:
    """Different ports."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def free_port() -> int:
    """A single port."""
    return free_ports(1)[0]


def free_addresses(count: int) -> List[str]:
    """``host:port`` with different ports."""
    return [f"127.0.0.1:{port}" for port in free_ports(count)]
