"""The functions that the models share."""
import numpy as np
import tensorflow as tf

from models import layers


def test_dropout_at_1_is_the_identity_bit_for_bit() -> None:
    x = tf.constant(np.random.RandomState(3).randn(7, 5).astype(np.float32))
    assert np.array_equal(layers.dropout(x, 1.0, tf.random.uniform(tf.shape(x))), x)


def test_dropout_keeps_the_mean_and_drops_the_given_share() -> None:
    x = tf.ones([1000, 100])
    dropped = layers.dropout(x, 0.7, tf.random.stateless_uniform(tf.shape(x), [1, 2])).numpy()
    assert abs((dropped == 0).mean() - 0.3) < 0.01
    assert abs(dropped.mean() - 1) < 0.01
