"""The data that a training step reads.

A feed maps the rows of a batch, int64 ``[batch]``, to their padded ids, int32 ``[batch, columns]``, and labels, int32
``[batch]``. The step calls it while TensorFlow traces the step, so a feed consists of TensorFlow ops. A source
outside of the graph, such as ids on disk, is wrapped in ``tf.numpy_function``.
"""
from typing import Any, Callable, Tuple

import tensorflow as tf

from textjob.text import tokenizer
from textjob.text.encoding import Encoded

Feed = Callable[[Any], Tuple[Any, Any]]


def in_memory(part: Encoded) -> Feed:
    """The ids and labels of a part as tensors; batches are padded inside the graph."""
    texts, labels = tf.RaggedTensor.from_row_lengths(part.ids, part.lengths), tf.constant(part.labels)
    return lambda rows: (tf.gather(texts, rows).to_tensor(tokenizer.PADDING), tf.gather(labels, rows))
