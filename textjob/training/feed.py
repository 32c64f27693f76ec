"""The data that a training step reads.

A feed maps the rows of a batch, int64 ``[batch]``, to their padded ids, int32 ``[batch, columns]``, and labels, int32
``[batch]``. The step calls it while TensorFlow traces the step, so a feed consists of TensorFlow ops. A source
outside of the graph, such as ids on disk, is wrapped in ``tf.numpy_function``.
"""
import os
from typing import Any, Callable, Tuple

import numpy as np
import tensorflow as tf

from textjob.text import tokenizer
from textjob.text.encoding import Encoded

Feed = Callable[[Any], Tuple[Any, Any]]


def in_memory(part: Encoded) -> Feed:
    """The ids and labels of a part as tensors; batches are padded inside the graph."""
    texts, labels = tf.RaggedTensor.from_row_lengths(part.ids, part.lengths), tf.constant(part.labels)
    return lambda rows: (tf.gather(texts, rows).to_tensor(tokenizer.PADDING), tf.gather(labels, rows))


def from_file(part: Encoded) -> Feed:
    """The ids of a part in a file; batches are read and padded by NumPy.

    The rows are read with ``pread``, because the pages of a map would count as memory of the job.
    """
    assert isinstance(part.ids, np.memmap)
    size, kind = part.ids.dtype.itemsize, part.ids.dtype
    file = open(str(part.ids.filename), "rb")  # noqa: SIM115 - as long as the step lives

    def read(rows: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        lengths = part.lengths[rows]
        content = b"".join([os.pread(file.fileno(), length * size, start * size)
                            for start, length in zip(part.starts[rows].tolist(), lengths.tolist())])
        padded = np.full((len(rows), lengths.max()), tokenizer.PADDING, np.int32)
        padded[np.arange(padded.shape[1]) < lengths[:, None]] = np.frombuffer(content, kind)
        return padded, part.labels[rows]

    def feed(rows: Any) -> Tuple[Any, Any]:
        ids, labels = tf.numpy_function(read, [rows], [tf.int32, tf.int32])
        return tf.ensure_shape(ids, [None, None]), tf.ensure_shape(labels, [None])

    return feed


def of(part: Encoded) -> Feed:
    """The feed of a part."""
    return from_file(part) if part.in_file else in_memory(part)
