"""Several nodes that train one model: every node computes a share of each batch, and all apply the same sum.

``MultiWorkerMirroredStrategy`` connects the nodes. The variables are ordinary ones and equal on all nodes, because each
node starts with those of the chief and applies the same gradients. What a node sends per step is one vector with the
loss and all dense gradients, and of the embedding the rows of its texts.

The exchanges are TensorFlow's collective ops themselves. A strategy uses four more per step, for the lengths of the
rows and their indices, and cannot run inside of a loop, because the number of rows changes. An exchange whose shape
changes needs another key (``instance_key``) for each shape.
"""
import contextlib
import faulthandler
import inspect
import io
import json
import re
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from textjob.errors import WorkerLostError
from textjob.training.workers import Gradients, Workers

# TensorFlow 2.4 does not have this argument, and later versions require it.
_ORDER: Dict[str, Any] = {"ordering_token": []} if "ordering_token" in inspect.signature(
    tf.raw_ops.CollectiveReduceV2).parameters else {}
_START = 120  # seconds for TensorFlow to connect the nodes, after all of them have imported it
_GROUP = 1 << 20  # the key of the group of all nodes; those of the strategy are small
_CALLS = 1 << 20  # keys before this one are for calls, each of which has a key of its own
_GRAPHS = 1 << 20  # the number of keys of each traced exchange
_ROWS = 32  # rows are filled up to a multiple of this number, so that an exchange has few shapes


