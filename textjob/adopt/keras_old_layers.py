"""The definitions of Keras 1 and 2 where a layer of the same name computes something else in Keras 3.

Found by comparing the predictions of models that TensorFlow 1.15, 2.1 and 2.6 saved with those of Keras 3.
"""
from typing import Any, Dict, List, Optional, Tuple

import tensorflow as tf

REPLACED = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
ATTENTION = "MultiHeadAttention"


class EveryMask:
    """Masks of a layer that merges its inputs: a step counts if every masked input has it.

    In Keras 3 it counts if one of the inputs has it, and Concatenate and the other layers treat inputs without a mask
    differently.
    """

    def compute_mask(self, inputs: List[Any], mask: Optional[List[Any]] = None) -> Any:
        """The mask of the output."""
        masks = [each for each in mask or [] if each is not None]
        merged = masks[0] if masks else None
        for each in masks[1:]:
            merged = tf.keras.ops.logical_and(merged, each)
        return merged


class NoMask:
    """Attention that neither applies the masks of its inputs nor passes one on, as before Keras 2.10."""

    def call(self, query: Any, value: Any, key: Any = None, attention_mask: Any = None,
             return_attention_scores: bool = False, training: Any = None) -> Any:
        """The attention of copies without masks, because the method of Keras 3 removes the masks of its arguments."""
        return super().call(tf.identity(query), tf.identity(value),  # type: ignore[misc]
                            key=None if key is None else tf.identity(key), attention_mask=attention_mask,
                            return_attention_scores=return_attention_scores, training=training)

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """The output has no mask."""


def custom_objects(version: Tuple[int, int]) -> Dict[str, Any]:
    """Name → class, for ``tf.keras.models.load_model`` of a file of this version of Keras."""
    merging = {name: type(name, (EveryMask, getattr(tf.keras.layers, name)), {}) for name in REPLACED}
    return merging if version >= (2, 10) else {
        **merging, ATTENTION: type(ATTENTION, (NoMask, tf.keras.layers.MultiHeadAttention), {})}


def restore_hard_sigmoid(model: Any) -> None:
    """Use the hard sigmoid of Keras 1 and 2, which has another slope. It is a default of LSTM and GRU in 1.15."""
    for layer in model._flatten_layers():  # includes the layers within layers, and the cells of recurrent layers
        for name in ("activation", "recurrent_activation"):
            if vars(layer).get(name) is tf.keras.activations.hard_sigmoid:
                setattr(layer, name, lambda x: tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0))
