"""Several nodes that train one model: every node computes a share of each batch, and all apply the same sum.

``MultiWorkerMirroredStrategy`` connects the nodes. The variables are ordinary ones and equal on all nodes, because each
node starts with those of the chief and applies the same gradients. What a node sends per step is one vector with the
loss and all dense gradients, and of the embedding the rows of its texts.
"""
import contextlib
import faulthandler
import json
import re
from typing import Any, Callable, Dict, Iterator, Tuple

import numpy as np
import tensorflow as tf

from textjob.errors import WorkerLostError
from textjob.training.workers import Gradients, Share, Workers, share

_START = 120  # seconds for TensorFlow to connect the nodes, after all of them have imported it


class Connected(Workers):
    """Several nodes.

    Create it before TensorFlow computes anything.

    Args:
        number: the number of this node, from 0; node 0 is the chief.
        addresses: ``host:port`` of each node.
        interrupted: whether this node has to stop.
    """

    several = True

    def __init__(self, number: int, addresses: Tuple[str, ...], interrupted: Callable[[], bool] = lambda: False
                 ) -> None:
        super().__init__(interrupted)
        self._number, self._addresses, self.is_chief = number, addresses, number == 0
        # The strategy would give each of several GPUs the gradients of the whole node.
        tf.config.set_visible_devices(tf.config.list_physical_devices("GPU")[:1], "GPU")
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(addresses)}), task_type="worker", task_id=number, rpc_layer="grpc")
        # The constructor waits for the other nodes and holds Python's lock, so only the C library can end the wait.
        faulthandler.dump_traceback_later(_START, exit=True)
        with self.connected():
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
        faulthandler.cancel_dump_traceback_later()
        self._stop, self._stopped = tf.Variable(0.0), tf.Variable(0.0)
        self._total = {kind: tf.function(self._sum, [tf.TensorSpec([None], kind)], autograph=False)
                       for kind in (tf.int32, tf.float32)}

    def share(self, texts: Any) -> Share:
        """The share of this node in a batch of this number of texts."""
        return share(texts, self._number, len(self._addresses))

    def reduce(self, loss: Any, gradients: Gradients) -> Tuple[Any, Gradients]:
        """One exchange for everything dense, and one for the rows of each ``IndexedSlices``, which stays sparse."""
        names = sorted(gradients)
        dense = [name for name in names if not isinstance(gradients[name], tf.IndexedSlices)]
        sparse = [name for name in names if isinstance(gradients[name], tf.IndexedSlices)]
        flat = tf.concat([tf.stack([loss, self._stop]), *(tf.reshape(gradients[name], [-1]) for name in dense)], 0)
        total, *rows = self._strategy.run(_exchanged, (flat, *(
            part for name in sparse for part in _unique_rows(gradients[name]))))
        with tf.control_dependencies([total, *rows]):  # a step changes all variables, or none if a node is lost
            total = tf.identity(total)
            reduced: Gradients = {name: tf.IndexedSlices(tf.identity(rows[2 * i]), tf.identity(rows[2 * i + 1]),
                                                         gradients[name].dense_shape) for i, name in enumerate(sparse)}
        sizes = [tf.size(gradients[name]) for name in dense]
        loss_sum, stop, *parts = tf.split(total, [1, 1, *sizes], num=2 + len(dense))
        reduced.update({name: tf.reshape(part, tf.shape(gradients[name])) for name, part in zip(dense, parts)})
        with tf.control_dependencies([self._stopped.assign(stop[0])]):
            return tf.identity(loss_sum[0]), reduced

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
            result: np.ndarray = self._total[tf.as_dtype(values.dtype)](tf.constant(values)).numpy()
            return result

    def _sum(self, values: Any) -> Any:
        return self._strategy.run(_exchanged, (values,))[0]


def _exchanged(total: Any, *rows: Any) -> Tuple[Any, ...]:
    """The sum of ``total`` over the nodes, and the rows of all nodes, one after the other.

    ``all_reduce`` of an ``IndexedSlices`` would do the same, but TensorFlow 2.6 makes it dense.
    """
    context = tf.distribute.get_replica_context()
    # Without tf.identity, TensorFlow finds no device for the result.
    return (context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(total)),
            *(context.all_gather(tf.identity(each), axis=0) for each in rows))


def _unique_rows(gradient: Any) -> Tuple[Any, Any]:
    """The values and the indices of the gradient with one row per index, which is less to send."""
    rows, position = tf.unique(gradient.indices)
    return tf.math.unsorted_segment_sum(gradient.values, position, tf.size(rows)), rows
