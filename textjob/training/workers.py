"""The nodes and devices that train one model together, seen by the training: each computes a share of every batch.

:class:`Workers` is the only node; ``connected.py`` has several.
"""
import contextlib
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

Gradients = Dict[str, Any]


class Share(NamedTuple):
    """The texts of a batch whose loss one device computes: int32 scalars of the graph."""

    first: Any
    texts: Any
    of: Any
    """The number of texts in the batch of all nodes."""

    weight: Any
    """The factor of the mean loss of these texts in the sum over all shares, float32."""


def share(texts: Any, number: int, shares: int) -> Share:
    """One of several equal shares, in order.

    If the batch has fewer texts than shares, each share has all of them, because an empty share has no loss.
    """
    import tensorflow as tf  # a single device needs no shares

    enough = texts >= shares
    first = tf.where(enough, texts * number // shares, 0)
    last = tf.where(enough, texts * (number + 1) // shares, texts)
    weight = tf.where(enough, tf.cast(last - first, tf.float32) / tf.cast(texts, tf.float32), 1.0 / shares)
    return Share(first, last - first, texts, weight)


class Workers:
    """The only node.

    Args:
        interrupted: whether this node has to stop.
        devices: the devices of this node that compute; None is the one that TensorFlow chooses.
    """

    several, is_chief = False, True
    number, nodes = 0, 1
    """The number of this node, from 0, and the number of nodes."""

    def __init__(self, interrupted: Callable[[], bool] = lambda: False, devices: Sequence[Optional[str]] = (None,)
                 ) -> None:
        self._interrupted, self.devices = interrupted, devices

    def share(self, texts: Any, device: int = 0) -> Optional[Share]:
        """The share of a device in a batch of this number of texts, inside a graph; None means the whole batch."""
        here, shares = len(self.devices), self.nodes * len(self.devices)
        return share(texts, self.number * here + device, shares) if shares > 1 else None

    def reduce(self, loss: Any, gradients: Gradients, ids: Any) -> Tuple[Any, Gradients]:
        """The sum of the losses and of the gradients over the nodes, inside a graph.

        ``ids`` are those of the whole batch.
        """
        return loss, gradients

    def same(self, value: Callable[[], Any]) -> Any:
        """What ``value`` returns on the chief, where alone it is called: a JSON value."""
        return value()

    def same_arrays(self, arrays: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """The chief's arrays, float32; those of the other nodes have the same shapes."""
        return arrays

    def divided(self, count: int, compute: Callable[[int], List[np.ndarray]]) -> Iterator[List[np.ndarray]]:
        """The results of ``compute`` for 0 to ``count`` - 1, in order; each node calls it for every n-th number."""
        for first in range(0, count, self.nodes):
            own = first + self.number
            yield from self.gathered(compute(own) if own < count else [])[:count - first]

    def gathered(self, arrays: List[np.ndarray]) -> List[List[np.ndarray]]:
        """The arrays of each node, in the order of the nodes."""
        return [arrays]

    def every(self, value: bool) -> bool:
        """Whether a value is true on all nodes."""
        return all(values[0][0] for values in self.gathered([np.array([value])]))

    def before_step(self) -> None:
        """Called before each step."""

    def stops(self) -> bool:
        """Whether a node has to stop, after a step: the same on all nodes."""
        return self._interrupted()

    def agree_to_stop(self) -> bool:
        """Whether a node has to stop, at any other time: the same on all nodes."""
        return self._interrupted()

    def wait(self) -> None:
        """Wait until all nodes have come to this call."""

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Turns the loss of a node into a :class:`WorkerLostError`."""
        yield
