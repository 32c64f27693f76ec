"""The nodes that train one model together, seen by the training: each computes a share of every batch.

:class:`Workers` is the only node; ``connected.py`` has several.
"""
import contextlib
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple

import numpy as np

Gradients = Dict[str, Any]


class Share(NamedTuple):
    """The texts of a batch whose loss this node computes: int32 scalars of the graph."""

    first: Any
    texts: Any
    of: Any
    """The number of texts in the batch of all nodes."""

    weight: Any
    """The factor of the mean loss of these texts in the sum over the nodes, float32."""


def share(texts: Any, number: int, nodes: int) -> Share:
    """The share of a node: equal shares, in the order of the nodes.

    If the batch has fewer texts than there are nodes, each computes all of them, because an empty share has no loss.
    """
    import tensorflow as tf  # the only node needs no shares

    enough = texts >= nodes
    first = tf.where(enough, texts * number // nodes, 0)
    last = tf.where(enough, texts * (number + 1) // nodes, texts)
    weight = tf.where(enough, tf.cast(last - first, tf.float32) / tf.cast(texts, tf.float32), 1.0 / nodes)
    return Share(first, last - first, texts, weight)


class Workers:
    """The only node."""

    several, is_chief = False, True

    def __init__(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        self._interrupted = interrupted

    def share(self, texts: Any) -> Optional[Share]:
        """The share of this node in a batch, inside a graph; None means the whole batch."""
        return None

    def reduce(self, loss: Any, gradients: Gradients) -> Tuple[Any, Gradients]:
        """The sum of the losses and of the gradients over the nodes, inside a graph."""
        return loss, gradients

    def same(self, value: Callable[[], Any]) -> Any:
        """What ``value`` returns on the chief, where alone it is called: a JSON value."""
        return value()

    def same_arrays(self, arrays: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """The chief's arrays, float32; those of the other nodes have the same shapes."""
        return arrays

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