class Connected(Workers):
    """Several nodes.

    Create it before TensorFlow computes anything.

    Args:
        number: the number of this node, from 0; node 0 is the chief.
        addresses: ``host:port`` of each node.
        interrupted: whether this node has to stop.
        devices: the devices of this node that compute.
    """

    several = True

    def __init__(self, number: int, addresses: Tuple[str, ...], interrupted: Callable[[], bool] = lambda: False,
                 devices: Sequence[Optional[str]] = (None,)) -> None:
        node = f"/job:worker/replica:0/task:{number}/device:"
        super().__init__(interrupted, [device and node + device for device in devices])
        self.number, self.nodes, self._addresses, self.is_chief = number, len(addresses), addresses, number == 0
        self._exchange, self._calls, self._graphs = node + "CPU:0", 0, 0
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(addresses)}), task_type="worker", task_id=number, rpc_layer="grpc")
        # The constructor waits for the other nodes and holds Python's lock, so only the C library can end the wait.
        faulthandler.dump_traceback_later(_START, exit=True)
        with self.connected():
            self._strategy = _strategy(resolver)
        faulthandler.cancel_dump_traceback_later()
        self._stop, self._stopped = tf.Variable(0.0), tf.Variable(0.0)
        self._total = {kind: tf.function(self._sum, [tf.TensorSpec([None], kind), tf.TensorSpec([], tf.int32)],
                                         autograph=False) for kind in (tf.int32, tf.float32)}
        self._of_each = tf.function(self._gather, [tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)],
                                    autograph=False)

    def reduce(self, loss: Any, gradients: Gradients, ids: Any) -> Tuple[Any, Gradients]:
        """One exchange for everything dense, and one for the rows of each ``IndexedSlices``, which stays sparse."""
        self._graphs += 1  # all nodes trace the same steps in the same order
        names = sorted(gradients)
        dense = [name for name in names if not isinstance(gradients[name], tf.IndexedSlices)]
        sparse = [name for name in names if isinstance(gradients[name], tf.IndexedSlices)]
        flat = tf.concat([tf.stack([loss, self._stop]), *(tf.reshape(gradients[name], [-1]) for name in dense)], 0)
        units = self._row_units(ids)
        rows = [_filled_rows(gradients[name], units * _ROWS) for name in sparse]
        with tf.device(self._exchange):
            total, gathered = self._exchanged(flat, rows, _CALLS + self._graphs * _GRAPHS + units)
        with tf.control_dependencies([total, *gathered]):  # a step changes all variables, or none if a node is lost
            total = tf.identity(total)
            reduced: Gradients = {name: _slices(tf.identity(each), gradients[name].dense_shape)
                                  for name, each in zip(sparse, gathered)}
        sizes = [tf.size(gradients[name]) for name in dense]
        loss_sum, stop, *parts = tf.split(total, [1, 1, *sizes], num=2 + len(dense))
        reduced.update({name: tf.reshape(part, tf.shape(gradients[name])) for name, part in zip(dense, parts)})
        with tf.control_dependencies([self._stopped.assign(stop[0])]):
            return tf.identity(loss_sum[0]), reduced

    def _row_units(self, ids: Any) -> Any:
        """How many times ``_ROWS`` rows every node sends: enough for the different ids in the share of each node."""
        texts, many = tf.shape(ids)[0], tf.reduce_max(ids) + 1
        node = tf.where(texts >= self.nodes * len(self.devices),
                        ((tf.range(texts) + 1) * self.nodes - 1) // texts, tf.zeros([texts], tf.int32))
        different = tf.unique(tf.reshape(ids + node[:, None] * many, [-1]))[0]
        counts = tf.math.unsorted_segment_sum(tf.ones_like(different), different // many, self.nodes)
        # A step can add two ids: unknown words (dropout) and padding (a text shorter than a convolution).
        return (tf.reduce_max(counts) + 2 + _ROWS - 1) // _ROWS

    def _exchanged(self, flat: Any, rows: Sequence[Any], key: Any) -> Tuple[Any, Sequence[Any]]:
        """The sum of ``flat`` over the nodes, and the rows of all nodes, one after the other."""
        parts = [flat, *(tf.reshape(each, [-1]) for each in rows)]
        sizes = [tf.size(part) for part in parts]
        if self.nodes == 2:  # a gather is as many bytes as a sum, so one exchange does for everything
            first, *gathered = tf.split(tf.reshape(self._gathered(tf.concat(parts, 0), key), [self.nodes, -1]),
                                        sizes, 1, num=len(parts))
            total = first[0] + first[1]
        else:
            total, gathered = self._summed_by_op(flat, key), []
            if rows:
                gathered = tf.split(tf.reshape(self._gathered(tf.concat(parts[1:], 0), key + _GRAPHS // 2),
                                               [self.nodes, -1]), sizes[1:], 1, num=len(rows))
        return total, [tf.reshape(all_rows, [-1, each.shape[1]]) for all_rows, each in zip(gathered, rows)]

    def same(self, value: Callable[[], Any]) -> Any:
        """What ``value`` returns on the chief."""
        content = np.frombuffer(json.dumps(value()).encode("ascii"), np.uint8) if self.is_chief else np.zeros(0)
        size = int(self._summed(np.array([len(content)], np.int32))[0])
        sent = content.astype(np.int32) if self.is_chief else np.zeros(size, np.int32)
        return json.loads(self._summed(sent).astype(np.uint8).tobytes().decode("ascii"))

    def same_arrays(self, arrays: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """The chief's arrays: each node adds its own to zeros."""
        names = sorted(arrays)
        flat = np.concatenate([arrays[name].ravel() for name in names]) if names else np.zeros(0, np.float32)
        flat = self._summed(flat if self.is_chief else np.zeros_like(flat))
        limits = np.cumsum([arrays[name].size for name in names])
        return {name: part.reshape(arrays[name].shape)
                for name, part in zip(names, np.split(flat, limits[:-1]))} if names else {}

    def gathered(self, arrays: List[np.ndarray]) -> List[List[np.ndarray]]:
        """The arrays of each node, in the order of the nodes."""
        content = _content(arrays)
        sizes = self._from_each(np.array([len(content)], np.int32))[:, 0]
        sent = np.zeros(max(1, -(-int(sizes.max()) // 4)), np.int32)
        sent.view(np.uint8)[:len(content)] = np.frombuffer(content, np.uint8)
        return [_arrays(row.tobytes()[:size]) for row, size in zip(self._from_each(sent), sizes)]

    def before_step(self) -> None:
        """Let the next exchange contain whether this node has to stop."""
        self._stop.assign(float(self._interrupted()))

    def stops(self) -> bool:
        """Whether a node had to stop before the last step."""
        return bool(self._stopped.numpy() > 0)

    def agree_to_stop(self) -> bool:
        """Whether a node has to stop; waits for all nodes."""
        return bool(self._summed(np.array([self._interrupted()], np.int32))[0])

    def wait(self) -> None:
        """Wait until all nodes have come to this call."""
        self._summed(np.zeros(1, np.int32))

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Turns the loss of a node into a :class:`WorkerLostError`."""
        try:
            yield
        except (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError,
                tf.errors.CancelledError, tf.errors.FailedPreconditionError, tf.errors.InternalError) as error:
            unhealthy = re.search(r"stopped sending heartbeats\S*:\s*\S*/task:(\d+)", str(error))
            node = f"node {int(unhealthy.group(1)) + 1}" if unhealthy else "another node"
            raise WorkerLostError(
                f"{node} of the {len(self._addresses)} nodes of this job has ended or does not respond; its log has "
                "the reason. Run the same command again on all nodes to continue from the last checkpoint")

    def _summed(self, values: np.ndarray) -> np.ndarray:
        with self.connected():
            self._calls += 1
            result: np.ndarray = self._total[tf.as_dtype(values.dtype)](tf.constant(values), self._calls).numpy()
            return result

    def _from_each(self, values: np.ndarray) -> np.ndarray:
        with self.connected():
            self._calls += 1
            result: np.ndarray = self._of_each(tf.constant(values), self._calls).numpy()
            return result.reshape(self.nodes, -1)

    def _gather(self, values: Any, key: Any) -> Any:
        with tf.device(self._exchange):
            return self._gathered(values, key)

    def _sum(self, values: Any, key: Any) -> Any:
        with tf.device(self._exchange):
            return self._summed_by_op(values, key)

    def _summed_by_op(self, values: Any, key: Any) -> Any:
        return tf.raw_ops.CollectiveReduceV2(
            input=values, group_size=self.nodes, group_key=_GROUP, instance_key=key, merge_op="Add", final_op="Id",
            **_ORDER)

    def _gathered(self, values: Any, key: Any) -> Any:
        return tf.raw_ops.CollectiveGatherV2(
            input=values, group_size=self.nodes, group_key=_GROUP, instance_key=key, **_ORDER)


def _content(arrays: List[np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    for array in arrays:
        np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _arrays(content: bytes) -> List[np.ndarray]:
    buffer, arrays = io.BytesIO(content), []
    while buffer.tell() < len(content):
        arrays.append(np.load(buffer, allow_pickle=False))
    return arrays


def _strategy(resolver: Any) -> Any:
    """Connects the nodes.

    Where TensorFlow has no coordination service (2.6), it looks for nodes that do not respond: here every 3 seconds,
    by default every 30.
    """
    with contextlib.suppress(ImportError):
        from tensorflow.python.distribute.collective_all_reduce_strategy import CollectiveAllReduceExtended as Checks

        Checks._check_health_interval, Checks._check_health_timeout = 3, 4
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _filled_rows(gradient: Any, count: Any) -> Any:
    """The rows of the gradient, one per index, with the index as the bits of the last column; -1 in the filling."""
    indices, position = tf.unique(tf.cast(gradient.indices, tf.int32))
    values = tf.math.unsorted_segment_sum(gradient.values, position, count)
    indices = tf.pad(indices, [[0, count - tf.size(indices)]], constant_values=-1)
    return tf.concat([values, tf.bitcast(indices, tf.float32)[:, None]], 1)


def _slices(rows: Any, dense_shape: Any) -> Any:
    indices = tf.bitcast(rows[:, -1], tf.int32)
    used = tf.where(indices >= 0)[:, 0]
    return tf.IndexedSlices(tf.gather(rows[:, :-1], used), tf.gather(indices, used), dense_shape)
